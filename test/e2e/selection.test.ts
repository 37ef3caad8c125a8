import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import sharp from 'sharp';
import type { FaceRow, RunReport } from '../../src/index.js';
import { decodeFrames, ffmpeg, makeClip } from './clips.js';
import { assertFailure, faceswap, fixture, readRows, runToReport, temporaryFolder } from './command-run.js';

const folder = temporaryFolder('selection');
const at = (name: string): string => join(folder, name);
const hopper = fixture('grace_hopper.jpg');
const astronaut = fixture('astronaut.png');

/** Both people side by side, the astronaut on the left. */
const both = at('both.mkv');
const bothPhoto = at('both.png');
const frames = 9;
const widthPx = 640;
const heightPx = 240;

const sideBySide =
  '[0:v]crop=280:210:90:20,scale=320:240:flags=area,setsar=1[left];' +
  '[1:v]crop=480:360:16:60,scale=320:240:flags=area,setsar=1[right];[left][right]hstack';

before(() => {
  const inputs = [astronaut, hopper].flatMap((photo) => ['-loop', '1', '-framerate', '25', '-i', photo]);
  const noise = 'noise=alls=4:allf=t:all_seed=3';
  ffmpeg(
    ...inputs,
    ...['-filter_complex', `${sideBySide},format=yuv420p,${noise}`, '-frames:v', String(frames)],
    ...['-c:v', 'ffv1', both],
  );
  ffmpeg('-i', astronaut, '-i', hopper, '-filter_complex', sideBySide, '-frames:v', '1', bothPhoto);
});

/** Samples of each half of the picture, in all planes of all frames, that differ between two lossless files. */
const changedHalves = (output: string): { readonly left: number; readonly right: number } => {
  const [targets, outputs] = [both, output].map((file) => decodeFrames(file, frames, 'yuv444p'));
  const changed = { left: 0, right: 0 };
  for (const [index, was] of (targets as readonly Buffer[]).entries()) {
    const is = (outputs as readonly Buffer[])[index] as Buffer;
    for (let i = 0; i < was.length; i++) {
      if (was[i] !== is[i]) changed[i % widthPx < widthPx / 2 ? 'left' : 'right'] += 1;
    }
  }
  return changed;
};

type Half = 'left' | 'right';

const halfOf = ({ box }: FaceRow): Half => (box.x + box.width / 2 < widthPx / 2 ? 'left' : 'right');

/** Runs losslessly and gives the report with the rows of each half's faces. */
const runBoth = async (
  name: string,
  ...words: readonly string[]
): Promise<{
  readonly report: RunReport;
  readonly output: string;
  readonly faces: Record<Half, FaceRow[]>;
}> => {
  const output = at(`${name}.mkv`);
  const report = await runToReport([
    ...['-t', both, '-o', output, '--output-video-encoder', 'ffv1', '--report', at(`${name}.json`)],
    ...words,
  ]);
  const faces: Record<Half, FaceRow[]> = { left: [], right: [] };
  for (const face of readRows(at(`${name}.json`)).flatMap((row) => row.faces)) faces[halfOf(face)].push(face);
  return { report, output, faces };
};

describe('a reference photo', () => {
  test('selects its person and leaves every sample of the other one', async () => {
    const { report, output, faces } = await runBoth('reference', '-s', hopper, '--reference-face', astronaut);
    assert.equal(faces.left.length, frames);
    assert.ok(faces.left.every(({ outcome, person }) => outcome !== 'skipped' && person === 'person1'));
    assert.equal(faces.right.length, frames);
    assert.ok(
      faces.right.every(({ skipReason, person }) => skipReason === 'not-selected' && person === 'person2'),
    );
    assert.deepEqual(report.quality.facesSkipped, { 'not-selected': frames });
    const changed = changedHalves(output);
    assert.equal(changed.right, 0);
    assert.ok(changed.left > 1000 * frames);
    const [first, second] = report.people ?? [];
    assert.deepEqual([first?.sources, first?.framesSwapped], [[hopper], frames]);
    assert.ok((first?.referenceDistance ?? 1) < 0.1);
    assert.deepEqual([second?.sources, second?.framesSwapped], [[], 0]);
  });

  test('whose person is not in the target ends with exit code 5, the nearest distance and the option', async () => {
    const target = at('alone.mp4');
    makeClip({
      shots: [{ photo: 'astronaut.png', frames: 12 }],
      rate: { num: 25, den: 1 },
      output: ['-c:v', 'libx264', '-preset', 'ultrafast', target],
    });
    const own = temporaryFolder('selection-absent');
    const words = ['run', '-s', astronaut, '-t', target, '-o', join(own, 'out.mp4')];
    const result = await faceswap([...words, '--reference-face', hopper]);
    assertFailure(result, {
      exitCode: 5,
      line: /not in the target: the nearest is person1 at a distance of 0\.\d{3}.*--reference-face-distance/,
      folder: own,
    });
    const frameResult = await faceswap([...words, '--reference-frame-number', '12']);
    assertFailure(frameResult, {
      exitCode: 2,
      line: /--reference-frame-number must be a frame that is rendered, from 0 to 11, got 12/,
      folder: own,
    });
    const mapResult = await faceswap([...words, '--map', `person4=${hopper}`]);
    assertFailure(mapResult, {
      exitCode: 2,
      line: /--map names person4, but the target shows person1/,
      folder: own,
    });
  });

  test('can be a face of a frame, counted by the order', async () => {
    const words = ['-s', astronaut, '--reference-frame-number', '7', '--reference-face-position', '1'];
    const { faces, output } = await runBoth('frame', ...words, '--face-selector-order', 'left-right');
    assert.ok(faces.left.every(({ skipReason }) => skipReason === 'not-selected'));
    assert.ok(faces.right.every(({ outcome }) => outcome !== 'skipped'));
    assert.equal(changedHalves(output).left, 0);
  });
});

describe('maps', () => {
  test('give two people different faces in one pass, by id and by photo', async () => {
    const words = ['--map', `person1=${hopper}`, '--map', `${hopper}=${astronaut}`];
    const { report, faces, output } = await runBoth('maps', ...words);
    assert.equal(report.quality.facesSwapped + report.quality.facesFilled, 2 * frames);
    assert.deepEqual(new Set(faces.left.map(({ sourceIndex }) => sourceIndex)), new Set([0]));
    assert.deepEqual(new Set(faces.right.map(({ sourceIndex }) => sourceIndex)), new Set([1]));
    assert.deepEqual(
      report.people?.map(({ id, sources }) => [id, sources]),
      [
        ['person1', [hopper]],
        ['person2', [astronaut]],
      ],
    );
    const changed = changedHalves(output);
    assert.ok(changed.left > 1000 * frames && changed.right > 1000 * frames);
  });

  test('and filters are decided before the first frame, which the plan says', async () => {
    const words = ['run', '-t', both, '-o', at('plan.mkv'), '--map', `person1=${hopper}`, '--dry-run'];
    const { exitCode, stdout } = await faceswap(words);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^map +person1=.*grace_hopper\.jpg$/m);
    assert.match(stdout, /^people +are found first: all frames are analysed before the first is rendered$/m);
  });
});

test('a region and the first by place need not know who is who', async () => {
  const region = await runBoth('region', '-s', astronaut, '--face-selector-region', '50%,0,50%,100%');
  assert.equal(region.report.people, null);
  assert.equal(changedHalves(region.output).left, 0);
  assert.ok(region.faces.right.every(({ outcome }) => outcome !== 'skipped'));
  const words = ['-s', hopper, '--face-selector-mode', 'one', '--face-selector-order', 'left-right'];
  const first = await runBoth('left', ...words);
  assert.equal(first.report.people, null);
  assert.equal(changedHalves(first.output).right, 0);
  assert.ok(first.faces.left.every(({ outcome }) => outcome !== 'skipped'));
});

test('gender selects in a photo as well', async () => {
  const output = at('photo.png');
  const report = await runToReport([
    ...['-s', astronaut, '-t', bothPhoto, '-o', output, '--face-selector-gender', 'male'],
  ]);
  assert.deepEqual(report.quality.facesSkipped, { 'not-selected': 1 });
  const [was, is] = await Promise.all([bothPhoto, output].map((file) => sharp(file).raw().toBuffer()));
  const changed = { left: 0, right: 0 };
  for (const [i, value] of (was as Buffer).entries()) {
    const isLeft = Math.floor(i / 3) % widthPx < widthPx / 2;
    if (value !== (is as Buffer)[i]) changed[isLeft ? 'left' : 'right'] += 1;
  }
  assert.equal((was as Buffer).length, 3 * widthPx * heightPx);
  assert.equal(changed.left, 0);
  assert.ok(changed.right > 1000);
});

test('who gets which face does not depend on workers or on the cache, byte for byte', async () => {
  const target = at('segments.mp4');
  makeClip({
    shots: [
      { photo: 'astronaut.png', frames: 30 },
      { photo: 'grace_hopper.jpg', frames: 30 },
    ],
    rate: { num: 3, den: 1 },
    output: ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '15', target],
  });
  const reports: RunReport[] = [];
  for (const words of [
    ['--workers', '1', '--no-cache'],
    ['--workers', '2'],
    ['--workers', '1'],
  ]) {
    const output = at(`segments-${reports.length}.mp4`);
    const maps = ['--map', `${hopper}=${astronaut}`, '--output-video-preset', 'ultrafast'];
    reports.push(await runToReport(['-t', target, '-o', output, ...maps, ...words]));
  }
  const [first] = reports;
  assert.equal(first?.media.segments, 2);
  assert.deepEqual(
    first.people?.map(({ sources }) => sources.length),
    [0, 1],
  );
  for (const { outputSha256, quality, people } of reports) {
    assert.equal(outputSha256, first.outputSha256);
    assert.deepEqual(quality, first.quality);
    assert.deepEqual(people, first.people);
  }
});
