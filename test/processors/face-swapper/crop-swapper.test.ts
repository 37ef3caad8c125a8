import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { PlanarFrame } from '../../../src/imaging/planar-frame.js';
import type { SwapperContract } from '../../../src/inference/model-contracts.js';
import type { OnnxModel } from '../../../src/inference/onnx-file.js';
import { createSession, type ModelSession } from '../../../src/inference/session.js';
import { ArcfaceRecognizer } from '../../../src/processors/face-recognizer/arcface.js';
import { CropSwapper, type CropSwapperSettings } from '../../../src/processors/face-swapper/crop-swapper.js';
import type { SourceFace } from '../../../src/processors/face-swapper/source-face.js';
import { externalModel } from '../../../src/inference/model-store.js';
import { modelOf, op, writeModel } from '../../inference/unit-models.js';
import {
  fittedSimilarity,
  fivePointMesh,
  type FivePoints,
  placeInFrame,
} from '../../support/five-point-mesh.js';
import { recordedSession } from '../../support/recorded-session.js';
import { arcfaceStandIn, swapperEntries, swapperStandIn } from '../../support/stand-ins/swappers.js';
import { formatOf, paintFrame, type Picture } from '../../support/unit-frames.js';
import { assertClose, at, largestDifference } from '../../support/unit-values.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-crop-swapper-'));
const sessions: ModelSession[] = [];
after(async () => {
  for (const session of sessions) await session.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const open = async (model: OnnxModel): Promise<ModelSession> => {
  const path = writeModel(join(folder, `${sessions.length}.onnx`), model);
  const session = await createSession(path, { providers: ['cpu'], intraOpThreads: 1 });
  sessions.push(session);
  return session;
};

// The contract's tables, written down once more: what the registry says is not taken for granted.
const templates = {
  arcface_112_v1: [
    0.35473214, 0.45658929, 0.64526786, 0.45658929, 0.5, 0.61154464, 0.37913393, 0.776875, 0.62086607,
    0.776875,
  ],
  arcface_128: [
    0.36167656, 0.40387734, 0.63696719, 0.40235469, 0.50019687, 0.56044219, 0.38710391, 0.72160547,
    0.61507734, 0.72034453,
  ],
  ffhq_512: [
    0.37691676, 0.46864664, 0.62285697, 0.46912813, 0.50123859, 0.61331904, 0.39308822, 0.725411, 0.61150205,
    0.72490465,
  ],
  mtcnn_512: [
    0.36562865, 0.46733799, 0.63305391, 0.46585885, 0.50019127, 0.61942959, 0.39032951, 0.77598822,
    0.61178945, 0.77476328,
  ],
} as const;
const none = { mean: [0, 0, 0], std: [1, 1, 1] } as const;
const half = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;
const imageNet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

type Row = {
  readonly template: keyof typeof templates;
  readonly sizePx: number;
  /** Of samples 0..1. */
  readonly normal: { readonly mean: readonly number[]; readonly std: readonly number[] };
  readonly denormalised: boolean;
  readonly source: string;
  readonly boosts: readonly number[];
};

const ghost: Row = {
  template: 'arcface_112_v1',
  sizePx: 256,
  normal: half,
  denormalised: true,
  source: 'converted crossface_ghost raw',
  boosts: [256, 512, 768, 1024],
};
const hyperswap: Row = { ...ghost, template: 'arcface_128', source: 'normalised - normalised' };
const inswapper: Row = {
  template: 'arcface_128',
  sizePx: 128,
  normal: none,
  denormalised: false,
  source: 'emap - normalised',
  boosts: [128, 256, 384, 512, 768, 1024],
};
const rows: Readonly<Record<string, Row>> = {
  blendswap_256: {
    ...ghost,
    template: 'ffhq_512',
    normal: none,
    denormalised: false,
    source: 'image 112 arcface_112_v2',
  },
  ghost_1_256: ghost,
  ghost_2_256: ghost,
  ghost_3_256: ghost,
  hififace_unofficial_256: {
    ...ghost,
    template: 'mtcnn_512',
    source: 'converted-normalised crossface_hififace normalised',
  },
  hyperswap_1a_256: hyperswap,
  hyperswap_1b_256: hyperswap,
  hyperswap_1c_256: hyperswap,
  inswapper_128: inswapper,
  inswapper_128_fp16: inswapper,
  simswap_256: {
    ...ghost,
    normal: imageNet,
    denormalised: false,
    source: 'converted-normalised crossface_simswap normalised',
  },
  simswap_unofficial_512: {
    template: 'arcface_112_v1',
    sizePx: 512,
    normal: none,
    denormalised: false,
    source: 'converted-normalised crossface_simswap normalised',
    boosts: [512, 1024],
  },
  uniface_256: { ...ghost, template: 'ffhq_512', source: 'image 256 ffhq_512' },
};

const sourceText = ({ source }: SwapperContract): string =>
  source.kind === 'image'
    ? `image ${source.sizePx} ${source.template}`
    : `${source.form} ${source.converter ?? '-'} ${source.weightBy}`;

/** Each channel rises evenly, by whole levels: between pixels it is known exactly. */
const ramps: Picture = (x, y) => [x / 255, y / 255, (255 - x) / 255];
const frame = paintFrame(formatOf(256, 240, 'rgb'), ramps);
/** Turned a little, and no similarity of any template. */
const five: FivePoints = [104, 92, 150, 100, 124, 118, 100, 141, 138, 147];
const mesh = fivePointMesh(five);

const sourceOf = (swapSource: Float32Array): SourceFace => ({ swapSource }) as unknown as SourceFace;

const settingsOf = (settings: Partial<CropSwapperSettings> & { boostPx: number }): CropSwapperSettings => ({
  batchSize: 1,
  arithmetic: 'ours',
  weight: 0.5,
  arcface: null,
  masks: null,
  blur: 0.3,
  padding: { top: 0, right: 0, bottom: 0, left: 0 },
  ...settings,
});

const lengthOf = ({ source }: SwapperContract): number =>
  source.kind === 'embedding' ? source.length : 3 * source.sizePx ** 2;

/** The levels 0..255 that the ramps have at a place of the crop. */
const levelsAt = (
  similarity: ReturnType<typeof fittedSimilarity>,
  x: number,
  y: number,
): readonly number[] => {
  const [frameX, frameY] = placeInFrame(similarity, x, y);
  return [frameX, frameY, 255 - frameX];
};

const placesOf = (sizePx: number): readonly (readonly [number, number])[] =>
  [0.3, 0.45, 0.7].flatMap((across) =>
    [0.35, 0.6].map((down) => [Math.floor(across * sizePx), Math.floor(down * sizePx)] as const),
  );

describe('the swappers of the registry', () => {
  test('are the thirteen of the contract', () => {
    assert.deepEqual(
      swapperEntries()
        .map(({ id }) => id)
        .sort(),
      Object.keys(rows).sort(),
    );
  });

  for (const { id, contract } of swapperEntries()) {
    test(`${id} gets the crop, the numbers and the source of its row`, async () => {
      const row = rows[id] as Row;
      assert.equal(sourceText(contract), row.source);
      assert.deepEqual(contract.pixelBoostsPx, row.boosts);
      const { session, runs } = recordedSession(await open(swapperStandIn(contract, 'echo')));
      const swapper = new CropSwapper(session, contract, settingsOf({ boostPx: row.sizePx }));
      const who = Float32Array.from({ length: lengthOf(contract) }, (_, i) => Math.sin(i));
      assert.equal(swapper.add(frame, mesh, sourceOf(who)), 0);
      await swapper.run();
      assert.equal(runs.length, 1);
      const { target, source } = runs[0] as (typeof runs)[number];
      assert.deepEqual(target?.dims, [1, 3, row.sizePx, row.sizePx]);
      assert.deepEqual(source?.data, who);
      const wanted = templates[row.template].map((share) => share * row.sizePx - 0.5);
      const similarity = fittedSimilarity(five, wanted);
      const { crop, sizePx } = swapper.swapped(0);
      assert.equal(sizePx, row.sizePx);
      for (const [x, y] of placesOf(row.sizePx)) {
        for (const [channel, level] of levelsAt(similarity, x, y).entries()) {
          const at0 = (channel * row.sizePx + y) * row.sizePx + x;
          const { mean, std } = row.normal;
          const input = (level / 255 - at(mean, channel)) / at(std, channel);
          assertClose(at(target?.data ?? [], at0), input, 1e-3, `${id}, channel ${channel} at ${x}, ${y}`);
          // An echo: what comes out is what went in, times 0.5 and 0.5 more where the row says so.
          const output = row.denormalised ? input * 0.5 + 0.5 : input;
          const clipped = Math.min(1, Math.max(0, output));
          const seen = Math.min(1, Math.max(0, at(crop, at0)));
          assertClose(seen, clipped, 1e-3, `${id}, output channel ${channel} at ${x}, ${y}`);
        }
      }
    });
  }
});

const contractOf = (id: string): SwapperContract => {
  const { contract } = externalModel(id);
  if (contract.kind !== 'swapper') throw new Error(`${id} is no swapper`);
  return contract;
};

/** A contract like that of a registry's model, of a size that tests can afford. */
const small = (id: string, sizePx = 16): SwapperContract => ({ ...contractOf(id), sizePx });

const anybody = sourceOf(new Float32Array(512).fill(0.1));

test('what leaves 0..1 is clipped, also where it was normalised', async () => {
  for (const id of ['ghost_1_256', 'hyperswap_1a_256']) {
    const contract = small(id);
    const swapper = new CropSwapper(
      await open(swapperStandIn(contract, 'double')),
      contract,
      settingsOf({ boostPx: 16 }),
    );
    const white = paintFrame(formatOf(256, 240, 'rgb'), () => [1, 0, 0.6]);
    swapper.add(white, mesh, anybody);
    await swapper.run();
    const { crop } = swapper.swapped(0);
    // (1, 0, 0.6) is (1, −1, 0.2) in −1..1, twice that (2, −2, 0.4).
    for (const [channel, value] of [1, 0, 0.7].entries())
      assertClose(at(crop, channel * 256 + 100), value, 1e-3, id);
  }
});

describe('pixel boost', () => {
  const contract = small('inswapper_128', 8);
  const noise: Picture = (x, y) => [((x * 37 + y * 11) % 97) / 97, ((x * 5 + y * 71) % 89) / 89, (x % 7) / 7];
  const noisy = paintFrame(formatOf(256, 240, 'rgb'), noise);
  const crops = async (boostPx: number, batchSize: number) => {
    const { session, runs } = recordedSession(await open(swapperStandIn(contract, 'echo')));
    const swapper = new CropSwapper(session, contract, settingsOf({ boostPx, batchSize }));
    swapper.add(noisy, mesh, anybody);
    swapper.add(noisy, fivePointMesh([60, 80, 110, 76, 88, 104, 66, 130, 108, 128]), anybody);
    await swapper.run();
    return { runs, crops: [0, 1].map((index) => swapper.swapped(index).crop.slice()) };
  };

  test('takes every k-th pixel, all parts of a face one behind the other in one batch', async () => {
    const { runs, crops: whole } = await crops(24, 18);
    assert.equal(runs.length, 1);
    const data = runs[0]?.['target']?.data ?? new Float32Array();
    assert.deepEqual(runs[0]?.['target']?.dims, [18, 3, 8, 8]);
    for (let face = 0; face < 2; face++) {
      for (let part = 0; part < 9; part++) {
        const [row, column] = [Math.floor(part / 3), part % 3];
        for (let i = 0; i < 3 * 8 * 8; i++) {
          const [channel, y, x] = [Math.floor(i / 64), Math.floor(i / 8) % 8, i % 8];
          // crop[row::3, column::3]
          const from = (channel * 24 + 3 * y + row) * 24 + 3 * x + column;
          const seen = at(data, (face * 9 + part) * 192 + i);
          assertClose(seen, at(whole[face] as Float32Array, from), 1e-6, `part ${part} of face ${face}`);
        }
      }
    }
  });

  test('gives the crop back whole, whatever the batch', async () => {
    const { crops: one } = await crops(24, 1);
    const { crops: five } = await crops(24, 5);
    const plain = small('inswapper_128', 24);
    const swapper = new CropSwapper(
      await open(swapperStandIn(plain, 'echo')),
      plain,
      settingsOf({ boostPx: 24 }),
    );
    swapper.add(noisy, mesh, anybody);
    await swapper.run();
    assert.equal(largestDifference(one[0] as Float32Array, swapper.swapped(0).crop), 0);
    for (const [at0, crop] of one.entries()) assert.deepEqual(crop, five[at0]);
  });

  test('must be a multiple of the model’s side', async () => {
    const session = await open(swapperStandIn(contract, 'echo'));
    assert.throws(() => new CropSwapper(session, contract, settingsOf({ boostPx: 12 })), { kind: 'bug' });
  });
});

describe('the weight', () => {
  /** What a target's embedding is in the stand-in: the first 512 red values of its crop, in −1..1. */
  const targetOf = async (picture: PlanarFrame): Promise<Float32Array> => {
    const recognizer = externalModel('arcface_w600k_r50').contract;
    if (recognizer.kind !== 'arcface') throw new Error('no recogniser');
    const { session, runs } = recordedSession(await open(arcfaceStandIn()));
    const arcface = new ArcfaceRecognizer(session, recognizer);
    arcface.add(picture, mesh);
    await arcface.run();
    return (runs[0]?.['input']?.data ?? new Float32Array()).slice(0, 512);
  };

  const sourcesFor = async (id: string, weight: number): Promise<readonly Float32Array[]> => {
    const contract = small(id);
    const recognizer = externalModel('arcface_w600k_r50').contract;
    if (recognizer.kind !== 'arcface') throw new Error('no recogniser');
    const arcface = new ArcfaceRecognizer(await open(arcfaceStandIn()), recognizer, { batchSize: 2 });
    const { session, runs } = recordedSession(await open(swapperStandIn(contract, 'echo')));
    const swapper = new CropSwapper(session, contract, settingsOf({ boostPx: 16, weight, arcface }));
    for (let batch = 0; batch < 2; batch++) {
      swapper.add(frame, mesh, sourceOf(who));
      await swapper.run();
      swapper.clear();
    }
    return runs.map((run) => run['source']?.data ?? new Float32Array());
  };
  const who = Float32Array.from({ length: 512 }, (_, i) => Math.cos(i));

  test('leaves the source as it is at 0.5', async () => {
    for (const source of await sourcesFor('inswapper_128', 0.5)) assert.deepEqual(source, who);
  });

  test('mixes in the target’s embedding, normalised but for ghost, and normalises nothing afterwards', async () => {
    const target = await targetOf(frame);
    const length = Math.hypot(...target);
    // interp(weight, [0, 1], [0.35, −0.35])
    for (const [weight, share] of [
      [0, 0.35],
      [0.75, -0.175],
      [1, -0.35],
    ] as const) {
      for (const [id, divisor] of [
        ['hyperswap_1a_256', length],
        ['ghost_2_256', 1],
      ] as const) {
        for (const source of await sourcesFor(id, weight)) {
          const wanted = who.map((value, i) => value * (1 - share) + (at(target, i) / divisor) * share);
          assert.ok(largestDifference(source, wanted) < 1e-5, `${id} at ${weight}`);
        }
      }
    }
  });
});

test('what a face becomes does not depend on how many go together', async () => {
  const contract = small('simswap_256');
  const session = await open(swapperStandIn(contract, 'negative'));
  const meshes = [0, 9, 17, 30, 41].map((shift) =>
    fivePointMesh([60 + shift, 80, 110 + shift, 76, 88 + shift, 104, 66 + shift, 130, 108 + shift, 128]),
  );
  const together = async (batchSize: number): Promise<readonly Float32Array[]> => {
    const swapper = new CropSwapper(session, contract, settingsOf({ boostPx: 16, batchSize }));
    for (const points of meshes) swapper.add(frame, points, anybody);
    await swapper.run();
    return meshes.map((_, index) => swapper.swapped(index).crop.slice());
  };
  const alone = await together(1);
  for (const batchSize of [2, 5]) assert.deepEqual(await together(batchSize), alone);
});

test('masks are given the crops as they are cut, then the swapped ones, and theirs are used', async () => {
  const contract = small('inswapper_128');
  const seen: string[] = [];
  const own = new Float32Array(32 * 32).fill(0.25);
  const masks = {
    add: (index: number, _: PlanarFrame, { points }: { points: Float32Array }) => {
      seen.push(`add ${index} ${points.length}`);
    },
    run: async (swapped: (index: number) => Float32Array) => {
      seen.push(`run ${swapped(0).length}`);
    },
    mask: () => own,
    clear: () => {
      seen.push('clear');
    },
    dispose: async () => {},
  };
  const session = await open(swapperStandIn(contract, 'echo'));
  const swapper = new CropSwapper(session, contract, settingsOf({ boostPx: 32, masks }));
  swapper.add(frame, mesh, anybody);
  await swapper.run();
  assert.equal(swapper.swapped(0).mask, own);
  swapper.clear();
  assert.deepEqual(seen, ['add 0 1404', `run ${3 * 32 * 32}`, 'clear']);
});

test('a file that leaves its axes open, or its batch open at one end, is run as its contract says', async () => {
  const contract = small('inswapper_128');
  const open1 = async (picture: readonly (number | string)[], output: readonly (number | string)[]) => {
    const model = modelOf({
      inputs: { target: picture, source: [picture[0] ?? 1, 'numbers'] },
      outputs: { output },
      nodes: [op('Identity', ['target'], 'output')],
    });
    const swapper = new CropSwapper(await open(model), contract, settingsOf({ boostPx: 32 }));
    swapper.add(frame, mesh, anybody);
    await swapper.run();
    return swapper.swapped(0).crop.slice();
  };
  const whole = await open1(['n', 3, 16, 16], ['n', 3, 16, 16]);
  assert.deepEqual(await open1(['n', 3, 'h', 'w'], ['n', 3, 'h', 'w']), whole);
  assert.deepEqual(await open1(['n', 3, 16, 16], [1, 3, 16, 16]), whole);
  assert.deepEqual(await open1([1, 3, 16, 16], [1, 3, 16, 16]), whole);
});

test('a model that is not as its contract says is refused with what it has', async () => {
  const contract = small('inswapper_128');
  const refused = async (model: OnnxModel, message: RegExp): Promise<void> => {
    const session = await open(model);
    assert.throws(() => new CropSwapper(session, contract, settingsOf({ boostPx: 16 })), {
      kind: 'model',
      message,
    });
  };
  const echo = (inputs: Record<string, readonly (number | string)[]>, output: readonly (number | string)[]) =>
    modelOf({
      inputs,
      outputs: { output },
      nodes: [op('Identity', [Object.keys(inputs)[0] as string], 'output')],
    });
  const picture = ['n', 3, 16, 16];
  await refused(echo({ target: picture }, picture), /"source"/);
  await refused(echo({ target: ['n', 3, 32, 32], source: ['n', 512] }, ['n', 3, 32, 32]), /"target"/);
  await refused(echo({ target: picture, source: ['n', 256] }, picture), /"source"/);
  await refused(echo({ target: picture, source: ['n', 512], more: ['n', 1] }, picture), /"more"/);
  await refused(echo({ target: picture, source: [1, 512] }, picture), /only one source/);
});
