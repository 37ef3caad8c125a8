import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BatchReport } from '../../src/index.js';
import { makeClip } from './clips.js';
import { faceswap, fixture, runToReport, temporaryFolder } from './command-run.js';

const folder = temporaryFolder('batch');
const clips = join(folder, 'clips');
mkdirSync(clips);

const clip = (name: string, frames: number): void =>
  makeClip({
    shots: [{ photo: 'astronaut.png', frames }],
    rate: { num: 25, den: 1 },
    output: ['-c:v', 'libx264', '-preset', 'ultrafast', join(clips, name)],
  });
clip('a.mp4', 8);
clip('c.mp4', 5);
writeFileSync(join(clips, 'b.mp4'), readFileSync(join(clips, 'a.mp4')).subarray(0, 2000));
writeFileSync(join(clips, 'notes.txt'), 'no media');

const words = ['-s', fixture('grace_hopper.jpg'), '--output-video-preset', 'ultrafast', '--no-cache'];

type Answer = {
  readonly ok: boolean;
  readonly batch: BatchReport;
  readonly error?: { readonly kind: string; readonly exitCode: number };
};

test('three targets of which one is broken: two outputs, one worker, exit code 10, and each output as from a run of its own', async () => {
  const out = join(folder, 'out');
  const result = await faceswap(['run', ...words, '-t', clips, '-o', out, '--json', '--progress', 'json']);
  assert.equal(result.exitCode, 10, result.stderr);
  assert.deepEqual(result.survivors, []);
  assert.deepEqual(readdirSync(out).sort(), ['a.mp4', 'c.mp4']);

  const { ok, batch, error } = JSON.parse(result.stdout) as Answer;
  assert.equal(ok, false);
  assert.deepEqual([error?.kind, error?.exitCode], ['partial', 10]);
  assert.deepEqual(
    batch.items.map(({ target, output, status }) => [target, output, status]),
    [
      [join(clips, 'a.mp4'), join(out, 'a.mp4'), 'done'],
      [join(clips, 'b.mp4'), join(out, 'b.mp4'), 'failed'],
      [join(clips, 'c.mp4'), join(out, 'c.mp4'), 'done'],
    ],
  );
  assert.equal(batch.counts.notMedia, 1);
  assert.equal(batch.workersStarted, 1);
  assert.equal(batch.facesSwapped, 13);

  const lines = result.stderr.trimEnd().split('\n');
  assert.match(lines.at(-1) ?? '', /^error: 1 of 3 targets failed/);
  const events = lines
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { type?: string; item?: { index: number } });
  assert.ok(events.every(({ type, item }) => type === undefined || item !== undefined));

  // The last one was made by a worker that had made another output before.
  const single = await runToReport([...words, '-t', join(clips, 'c.mp4'), '-o', join(folder, 'c.mp4')]);
  const last = batch.items[2];
  assert.equal(last?.status === 'done' ? last.report.outputSha256 : undefined, single.outputSha256);
});

test('a batch tells each target on stderr as it ends and prints a table', async () => {
  const output = join(folder, '{target_name}_{index}{target_extension}');
  const { exitCode, stdout, stderr } = await faceswap([
    'run',
    ...words,
    ...['-t', join(clips, 'c*.mp4'), '-o', output, '--trim-frame-end', '2'],
  ]);
  assert.equal(exitCode, 0, stderr);
  assert.match(stderr, /^1\/1 .*c\.mp4 -> .*c_0\.mp4: 2 frames, \d+\.\d fps, 2 faces swapped\n$/);
  assert.match(stdout, /^#  target .*\n1 .*c_0\.mp4 +2 frames.*\n\ntargets +1: 1 done\n/);
});

test('outputs that are there are refused before any work, or kept', async () => {
  const out = join(folder, 'kept');
  mkdirSync(out);
  writeFileSync(join(out, 'c.mp4'), 'mine');
  const batch = ['run', ...words, '-t', join(clips, 'c*.mp4'), '-o', out];
  const refused = await faceswap(batch);
  assert.equal(refused.exitCode, 2);
  assert.equal(refused.stdout, '');
  assert.match(refused.stderr, /^error: 1 file to be written exists already: .*c\.mp4/);
  const skipped = await faceswap([...batch, '--skip-existing']);
  assert.equal(skipped.exitCode, 0, skipped.stderr);
  assert.match(skipped.stderr, /skipped, the output exists/);
  assert.equal(readFileSync(join(out, 'c.mp4'), 'utf8'), 'mine');
});

test('an unknown placeholder is a usage error that lists the known ones', async () => {
  const { exitCode, stderr } = await faceswap([
    'run',
    ...words,
    '-t',
    clips,
    '-o',
    join(folder, '{name}.mp4'),
  ]);
  assert.equal(exitCode, 2);
  assert.match(stderr, /^error: --output has the unknown placeholder \{name\}; known are \{index\}, /);
});

test('--dry-run lists the targets with their frames and writes nothing', async () => {
  const before = readdirSync(folder);
  const { exitCode, stdout } = await faceswap([
    'run',
    ...words,
    ...['-t', clips, '-o', join(folder, 'planned'), '--dry-run'],
  ]);
  assert.equal(exitCode, 10);
  assert.match(
    stdout,
    /a\.mp4 +8 frames in 1 segment, libx264\n2 .*b\.mp4 +failed: .*\n3 .*c\.mp4 +5 frames/,
  );
  assert.deepEqual(readdirSync(folder), before);
});

test('Ctrl-C stops a batch, says how many are done and keeps them', async () => {
  const out = join(folder, 'stopped');
  let stopped = false;
  const result = await faceswap(
    ['run', ...words, '-t', join(clips, '[ac].mp4'), '-o', out, '--progress', 'json'],
    {
      onStderr: (stderr, child) => {
        if (stopped || !/"phase":"render","item":\{"index":1/.test(stderr)) return;
        stopped = true;
        child.kill('SIGINT');
      },
    },
  );
  assert.equal(result.exitCode, 130, result.stderr);
  assert.match(result.stderr, /\nerror: Stopped on request: 1 of 2 targets is done\. /);
  assert.match(result.stdout, /targets +2: 1 done, 1 not done/);
  // The target in work is left as a job, since its only segment was finished.
  assert.match(readdirSync(out).sort().join(), /^\.c\.mp4\.faceswap-[0-9a-f]{12},a\.mp4$/);
  assert.deepEqual(result.survivors, []);
});
