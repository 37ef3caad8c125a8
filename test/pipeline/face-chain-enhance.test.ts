import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chainModelFiles } from '../../src/pipeline/chain-files.js';
import {
  type ChainMachine,
  type ChainOutput,
  type ChainSettings,
  FaceChain,
  plainMachine,
} from '../../src/pipeline/face-chain.js';
import { chainSettings } from '../../src/pipeline/plan.js';
import { resolveRunOptions } from '../../src/pipeline/resolve-run-options.js';
import type { FaceMaskType } from '../../src/pipeline/neural-options.js';
import type { RunOptions } from '../../src/pipeline/run-options.js';
import { prepareSources } from '../../src/pipeline/source-preparation.js';
import { releaseChainModels } from '../../src/pipeline/chain-models.js';
import type { SourceFace } from '../../src/processors/face-swapper/source-face.js';
import { writeStandInEnhancers } from '../support/stand-ins/enhancer.js';
import { writeStandInOccluders } from '../support/stand-ins/occluder.js';
import { writeStandInParsers } from '../support/stand-ins/parser.js';
import { writeSwapperStandIns } from '../support/stand-ins/swappers.js';
import { formatOf } from '../support/unit-frames.js';
import { portraitFrame, portraits, portraitStill } from '../support/unit-portraits.js';
import { assertClose } from '../support/unit-values.js';

const format = formatOf(232, 216);
const folder = mkdtempSync(join(tmpdir(), 'faceswap-enhance-'));
let clip: Uint8Array[];
let sources: readonly SourceFace[];

before(async () => {
  writeStandInEnhancers(join(folder, 'models'));
  writeStandInOccluders(join(folder, 'models'));
  writeStandInParsers(join(folder, 'models'));
  writeSwapperStandIns(join(folder, 'models'), 'hyperswap_1a_256', 'negative');
  const still = await portraitStill('astronaut');
  clip = Array.from({ length: 5 }, (_, t) =>
    Uint8Array.from(portraitFrame(still, 'astronaut', format, { shiftX: 1.5 * t - 4, shiftY: t }).data),
  );
  const source = await portraitStill('hopper');
  const photo = { index: 0, file: portraits.hopper.file, ...source };
  ({ faces: sources } = await prepareSources([photo], settingsOf({})));
});

after(async () => {
  await releaseChainModels();
  rmSync(folder, { recursive: true, force: true });
});

const optionsOf = (options: Partial<RunOptions>): RunOptions => ({
  source: 'a.png',
  target: 'b.mp4',
  output: 'c.mp4',
  modelDir: join(folder, 'models'),
  executionThreadCount: 1,
  ...options,
});

const settingsOf = (options: Partial<RunOptions>): ChainSettings =>
  chainSettings(resolveRunOptions(optionsOf(options)));

/** A chain for these options, with what files they need. */
const chainOf = async (
  options: Partial<RunOptions>,
  faces: readonly SourceFace[],
  machine: Partial<ChainMachine> = {},
): Promise<FaceChain> => {
  const config = resolveRunOptions(optionsOf(options));
  const models = await chainModelFiles(config);
  return FaceChain.create(chainSettings(config), faces, { ...plainMachine, models, ...machine });
};

const render = async (chain: FaceChain, range = { start: 0, end: clip.length }): Promise<ChainOutput[]> => {
  const decode = { start: 0, end: clip.length };
  chain.begin({ format, frameRate: { num: 25, den: 1 }, decode, render: range, sceneCuts: [] });
  const outputs: ChainOutput[] = [];
  for (const [index, frame] of clip.entries()) {
    outputs.push(...(await chain.push({ index, buffer: Uint8Array.from(frame).buffer })));
  }
  outputs.push(...(await chain.finish()));
  return outputs.filter(({ row }) => row !== null);
};

/** @param options those of the run; only its first frame is rendered where `count` is 1 */
const runOf = async (
  options: Partial<RunOptions>,
  faces: readonly SourceFace[],
  machine: Partial<ChainMachine> = {},
  count = clip.length,
): Promise<ChainOutput[]> => {
  const chain = await chainOf(options, faces, machine);
  try {
    return await render(chain, { start: 0, end: count });
  } finally {
    await chain.dispose({ keepsModels: true });
  }
};

const bytesOf = (outputs: readonly ChainOutput[]): Buffer[] =>
  outputs.map(({ buffer }) => Buffer.from(buffer));

const enhanceOnly = { processors: ['face_enhancer'] } as const;
const byModel = { faceEnhancerModel: 'gpen_bfr_256' } as const;

test('faces are enhanced without a source and without a model', async () => {
  const outputs = await runOf(enhanceOnly, []);
  assert.equal(outputs.length, clip.length);
  for (const { index, buffer, row } of outputs) {
    const face = row?.faces[0];
    assert.equal(face?.outcome, 'swapped');
    assert.equal(face?.enhanced, true);
    assert.equal(face?.sourceIndex, undefined);
    assert.notDeepEqual(Buffer.from(buffer), Buffer.from(clip[index] as Uint8Array));
    assert.equal(row?.ssimOutside, 1);
    const { ssimInside } = face ?? {};
    assert.ok(typeof ssimInside === 'number' && ssimInside > 0.8 && ssimInside < 1, `${ssimInside}`);
  }
});

test('faces are enhanced by a model, alone and after swapping, and the report tells', async () => {
  const plain = await runOf({}, sources);
  const enhanced = await runOf({ processors: ['face_swapper', 'face_enhancer'], ...byModel }, sources);
  const alone = await runOf({ ...enhanceOnly, ...byModel }, []);
  enhanced.forEach(({ buffer, row }, at) => {
    assert.notDeepEqual(Buffer.from(buffer), Buffer.from(plain[at]?.buffer ?? new ArrayBuffer(0)));
    const [face] = row?.faces ?? [];
    const [before] = plain[at]?.row?.faces ?? [];
    assert.equal(face?.enhanced, true);
    assert.equal(face?.sourceIndex, 0);
    assert.equal(before?.enhanced, undefined);
    // What the target's own frames are to each other is no matter of what is drawn into them.
    assert.equal(face?.tpsnrSourceDb, before?.tpsnrSourceDb);
    assert.equal(face?.jitterAfter, before?.jitterAfter);
    assert.equal(alone[at]?.row?.faces[0]?.tpsnrSourceDb, before?.tpsnrSourceDb);
    assert.notEqual(face?.ssimInside, before?.ssimInside);
  });
});

test('frames, rows and figures do not depend on how many faces go together', async () => {
  const options = {
    processors: ['face_swapper', 'face_enhancer'],
    ...byModel,
  } as const;
  const single = await runOf(options, sources);
  const together = await runOf(options, sources, {
    batchSize: 4,
    batchFrames: 4,
    cacheFolder: join(folder, 'cache'),
  });
  assert.deepEqual(bytesOf(together), bytesOf(single));
  assert.deepEqual(
    together.map(({ row }) => row),
    single.map(({ row }) => row),
  );
});

test('two chains that share a clip give what one gives', async () => {
  const options = { ...enhanceOnly, ...byModel };
  const one = await chainOf(options, []);
  const first = await chainOf(options, []);
  const second = await chainOf(options, []);
  const halves = [
    { start: 0, end: 3 },
    { start: 3, end: 5 },
  ] as const;
  const whole = [...(await render(one, halves[0])), ...(await render(one, halves[1]))];
  const parts = [...(await render(first, halves[0])), ...(await render(second, halves[1]))];
  assert.deepEqual(bytesOf(parts), bytesOf(whole));
  for (const chain of [one, first, second]) await chain.dispose({ keepsModels: true });
});

test('a blend of 0 enhances nothing, and faces that would not gain are counted', async () => {
  const [none] = await runOf({ ...enhanceOnly, faceEnhancerBlend: 0 }, []);
  assert.deepEqual(Buffer.from(none?.buffer ?? new ArrayBuffer(0)), Buffer.from(clip[0] as Uint8Array));
  assert.equal(none?.row?.faces[0]?.skipReason, 'no-gain');
});

test('the enhancer’s mask takes occlusion where it is asked for', async () => {
  const masked = { ...enhanceOnly, ...byModel, faceMaskTypes: ['box', 'occlusion'] } as const;
  const files = await chainModelFiles(resolveRunOptions(optionsOf(masked)));
  assert.deepEqual(
    files?.neural?.occluders.map(({ id }) => id),
    ['xseg_1'],
  );
  const [plain, occluded] = [await runOf({ ...enhanceOnly, ...byModel }, []), await runOf(masked, [])];
  assert.equal(occluded[0]?.row?.faces[0]?.enhanced, true);
  assert.notDeepEqual(bytesOf(occluded)[0], bytesOf(plain)[0]);
});

/** Samples of luma that differ from the clip's own frame. */
const changedSamples = (outputs: readonly ChainOutput[]): number => {
  const [first] = outputs;
  const was = clip[first?.index ?? 0] as Uint8Array;
  const is = new Uint8Array(first?.buffer ?? new ArrayBuffer(0));
  let count = 0;
  for (let i = 0; i < format.widthPx * format.heightPx; i++) if (is[i] !== was[i]) count++;
  return count;
};

test('each type of mask leaves less of the face to a swapper that is a model', async () => {
  const config = { faceSwapperModel: 'hyperswap_1a_256', blend: 'basic' } as const;
  const files = await chainModelFiles(resolveRunOptions(optionsOf(config)));
  const photo = await portraitStill('hopper');
  const { faces } = await prepareSources(
    [{ index: 0, file: portraits.hopper.file, ...photo }],
    settingsOf(config),
    files,
  );
  const swapped = async (faceMaskTypes: readonly FaceMaskType[]): Promise<number> =>
    changedSamples(await runOf({ ...config, faceMaskTypes }, faces, {}, 1));
  const box = await swapped(['box']);
  const area = await swapped(['box', 'area']);
  const region = await swapped(['box', 'region']);
  const all = await swapped(['box', 'area', 'region', 'occlusion']);
  assert.ok(area > 500 && area < 0.8 * box, `${area} of ${box} samples by area`);
  assert.ok(region > 0 && region < 0.95 * box, `${region} of ${box} samples by region`);
  assert.ok(all <= Math.min(area, region), `${all} samples by all types`);
});

test('masks that need a swapper that is a model are refused for the mesh swapper', async () => {
  await assert.rejects(chainModelFiles(resolveRunOptions(optionsOf({ faceMaskTypes: ['box', 'area'] }))), {
    kind: 'usage',
    message: /--face-mask-types must be box with --face-swapper-model mesh/,
  });
});

test('the time of enhancing is a stage of its own', async () => {
  const chain = await chainOf({ ...enhanceOnly, ...byModel }, []);
  await render(chain);
  const { stageTimes, stageSamples } = chain.takeFigures();
  assert.equal(stageSamples.enhance.length, clip.length);
  const sum = stageSamples.enhance.reduce((total, ms) => total + ms, 0);
  assertClose(sum, stageTimes.enhance, 1);
  await chain.dispose({ keepsModels: true });
});
