import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeClip } from './clips.js';
import { faceswap, fixture, temporaryFolder } from './command-run.js';

const folder = temporaryFolder('machine');
const clip = join(folder, 'clip.mp4');
makeClip({
  shots: [{ photo: 'astronaut.png', frames: 25 }],
  rate: { num: 25, den: 1 },
  output: ['-c:v', 'libx264', '-preset', 'veryfast', clip],
});
const words = ['run', '-s', fixture('grace_hopper.jpg'), '-t', clip];

type Line = { readonly type?: string; readonly level?: number; readonly [key: string]: unknown };

test('--json prints one object on stdout and --progress json one object per line on stderr', async () => {
  const output = join(folder, 'json.mp4');
  const result = await faceswap([...words, '-o', output, '--json', '--progress', 'json']);
  assert.equal(result.exitCode, 0, result.stderr);
  assert.equal(result.stdout.trimEnd().split('\n').length, 1);
  const answer = JSON.parse(result.stdout) as { ok: boolean; report: { output: string; status: string } };
  assert.equal(answer.ok, true);
  assert.equal(answer.report.output, output);
  const lines = result.stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  assert.ok(lines.every(({ type, level }) => type !== undefined || level !== undefined));
  const phases = lines.flatMap(({ type, phase }) => (type === 'phase' ? [phase] : []));
  assert.deepEqual(phases, ['probe', 'plan', 'sources', 'render', 'mux', 'verify', 'done']);
  const done = lines.flatMap((line) => (line.type === 'frames' ? [Number(line['done'])] : []));
  assert.ok(done.length > 0, 'no frames were told');
  assert.deepEqual(
    done,
    [...done].sort((first, second) => first - second),
  );
  assert.equal(done.at(-1), 25);
});

test('a plain run prints the table on stdout and draws no bar where there is no terminal', async () => {
  const output = join(folder, 'table.mp4');
  const { exitCode, stdout, stderr } = await faceswap([...words, '-o', output, '--trim-frame-end', '8']);
  assert.equal(exitCode, 0, stderr);
  assert.equal(stderr, '');
  for (const label of [
    'status',
    'frames',
    'wall time',
    'stages',
    'faces',
    'tPSNR dB',
    'jitter',
    'identity',
  ]) {
    assert.match(stdout, new RegExp(`^${label}\\s`, 'm'));
  }
  assert.equal(stdout.trimEnd().split('\n').at(-1), `Output: ${output}`);
});

test('--dry-run prints the plan and writes nothing', async () => {
  const before = readdirSync(folder);
  const output = join(folder, 'planned.mp4');
  const { exitCode, stdout, stderr } = await faceswap([...words, '-o', output, '--dry-run', '--json']);
  assert.equal(exitCode, 0, stderr);
  const answer = JSON.parse(stdout) as { ok: boolean; dryRun: { plan?: { outputFrameCount: number } } };
  assert.equal(answer.ok, true);
  assert.ok(answer.dryRun);
  assert.deepEqual(readdirSync(folder), before);
});

test('a config file gives the options and the command line wins', async () => {
  const config = join(folder, 'job.json');
  const output = join(folder, 'configured.mp4');
  writeFileSync(
    config,
    JSON.stringify({
      'source-paths': [fixture('grace_hopper.jpg')],
      target: 'clip.mp4',
      output: 'elsewhere.mp4',
      'trim-frame-end': 20,
      json: true,
    }),
  );
  const result = await faceswap(['run', '--config', config, '-o', output, '--trim-frame-end', '4']);
  assert.equal(result.exitCode, 0, result.stderr);
  const { report } = JSON.parse(result.stdout) as {
    report: { output: string; media: { frameCount: number } };
  };
  assert.equal(report.output, output);
  assert.equal(report.media.frameCount, 4);
  assert.ok(!readdirSync(folder).includes('elsewhere.mp4'));
});
