import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { audioPackets, decodeFrames, makeClip, md5 } from './clips.js';
import {
  assertFailure,
  faceswap,
  fixture,
  needsShared,
  runToReport,
  shared,
  temporaryFolder,
} from './command-run.js';

const hopper = fixture('grace_hopper.jpg');
const clips = temporaryFolder('no-face-clips');
const empty = join(clips, 'empty.mp4');
makeClip({
  shots: [{ photo: 'none', frames: 30 }],
  rate: { num: 25, den: 1 },
  sound: true,
  output: ['-c:v', 'libx264', '-preset', 'veryfast', '-c:a', 'aac', empty],
});

const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

test('a clip without a face ends with exit code 5 and no output', async () => {
  const folder = temporaryFolder('no-face');
  const result = await faceswap(['run', '-s', hopper, '-t', empty, '-o', join(folder, 'out.mp4')]);
  assertFailure(result, { exitCode: 5, line: /No face was found in the target.*--on-no-face copy/, folder });
});

test('--on-no-face copy gives the very same file and says so', async () => {
  const folder = temporaryFolder('no-face-copy');
  const output = join(folder, 'out.mp4');
  const report = await runToReport(['-s', hopper, '-t', empty, '-o', output, '--on-no-face', 'copy']);
  assert.equal(report.status, 'copied');
  assert.equal(sha256(output), sha256(empty));
  assert.equal(report.outputSha256, sha256(empty));
  assert.deepEqual(
    report.warnings.map(({ code }) => code),
    ['no-face-copied'],
  );
  assert.deepEqual(readdirSync(folder), ['out.mp4']);
});

test('--on-no-face copy into another container keeps the pictures and the sound', async () => {
  const output = join(temporaryFolder('no-face-remux'), 'out.mkv');
  const words = ['-s', hopper, '-t', empty, '-o', output, '--on-no-face', 'copy'];
  const report = await runToReport([...words, '--output-video-encoder', 'ffv1']);
  assert.equal(report.status, 'copied');
  assert.deepEqual(decodeFrames(output, 30, 'yuv420p').map(md5), decodeFrames(empty, 30, 'yuv420p').map(md5));
  assert.equal(audioPackets(output).length, audioPackets(empty).length);
});

for (const name of ['open/noface_hands_bottles.mp4', 'open/noface_person_from_behind.mp4']) {
  test(`no face is seen where there is none: ${name}`, needsShared(name), async () => {
    const folder = temporaryFolder('no-face-shared');
    const words = ['-s', hopper, '-t', shared(name), '-o', join(folder, 'out.mp4'), '--trim-frame-end', '40'];
    const result = await faceswap(['run', ...words]);
    assertFailure(result, { exitCode: 5, line: /No face/, folder });
  });
}

const cat = 'open/photos/noface_cat.png';

test('a cat is not taken for a person, neither as target nor as source', needsShared(cat), async () => {
  const folder = temporaryFolder('cat');
  const output = join(folder, 'out.png');
  const asTarget = await faceswap(['run', '-s', hopper, '-t', shared(cat), '-o', output]);
  assertFailure(asTarget, { exitCode: 5, line: /No face was found in the target/, folder });
  const asSource = await faceswap(['run', '-s', shared(cat), '-t', hopper, '-o', output]);
  assertFailure(asSource, { exitCode: 5, line: /No face was found in the source photo/, folder });
});
