import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { ErrorRecord } from '../../src/errors.js';
import { fakeFfmpeg } from '../support/fake-ffmpeg.js';
import { makeClip, videoFacts } from './clips.js';
import { faceswap, fixture, temporaryFolder } from './command-run.js';

const folder = temporaryFolder('failure');
const target = join(folder, 'target.mp4');

// Ten seconds are 30 frames at this rate: two segments.
before(() =>
  makeClip({
    shots: [{ photo: 'astronaut.png', frames: 60 }],
    rate: { num: 3, den: 1 },
    output: ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '30', '-crf', '18', target],
  }),
);

const run = async (name: string, does: string, call?: number) => {
  const outputs = join(folder, name);
  mkdirSync(outputs);
  const fake = join(folder, `${name}-fake`);
  mkdirSync(fake);
  const result = await faceswap(
    [
      ...['run', '-s', fixture('grace_hopper.jpg'), '-t', target, '-o', join(outputs, 'out.mp4')],
      ...['--output-video-preset', 'ultrafast', '--workers', '1', '--json', '--progress', 'json'],
    ],
    {
      environment: {
        FACESWAP_FFMPEG: fakeFfmpeg(fake, {
          argument: 'segment-0001.mp4',
          ...(call === undefined ? {} : { call }),
          does,
        }),
      },
    },
  );
  assert.deepEqual(result.survivors, []);
  return { ...result, outputs };
};

test('an ffmpeg that is killed once costs a second try and nothing else', async () => {
  const { exitCode, stderr, outputs } = await run('once', 'head -c 500000 > /dev/null; kill -9 $$', 1);
  assert.equal(exitCode, 0, stderr);
  const events = stderr
    .split('\n')
    .filter((line) => line.startsWith('{"type"'))
    .map(
      (line) => JSON.parse(line) as { type: string; segment?: number; attempt?: number; error?: ErrorRecord },
    );
  const [retry, ...others] = events.filter(({ type }) => type === 'retry');
  assert.equal(others.length, 0);
  assert.deepEqual([retry?.segment, retry?.attempt, retry?.error?.kind], [1, 2, 'resources']);
  assert.deepEqual(readdirSync(outputs), ['out.mp4']);
  assert.equal(videoFacts(join(outputs, 'out.mp4'))['nb_read_packets'], '60');
});

test('a segment that fails each time ends in exit code 10, with all that is known in --json', async () => {
  const { exitCode, stdout, stderr, outputs } = await run('always', 'head -c 500000 > /dev/null; kill -9 $$');
  assert.equal(exitCode, 10, stderr);
  assert.match(stderr, /^error: 1 of 2 segments failed \(1\), the others are finished: .*SIGKILL/m);
  const { ok, error } = JSON.parse(stdout) as { ok: boolean; error: ErrorRecord };
  assert.equal(ok, false);
  const { kind, stage, segment, retries, file = '' } = error;
  assert.deepEqual(
    { kind, stage, segment, retries },
    { kind: 'partial', stage: 'encode', segment: 1, retries: 2 },
  );
  assert.equal(error.exitCode, 10);
  assert.deepEqual(readdirSync(outputs), [file.slice(outputs.length + 1)]);
  assert.ok(existsSync(join(file, 'segment-0000.mp4')));
  assert.ok(existsSync(join(file, 'failed', 'segment-0001', 'error.json')));
});
