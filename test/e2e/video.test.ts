import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { FrameRow, RunReport } from '../../src/index.js';
import { compareOutside, type PictureLayout } from './blended-region.js';
import {
  audioPackets,
  decodeFrames,
  frameTimes,
  makeClip,
  md5,
  pick,
  type StreamFacts,
  videoFacts,
} from './clips.js';
import { fixture, needsShared, readRows, runToReport, shared, temporaryFolder } from './command-run.js';

const folder = temporaryFolder('video');
const hopper = fixture('grace_hopper.jpg');
const astronaut = fixture('astronaut.png');
const at = (name: string): string => join(folder, name);

const subsampled = (widthPx: number, heightPx: number): PictureLayout => ({
  widthPx,
  heightPx,
  chromaShiftX: 1,
  chromaShiftY: 1,
});

/** What tells how the picture is to be shown. */
const displayFacts = [
  'width',
  'height',
  'sample_aspect_ratio',
  'pix_fmt',
  'color_range',
  'color_space',
  'color_transfer',
  'color_primaries',
];

const timingFacts = ['r_frame_rate', 'avg_frame_rate', 'nb_read_packets', 'start_time'];

/**
 * Two spellings count as one: a pixel aspect that is not told means square pixels, which the output says, and the `yuvj`
 * formats are ffmpeg's older names for `yuv` in full range, which `color_range` tells.
 */
const shownFacts = (file: string): StreamFacts => {
  const facts = pick(videoFacts(file), displayFacts);
  return {
    ...facts,
    sample_aspect_ratio: facts['sample_aspect_ratio'] ?? '1:1',
    pix_fmt: String(facts['pix_fmt']).replace('yuvj', 'yuv'),
  };
};

const assertSameTiming = (target: string, output: string): void => {
  const [before, after] = [videoFacts(target), videoFacts(output)];
  assert.deepEqual(pick(after, timingFacts), pick(before, timingFacts));
  // A container that counts in milliseconds rounds.
  const tolerance = 0.0011;
  const difference = Math.abs(Number(after['duration']) - Number(before['duration']));
  assert.ok(difference < tolerance, `the duration changed by ${difference} s`);
  const [timesBefore, timesAfter] = [frameTimes(target), frameTimes(output)];
  for (const [frame, seconds] of timesBefore.entries()) {
    const moved = Math.abs((timesAfter[frame] ?? Number.NaN) - seconds);
    assert.ok(moved < tolerance, `frame ${frame} moved by ${moved} s`);
  }
};

const assertNoLessSteady = ({ quality }: RunReport): void => {
  const { jitterShareBefore, jitterShareAfter } = quality;
  const figures = `${jitterShareBefore} of the frames jittered before smoothing, ${jitterShareAfter} after`;
  assert.ok((jitterShareAfter ?? 1) <= (jitterShareBefore ?? 0), figures);
};

/** Decodes target and output of a lossless run and looks at every sample of every frame. */
const assertOnlyFacesChanged = (
  files: { readonly target: string; readonly output: string },
  rows: readonly FrameRow[],
  layout: PictureLayout,
  pixelFormat: string,
): void => {
  const before = decodeFrames(files.target, rows.length, pixelFormat);
  const after = decodeFrames(files.output, rows.length, pixelFormat);
  let inside = 0;
  let outside = 0;
  for (const [index, row] of rows.entries()) {
    const found = compareOutside(before[index] as Buffer, after[index] as Buffer, row, layout);
    assert.equal(found.changedOutside, 0, `frame ${row.frame}: samples changed outside of the faces`);
    inside += found.changedInside;
    outside += found.samplesOutside;
  }
  const faces = rows.flatMap((row) => row.faces).filter(({ outcome }) => outcome !== 'skipped');
  assert.ok(inside > 200 * faces.length, `only ${inside} samples changed for ${faces.length} faces`);
  assert.ok(outside > 0.3 * before.length * (before[0]?.length ?? 0), 'the regions cover the whole picture');
};

describe('a made clip with sound, tags and an odd rate', () => {
  const target = at('target.mp4');
  const output = at('swapped.mp4');
  const rowsFile = at('rows.json');
  const frames = 48;
  let report: RunReport;

  test('is swapped in every frame', async () => {
    makeClip({
      shots: [{ photo: 'astronaut.png', frames }],
      rate: { num: 24000, den: 1001 },
      sound: true,
      output: [
        ...['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '14', '-g', '24', '-aspect', '16:9'],
        ...['-colorspace', 'bt709', '-color_primaries', 'bt709', '-color_trc', 'bt709'],
        ...['-color_range', 'tv', '-c:a', 'aac', target],
      ],
    });
    report = await runToReport(['-s', hopper, '-t', target, '-o', output, '--report', rowsFile]);
    assert.equal(report.status, 'swapped');
    assert.equal(report.quality.facesSwapped + report.quality.facesFilled, frames);
    assert.equal(report.media.frameRate, '24000/1001');
    assert.equal(report.media.streamsCopied, 1);
    assert.deepEqual(report.media.streamsDropped, []);
    assert.deepEqual(readdirSync(folder).sort(), ['rows.json', 'swapped.mp4', 'target.mp4']);
  });

  test('keeps duration, frame count, rate, size, pixel aspect and colour tags', () => {
    const facts = videoFacts(target);
    assert.equal(facts['sample_aspect_ratio'], '4:3');
    assert.equal(facts['color_primaries'], 'bt709');
    assertSameTiming(target, output);
    assert.deepEqual(shownFacts(output), shownFacts(target));
  });

  test('keeps every packet of the sound', () => {
    const packets = audioPackets(target);
    assert.ok(packets.length > 80);
    assert.deepEqual(audioPackets(output), packets);
  });

  test('has one row per frame in its report file', () => {
    const rows = readRows(rowsFile);
    assert.deepEqual(
      rows.map(({ frame }) => frame),
      Array.from({ length: frames }, (_, index) => index),
    );
    const [face] = rows[0]?.faces ?? [];
    assert.ok(face);
    // The crop 280:210:90:20 at 320x240 puts the reference box of the photo, (172, 74) + 105 px, here.
    const middle = { x: face.box.x + face.box.width / 2, y: face.box.y + face.box.height / 2 };
    assert.ok(Math.abs(middle.x - ((172 + 52.7 - 90) * 320) / 280) < 12, `x ${middle.x}`);
    assert.ok(Math.abs(middle.y - ((74.2 + 52.7 - 20) * 240) / 210) < 18, `y ${middle.y}`);
  });

  test('measures every figure of its report', () => {
    const { quality } = report;
    for (const [name, figure] of Object.entries(quality)) assert.notEqual(figure, null, name);
    // Two people of these photos score 0.2 to 0.5 with this recogniser.
    const toSource = quality.identityToSource?.p50 ?? 0;
    assert.ok(toSource > 0.55, `identity to the source ${toSource}`);
    assertNoLessSteady(report);
  });

  test('gives the same bytes when the same command runs again', async () => {
    const again = await runToReport(['-s', hopper, '-t', target, '-o', at('again.mp4')]);
    assert.equal(again.outputSha256, report.outputSha256);
  });
});

test('a lossless run changes nothing but the faces, and the cut is found', async () => {
  const target = at('cut.mkv');
  const output = at('cut-swapped.mkv');
  const shots = [
    { photo: 'astronaut.png', frames: 12 },
    { photo: 'grace_hopper.jpg', frames: 12 },
    { photo: 'none', frames: 6 },
  ] as const;
  makeClip({ shots, rate: { num: 25, den: 1 }, output: ['-c:v', 'ffv1', target] });
  const words = ['-s', hopper, '-t', target, '-o', output, '--output-video-encoder', 'ffv1'];
  const report = await runToReport([...words, '--report', at('cut.json')]);
  const rows = readRows(at('cut.json'));
  assert.deepEqual(
    rows.filter(({ sceneCut }) => sceneCut).map(({ frame }) => frame),
    [12, 24],
  );
  assert.equal(report.quality.framesWithoutFace, 6);
  assert.equal(report.quality.facesSwapped + report.quality.facesFilled, 24);
  assertOnlyFacesChanged({ target, output }, rows, subsampled(320, 240), 'yuv420p');
});

test('what is before a cut has no influence on what is after it', async () => {
  const outputs: string[] = [];
  for (const seed of [1, 2]) {
    const target = at(`before-${seed}.mkv`);
    const output = at(`before-${seed}-swapped.mkv`);
    // Other noise and another person before the cut; the same frames behind it.
    const first = { photo: seed === 1 ? 'astronaut.png' : 'none', frames: 15, seed } as const;
    const second = { photo: 'grace_hopper.jpg', frames: 15, seed: 7 } as const;
    makeClip({ shots: [first, second], rate: { num: 25, den: 1 }, output: ['-c:v', 'ffv1', target] });
    const words = ['-s', astronaut, '-t', target, '-o', output, '--output-video-encoder', 'ffv1'];
    const report = await runToReport(words);
    assert.equal(report.media.segments, 1);
    assert.equal(report.quality.sceneCuts, 1);
    assert.deepEqual(
      decodeFrames(target, 30, 'yuv420p').slice(15).map(md5),
      decodeFrames(at('before-1.mkv'), 30, 'yuv420p').slice(15).map(md5),
    );
    outputs.push(output);
  }
  const [first = [], second = []] = outputs.map((file) => decodeFrames(file, 30, 'yuv420p').map(md5));
  assert.notDeepEqual(second.slice(0, 15), first.slice(0, 15));
  assert.deepEqual(second.slice(15), first.slice(15));
});

test(
  'a film excerpt whose sound comes before its picture keeps its timing and its sound',
  needsShared('open/film1940_office_bw.mp4'),
  async () => {
    const target = shared('open/film1940_office_bw.mp4');
    const output = at('office.mp4');
    await runToReport(['-s', hopper, '-t', target, '-o', output, '--output-video-preset', 'ultrafast']);
    assertSameTiming(target, output);
    assert.deepEqual(shownFacts(output), shownFacts(target));
    assert.deepEqual(audioPackets(output), audioPackets(target));
  },
);

const exactClips = [
  {
    name: 'open/film_closeup_light_change.webm',
    says: 'a vp8 film with square-ish pixels and vorbis sound',
    layout: subsampled(800, 332),
    pixelFormat: 'yuv420p',
    faces: 1,
  },
  {
    name: 'open/two_people_tilt.mp4',
    says: 'two tilted people',
    layout: subsampled(480, 270),
    pixelFormat: 'yuv420p',
    faces: 2,
  },
  {
    name: 'open/sign_hands_fullrange.mkv',
    says: 'a full-range clip',
    layout: subsampled(640, 480),
    pixelFormat: 'yuvj420p',
    faces: 1,
  },
  {
    name: 'derived/h264_444.mp4',
    says: 'a clip with chroma in full resolution',
    layout: { ...subsampled(0, 0), chromaShiftX: 0, chromaShiftY: 0 },
    pixelFormat: 'yuv444p',
    faces: 1,
  },
] as const;

for (const { name, says, layout, pixelFormat, faces } of exactClips) {
  test(`lossless, only the faces change: ${says}`, needsShared(name), async () => {
    const target = shared(name);
    const output = at('exact.mkv');
    const rowsFile = at('exact.json');
    const report = await runToReport([
      ...['-s', hopper, '-t', target, '-o', output, '--report', rowsFile, '--overwrite'],
      ...['--output-video-encoder', 'ffv1', '--trim-frame-end', '20'],
    ]);
    const rows = readRows(rowsFile);
    assert.equal(rows.length, 20);
    const swapped = rows.flatMap((row) => row.faces).filter(({ outcome }) => outcome !== 'skipped').length;
    // A hand or a robot's arm may hide a face for some frames.
    assert.ok(swapped >= 0.8 * faces * rows.length, `only ${swapped} faces swapped`);
    const size = { widthPx: report.media.widthPx, heightPx: report.media.heightPx };
    assertOnlyFacesChanged({ target, output }, rows, { ...layout, ...size }, pixelFormat);
    assert.deepEqual(shownFacts(output), shownFacts(target));
  });
}

test(
  'a talking head gets the source person’s identity and stays as steady as it was',
  needsShared('open/webcam_talk.mp4'),
  async () => {
    const words = ['-t', shared('open/webcam_talk.mp4'), '-o', at('talk.mp4'), '--trim-frame-end', '50'];
    const report = await runToReport(['-s', hopper, ...words]);
    const { quality } = report;
    assert.equal(quality.facesSwapped + quality.facesFilled, 50);
    const toSource = quality.identityToSource?.p50 ?? 0;
    const toTarget = quality.identityToTarget?.p50 ?? 1;
    assert.ok(toSource > toTarget + 0.1, `to the source ${toSource}, to the target ${toTarget}`);
    assertNoLessSteady(report);
  },
);

test(
  '--face-selector-mode one swaps only the largest face',
  needsShared('open/two_people_tilt.mp4'),
  async () => {
    const words = ['-s', hopper, '-t', shared('open/two_people_tilt.mp4'), '-o', at('one.mp4')];
    const trims = ['--trim-frame-end', '8', '--face-selector-mode', 'one'];
    const { quality } = await runToReport([...words, ...trims]);
    assert.equal(quality.facesSwapped + quality.facesFilled, 8);
    assert.equal(quality.facesSkipped['not-selected'], 8);
  },
);
