import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { requireVariableRate } from '../../src/media/ffmpeg-tools.js';
import { probeTarget } from '../../src/media/probe.js';
import { slotCount } from '../../src/media/target-media.js';
import { encoderFilters, videoEncodingFor } from '../../src/media/video-encoding.js';
import { ffmpegOutput, inFolder, sharedFile, skipReason, tools } from './media-fixtures.js';
import { roundTrip, timesOf } from './round-trip.js';

/** A clip of irregular times in whole milliseconds; some frames stand for two seconds. */
const makeIrregular = (file: string, frames: number, ...output: string[]): void => {
  const times = "setpts='floor((N*57+mod(N*N*7,53)+2000*floor(N/20))/1000/TB+0.5)'";
  ffmpegOutput(
    ...['-f', 'lavfi', '-i', `testsrc2=s=64x48:r=25,trim=end_frame=${frames},settb=1/1000,${times}`],
    ...['-vsync', '0', '-enc_time_base', '1:1000', '-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-g', '30'],
    ...['-preset', 'ultrafast', ...output, file],
  );
};

test('every irregular time survives in each container that can hold it, to its last tick', () =>
  inFolder(async (folder) => {
    const source = join(folder, 'source.mkv');
    makeIrregular(source, 100);
    for (const [name, toleranceSeconds] of [
      ['out.mp4', 1e-9],
      ['out.mov', 1e-9],
      ['out.mkv', 1e-9],
      ['out.ts', 1 / 90_000 + 1e-9],
    ] as const) {
      const { before, after } = await roundTrip(folder, source, name);
      assert.ok(before.video.isVariable && after.video.isVariable, name);
      const [wanted, found] = [timesOf(before), timesOf(after)];
      assert.equal(found.length, 100);
      const worst = Math.max(...found.map((time, k) => Math.abs(time - (wanted[k] ?? 0))));
      assert.ok(worst <= toleranceSeconds, `${name}: ${worst}`);
    }
  }));

test('the last frame is shown for as long as in the source', () =>
  inFolder(async (folder) => {
    const source = join(folder, 'source.mp4');
    const list = "setts=pts=PTS:dts=DTS:duration='if(gte(PTS*TB,1.9),round(3/TB),DURATION)'";
    makeIrregular(join(folder, 'plain.mp4'), 40, '-bf', '0', '-video_track_timescale', '16000');
    ffmpegOutput('-i', join(folder, 'plain.mp4'), '-c', 'copy', '-bsf:v', list, source);
    const { before, after } = await roundTrip(folder, source, 'out.mp4');
    const { video } = before;
    const lastSeconds = (slotCount(video, { start: 39, end: 40 }) * video.clock.den) / video.clock.num;
    assert.equal(lastSeconds, 3);
    assert.deepEqual(after.durationSeconds, before.durationSeconds);
  }));

test('times that are too many for a command line go through a file, which is gone afterwards', () =>
  inFolder(async (folder) => {
    const source = join(folder, 'source.mkv');
    makeIrregular(source, 4500);
    const target = await probeTarget(tools, source);
    const encoding = videoEncodingFor({ target, encoder: 'libx264', container: 'mp4', threads: 2 });
    assert.ok(encoderFilters(encoding, target.video.slots.subarray(0, 1500)).length > 16_000);
    const { after } = await roundTrip(folder, source, 'out.mp4');
    assert.deepEqual(timesOf(after), timesOf(target));
    assert.ok(!(await readdir(folder)).some((name) => name.endsWith('.filters')));
  }));

test('AVI is refused a variable rate, and the message names the way out', () =>
  inFolder(async (folder) => {
    const source = join(folder, 'source.mkv');
    makeIrregular(source, 30);
    const target = await probeTarget(tools, source);
    const options = { target, encoder: 'libx264', container: 'avi' as const, threads: 1 };
    assert.throws(
      () => videoEncodingFor(options),
      (error) =>
        error instanceof FaceswapError &&
        error.exitCode === 2 &&
        /variable frame rate.*--output-video-fps/.test(String(error)),
    );
    const constant = videoEncodingFor({ ...options, frameRate: { num: 30, den: 1 } });
    assert.deepEqual(constant.clock, { num: 30, den: 1 });
  }));

test('an ffmpeg that cannot set the times is refused before the run', () =>
  assert.rejects(
    requireVariableRate({ ...tools, ffmpegPath: process.execPath }, { setsDuration: true }),
    (error) =>
      error instanceof FaceswapError &&
      error.exitCode === 9 &&
      /-enc_time_base and the bitstream filter setts/.test(String(error)),
  ));

test('the shared clips of variable rate keep their times', async (context) => {
  const [jumping, irregular] = ['derived/vfr_8_to_24fps_audio.mkv', 'derived/vfr_irregular_noaudio.mp4'].map(
    sharedFile,
  );
  if (jumping === undefined || irregular === undefined) return context.skip(skipReason);
  await inFolder(async (folder) => {
    for (const [source, name] of [
      [jumping, 'out.mp4'],
      [jumping, 'out.mkv'],
      [irregular, 'out.mp4'],
    ] as const) {
      const { before, after } = await roundTrip(folder, source, name);
      assert.deepEqual(timesOf(after), timesOf(before), `${source} to ${name}`);
    }
  });
});

test('a transport stream keeps its times and the offset of its sound over the wrap of its clock', () =>
  inFolder(async (folder) => {
    const source = join(folder, 'wrap.ts');
    ffmpegOutput(
      ...['-f', 'lavfi', '-i', 'testsrc2=s=64x48:r=25:d=4', '-f', 'lavfi', '-i', 'sine=d=4'],
      ...['-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-g', '25', '-c:a', 'aac', '-output_ts_offset', '95441'],
      source,
    );
    for (const name of ['out.mp4', 'out.ts']) {
      const { before, after } = await roundTrip(folder, source, name);
      assert.equal(after.video.frameCount, 100);
      assert.deepEqual(timesOf(after), timesOf(before), name);
    }
  }));

test('a Matroska file that starts late still does, and starts at zero as MP4', async (context) => {
  const source = sharedFile('open/sign_hands_fullrange.mkv');
  if (source === undefined) return context.skip(skipReason);
  await inFolder(async (folder) => {
    const { after } = await roundTrip(folder, source, 'out.mkv');
    assert.equal(after.startMicroseconds, 33_000);
    assert.equal((await roundTrip(folder, source, 'out.mp4')).after.startMicroseconds, 0);
  });
});
