import assert from 'node:assert/strict';
import { copyFile, mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { sniffMediaKind } from '../../src/media/media-kind.js';
import { probeTarget } from '../../src/media/probe.js';
import { slotCount } from '../../src/media/target-media.js';
import { ffmpegOutput, inFolder, sharedFile, skipReason, tools } from './media-fixtures.js';

const failsWith = (exitCode: number, pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof FaceswapError, String(error));
  assert.equal(error.exitCode, exitCode);
  assert.match(String(error), pattern);
  return true;
};

test('a generated clip is described exactly', () =>
  inFolder(async (folder) => {
    const file = join(folder, "-it's 100%d ü.mp4");
    ffmpegOutput(
      ...['-f', 'lavfi', '-i', 'testsrc2=s=96x64:r=30000/1001', '-frames:v', '40', '-vf', 'setsar=4/3'],
      ...['-c:v', 'libx264', '-g', '10', '-pix_fmt', 'yuv420p', '-video_track_timescale', '30000', file],
    );
    const { video, durationSeconds, audioStreams } = await probeTarget(tools, file);
    assert.equal(video.frameCount, 40);
    assert.deepEqual(video.frameRate, { num: 30000, den: 1001 });
    assert.deepEqual(durationSeconds, { num: 1001, den: 750 });
    assert.deepEqual(video.timeBase, { num: 1, den: 30000 });
    assert.deepEqual(video.sampleAspectRatio, { num: 4, den: 3 });
    assert.deepEqual([...video.ptsTicks.subarray(0, 3)], [0, 1001, 2002]);
    assert.deepEqual(
      [...video.keyframes].flatMap((flag, k) => (flag === 1 ? [k] : [])),
      [0, 10, 20, 30],
    );
    assert.deepEqual(video.format, {
      widthPx: 96,
      heightPx: 64,
      bitDepth: 8,
      chromaShiftX: 1,
      chromaShiftY: 1,
      matrix: 'bt601',
      range: 'limited',
    });
    assert.equal(slotCount(video, { start: 10, end: 40 }), 30);
    assert.equal(audioStreams.length, 0);
  }));

test('each kind of unusable file has its own line and exit code 3', () =>
  inFolder(async (folder) => {
    const clip = join(folder, 'clip.mp4');
    ffmpegOutput('-f', 'lavfi', '-i', 'testsrc2=s=64x64:r=25:d=1', '-pix_fmt', 'yuv420p', clip);
    const make = async (name: string, work: (file: string) => unknown): Promise<string> => {
      const file = join(folder, name);
      await work(file);
      return file;
    };
    const lavfi =
      (source: string, ...args: string[]) =>
      (file: string) =>
        ffmpegOutput('-f', 'lavfi', '-i', source, ...args, file);
    const cases: [string, RegExp][] = [
      [join(folder, 'nowhere.mp4'), /no such file/],
      [await make('folder.mp4', (file) => mkdir(file)), /folder, not a file/],
      [await make('empty.mp4', (file) => writeFile(file, '')), /empty/],
      [
        await make('text.mp4', (file) => writeFile(file, 'hello '.repeat(200))),
        /neither a video nor an image/,
      ],
      [await make('list.m3u8', (file) => writeFile(file, '#EXTM3U\n/etc/passwd\n')), /neither a video/],
      [
        await make('picture.mp4', (file) => lavfi('testsrc2=s=64x64', '-frames:v', '1', '-f', 'mjpeg')(file)),
        /JPEG/,
      ],
      [await make('picture.png', lavfi('testsrc2=s=64x64', '-frames:v', '1')), /an image, not a video/],
      [await make('clip.jpg', (file) => copyFile(clip, file)), /content is a video/],
      [await make('sound.mp4', lavfi('sine=d=1')), /no video stream.*sound only/],
      [
        await make('cut.mp4', async (file) => {
          await copyFile(clip, file);
          await truncate(file, 3000);
        }),
        /cut off/,
      ],
      [
        await make('deep.mkv', lavfi('testsrc2=s=64x64:d=1', '-pix_fmt', 'yuv420p14le', '-c:v', 'ffv1')),
        /yuv420p14le/,
      ],
      [
        await make('fields.mp4', lavfi('testsrc2=s=64x64:d=1', '-pix_fmt', 'yuv420p', '-x264opts', 'tff=1')),
        /interlaced.*--deinterlace bwdif/,
      ],
    ];
    for (const [file, pattern] of cases)
      await assert.rejects(probeTarget(tools, file), failsWith(3, pattern), file);
    assert.equal(await sniffMediaKind(clip), 'video');
  }));

test('the shared clips are described as their list says', async (context) => {
  if (sharedFile('open') === undefined) return context.skip(skipReason);
  const probe = (name: string) => probeTarget(tools, sharedFile(name) ?? name);
  const portrait = await probe('derived/rotate_matrix_portrait.mp4');
  assert.equal(portrait.video.rotationDegrees, 90);
  assert.equal(portrait.video.format.widthPx, 406);
  assert.equal(portrait.video.format.heightPx, 720);
  const fullRange = await probe('open/sign_hands_fullrange.mkv');
  assert.equal(fullRange.video.format.range, 'full');
  const editList = await probe('derived/editlist_copy_cut_not_on_keyframe.mp4');
  assert.equal(editList.video.frameCount, 74);
  const multiTrack = await probe('open/noface_nasa_dim_multitrack.mp4');
  assert.equal(multiTrack.video.streamIndex, 0);
  assert.equal(multiTrack.streams.length, 6);
  const cover = await probe('derived/cover_art_attached_pic.mp4');
  assert.equal(cover.video.codecName, 'h264');
  const raggedEnd = await probe('open/cafe_passersby_occlusion_720p.mp4');
  assert.equal(raggedEnd.video.frameCount, 306);
  assert.equal(raggedEnd.video.slots.at(-1), 308);
  const { video: variable } = await probe('derived/vfr_8_to_24fps_audio.mkv');
  assert.ok(variable.isVariable);
  assert.deepEqual(
    [variable.frameRate, variable.clock],
    [
      { num: 24, den: 1 },
      { num: 1000, den: 1 },
    ],
  );
  assert.deepEqual([...variable.slots], [...variable.ptsTicks]);
  assert.equal((await probe('derived/truncated_60pct.mkv')).announcedEndSeconds, 4.04);
  assert.equal((await probe('derived/audio_longer_than_video.mp4')).announcedEndSeconds, undefined);
});
