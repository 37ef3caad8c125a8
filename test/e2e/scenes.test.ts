import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { ScenesReport } from '../../src/index.js';
import { makeClip } from './clips.js';
import { assertFailure, faceswap, fixture, runToReport, temporaryFolder } from './command-run.js';

const folder = temporaryFolder('scenes');
const clip = join(folder, 'clip.mp4');
const list = join(folder, 'cuts.txt');

before(() => {
  makeClip({
    shots: [
      { photo: 'astronaut.png', frames: 12 },
      { photo: 'grace_hopper.jpg', frames: 14, seed: 2 },
    ],
    rate: { num: 25, den: 1 },
    output: ['-c:v', 'libx264', '-preset', 'ultrafast', '-qp', '10', clip],
  });
});

test('scenes are listed, for people, for programs and for run, which finds the same', async () => {
  const text = await faceswap(['scenes', '--target', clip, '--output', list]);
  assert.equal(text.exitCode, 0, text.stderr);
  assert.deepEqual(text.survivors, []);
  assert.match(text.stdout, /^2 {5}\s+12\s+25\s+0:00:00\.480\s+0\.56 s$/m);
  assert.match(text.stdout, /^2 scenes in 26 frames$/m);
  assert.match(readFileSync(list, 'utf8'), /^12 {2}# 0:00:00\.480$/m);
  const json = await faceswap(['scenes', '-t', clip, '--json', '--progress', 'none']);
  const { scenes } = JSON.parse(json.stdout) as { scenes: ScenesReport };
  assert.deepEqual(
    scenes.scenes.map(({ startFrame, endFrame }) => [startFrame, endFrame]),
    [
      [0, 12],
      [12, 26],
    ],
  );
  const words = ['-s', fixture('grace_hopper.jpg'), '-t', clip, '--output-video-preset', 'ultrafast'];
  const found = await runToReport([
    ...words,
    '-o',
    join(folder, 'found.mkv'),
    '--output-video-encoder',
    'ffv1',
  ]);
  assert.equal(found.performance?.analysis, 'cached', 'what was found out about the target is used again');
  assert.equal(found.quality.sceneCuts, 1);
  writeFileSync(join(folder, 'cuts.json'), json.stdout);
  const listed = await runToReport([
    ...words,
    ...['-o', join(folder, 'listed.mkv'), '--output-video-encoder', 'ffv1'],
    ...['--scene-cuts', join(folder, 'cuts.json')],
  ]);
  assert.equal(listed.outputSha256, found.outputSha256);
});

test('a list that says otherwise is followed', async () => {
  const other = join(folder, 'other.txt');
  writeFileSync(other, '6\n0:00:00.720 # frame 18\n');
  const words = ['-s', fixture('grace_hopper.jpg'), '-t', clip, '--output-video-preset', 'ultrafast'];
  const rows = join(folder, 'other.json');
  const report = await runToReport([
    ...words,
    ...['-o', join(folder, 'other.mp4'), '--scene-cuts', other, '--report', rows],
  ]);
  assert.equal(report.quality.sceneCuts, 2);
  const { frames } = JSON.parse(readFileSync(rows, 'utf8')) as {
    frames: readonly { frame: number; sceneCut: boolean }[];
  };
  assert.deepEqual(
    frames.filter(({ sceneCut }) => sceneCut).map(({ frame }) => frame),
    [6, 18],
  );
});

test('a list that does not fit and a picture without scenes are refused', async () => {
  const wrong = join(temporaryFolder('scenes-wrong'), 'wrong.txt');
  writeFileSync(wrong, '5\n26\n');
  const empty = temporaryFolder('scenes-refused');
  const words = ['run', '-s', fixture('grace_hopper.jpg'), '-t', clip, '-o', join(empty, 'out.mp4')];
  assertFailure(await faceswap([...words, '--scene-cuts', wrong]), {
    exitCode: 2,
    line: /--scene-cuts: line 2 \(26\) is behind the end of the target.*wrong\.txt/,
    folder: empty,
  });
  assertFailure(await faceswap(['scenes', '-t', fixture('astronaut.png'), '-o', join(empty, 'cuts.txt')]), {
    exitCode: 3,
    line: /A picture that does not move has no scenes/,
    folder: empty,
  });
});
