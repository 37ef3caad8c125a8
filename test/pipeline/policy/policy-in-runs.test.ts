import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import sharp from 'sharp';
import { FaceswapError } from '../../../src/errors.js';
import type { CommandQuestion } from '../../../src/pipeline/policy/policy-command.js';
import { dryRun } from '../../../src/pipeline/dry-run.js';
import { startRun } from '../../../src/pipeline/run.js';
import { startBatch } from '../../../src/pipeline/run-batch.js';
import type { BatchOptions } from '../../../src/pipeline/run-batch-options.js';
import type { RunOptions } from '../../../src/pipeline/run-options.js';
import { silentLogger } from '../../../src/pipeline/run-logger.js';
import type { RunReport } from '../../../src/pipeline/run-report.js';
import { WorkerClient } from '../../../src/pipeline/worker-client.js';
import { WorkerSet } from '../../../src/pipeline/worker-set.js';
import { ffmpegOutput } from '../../media/media-fixtures.js';
import { writeContentAnalysers } from '../../support/stand-ins/content-analyser.js';

const workerEntry = new URL('../fake-worker.mjs', import.meta.url);

let root = '';
let outputs = '';
let models = '';
/** A second of blue at the start, or a second of red; 2.5 seconds in all. */
let blue = '';
let red = '';
const still = { blue: '', red: '' };
let animation = '';
let log = '';
let allow: readonly string[] = [];
let questions = 0;

const picture = (colour: string, file: string): Promise<unknown> =>
  sharp({ create: { width: 64, height: 48, channels: 3, background: colour } }).toFile(file);

const clip = (file: string, ...shots: readonly (readonly [colour: string, seconds: number])[]): string => {
  const inputs = shots.flatMap(([colour, seconds]) => [
    ...['-f', 'lavfi', '-i', `color=c=${colour}:s=64x48:r=10:d=${seconds}`],
  ]);
  const parts = shots.map((_, at) => `[${at}:v]`).join('');
  ffmpegOutput(
    ...inputs,
    ...['-filter_complex', `${parts}concat=n=${shots.length}`, '-pix_fmt', 'yuv420p', '-c:v', 'libx264'],
    ...['-preset', 'ultrafast', file],
  );
  return file;
};

/** A command that keeps what it is asked, with the mean colours of the pictures, and answers by the point. */
const commandOf = (
  name: string,
  answers: Readonly<Record<'before' | 'after', unknown>>,
): readonly string[] => {
  const file = join(root, name);
  writeFileSync(
    file,
    `const { appendFileSync, readFileSync, statSync } = require('node:fs');
    const { dirname } = require('node:path');
    const question = JSON.parse(readFileSync(0, 'utf8'));
    const first = question.samples[0];
    const facts = {
      question,
      signature: readFileSync(first.file).subarray(1, 4).toString(),
      mode: statSync(dirname(first.file)).mode & 0o777,
      outputBytes: question.outputFile === undefined ? null : statSync(question.outputFile).size,
    };
    appendFileSync(${JSON.stringify(log)}, JSON.stringify(facts) + '\\n');
    console.log(JSON.stringify(${JSON.stringify(answers)}[question.point]));`,
  );
  return [process.execPath, file];
};

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'faceswap-policy-test-'));
  models = join(root, 'models');
  writeContentAnalysers(models);
  log = join(root, 'questions.jsonl');
  blue = clip(join(root, 'blue.mp4'), ['blue', 2.5]);
  red = clip(join(root, 'red.mp4'), ['blue', 1], ['red', 1.5]);
  still.blue = join(root, 'blue.png');
  still.red = join(root, 'red.png');
  await picture('#2040c0', still.blue);
  await picture('#f01008', still.red);
  animation = join(root, 'animation.gif');
  // Three pictures of 0.7 s, the last of which is red.
  ffmpegOutput(
    ...[
      '-f',
      'lavfi',
      '-i',
      'color=c=blue:s=48x48:r=10:d=1.4',
      '-f',
      'lavfi',
      '-i',
      'color=c=red:s=48x48:r=10:d=0.7',
    ],
    ...['-filter_complex', 'concat=n=2,fps=10/7', animation],
  );
  allow = commandOf('allow.cjs', {
    before: { allow: true, reason: 'fine' },
    after: { allow: true, details: { signature: 'x' } },
  });
});

after(async () => {
  await workers.close();
  await rm(root, { recursive: true, force: true });
});

beforeEach(() => {
  outputs = join(root, `out-${questions++}`);
  mkdirSync(outputs);
  rmSync(log, { force: true });
  process.env['FAKE_CHAIN'] = 'swap';
  // What is installed on this machine is none of the tests' business.
  process.env['FACESWAP_MODEL_DIR'] = join(root, 'nothing');
});

after(() => {
  delete process.env['FAKE_CHAIN'];
  delete process.env['FACESWAP_MODEL_DIR'];
});

/** For all runs but those whose chain does something else than the first one's: starting one takes longer than most runs. */
const workers = new WorkerSet(() => new WorkerClient({ logger: silentLogger, entry: workerEntry }));

const start = (options: Partial<RunOptions>) =>
  startRun(
    { source: still.blue, target: blue, output: join(outputs, 'out.mp4'), cache: false, ...options },
    {},
    process.env['FAKE_CHAIN'] === 'swap' ? { workers } : { workerEntry },
  );

/** Command lines of the children that this process has; empty where there is no /proc. */
const children = (): readonly string[] => {
  const list = `/proc/${process.pid}/task/${process.pid}/children`;
  if (!existsSync(list)) return [];
  return readFileSync(list, 'utf8')
    .split(' ')
    .filter((pid) => pid !== '' && existsSync(`/proc/${pid}/cmdline`))
    .map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '))
    .filter((line) => line.includes(root));
};

type Asked = {
  readonly question: CommandQuestion;
  readonly signature: string;
  readonly mode: number;
  readonly outputBytes: number | null;
};

/** What the commands of a test were asked. */
const asked = (): readonly Asked[] =>
  existsSync(log)
    ? readFileSync(log, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Asked)
    : [];

/** Where the pictures lay that the commands of a test looked at. */
const sampleFolders = (): readonly string[] =>
  asked().map(({ question }) => dirname(question.samples[0]?.file ?? ''));

/** The run must be refused like this and leave nothing. */
const assertRefused = async (
  options: Partial<RunOptions>,
  message: RegExp,
  context: Partial<FaceswapError['context']> = {},
): Promise<void> => {
  await assert.rejects(start(options), (error) => {
    assert.ok(error instanceof FaceswapError, String(error));
    assert.equal(error.kind, 'policy', String(error));
    assert.equal(error.exitCode, 6);
    assert.deepEqual([error.toRecord().kind, error.toRecord().message], ['policy', error.message]);
    assert.match(error.message, message);
    assert.equal(String(error).includes('\n'), false);
    assert.equal(error.context.stage, 'policy');
    assert.match(error.context.hint ?? '', /^Nothing was written\. /);
    for (const [name, value] of Object.entries(context)) {
      assert.equal(error.context[name as keyof typeof context], value, name);
    }
    return true;
  });
  assert.deepEqual(readdirSync(outputs), []);
  for (const folder of sampleFolders()) assert.equal(existsSync(folder), false, folder);
  assert.deepEqual(children(), []);
};

const saidBy = ({ policy }: RunReport): readonly string[] =>
  policy.checks.map(
    ({ check, point, frames, photos, said }) => `${check} ${point} ${frames} ${photos} ${said}`,
  );

describe('the content analyser', () => {
  test('refuses a video before anything is rendered', async () => {
    await assertRefused(
      { modelDir: models, target: red, trimFrameStart: 5 },
      /^The content analyser refused the target \(before rendering\): 1 of 2 frames flagged, more than 10 %, the first at 1\.500 s \(nsfw_1 0\.7\d\d > 0\.2, /,
      { file: red, frame: 15 },
    );
  });

  test('refuses an animation by its own name and times', async () => {
    // Pictures at 0, 0.7 and 1.4 s: seconds 0 and 1 and 2 show each of them.
    await assertRefused(
      { modelDir: models, target: animation, output: join(outputs, 'out.gif') },
      /1 of 3 frames flagged, more than 10 %, the first at 1\.400 s/,
      { file: animation, frame: 2 },
    );
  });

  test('refuses an output, of which nothing stays', async () => {
    process.env['FAKE_CHAIN'] = 'redden';
    await assertRefused(
      { modelDir: models, keepJob: true },
      /^The content analyser refused the output \(after rendering\): 3 of 3 frames flagged/,
      { file: join(outputs, 'out.mp4'), frame: 0 },
    );
  });
});

test('without models and command nothing is looked at, and the report says so', async () => {
  const handle = start({ target: still.red, output: join(outputs, 'out.png') });
  const phases: string[] = [];
  for await (const event of handle.progress) if (event.type === 'phase') phases.push(event.phase);
  assert.equal(phases.includes('policy'), false);
  assert.deepEqual((await handle).policy, {
    checks: [],
    notRun: [{ check: 'content-analyser', reason: 'nsfw_1, nsfw_2, nsfw_3 are not there' }],
  });
});

test('models that are required and not there end a run and its dry run before any work', async () => {
  const options = { source: still.blue, target: blue, output: join(outputs, 'out.mp4') };
  for (const run of [start, (more: Partial<RunOptions>) => dryRun({ ...options, ...more })]) {
    await assert.rejects(run({ contentAnalyser: 'require' }), (error) => {
      assert.ok(error instanceof FaceswapError && error.exitCode === 4, String(error));
      assert.match(String(error), /faceswap models pull nsfw_1 nsfw_2 nsfw_3$/);
      return true;
    });
  }
  assert.deepEqual(readdirSync(outputs), []);
});

test('in a batch each target has its own checks', async () => {
  const batch = (options: Partial<BatchOptions>) =>
    startBatch(
      { source: still.blue, target: [still.red, still.blue], output: outputs, cache: false, ...options },
      {},
      { workerEntry },
    );
  const { items } = await batch({ modelDir: models });
  assert.deepEqual(
    items.map((item) => (item.status === 'failed' ? item.error.exitCode : item.status)),
    [6, 'done'],
  );
  assert.deepEqual(readdirSync(outputs), ['blue.png']);
  rmSync(join(outputs, 'blue.png'));
  await assert.rejects(
    batch({ contentAnalyser: 'require' }),
    (error) => error instanceof FaceswapError && error.exitCode === 4,
  );
});

describe('a policy command', () => {
  test('is asked before and after, with pictures of each second, and its answers are in the report', async () => {
    const report = await start({ policyCommand: allow, contentAnalyser: 'auto' });
    assert.deepEqual(saidBy(report), ['policy-command before 3 0 fine', 'policy-command after 3 0 allowed']);
    assert.deepEqual(report.policy.checks[1]?.details, { signature: 'x' });
    const [first, second] = asked();
    assert.ok(first !== undefined && second !== undefined, 'it was not asked twice');
    const { samples, ...rest } = first.question;
    const digest = rest.configDigest;
    assert.match(digest, /^[0-9a-f]{64}$/);
    assert.deepEqual(rest, {
      version: 1,
      point: 'before',
      target: blue,
      sources: [still.blue],
      output: join(outputs, 'out.mp4'),
      configDigest: digest,
    });
    assert.deepEqual(
      samples.map(({ frame, timeSeconds }) => [frame, timeSeconds]),
      [
        [0, 0],
        [10, 1],
        [20, 2],
      ],
    );
    assert.deepEqual(
      samples.map(({ file }) => basename(file)),
      ['frame-00000000.png', 'frame-00000010.png', 'frame-00000020.png'],
    );
    assert.equal(first.signature, 'PNG');
    if (process.platform !== 'win32') assert.equal(first.mode, 0o700);
    assert.equal(second.question.point, 'after');
    assert.ok(second.outputBytes !== null && second.outputBytes > 0, 'the output was not there');
    assert.equal(second.question.configDigest, digest);
    for (const folder of sampleFolders()) assert.equal(existsSync(folder), false, folder);
    assert.deepEqual(readdirSync(outputs), ['out.mp4']);
  });

  test('is asked after the content analyser, and not where that refuses', async () => {
    const output = join(outputs, 'out.png');
    const report = await start({ policyCommand: allow, modelDir: models, target: still.blue, output });
    assert.deepEqual(saidBy(report), [
      'content-analyser before 1 1 0 of 1 frame flagged',
      'policy-command before 1 0 fine',
      'content-analyser after 1 0 0 of 1 frame flagged',
      'policy-command after 1 0 allowed',
    ]);
    rmSync(output);
    await assertRefused(
      { policyCommand: allow, modelDir: models, target: still.red, output },
      /content analyser/,
    );
    assert.equal(asked().length, 2);
  });

  for (const [kind, target, output, point] of [
    ['video', () => blue, 'out.mp4', 'after'],
    ['image', () => still.blue, 'out.png', 'before'],
    ['image', () => still.blue, 'out.png', 'after'],
    ['animation', () => animation, 'out.gif', 'after'],
  ] as const) {
    test(`that refuses a target (${kind}) ${point} rendering leaves nothing of it`, async () => {
      const no = { allow: false, reason: 'no consent' };
      const policyCommand = commandOf('refuse.cjs', {
        before: { allow: true },
        after: { allow: true },
        [point]: no,
      });
      await assertRefused(
        { policyCommand, target: target(), output: join(outputs, output) },
        new RegExp(`^The policy command refused the run \\(${point} rendering\\): no consent$`),
        { file: point === 'before' ? target() : join(outputs, output) },
      );
    });
  }

  test('is named by a dry run and not asked', async () => {
    const plan = await dryRun({
      source: still.blue,
      target: still.blue,
      output: join(outputs, 'out.png'),
      policyCommand: allow,
      modelDir: models,
    });
    assert.deepEqual(plan.policy, { checks: ['content-analyser', 'policy-command'], notRun: [] });
    assert.equal(existsSync(log), false);
  });

  test('a stop while it works ends it, and the run is interrupted and not refused', async () => {
    const file = join(root, 'waits.cjs');
    writeFileSync(
      file,
      `const { appendFileSync, readFileSync } = require('node:fs');
      appendFileSync(${JSON.stringify(log)}, JSON.stringify({ question: JSON.parse(readFileSync(0, 'utf8')) }) + '\\n');
      console.error('ready');
      setInterval(() => {}, 1e6);`,
    );
    const stop = new AbortController();
    const logger = { debug: () => {}, warn: () => {}, error: () => {}, info: () => stop.abort() };
    const handle = startRun(
      {
        source: still.blue,
        target: still.blue,
        output: join(outputs, 'out.png'),
        policyCommand: [process.execPath, file],
      },
      { signal: stop.signal, logger },
      { workerEntry },
    );
    await assert.rejects(handle, (error) => error instanceof FaceswapError && error.kind === 'interrupted');
    assert.deepEqual(readdirSync(outputs), []);
    assert.equal(sampleFolders().length, 1);
    for (const folder of sampleFolders()) assert.equal(existsSync(folder), false, folder);
    assert.deepEqual(children(), []);
  });
});
