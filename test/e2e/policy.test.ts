import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import sharp from 'sharp';
import type { RunReport } from '../../src/index.js';
import { writeContentAnalysers } from '../support/stand-ins/content-analyser.js';
import { makeClip } from './clips.js';
import { assertFailure, faceswap, fixture, runToReport, temporaryFolder } from './command-run.js';

const folder = temporaryFolder('policy');
const inputs = temporaryFolder('policy-inputs');
const models = join(inputs, 'models');
const clip = join(inputs, 'clip.mp4');
const red = join(inputs, 'red.png');
const hopper = fixture('grace_hopper.jpg');

before(async () => {
  writeContentAnalysers(models);
  makeClip({
    shots: [{ photo: 'astronaut.png', frames: 12 }],
    rate: { num: 25, den: 1 },
    output: ['-c:v', 'libx264', '-preset', 'ultrafast', clip],
  });
  await sharp({ create: { width: 64, height: 48, channels: 3, background: '#f01008' } }).toFile(red);
});

const command = (name: string, script: string): string => {
  const file = join(inputs, name);
  writeFileSync(file, script);
  return `"${process.execPath}" '${file}' --for me`;
};

test('a video that no check objects to is swapped, and report and page say what looked at it', async () => {
  const output = join(folder, 'out.mp4');
  const rows = join(folder, 'rows.json');
  const seen = join(inputs, 'seen.jsonl');
  const words = command(
    'allow.cjs',
    `const { appendFileSync, readFileSync } = require('node:fs');
    const question = JSON.parse(readFileSync(0, 'utf8'));
    appendFileSync(${JSON.stringify(seen)}, JSON.stringify([question, process.argv.slice(2)]) + '\\n');
    console.log(JSON.stringify({ allow: true, reason: 'all <known>' }));`,
  );
  const report = await runToReport([
    ...['-s', hopper, '-t', clip, '-o', output, '--report', rows, '--model-dir', models],
    ...['--content-analyser', 'require', '--policy-command', words],
  ]);
  assert.equal(report.status, 'swapped');
  const said = report.policy.checks.map(({ check, point, frames, photos }) => [check, point, frames, photos]);
  assert.deepEqual(said, [
    ['content-analyser', 'before', 1, 1],
    ['policy-command', 'before', 1, 0],
    ['content-analyser', 'after', 1, 0],
    ['policy-command', 'after', 1, 0],
  ]);
  assert.deepEqual((JSON.parse(readFileSync(rows, 'utf8')) as RunReport).policy, report.policy);
  const questions = readFileSync(seen, 'utf8').trimEnd().split('\n');
  assert.equal(questions.length, 2);
  const [question, args] = JSON.parse(questions[0] ?? '') as [{ samples: { file: string }[] }, string[]];
  assert.deepEqual(args, ['--for', 'me']);
  for (const { file } of question.samples) assert.equal(existsSync(file), false, file);

  const page = join(folder, 'page.html');
  const made = await faceswap(['report', rows, '-o', page]);
  assert.equal(made.exitCode, 0, made.stderr);
  const text = readFileSync(page, 'utf8');
  assert.match(text, /Policy checks/);
  assert.match(text, /all &lt;known&gt;/);
  for (const file of [output, rows, page]) rmSync(file);
});

test('a flagged picture is refused in one line', async () => {
  const output = join(folder, 'out.png');
  assertFailure(await faceswap(['run', '-s', hopper, '-t', red, '-o', output, '--model-dir', models]), {
    exitCode: 6,
    line: /^error: The content analyser refused the target \(before rendering\): it is flagged \(nsfw_1 .*\) \(".*red\.png", stage policy\)\. Nothing was written\./,
    folder,
  });
});

test('Ctrl-C while a policy command works ends both', async () => {
  const words = command('wait.cjs', "console.error('i wait'); setInterval(() => {}, 1e6);");
  const result = await faceswap(
    [
      'run',
      '-s',
      hopper,
      '-t',
      fixture('astronaut.png'),
      '-o',
      join(folder, 'out.png'),
      '--policy-command',
      words,
    ],
    {
      onStderr: (stderr, child) => {
        if (stderr.includes('i wait')) child.kill('SIGINT');
      },
    },
  );
  assert.equal(result.exitCode, 130, result.stderr);
  assert.deepEqual(result.survivors, []);
  assert.deepEqual(readdirSync(folder), []);
});
