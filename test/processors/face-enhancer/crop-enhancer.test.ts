import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { CropArithmetic } from '../../../src/imaging/aligned-cropper.js';
import type { PlanarFrame } from '../../../src/imaging/planar-frame.js';
import type { EnhancerContract } from '../../../src/inference/model-contracts.js';
import { externalModel } from '../../../src/inference/model-store.js';
import { createSession } from '../../../src/inference/session.js';
import { CropEnhancer } from '../../../src/processors/face-enhancer/crop-enhancer.js';
import { enhancementGain } from '../../../src/processors/face-enhancer/enhancement-gain.js';
import { sixtyEightIndices } from '../../../src/processors/face-landmarker/sixty-eight-points.js';
import { FaceCropMasks } from '../../../src/processors/face-masker/crop-masks.js';
import { FaceBlender } from '../../../src/processors/multiband-blender/face-blender.js';
import { modelOf, op, writeModel } from '../../inference/unit-models.js';
import { type EnhancerForm, enhancerModel } from '../../support/stand-ins/enhancer.js';
import { formatOf, paintFrame, type Picture } from '../../support/unit-frames.js';
import { placedFace } from '../../support/unit-meshes.js';
import { seededRandom } from '../../support/unit-random.js';
import { assertClose, at } from '../../support/unit-values.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-enhancer-'));
const enhancers: CropEnhancer[] = [];
let fileCount = 0;

after(async () => {
  for (const enhancer of enhancers) await enhancer.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const contractOf = (id: string): EnhancerContract => {
  const { contract } = externalModel(id);
  assert.equal(contract.kind, 'enhancer');
  return contract as EnhancerContract;
};

const plain: EnhancerForm = { scale: [1, 1, 1], offset: new Float32Array(3), batch: 1 };

/** An enhancer whose mask is open everywhere. */
const enhancerOf = async (
  contract: EnhancerContract,
  form: Partial<EnhancerForm>,
  { weight = 0.5, batchSize = 1, arithmetic = 'ours' as CropArithmetic } = {},
): Promise<CropEnhancer> => {
  const path = writeModel(
    join(folder, `${fileCount++}.onnx`),
    enhancerModel(contract, { ...plain, ...form }),
  );
  const session = await createSession(path, { providers: ['cpu'], intraOpThreads: 1 });
  const masks = new FaceCropMasks({
    sizePx: contract.sizePx,
    box: null,
    occluders: [],
    areas: [],
    parser: null,
    regions: [],
    plainCut: null,
  });
  const enhancer = new CropEnhancer({ session, contract, batchSize }, { weight, masks, arithmetic });
  enhancers.push(enhancer);
  return enhancer;
};

const format = formatOf(160, 144, 'rgb');
const points = placedFace({ x: 80, y: 70, eyesPx: 50, roll: 0.15 });
const grain = new Float32Array(64);
const mark = (): void => undefined;

/** Enhances one face of a frame. */
const enhance = async (enhancer: CropEnhancer, picture: Picture, opacity = 1): Promise<PlanarFrame> => {
  const frame = paintFrame(format, picture);
  const index = enhancer.add(frame, { points, grain });
  await enhancer.run();
  enhancer.apply(frame, index, { blender: new FaceBlender(), mode: 'basic', opacity, mark });
  enhancer.clear();
  return frame;
};

const sampleOf = (frame: PlanarFrame, channel: number, x: number, y: number): number =>
  at(
    frame.data,
    at(
      frame.layout.planes.map(({ offset }) => offset),
      channel,
    ) +
      y * format.widthPx +
      x,
  );

/** Names of the contract's table with template and size. */
const table = {
  codeformer: ['ffhq_512', 512],
  'gfpgan_1.2': ['ffhq_512', 512],
  'gfpgan_1.3': ['ffhq_512', 512],
  'gfpgan_1.4': ['ffhq_512', 512],
  gpen_bfr_256: ['arcface_128', 256],
  gpen_bfr_512: ['ffhq_512', 512],
  gpen_bfr_1024: ['ffhq_512', 1024],
  gpen_bfr_2048: ['ffhq_512', 2048],
  restoreformer_plus_plus: ['ffhq_512', 512],
} as const;

/** The five places of each template as shares of the crop, as the contract lists them. */
const shares = {
  ffhq_512: [
    0.37691676, 0.46864664, 0.62285697, 0.46912813, 0.50123859, 0.61331904, 0.39308822, 0.725411, 0.61150205,
    0.72490465,
  ],
  arcface_128: [
    0.36167656, 0.40387734, 0.63696719, 0.40235469, 0.50019687, 0.56044219, 0.38710391, 0.72160547,
    0.61507734, 0.72034453,
  ],
} as const;

/** The mesh's five points by the scheme of 68: means of six for the eyes, 30, 48 and 54. */
const fivePoints = [[36, 37, 38, 39, 40, 41], [42, 43, 44, 45, 46, 47], [30], [48], [54]].map((indices) => {
  const all = indices.flatMap((index) => sixtyEightIndices[index] as readonly [number, number]);
  return [0, 1].map((axis) => all.reduce((sum, i) => sum + at(points, 3 * i + axis), 0) / all.length);
}) as [number, number][];

/**
 * Where a frame's pixel lies in the crop, as shares of its side: the similarity s·R that brings the five points nearest to the template,
 * solved as four linear equations by Gauss.
 */
const shareAt = (template: readonly number[]): ((x: number, y: number) => readonly [number, number]) => {
  const rows = fivePoints.flatMap(([x, y], i) => [
    [x, -y, 1, 0, at(template, 2 * i)],
    [y, x, 0, 1, at(template, 2 * i + 1)],
  ]);
  const matrix = Array.from({ length: 4 }, (_, r) =>
    Array.from({ length: 5 }, (_, c) => rows.reduce((sum, row) => sum + at(row, r) * at(row, c), 0)),
  );
  for (let pivot = 0; pivot < 4; pivot++) {
    const row = matrix[pivot] as number[];
    const scale = at(row, pivot);
    matrix[pivot] = row.map((value) => value / scale);
    for (let r = 0; r < 4; r++) {
      const factor = at(matrix[r] as number[], pivot);
      if (r !== pivot) {
        matrix[r] = (matrix[r] as number[]).map(
          (value, c) => value - factor * at(matrix[pivot] as number[], c),
        );
      }
    }
  }
  const [a, b, c, d] = matrix.map((row) => at(row, 4)) as [number, number, number, number];
  return (x, y) => [a * x - b * y + c, b * x + a * y + d];
};

for (const [id, [template, sizePx]] of Object.entries(table)) {
  test(`${id} gets and gives what the contract says`, async () => {
    const contract = contractOf(id);
    assert.equal(contract.template, template);
    assert.equal(contract.sizePx, sizePx);
    assert.equal(contract.weight?.name, id === 'codeformer' ? 'weight' : undefined);
    // Half of what comes in: (v / 255 − 0.5) / 0.5 must have gone in, and (x + 1) / 2 must have come of what came out.
    const enhancer = await enhancerOf(contract, { scale: [0.5, 0.25, -0.5] });
    const frame = await enhance(enhancer, () => [0.8, 0.6, 0.1]);
    const expected = [204, 153, 26].map((value, channel) => {
      const into = (value / 255 - 0.5) / 0.5;
      return (255 * (at([0.5, 0.25, -0.5], channel) * into + 1)) / 2;
    });
    for (const channel of [0, 1, 2]) {
      assertClose(sampleOf(frame, channel, 80, 70), at(expected, channel), 1, `${id} channel ${channel}`);
    }
    assert.equal(sampleOf(frame, 0, 2, 2), 204);
  });
}

for (const id of ['gfpgan_1.4', 'gpen_bfr_256']) {
  test(`the crop of ${id} lies where the least-squares similarity to its template puts it`, async () => {
    const contract = contractOf(id);
    const { sizePx } = contract;
    // Red tells the column and green the row, from −1 to 1 over the crop.
    const offset = Float32Array.from({ length: 3 * sizePx ** 2 }, (_, i) => {
      const place = i < sizePx ** 2 ? i % sizePx : Math.floor(i / sizePx) % sizePx;
      return (2 * (place + 0.5)) / sizePx - 1;
    });
    const enhancer = await enhancerOf(contract, { scale: [0, 0, 0], offset });
    const frame = await enhance(enhancer, () => [0.5, 0.5, 0.5]);
    const template = id === 'gpen_bfr_256' ? shares.arcface_128 : shares.ffhq_512;
    const share = shareAt(template);
    for (const [x, y] of [
      [80, 70],
      [60, 60],
      [100, 75],
      [84, 95],
      [70, 50],
    ] as const) {
      const [across, down] = share(x, y);
      assertClose(sampleOf(frame, 0, x, y) / 255, across, 0.006, `column at ${x}, ${y}`);
      assertClose(sampleOf(frame, 1, x, y) / 255, down, 0.006, `row at ${x}, ${y}`);
    }
  });
}

test('what goes into a model is what lies under its crop', async () => {
  const enhancer = await enhancerOf(contractOf('gfpgan_1.4'), {});
  const picture: Picture = (x, y) => [x / 160, y / 160, (x + y) / 320];
  const frame = await enhance(enhancer, picture);
  const before = paintFrame(format, picture);
  for (let i = 0; i < frame.data.length; i++)
    assertClose(at(frame.data, i), at(before.data, i), 2, `sample ${i}`);
});

test('what a model gives beyond −1 and 1 is clipped', async () => {
  const enhancer = await enhancerOf(contractOf('gpen_bfr_256'), {
    scale: [0, 0, 0],
    offset: Float32Array.of(3, -3, Number.NaN),
  });
  const frame = await enhance(enhancer, () => [0.5, 0.5, 0.5]);
  assert.equal(sampleOf(frame, 0, 80, 70), 255);
  assert.equal(sampleOf(frame, 1, 80, 70), 0);
  assert.equal(sampleOf(frame, 2, 80, 70), 0);
});

test('codeformer gets its weight, as a float64', async () => {
  const contract = contractOf('codeformer');
  assert.equal(contract.weight?.elementType, 'float64');
  const form = { scale: [0, 0, 0], byWeight: 1 } as const;
  for (const weight of [0, 0.3, 1]) {
    const frame = await enhance(await enhancerOf(contract, form, { weight }), () => [0.2, 0.2, 0.2]);
    assertClose(sampleOf(frame, 0, 80, 70), (255 * (weight + 1)) / 2, 1);
  }
});

test('a blend of so much lays in so much', async () => {
  const enhancer = await enhancerOf(contractOf('gpen_bfr_256'), {
    scale: [0, 0, 0],
    offset: Float32Array.of(1, 1, 1),
  });
  const frame = await enhance(enhancer, () => [0.2, 0.2, 0.2], 0.4);
  assertClose(sampleOf(frame, 0, 80, 70), 0.6 * 51 + 0.4 * 255, 1);
});

test('faces do not depend on how many go through the model together', async () => {
  const contract = { ...contractOf('gpen_bfr_256'), sizePx: 64 };
  const shades = [0.1, 0.3, 0.5, 0.7, 0.9];
  const results: Uint8Array[][] = [];
  for (const batchSize of [1, 2, 4]) {
    const batch = batchSize === 1 ? 1 : 'batch';
    const enhancer = await enhancerOf(contract, { scale: [0.5, 0.8, 0.3], batch }, { batchSize });
    const frames = shades.map((shade) => paintFrame(format, (x, y) => [shade, x / 160, y / 144]));
    const numbers = frames.map((frame) => enhancer.add(frame, { points, grain }));
    assert.equal(enhancer.count, 5);
    await enhancer.run();
    const blender = new FaceBlender();
    frames.forEach((frame, i) =>
      enhancer.apply(frame, at(numbers, i), { blender, mode: 'multiband', opacity: 0.8, mark }),
    );
    results.push(frames.map(({ data }) => data as Uint8Array));
  }
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(results[2], results[0]);
});

test('faces that are too small, or finer than the model’s output, are left alone, with a fade between', async () => {
  assert.equal(enhancementGain(9, 0.1, 1), 0);
  assert.equal(enhancementGain(14, 0.1, 1), 1);
  assert.equal(enhancementGain(200, 1.25, 1), 1);
  assert.equal(enhancementGain(200, 1.75, 1), 0);
  assert.ok(enhancementGain(12, 0.1, 1) > 0 && enhancementGain(12, 0.1, 1) < 1, 'it fades by size');
  assert.ok(enhancementGain(200, 1.5, 1) > 0 && enhancementGain(200, 1.5, 1) < 1, 'it fades by fineness');
  // A face that was swapped from a coarse crop gains although the frame is fine.
  assert.equal(enhancementGain(600, 4, 5), 1);
  const enhancer = await enhancerOf(contractOf('gpen_bfr_256'), {});
  assert.equal(enhancer.gain(placedFace({ x: 80, y: 70, eyesPx: 6 }), 1), 0);
  assert.equal(enhancer.gain(placedFace({ x: 80, y: 70, eyesPx: 40 }), 1), 1);
  assert.equal(enhancer.gain(placedFace({ x: 80, y: 70, eyesPx: 400 }), 1), 0);
});

/**
 * What FaceFusion 3.8.1 makes of an R'G'B' frame, from the contract's §0, §1, §6 and §8: the crop is read bilinearly at the template's numbers
 * taken for pixel centres and rounded; the model's answer is rounded; face and mask are read bilinearly in the box of the crop's corners, the
 * face rounded, the mixture cut off; and the whole is mixed into the frame.
 */
const asFaceFusion = (
  before: PlanarFrame,
  {
    template,
    sizePx,
    answer,
    blend,
    mask,
  }: {
    readonly template: readonly number[];
    readonly sizePx: number;
    readonly answer: (value: number) => number;
    readonly blend: number;
    readonly mask: Float32Array;
  },
): Uint8Array => {
  const { widthPx, heightPx } = format;
  const share = shareAt(template);
  const [origin, along, down] = [share(0, 0), share(1, 0), share(0, 1)];
  // The crop's pixel of a frame's pixel, and back.
  const [a, d] = [sizePx * (along[0] - origin[0]), sizePx * (along[1] - origin[1])];
  const [b, e] = [sizePx * (down[0] - origin[0]), sizePx * (down[1] - origin[1])];
  const [c, f] = [sizePx * origin[0], sizePx * origin[1]];
  const scale = a * e - b * d;
  const toFrame = (u: number, v: number): readonly [number, number] => [
    (e * (u - c) - b * (v - f)) / scale,
    (a * (v - f) - d * (u - c)) / scale,
  ];
  const clip = (value: number, count: number): number => Math.min(count - 1, Math.max(0, value));
  const between = (x: number, y: number, valueAt: (x: number, y: number) => number): number => {
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const [u, v] = [x - left, y - top];
    return (
      (1 - v) * ((1 - u) * valueAt(left, top) + u * valueAt(left + 1, top)) +
      v * ((1 - u) * valueAt(left, top + 1) + u * valueAt(left + 1, top + 1))
    );
  };
  const result = Uint8Array.from(before.data);
  const corners = [toFrame(0, 0), toFrame(sizePx, 0), toFrame(sizePx, sizePx), toFrame(0, sizePx)];
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  for (let channel = 0; channel < 3; channel++) {
    const plane = channel * widthPx * heightPx;
    const crop = Float64Array.from({ length: sizePx * sizePx }, (_, i) => {
      const [x, y] = toFrame(i % sizePx, Math.floor(i / sizePx));
      const byte = Math.round(
        between(x, y, (px, py) => at(before.data, plane + clip(py, heightPx) * widthPx + clip(px, widthPx))),
      );
      const given = Math.min(1, Math.max(-1, answer((byte / 255 - 0.5) / 0.5)));
      return Math.round((255 * (given + 1)) / 2);
    });
    for (
      let y = Math.max(0, Math.floor(Math.min(...ys)));
      y < Math.min(heightPx, Math.ceil(Math.max(...ys)));
      y++
    ) {
      for (
        let x = Math.max(0, Math.floor(Math.min(...xs)));
        x < Math.min(widthPx, Math.ceil(Math.max(...xs)));
        x++
      ) {
        const [u, v] = [a * x + b * y + c, d * x + e * y + f];
        const opacity = between(u, v, (px, py) =>
          px < 0 || py < 0 || px >= sizePx || py >= sizePx ? 0 : at(mask, py * sizePx + px),
        );
        const face = Math.round(
          between(u, v, (px, py) => at(crop, clip(py, sizePx) * sizePx + clip(px, sizePx))),
        );
        const own = at(before.data, plane + y * widthPx + x);
        const pasted = Math.trunc(own * (1 - opacity) + face * opacity);
        result[plane + y * widthPx + x] = Math.round(own * (1 - blend) + pasted * blend);
      }
    }
  }
  return result;
};

test('--compat facefusion enhances with its roundings', async () => {
  const contract = { ...contractOf('gpen_bfr_256'), sizePx: 96 };
  const random = seededRandom(6);
  const picture: Picture = (x, y) => [x / 160, y / 144, random.between(0.2, 0.8)];
  const before = paintFrame(format, picture);
  for (const blend of [1, 0.8]) {
    const enhancer = await enhancerOf(contract, { scale: [0.7, 0.7, 0.7] }, { arithmetic: 'facefusion' });
    const frame: PlanarFrame = { ...before, data: Uint8Array.from(before.data) };
    const index = enhancer.add(frame, { points, grain });
    await enhancer.run();
    enhancer.apply(frame, index, { blender: new FaceBlender(), mode: 'multiband', opacity: blend, mark });
    const mask = new Float32Array(96 * 96).fill(1);
    const expected = asFaceFusion(before, {
      template: shares.arcface_128,
      sizePx: 96,
      answer: (value) => 0.7 * value,
      blend,
      mask,
    });
    let different = 0;
    for (let i = 0; i < expected.length; i++) {
      // Single precision decides otherwise now and then where a value lies between two levels.
      assertClose(at(frame.data, i), at(expected, i), 1, `sample ${i}`);
      if (at(frame.data, i) !== at(expected, i)) different++;
    }
    assert.ok(different < 0.005 * expected.length, `${different} samples differ at a blend of ${blend}`);
    assert.notDeepEqual(frame.data, before.data);
  }
});

test('axes that a file leaves open get the contract’s lengths', async () => {
  const dims = ['batch', 3, 'height', 'width'];
  const path = writeModel(
    join(folder, 'open.onnx'),
    modelOf({ inputs: { input: dims }, outputs: { output: dims }, nodes: [op('Neg', ['input'], 'output')] }),
  );
  const session = await createSession(path, { providers: ['cpu'], intraOpThreads: 1 });
  const contract = contractOf('gpen_bfr_256');
  const masks = new FaceCropMasks({
    sizePx: contract.sizePx,
    box: null,
    occluders: [],
    areas: [],
    parser: null,
    regions: [],
    plainCut: null,
  });
  const enhancer = new CropEnhancer(
    { session, contract, batchSize: 2 },
    { weight: 0.5, masks, arithmetic: 'ours' },
  );
  enhancers.push(enhancer);
  const frame = await enhance(enhancer, () => [0.8, 0.2, 0.5]);
  assertClose(sampleOf(frame, 0, 80, 70), 51, 1);
  assertClose(sampleOf(frame, 1, 80, 70), 204, 1);
});

test('a model that does not fit its contract is refused', async () => {
  const path = writeModel(
    join(folder, 'wrong.onnx'),
    modelOf({
      inputs: { input: [1, 3, 256, 256] },
      outputs: { output: [1, 3, 256, 256] },
      nodes: [op('Identity', ['input'], 'output')],
    }),
  );
  const session = await createSession(path, { providers: ['cpu'], intraOpThreads: 1 });
  const masks = new FaceCropMasks({
    sizePx: 512,
    box: null,
    occluders: [],
    areas: [],
    parser: null,
    regions: [],
    plainCut: null,
  });
  assert.throws(
    () =>
      new CropEnhancer(
        { session, contract: contractOf('gfpgan_1.4'), batchSize: 1 },
        { weight: 0.5, masks, arithmetic: 'ours' },
      ),
    {
      kind: 'model',
      message: /input "input" \[n, 3, 512, 512\], but it has "input" \[1, 3, 256, 256\]/,
    },
  );
  await session.dispose();
});
