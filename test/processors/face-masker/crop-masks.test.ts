import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Affine } from '../../../src/imaging/affine.js';
import { externalModel } from '../../../src/inference/model-store.js';
import type { ContractOf } from '../../../src/inference/model-contracts.js';
import { createSession, type ModelSession } from '../../../src/inference/session.js';
import { AreaMask, type MaskArea } from '../../../src/processors/face-masker/area-mask.js';
import { type CropMaskParts, FaceCropMasks } from '../../../src/processors/face-masker/crop-masks.js';
import { MaskSmoother } from '../../../src/processors/face-masker/mask-smoother.js';
import type { CropCutter } from '../../../src/processors/face-masker/occlusion-masks.js';
import { sixtyEightIndices } from '../../../src/processors/face-landmarker/sixty-eight-points.js';
import type { OnnxModel } from '../../../src/inference/onnx-file.js';
import { writeModel } from '../../inference/unit-models.js';
import { occluderModel } from '../../support/stand-ins/occluder.js';
import { parserModel } from '../../support/stand-ins/parser.js';
import { formatOf, paintFrame } from '../../support/unit-frames.js';
import { placedFace } from '../../support/unit-meshes.js';
import { seededRandom } from '../../support/unit-random.js';
import { assertClose, at, largestDifference } from '../../support/unit-values.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-masks-'));
const sessions: ModelSession[] = [];
let fileCount = 0;

after(async () => {
  for (const session of sessions) await session.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const open = async (model: OnnxModel): Promise<ModelSession> => {
  const path = writeModel(join(folder, `${fileCount++}.onnx`), model);
  const session = await createSession(path, { providers: ['cpu'], intraOpThreads: 1 });
  sessions.push(session);
  return session;
};

const contractOf = <Kind extends 'xseg' | 'bisenet'>(id: string, kind: Kind): ContractOf<Kind> => {
  const { contract } = externalModel(id);
  assert.equal(contract.kind, kind);
  return contract as ContractOf<Kind>;
};

const xseg = contractOf('xseg_1', 'xseg');
const bisenet = contractOf('bisenet_resnet_34', 'bisenet');
/** The same for tests to which its size does not matter. */
const smallBisenet = { ...bisenet, sizePx: 64 };

/** Bilinear resizing with half-pixel centres and a repeated border, straight from its definition. */
const resized = (plane: Float32Array, fromPx: number, toPx: number): Float32Array => {
  const sample = (place: number): readonly [number, number, number] => {
    const low = Math.floor(place);
    const clip = (index: number): number => Math.min(fromPx - 1, Math.max(0, index));
    return [clip(low), clip(low + 1), place - low];
  };
  return Float32Array.from({ length: toPx * toPx }, (_, i) => {
    const [x0, x1, u] = sample((((i % toPx) + 0.5) * fromPx) / toPx - 0.5);
    const [y0, y1, v] = sample(((Math.floor(i / toPx) + 0.5) * fromPx) / toPx - 0.5);
    const line = (y: number): number => (1 - u) * at(plane, y * fromPx + x0) + u * at(plane, y * fromPx + x1);
    return (1 - v) * line(y0) + v * line(y1);
  });
};

/** The contract's `smooth`: Gaussian of sigma 5 over 41 × 41 samples, border reflect-101, then (clip(.5, 1) − .5) · 2. */
const smoothed = (mask: Float32Array, sizePx: number): Float32Array => {
  const weights = Array.from({ length: 41 }, (_, i) => Math.exp(-((i - 20) ** 2) / 50));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const reflect = (index: number): number => {
    const once = Math.abs(index);
    return once < sizePx ? once : 2 * (sizePx - 1) - once;
  };
  const clipped = mask.map((value) => Math.min(1, Math.max(0, value)));
  const across = clipped.map((_, i) => {
    const [x, row] = [i % sizePx, Math.floor(i / sizePx) * sizePx];
    return (
      weights.reduce((sum, weight, k) => sum + weight * at(clipped, row + reflect(x + k - 20)), 0) / total
    );
  });
  return across.map((_, i) => {
    const [x, y] = [i % sizePx, Math.floor(i / sizePx)];
    const blurred =
      weights.reduce((sum, weight, k) => sum + weight * at(across, reflect(y + k - 20) * sizePx + x), 0) /
      total;
    return 2 * (Math.min(1, Math.max(0.5, blurred)) - 0.5);
  });
};

const none: CropMaskParts = {
  sizePx: 64,
  box: null,
  occluders: [],
  areas: [],
  parser: null,
  regions: [],
  plainCut: null,
};

const identity: Affine = { a: 1, b: 0, c: 0, d: 0, e: 1, f: 0 };
const mesh = placedFace({ x: 32, y: 32, eyesPx: 30 });
const noCrop = (): Float32Array => new Float32Array(3 * 64 * 64);

/** Reads whole pixels of an R'G'B' frame. */
const readPixels: CropCutter = ({ data, layout, format }, { c, f }, sizePx, out) => {
  for (let i = 0; i < 3 * sizePx * sizePx; i++) {
    const channel = Math.floor(i / (sizePx * sizePx));
    const x = (i % sizePx) + c;
    const y = (Math.floor(i / sizePx) % sizePx) + f;
    const place = (layout.planes[channel]?.offset ?? 0) + y * format.widthPx + x;
    out[i] = at(data, place) / 255;
  }
};

test('smoothing is the contract’s Gaussian with its upper half stretched', () => {
  const random = seededRandom(4);
  for (const sizePx of [48, 50]) {
    const mask = Float32Array.from({ length: sizePx * sizePx }, (_, i) =>
      i % sizePx > 20 ? 1.2 : random.between(-0.2, 0.6),
    );
    const expected = smoothed(mask, sizePx);
    new MaskSmoother(sizePx).smooth(mask);
    assert.ok(largestDifference(mask, expected) < 1e-5, `a mask of ${sizePx} px`);
  }
  assert.throws(() => new MaskSmoother(20), { kind: 'bug' });
});

test('an occluder gets its crop as BGR, 0..1, channels last', async () => {
  const picture = paintFrame(formatOf(64, 64, 'rgb'), () => [0.2, 0.4, 0.8]);
  // Each place of the last axis is asked for alone: 0.8, 0.4 and 0.2 must come back from it, in this order.
  for (const [place, value] of [0.8, 0.4, 0.2].entries()) {
    const weights: [number, number, number] = [0, 0, 0];
    weights[place] = 1;
    // What is below one half vanishes in smoothing, so it is lifted.
    const session = await open(occluderModel(xseg, weights, 0.2, 1));
    const masks = new FaceCropMasks({ ...none, occluders: [{ session, contract: xseg, batchSize: 1 }] });
    masks.add(0, picture, { toFrame: identity, points: mesh });
    await masks.run(noCrop);
    const seen = Math.round(255 * value) / 255 + 0.2;
    assertClose(
      at(masks.mask(0), 32 * 64 + 32),
      2 * (Math.min(1, Math.max(0.5, seen)) - 0.5),
      1e-4,
      `place ${place}`,
    );
    await masks.dispose();
  }
});

test('an occlusion mask is what the contract makes of the model’s answer', async () => {
  const picture = paintFrame(formatOf(96, 96, 'rgb'), (x, y) => [x / 95, y / 95, (x + y) / 190]);
  const session = await open(occluderModel(xseg, [0.3, 0.6, 0.9], -0.2, 1));
  const masks = new FaceCropMasks({
    ...none,
    occluders: [{ session, contract: xseg, batchSize: 1 }],
    plainCut: readPixels,
  });
  masks.add(0, picture, { toFrame: { ...identity, c: 10, f: 20 }, points: mesh });
  await masks.run(noCrop);
  const crop = new Float32Array(3 * 64 * 64);
  readPixels(picture, { ...identity, c: 10, f: 20 }, 64, crop);
  const [red, green, blue] = [0, 1, 2].map((c) => resized(crop.slice(c * 4096, (c + 1) * 4096), 64, 256)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const answer = red.map((value, i) =>
    Math.min(1, Math.max(0, 0.3 * at(blue, i) + 0.6 * at(green, i) + 0.9 * value - 0.2)),
  );
  const expected = smoothed(resized(answer, 256, 64), 64);
  assert.ok(largestDifference(masks.mask(0), expected) < 1e-4);
});

test('our own crops for occluders come straight from the frame and agree with the contract’s where nothing is fine', async () => {
  const picture = paintFrame(formatOf(128, 128, 'rgb'), (x) => [x / 127, x / 127, x / 127]);
  const session = await open(occluderModel(xseg, [0, 0, 1], 0, 1));
  const parts = { ...none, occluders: [{ session, contract: xseg, batchSize: 1 }] };
  const toFrame = { ...identity, c: 32, f: 32 };
  const [ours, theirs] = [new FaceCropMasks(parts), new FaceCropMasks({ ...parts, plainCut: readPixels })];
  for (const masks of [ours, theirs]) {
    masks.add(0, picture, { toFrame, points: mesh });
    await masks.run(noCrop);
  }
  assert.ok(largestDifference(ours.mask(0), theirs.mask(0)) < 0.02);
});

test('of several occluders the smallest answer counts', async () => {
  const picture = paintFrame(formatOf(64, 64, 'rgb'), () => [0.5, 0.5, 0.5]);
  const occluders = [];
  for (const constant of [0.95, 0.8, 0.9]) {
    const session = await open(occluderModel(xseg, [0, 0, 0], constant, 1));
    occluders.push({ session, contract: xseg, batchSize: 1 });
  }
  const masks = new FaceCropMasks({ ...none, occluders });
  masks.add(0, picture, { toFrame: identity, points: mesh });
  await masks.run(noCrop);
  assertClose(at(masks.mask(0), 0), 0.6, 1e-5);
});

test('a parser gets ImageNet’s normalisation of each channel, and the chosen classes are kept', async () => {
  const sizePx = 76;
  // A bar for each of the 19 classes.
  const barOf = (x: number): number => Math.min(18, Math.floor((x * 19) / sizePx));
  for (const channel of [0, 1, 2] as const) {
    const crop = Float32Array.from({ length: 3 * sizePx * sizePx }, (_, i) =>
      Math.floor(i / sizePx ** 2) === channel ? barOf(i % sizePx) / 18 : 0.3,
    );
    const session = await open(parserModel(bisenet, channel, 1));
    const masks = new FaceCropMasks({
      ...none,
      sizePx,
      parser: { session, contract: bisenet, batchSize: 1 },
      regions: ['nose', 'mouth', 'upper-lip', 'lower-lip', 'skin'],
      plainCut: readPixels,
    });
    const picture = paintFrame(formatOf(sizePx, sizePx, 'rgb'), () => [0, 0, 0]);
    masks.add(0, picture, { toFrame: identity, points: mesh });
    await masks.run(() => crop);
    const plane = crop.slice(channel * sizePx ** 2, (channel + 1) * sizePx ** 2);
    const chosen = resized(plane, sizePx, 512).map((value) =>
      [1, 10, 11, 12, 13].includes(Math.round(18 * value)) ? 1 : 0,
    );
    const expected = smoothed(resized(chosen, 512, sizePx), sizePx);
    assert.ok(largestDifference(masks.mask(0), expected) < 0.02, `channel ${channel}`);
    assert.ok(
      expected.some((value) => value > 0.5) && expected.some((value) => value === 0),
      'both sides are seen',
    );
    await masks.dispose();
  }
});

test('each region is the class that the contract says', async () => {
  const ids = {
    skin: 1,
    'left-eyebrow': 2,
    'right-eyebrow': 3,
    'left-eye': 4,
    'right-eye': 5,
    glasses: 6,
    nose: 10,
    mouth: 11,
    'upper-lip': 12,
    'lower-lip': 13,
  } as const;
  const picture = paintFrame(formatOf(64, 64, 'rgb'), () => [0, 0, 0]);
  const session = await open(parserModel(smallBisenet, 0, 1));
  for (const [name, id] of Object.entries(ids)) {
    const masks = new FaceCropMasks({
      ...none,
      parser: { session, contract: smallBisenet, batchSize: 1 },
      regions: [name as keyof typeof ids],
    });
    for (const index of [0, 1]) masks.add(index, picture, { toFrame: identity, points: mesh });
    // The class itself, and the one after it.
    await masks.run((index) => new Float32Array(3 * 64 * 64).fill((id + index) / 18));
    assertClose(at(masks.mask(0), 2080), 1, 1e-5, name);
    assertClose(at(masks.mask(1), 2080), 0, 1e-5, `after ${name}`);
    await masks.dispose();
  }
});

/** Whether a place lies inside the convex hull of points: no line through it has all of them on one side. */
const isInHull = (points: readonly (readonly [number, number])[], x: number, y: number): boolean => {
  const turns = points.map(([px, py]) => Math.atan2(py - y, px - x)).sort((a, b) => a - b);
  const gaps = turns.map((turn, i) => (turns[i + 1] ?? at(turns, 0) + 2 * Math.PI) - turn);
  return Math.max(...gaps) <= Math.PI;
};

test('an area is the hull of the contract’s points, mapped into the crop', () => {
  const between = (from: number, to: number): number[] =>
    Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const sets: Readonly<Record<MaskArea, readonly number[]>> = {
    'upper-face': [0, 1, 2, 14, 15, 16, ...between(17, 26), ...between(31, 35)],
    'lower-face': [...between(3, 13), ...between(31, 35)],
    mouth: between(48, 67),
  };
  const points = placedFace({ x: 200, y: 150, eyesPx: 90, roll: 0.2 });
  const toFrame = { a: 5.1, b: -0.8, c: 90, d: 0.8, e: 5.1, f: 20 };
  const sizePx = 48;
  const out = new Float32Array(sizePx * sizePx);
  for (const areas of [
    ['upper-face'],
    ['lower-face'],
    ['mouth'],
    ['upper-face', 'lower-face', 'mouth'],
  ] as const) {
    const corners = areas
      .flatMap((area) => sets[area])
      .map((index): readonly [number, number] => {
        const [first, second] = sixtyEightIndices[index] as readonly [number, number];
        const x = (at(points, 3 * first) + at(points, 3 * second)) / 2 - toFrame.c;
        const y = (at(points, 3 * first + 1) + at(points, 3 * second + 1)) / 2 - toFrame.f;
        const scale = toFrame.a * toFrame.e - toFrame.b * toFrame.d;
        return [(toFrame.e * x - toFrame.b * y) / scale, (toFrame.a * y - toFrame.d * x) / scale];
      });
    for (const rounding of ['exact', 'truncated'] as const) {
      const used =
        rounding === 'exact' ? corners : corners.map(([x, y]) => [Math.trunc(x), Math.trunc(y)] as const);
      new AreaMask(areas, rounding).draw(points, toFrame, sizePx, out);
      let inside = 0;
      for (let i = 0; i < out.length; i++) {
        const [x, y] = [i % sizePx, Math.floor(i / sizePx)];
        // Pixels on the border itself may go either way.
        const votes = [-0.75, 0, 0.75].flatMap((dy) =>
          [-0.75, 0, 0.75].map((dx) => isInHull(used, x + dx, y + dy)),
        );
        if (votes.every((vote) => vote))
          assert.equal(at(out, i), 1, `${areas.join()} ${rounding} at ${x}, ${y}`);
        if (votes.every((vote) => !vote))
          assert.equal(at(out, i), 0, `${areas.join()} ${rounding} at ${x}, ${y}`);
        if (votes.every((vote) => vote)) inside++;
      }
      assert.ok(inside > 8, `${areas.join()} has ${inside} pixels`);
    }
  }
});

test('of all types of masks the smallest value counts at each place', async () => {
  const picture = paintFrame(formatOf(64, 64, 'rgb'), () => [0.5, 0.5, 0.5]);
  const session = await open(occluderModel(xseg, [0, 0, 0], 0.9, 1));
  const box = Float32Array.from({ length: 4096 }, (_, i) => (i % 64) / 63);
  const occluders = [{ session, contract: xseg, batchSize: 1 }];
  const maskOf = async (parts: Partial<CropMaskParts>): Promise<Float32Array> => {
    const masks = new FaceCropMasks({ ...none, ...parts });
    masks.add(0, picture, { toFrame: identity, points: mesh });
    await masks.run(noCrop);
    return masks.mask(0).slice();
  };
  const parts = [await maskOf({ box }), await maskOf({ occluders }), await maskOf({ areas: ['mouth'] })];
  const all = await maskOf({ box, occluders, areas: ['mouth'] });
  all.forEach((value, i) => assert.equal(value, Math.min(...parts.map((part) => at(part, i)))));
  assert.deepEqual(await maskOf({ box }), box);
});

test('masks do not depend on how many faces go together', async () => {
  const random = seededRandom(9);
  const shades = Array.from({ length: 5 }, () => random.between(0.5, 1));
  const pictures = shades.map((shade) => paintFrame(formatOf(64, 64, 'rgb'), (x) => [shade, x / 63, shade]));
  const crops = shades.map((shade) => new Float32Array(3 * 64 * 64).fill(shade));
  const results: Float32Array[][] = [];
  for (const batchSize of [1, 2, 4]) {
    const batch = batchSize === 1 ? 1 : 'batch';
    const masks = new FaceCropMasks({
      ...none,
      occluders: [
        { session: await open(occluderModel(xseg, [0, 0.5, 0.6], 0, batch)), contract: xseg, batchSize },
      ],
      parser: { session: await open(parserModel(smallBisenet, 0, batch)), contract: smallBisenet, batchSize },
      regions: ['nose', 'mouth', 'upper-lip', 'lower-lip'],
    });
    pictures.forEach((picture, index) => masks.add(index, picture, { toFrame: identity, points: mesh }));
    await masks.run((index) => crops[index] as Float32Array);
    results.push(pictures.map((_, index) => masks.mask(index).slice()));
    masks.clear();
    assert.throws(() => masks.mask(0), { kind: 'bug' });
    await masks.dispose();
  }
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(results[2], results[0]);
});

test('a model of another signature is refused with what it has', async () => {
  const wrong = await open(occluderModel({ ...xseg, sizePx: 128 }, [1, 0, 0], 0, 1));
  assert.throws(
    () => new FaceCropMasks({ ...none, occluders: [{ session: wrong, contract: xseg, batchSize: 1 }] }),
    {
      kind: 'model',
      message: /should have an input "input" \[n, 256, 256, 3\], but it has "input" \[1, 128, 128, 3\]/,
    },
  );
  assert.throws(
    () =>
      new FaceCropMasks({
        ...none,
        parser: { session: wrong, contract: bisenet, batchSize: 1 },
        regions: ['nose'],
      }),
    { kind: 'model' },
  );
});
