import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import sharp from 'sharp';
import { FaceswapError } from '../../../src/errors.js';
import type { CommandQuestion } from '../../../src/pipeline/policy/policy-command.js';
import type { ProgressEvent } from '../../../src/pipeline/progress.js';
import { dryRun } from '../../../src/pipeline/dry-run.js';
import { startRun } from '../../../src/pipeline/run.js';
import type { RunOptions } from '../../../src/pipeline/run-options.js';
import type { RunReport } from '../../../src/pipeline/run-report.js';
import { ffmpegOutput } from '../../media/media-fixtures.js';
import { writeContentAnalysers } from '../../support/stand-ins/content-analyser.js';

const workerEntry = new URL('../fake-worker.mjs', import.meta.url);

let root = '';
let outputs = '';
let models = '';
/** A second of blue at the start, or a second of red; 2.5 seconds in all. */
let blue = '';
let red = '';
/** Twelve seconds, of which one is red, and ten, of which one is. */
let rarelyRed = '';
let oftenRed = '';
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
  rarelyRed = clip(join(root, 'rarely.mp4'), ['blue', 5], ['red', 1], ['blue', 6]);
  oftenRed = clip(join(root, 'often.mp4'), ['blue', 4], ['red', 1.1], ['blue', 3.9]);
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

after(() => rm(root, { recursive: true, force: true }));

beforeEach(() => {
  outputs = join(root, `out-${questions++}`);
  mkdirSync(outputs);
  rmSync(log, { force: true });
  process.env['FAKE_CHAIN'] = 'swap';
  // What is installed on this machine is none of the tests' business.
  process.env['FACESWAP_MODEL_DIR'] = join(root, 'nothing');
});

after(() => {
  for (const name of ['FAKE_CHAIN', 'FACESWAP_MODEL_DIR']) delete process.env[name];
});

const start = (options: Partial<RunOptions>) =>
  startRun(
    { source: still.blue, target: blue, output: join(outputs, 'out.mp4'), cache: false, ...options },
    {},
    { workerEntry },
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
  test('allows what it does not flag, and the report says what it looked at', async () => {
    const report = await start({ modelDir: models });
    assert.deepEqual(saidBy(report), [
      'content-analyser before 3 1 0 of 3 frames flagged',
      'content-analyser after 3 0 0 of 3 frames flagged',
    ]);
    const { details } = report.policy.checks[0] ?? {};
    const { highestScores } = details as { highestScores: Record<string, number> };
    assert.deepEqual(Object.keys(highestScores), ['nsfw_1', 'nsfw_2', 'nsfw_3']);
    // Blue over three quarters of the square: R − G − B is nearly −0.75.
    assert.ok(Math.abs((highestScores['nsfw_2'] ?? 0) - 2 * -0.75) < 0.03, JSON.stringify(highestScores));
    assert.deepEqual(report.policy.notRun, []);
  });

  test('is said not to have run where a model is missing, and nothing is decoded for it', async () => {
    const some = join(root, 'some');
    writeContentAnalysers(some);
    rmSync(join(some, 'nsfw_2.onnx'));
    const handle = start({ modelDir: some, target: red });
    const phases: ProgressEvent[] = [];
    for await (const event of handle.progress) if (event.type === 'phase') phases.push(event);
    const { policy } = await handle;
    assert.deepEqual(policy, {
      checks: [],
      notRun: [{ check: 'content-analyser', reason: 'models are not there: nsfw_2' }],
    });
    assert.equal(JSON.stringify(phases).includes('policy'), false);
  });

  test('that is required and not there ends the run before any work, with the command that fetches it', async () => {
    for (const run of [
      start,
      (options: Partial<RunOptions>) =>
        dryRun({ source: still.blue, target: blue, output: join(outputs, 'o.mp4'), ...options }),
    ]) {
      await assert.rejects(run({ contentAnalyser: 'require' }), (error) => {
        assert.ok(error instanceof FaceswapError && error.exitCode === 4, String(error));
        assert.match(
          String(error),
          /not there: nsfw_1, nsfw_2, nsfw_3 .*Fetch them with: faceswap models pull nsfw_1 nsfw_2 nsfw_3$/,
        );
        return true;
      });
    }
    assert.deepEqual(readdirSync(outputs), []);
  });

  test('refuses a video of which more than a tenth of the frames is flagged', async () => {
    await assertRefused(
      { modelDir: models, target: red },
      /^The content analyser refused the target \(before rendering\): 2 of 3 frames flagged, more than 10 %, the first at 1\.000 s \(nsfw_1 0\.7\d\d > 0\.2, nsfw_2 1\.\d\d\d > 0\.25, nsfw_3 7\d\.\d\d\d > 10\.5\)$/,
      { file: red, frame: 10 },
    );
    // One of nine is more than a tenth; one of twelve is not.
    await assertRefused({ modelDir: models, target: oftenRed }, /1 of 9 frames flagged/, { frame: 40 });
    const report = await start({ modelDir: models, target: rarelyRed });
    assert.match(report.policy.checks[0]?.said ?? '', /^1 of 12 frames flagged$/);
  });

  test('looks only at what is rendered', async () => {
    await assertRefused(
      { modelDir: models, target: oftenRed, trimFrameStart: 38, trimFrameEnd: 55 },
      /1 of 2 frames/,
      {
        frame: 48,
      },
    );
  });

  test('refuses a source photo, a picture and an animation', async () => {
    await assertRefused(
      { modelDir: models, source: [still.blue, still.red] },
      /^The content analyser refused a source photo \(before rendering\): it is flagged \(nsfw_1 /,
      { file: still.red },
    );
    await assertRefused(
      { modelDir: models, target: still.red, output: join(outputs, 'out.png') },
      /refused the target \(before rendering\): it is flagged \(nsfw_1 /,
      { file: still.red, frame: undefined },
    );
    // Pictures at 0, 0.7 and 1.4 s: seconds 0, 1 and 2 show each of them.
    await assertRefused(
      { modelDir: models, target: animation, output: join(outputs, 'out.gif') },
      /1 of 3 frames flagged, more than 10 %, the first at 1\.400 s/,
      { file: animation, frame: 2 },
    );
    await assertRefused({ modelDir: models, target: animation }, /1 of 3 frames flagged/, {
      file: animation,
    });
  });

  test('refuses an output, of which nothing stays', async () => {
    process.env['FAKE_CHAIN'] = 'redden';
    await assertRefused(
      { modelDir: models },
      /^The content analyser refused the output \(after rendering\): 3 of 3 frames flagged/,
      { file: join(outputs, 'out.mp4'), frame: 0 },
    );
    await assertRefused({ modelDir: models, keepJob: true }, /refused the output/);
  });

  test('a model that is damaged stops the run and is not passed over', async () => {
    const damaged = join(root, 'damaged');
    writeContentAnalysers(damaged);
    writeFileSync(join(damaged, 'nsfw_3.onnx'), 'no model');
    await assert.rejects(start({ modelDir: damaged }), (error) => {
      assert.ok(error instanceof FaceswapError && error.kind === 'model', String(error));
      assert.equal(error.context.file, join(damaged, 'nsfw_3.onnx'));
      return true;
    });
    assert.deepEqual(readdirSync(outputs), []);
  });
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

  test('runs with the content analyser, which is asked first', async () => {
    const report = await start({
      policyCommand: allow,
      modelDir: models,
      target: still.blue,
      output: join(outputs, 'out.png'),
    });
    assert.deepEqual(saidBy(report), [
      'content-analyser before 1 1 0 of 1 frame flagged',
      'policy-command before 1 0 fine',
      'content-analyser after 1 0 0 of 1 frame flagged',
      'policy-command after 1 0 allowed',
    ]);
    await assertRefused({ policyCommand: allow, modelDir: models, target: red }, /content analyser/);
    assert.equal(asked().length, 2);
  });

  for (const [kind, target, output] of [
    ['video', () => blue, 'out.mp4'],
    ['image', () => still.blue, 'out.png'],
    ['animation', () => animation, 'out.gif'],
  ] as const) {
    for (const point of ['before', 'after'] as const) {
      test(`that refuses an ${kind} ${point} rendering leaves nothing of it`, async () => {
        const yes = { allow: true };
        const no = { allow: false, reason: 'no consent' };
        const policyCommand = commandOf(`${point}.cjs`, {
          before: point === 'before' ? no : yes,
          after: point === 'after' ? no : yes,
        });
        await assertRefused(
          { policyCommand, target: target(), output: join(outputs, output) },
          new RegExp(`^The policy command refused the run \\(${point} rendering\\): no consent$`),
          { file: point === 'before' ? target() : join(outputs, output) },
        );
      });
    }
  }

  test('that cannot be started refuses', async () => {
    await assertRefused(
      { policyCommand: join(root, 'nowhere') },
      /it could not be started: Cannot start .*nowhere$/,
    );
  });

  test('is named by a dry run and not asked', async () => {
    const plan = await dryRun({
      source: still.blue,
      target: blue,
      output: join(outputs, 'out.mp4'),
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
        target: blue,
        output: join(outputs, 'out.mp4'),
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
