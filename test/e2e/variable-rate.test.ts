import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { audioPackets, ffmpeg, frameTimes } from './clips.js';
import {
  assertFailure,
  faceswap,
  fixture,
  needsShared,
  runToReport,
  shared,
  temporaryFolder,
} from './command-run.js';

test(
  'a video of variable rate keeps every time and its sound, and the report says that the rate varies',
  needsShared('derived/vfr_8_to_24fps_audio.mkv'),
  async () => {
    const folder = temporaryFolder('variable');
    const source = shared('derived/vfr_8_to_24fps_audio.mkv');
    const clip = join(folder, 'clip.mkv');
    const output = join(folder, 'output.mkv');
    // Its first two and a half seconds, small: steps of 42, 125, 250 and 625 ms.
    ffmpeg(
      ...['-i', source, '-t', '2.6', '-vf', 'scale=400:-2', '-vsync', '0', '-enc_time_base', '1:1000'],
      ...['-c:v', 'libx264', '-preset', 'ultrafast', '-c:a', 'copy', clip],
    );
    const report = await runToReport([
      ...['-s', fixture('astronaut.png'), '-t', clip, '-o', output],
      ...['--on-no-face', 'copy', '--output-video-preset', 'ultrafast'],
    ]);
    assert.equal(report.status, 'swapped');
    assert.equal(report.media.variableFrameRate, true);
    const times = frameTimes(clip);
    assert.ok(new Set(times.map((time, k) => Math.round(1000 * (time - (times[k - 1] ?? 0))))).size > 3);
    assert.deepEqual(frameTimes(output), times);
    assert.deepEqual(audioPackets(output), audioPackets(clip));
  },
);

test(
  'with --strict a target that the output cannot hold whole is refused before any work',
  needsShared('derived/flac51_srt_chapters_attachment.mkv'),
  async () => {
    const folder = temporaryFolder('strict');
    const words = [
      'run',
      '-s',
      fixture('astronaut.png'),
      '-t',
      shared('derived/flac51_srt_chapters_attachment.mkv'),
    ];
    const result = await faceswap([...words, '-o', join(folder, 'output.ts'), '--strict']);
    assertFailure(result, { exitCode: 3, line: /Stream|cannot hold/, folder });
  },
);

test('a file that was cut off is named as such', needsShared('derived/truncated_60pct.mkv'), async () => {
  const folder = temporaryFolder('cut-off');
  const { exitCode, stderr } = await faceswap([
    ...['run', '-s', fixture('astronaut.png'), '-t', shared('derived/truncated_60pct.mkv')],
    ...['-o', join(folder, 'output.mkv'), '--dry-run'],
  ]);
  assert.equal(exitCode, 0, stderr);
  assert.match(stderr, /announces 4\.04 s but its video ends at 2\.27 s/);
});
