import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { ModelContract } from '../../src/inference/model-contracts.js';
import { externalModel, type ModelFile, requireModel } from '../../src/inference/model-store.js';
import { releaseArcface } from '../../src/pipeline/arcface-session.js';
import type { NeuralModelFiles } from '../../src/pipeline/chain-models.js';
import { chainSettings } from '../../src/pipeline/plan.js';
import { resolveRunOptions } from '../../src/pipeline/resolve-run-options.js';
import { openSwapSources } from '../../src/pipeline/swap-sources.js';
import { modelOf, op, writeModel } from '../inference/unit-models.js';
import {
  fittedSimilarity,
  fivePointMesh,
  type FivePoints,
  placeInFrame,
} from '../support/five-point-mesh.js';
import { standInMatrix, writeSwapperStandIns } from '../support/stand-ins/swappers.js';
import { formatOf, paintFrame } from '../support/unit-frames.js';
import { assertClose, at, largestDifference } from '../support/unit-values.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-swap-sources-'));
after(async () => {
  await releaseArcface();
  rmSync(folder, { recursive: true, force: true });
});

const file = <Kind extends ModelContract['kind']>(id: string, kind: Kind): ModelFile<Kind> =>
  requireModel(externalModel(id), [kind], folder);

const settingsWith = (compat: 'none' | 'facefusion') => ({
  ...chainSettings(resolveRunOptions({ source: 'a.png', target: 'b.mp4', output: 'c.mp4', compat })),
  executionThreadCount: 1,
});

const frame = paintFrame(formatOf(256, 240, 'rgb'), (x, y) => [x / 255, y / 255, (255 - x) / 255]);
const faces: readonly FivePoints[] = [
  [104, 92, 150, 100, 124, 118, 100, 141, 138, 147],
  [60, 80, 110, 76, 88, 104, 66, 130, 108, 128],
];

const sourcesOf = async (
  id: string,
  converter: string | null,
  compat: 'none' | 'facefusion' = 'none',
): Promise<readonly Float32Array[]> => {
  writeSwapperStandIns(folder, id, 'echo');
  const swapper = file(id, 'swapper');
  const neural: NeuralModelFiles = {
    detectors: [],
    imageLandmarkers: [],
    fiveToSixtyEight: null,
    classifier: null,
    recognizer: swapper.contract.source.kind === 'embedding' ? file('arcface_w600k_r50', 'arcface') : null,
    converter: converter === null ? null : file(converter, 'embedding-converter'),
    swapper,
    deepSwapper: null,
    enhancer: null,
    occluders: [],
    parser: null,
  };
  const reader = await openSwapSources(swapper, { neural, cacheFolder: null }, settingsWith(compat));
  for (const five of faces) await reader.add(frame, fivePointMesh(five));
  return reader.finish();
};

/** The contract's arcface_112_v2. */
const template = [
  0.34191607, 0.46157411, 0.65653393, 0.45983393, 0.500225, 0.64050536, 0.37097589, 0.82469196, 0.63151696,
  0.82325089,
];

/** The stand-in's embedding of a face: red in −1..1 along the top rows of its crop. */
const embeddingOf = (five: FivePoints): Float64Array => {
  const similarity = fittedSimilarity(
    five,
    template.map((share) => share * 112 - 0.5),
  );
  return Float64Array.from({ length: 512 }, (_, i) => {
    const [x] = placeInFrame(similarity, i % 112, Math.floor(i / 112));
    return Math.min(255, Math.max(0, x)) / 127.5 - 1;
  });
};
const embeddings = faces.map(embeddingOf);
const raw = Float64Array.from(
  { length: 512 },
  (_, i) => embeddings.reduce((sum, e) => sum + at(e, i), 0) / 2,
);
const normalised = Float64Array.from(
  { length: 512 },
  (_, i) => embeddings.reduce((sum, e) => sum + at(e, i) / Math.hypot(...e), 0) / 2,
);

describe('the source of', () => {
  test('hyperswap is the mean of the normalised embeddings, not normalised again', async () => {
    const [first, second] = await sourcesOf('hyperswap_1b_256', null);
    assert.deepEqual(first, second);
    assert.ok(largestDifference(first ?? [], normalised) < 1e-4, 'mean of the normalised');
    assert.ok(Math.hypot(...(first ?? [])) < 0.999, 'shorter than one');
  });

  test('inswapper is the mean embedding times the file’s matrix, divided by the embedding’s own length', async () => {
    for (const id of ['inswapper_128', 'inswapper_128_fp16']) {
      const [source] = await sourcesOf(id, null);
      const wanted = Float64Array.from({ length: 512 }, (_, column) => {
        let sum = 0;
        for (let row = 0; row < 512; row++) sum += at(raw, row) * at(standInMatrix, row * 512 + column);
        return sum / Math.hypot(...raw);
      });
      assert.ok(largestDifference(source ?? [], wanted) < 2e-3, id);
      assert.ok(Math.abs(Math.hypot(...wanted) - 1) > 0.1, 'not of length one');
    }
  });

  test('ghost is what its converter makes of the mean embedding', async () => {
    const [source] = await sourcesOf('ghost_3_256', 'crossface_ghost');
    assert.ok(
      largestDifference(
        source ?? [],
        raw.map((value) => 3 * value + 0.25),
      ) < 1e-3,
      'converted',
    );
  });

  test('simswap and hififace is the same divided by its length', async () => {
    const converted = raw.map((value) => 3 * value + 0.25);
    const length = Math.hypot(...converted);
    for (const [id, converter] of [
      ['simswap_256', 'crossface_simswap'],
      ['simswap_unofficial_512', 'crossface_simswap'],
      ['hififace_unofficial_256', 'crossface_hififace'],
    ] as const) {
      const [source] = await sourcesOf(id, converter);
      assert.ok(
        largestDifference(
          source ?? [],
          converted.map((value) => value / length),
        ) < 1e-4,
        id,
      );
    }
  });

  test('blendswap and uniface is the photo’s own crop in 0..1, RGB', async () => {
    const ffhq = [
      0.37691676, 0.46864664, 0.62285697, 0.46912813, 0.50123859, 0.61331904, 0.39308822, 0.725411,
      0.61150205, 0.72490465,
    ];
    for (const [id, sizePx, points] of [
      ['blendswap_256', 112, template],
      ['uniface_256', 256, ffhq],
    ] as const) {
      const sources = await sourcesOf(id, null);
      for (const [index, five] of faces.entries()) {
        const similarity = fittedSimilarity(
          five,
          points.map((share) => share * sizePx - 0.5),
        );
        const [x, y] = [Math.round(0.4 * sizePx), Math.round(0.6 * sizePx)];
        const [frameX, frameY] = placeInFrame(similarity, x, y);
        for (const [channel, level] of [frameX, frameY, 255 - frameX].entries()) {
          const seen = at(sources[index] ?? [], (channel * sizePx + y) * sizePx + x);
          assertClose(seen, level / 255, 1e-3, `${id}, photo ${index}, channel ${channel}`);
        }
      }
    }
  });
});

test('FaceFusion takes the picture of the first photo for all', async () => {
  const [first, second] = await sourcesOf('blendswap_256', null, 'facefusion');
  assert.ok(first !== undefined && first === second, 'one crop for both photos');
});

test('an INSwapper file whose last constant is no such matrix is refused with what it has', async () => {
  writeSwapperStandIns(folder, 'inswapper_128', 'echo');
  const swapper = file('inswapper_128', 'swapper');
  const reader = async () => {
    const model = modelOf({
      inputs: { target: ['n', 3, 128, 128], source: ['n', 512] },
      outputs: { output: ['n', 3, 128, 128] },
      weights: { other: { dims: [3], data: Float32Array.of(1, 2, 3) } },
      nodes: [op('Identity', ['target'], 'output')],
    });
    writeModel(swapper.file, model);
    const neural = { recognizer: file('arcface_w600k_r50', 'arcface'), swapper };
    const opened = await openSwapSources(
      swapper,
      { neural: neural as unknown as NeuralModelFiles, cacheFolder: null },
      settingsWith('none'),
    );
    await opened.add(frame, fivePointMesh(faces[0] as FivePoints));
    return opened.finish();
  };
  await assert.rejects(reader(), { kind: 'model', message: /matrix \[512, 512\] .* is \[3\]/ });
});
