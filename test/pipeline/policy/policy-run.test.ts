import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import { FaceswapError } from '../../../src/errors.js';
import { externalModel } from '../../../src/inference/model-store.js';
import type { SampledMedia } from '../../../src/pipeline/policy/policy-media.js';
import { contentAnalyserModels, planPolicy } from '../../../src/pipeline/policy/policy-plan.js';
import { type InspectingWorker, PolicyRun } from '../../../src/pipeline/policy/policy-run.js';
import { SampleInspector } from '../../../src/pipeline/policy/sample-inspector.js';
import { resolveRunOptions } from '../../../src/pipeline/resolve-run-options.js';
import { silentLogger } from '../../../src/pipeline/run-logger.js';
import type { RunOptions } from '../../../src/pipeline/run-options.js';
import { writeContentAnalysers } from '../../support/stand-ins/content-analyser.js';
import { formatOf, paintFrame, type Rgb } from '../../support/unit-frames.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-policy-run-'));
const models = join(folder, 'models');
const photos = { blue: join(folder, 'blue.png'), red: join(folder, 'red.png') };

before(async () => {
  writeContentAnalysers(models);
  const picture = { width: 40, height: 30, channels: 3 } as const;
  await sharp({ create: { ...picture, background: '#2040c0' } }).toFile(photos.blue);
  await sharp({ create: { ...picture, background: '#f01008' } }).toFile(photos.red);
});

after(() => rmSync(folder, { recursive: true, force: true }));

/** The part of a worker thread that checks use, in this thread. */
const workerHere = (): InspectingWorker => {
  const inspector = new SampleInspector();
  return {
    beginInspection: (setup) => inspector.begin(setup),
    inspectFrame: (frame) => inspector.inspect(frame),
    endInspection: () => inspector.finish(),
  };
};

const colours: Readonly<Record<string, Rgb>> = { b: [0.1, 0.1, 0.9], r: [1, 0, 0] };

/** Pictures of one colour each, by its letter, at so many a second. */
const media = (
  letters: string,
  perSecond: number,
  changes: Partial<SampledMedia> = {},
): SampledMedia & { readonly returned: ArrayBuffer[] } => {
  const returned: ArrayBuffer[] = [];
  return {
    file: '/clips/clip.mp4',
    kind: 'video',
    timesSeconds: Array.from({ length: letters.length + 1 }, (_, frame) => frame / perSecond),
    range: { start: 0, end: letters.length },
    read: async function* (frames) {
      for (const frame of frames) {
        const { format, data } = paintFrame(
          formatOf(64, 48),
          () => colours[letters[frame] ?? ''] ?? [0, 0, 0],
        );
        const giveBack = (buffer: ArrayBuffer): void => void returned.push(buffer);
        yield { frame, format, buffer: data.buffer as ArrayBuffer, giveBack };
      }
    },
    returned,
    ...changes,
  };
};

const policyOf = (options: Partial<RunOptions> = {}): PolicyRun => {
  const config = resolveRunOptions({
    source: photos.blue,
    target: '/clips/clip.mp4',
    output: '/clips/out.mp4',
    modelDir: models,
    ...options,
  });
  const parts = { config, openWorker: workerHere, logger: silentLogger, signal: undefined };
  return new PolicyRun(planPolicy(config), parts);
};

const assertRefuses = (
  checking: Promise<void>,
  message: RegExp,
  context: Partial<FaceswapError['context']>,
): Promise<void> =>
  assert.rejects(checking, (error) => {
    assert.ok(error instanceof FaceswapError, String(error));
    assert.equal(error.exitCode, 6, String(error));
    assert.match(error.message, message);
    assert.equal(String(error).includes('\n'), false);
    const { file, frame, stage, hint } = error.context;
    assert.deepEqual({ file, frame, stage }, { frame: undefined, stage: 'policy', ...context });
    assert.match(hint ?? '', /^Nothing was written\. /);
    return true;
  });

const file = '/clips/clip.mp4';

describe('the content analyser', () => {
  test('refuses a video of which more than a tenth of the looked at frames is flagged', async () => {
    await assertRefuses(
      policyOf().before(async () => media('bbrr', 2)),
      /^The content analyser refused the target \(before rendering\): 1 of 2 frames flagged, more than 10 %, the first at 1\.000 s \(nsfw_1 0\.7\d\d > 0\.2, nsfw_2 1\.\d\d\d > 0\.25, nsfw_3 7\d\.\d\d\d > 10\.5\)$/,
      { file, frame: 2 },
    );
    await assertRefuses(
      policyOf().before(async () => media('bbbbbbrbb', 1)),
      /1 of 9 frames flagged/,
      { file, frame: 6 },
    );
    const policy = policyOf();
    await policy.before(async () => media('bbbbbbrbbb', 1));
    assert.equal(policy.report.checks[0]?.said, '1 of 10 frames flagged');
  });

  test('looks only at what is rendered, and gives every buffer back', async () => {
    const policy = policyOf();
    const target = media('rrbbbbrr', 2, { range: { start: 2, end: 6 } });
    await policy.before(async () => target);
    assert.deepEqual(policy.report.checks, [
      {
        check: 'content-analyser',
        point: 'before',
        frames: 2,
        photos: 1,
        said: '0 of 2 frames flagged',
        details: policy.report.checks[0]?.details,
      },
    ]);
    assert.equal(target.returned.length, 2);
    await assertRefuses(
      policyOf().before(async () => media('rrbbbbrr', 2, { range: { start: 2, end: 7 } })),
      /1 of 3 frames flagged, more than 10 %, the first at 3\.000 s/,
      { file, frame: 6 },
    );
  });

  test('reports the highest score of each model and how many frames were flagged', async () => {
    const policy = policyOf();
    await policy.before(async () => media('bbbbbbbbbbr', 1));
    const { details } = policy.report.checks[0] ?? {};
    const { flaggedFrames, highestScores } = details as {
      flaggedFrames: number;
      highestScores: Record<string, number>;
    };
    assert.equal(flaggedFrames, 1);
    // A picture of 4:3 covers three quarters of the square; redness 1 there. 4:2:0 of 8 bits is off by a level or two.
    for (const [id, score] of [
      ['nsfw_1', 0.75],
      ['nsfw_2', 1.5],
      ['nsfw_3', 75],
    ] as const) {
      assert.ok(Math.abs((highestScores[id] ?? 0) / score - 1) < 0.02, `${id}: ${highestScores[id]}`);
    }
  });

  test('refuses a single flagged picture and any flagged source photo', async () => {
    await assertRefuses(
      policyOf().before(async () => media('r', 1, { kind: 'image', file: '/a.png' })),
      /^The content analyser refused the target \(before rendering\): it is flagged \(nsfw_1 /,
      { file: '/a.png' },
    );
    await assertRefuses(
      policyOf({ source: [photos.blue, photos.red] }).before(async () => media('b', 1)),
      /^The content analyser refused a source photo \(before rendering\): it is flagged \(nsfw_1 /,
      { file: photos.red },
    );
    await assertRefuses(
      policyOf({ map: `person1=${photos.red}` }).before(async () => media('b', 1)),
      /refused a source photo/,
      { file: photos.red },
    );
  });

  test('refuses an output, and one that cannot be read', async () => {
    const policy = policyOf();
    await policy.before(async () => media('bb', 1));
    await assertRefuses(
      policy.after(async () => media('br', 1, { file: '/clips/out.mp4' }), '/clips/.job/output.mp4'),
      /^The content analyser refused the output \(after rendering\): 1 of 2 frames flagged/,
      { file: '/clips/out.mp4', frame: 1 },
    );
    const unreadable = async (): Promise<SampledMedia> => {
      throw new FaceswapError('media', 'Videos of this kind cannot be read', {
        file: '/clips/.job/output.mp4',
      });
    };
    await assertRefuses(
      policy.after(unreadable, '/clips/.job/output.mp4'),
      /refused the output \(after rendering\): it cannot be read: Videos of this kind cannot be read$/,
      { file: '/clips/out.mp4' },
    );
  });

  test('decides alike with the arithmetic of FaceFusion', async () => {
    await assertRefuses(
      policyOf({ compat: 'facefusion' }).before(async () => media('r', 1)),
      /1 of 1 frame flagged/,
      { file, frame: 0 },
    );
  });

  test('looks for the files that the registry names', () => {
    for (const id of contentAnalyserModels) assert.equal(externalModel(id).file, `${id}.onnx`);
  });

  test('runs when all three models are there', () => {
    const some = join(folder, 'some');
    writeContentAnalysers(some);
    assert.equal(
      planPolicy(resolveRunOptions({ source: 'a', target: 'b', output: 'c', modelDir: some })).analysers
        .length,
      3,
    );
    rmSync(join(some, 'nsfw_2.onnx'));
    const config = resolveRunOptions({ source: 'a', target: 'b', output: 'c', modelDir: some });
    assert.deepEqual(planPolicy(config), {
      analysers: [],
      command: null,
      notRun: [{ check: 'content-analyser', reason: 'nsfw_2 is not there' }],
    });
    assert.throws(
      () => planPolicy({ ...config, contentAnalyser: 'require' }),
      (error) => {
        assert.ok(error instanceof FaceswapError && error.exitCode === 4, String(error));
        assert.match(
          String(error),
          /are not there: nsfw_2 \(.*nsfw_2\.onnx", stage policy\)\. Fetch them with: faceswap models pull nsfw_2$/,
        );
        return true;
      },
    );
  });

  test('a model that is damaged stops the run and is not passed over', async () => {
    const damaged = join(folder, 'damaged');
    writeContentAnalysers(damaged);
    writeFileSync(join(damaged, 'nsfw_3.onnx'), 'no model');
    await assert.rejects(
      policyOf({ modelDir: damaged }).before(async () => media('b', 1)),
      (error) => {
        assert.ok(error instanceof FaceswapError && error.kind === 'model', String(error));
        assert.equal(error.context.file, join(damaged, 'nsfw_3.onnx'));
        return true;
      },
    );
  });
});
