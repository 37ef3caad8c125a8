import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlanarFrame } from '../../../src/imaging/planar-frame.js';
import { Scratch } from '../../../src/imaging/scratch.js';
import type { FacePatch } from '../../../src/processors/face-swapper/mesh-swapper.js';
import { type BlendSettings, FaceBlender } from '../../../src/processors/multiband-blender/face-blender.js';
import { deepened } from '../../support/deep-frames.js';
import { PlainFaceBlender } from '../../support/reference/face-blender.js';
import { formatOf, paintFrame, samplingNames, skinPicture } from '../../support/unit-frames.js';
import { forAll, type Random, seededRandom } from '../../support/unit-random.js';
import { at } from '../../support/unit-values.js';

type Region = FacePatch['region'];

const modes = ['multiband', 'basic', 'poisson', 'seamless'] as const;

const noisyFrame = (random: Random, format: PlanarFrame['format']): PlanarFrame => {
  const frame = paintFrame(format, skinPicture);
  frame.data.forEach((value, i) => {
    frame.data[i] = Math.min(255, Math.max(0, value + random.integer(-12, 13)));
  });
  return frame;
};

/** A round face somewhere in the region (or past its edge) with noise in it, a soft mask and eyes that move. */
const facePatch = (random: Random, frame: PlanarFrame, region: Region): FacePatch => {
  const { format } = frame;
  const count = region.width * region.height;
  const middleX = random.between(0.2, 0.8) * region.width;
  const middleY = random.between(0.2, 0.8) * region.height;
  const radius = random.between(0.2, 0.6) * Math.min(region.width, region.height);
  const distance = (i: number): number =>
    Math.hypot((i % region.width) - middleX, Math.floor(i / region.width) - middleY) / radius;
  const luma = (value: (i: number) => number): Float32Array =>
    Float32Array.from({ length: count }, (_, i) => value(i));
  const plane = (index: number): Float32Array => {
    const shiftX = index === 0 ? 0 : format.chromaShiftX;
    const shiftY = index === 0 ? 0 : format.chromaShiftY;
    const samples = ((region.width + shiftX) >> shiftX) * ((region.height + shiftY) >> shiftY);
    return Float32Array.from({ length: samples }, () => random.between(60, 200));
  };
  const inside = (i: number): number => Math.min(1, Math.max(0, 2 - 2 * distance(i)));
  const closed = random.between(0, 0.5) * region.width;
  const isOpen = (i: number): boolean => i % region.width >= closed;
  const move = random.between(-9, 9);
  // Where nothing is covered, places may hold anything.
  const place = (own: number, i: number): number =>
    distance(i) >= 1 ? Number.NaN : own + (distance(i) < 0.5 ? move * (0.5 - distance(i)) : 0);
  return {
    region,
    faceWidthPx: random.between(8, 1.2 * region.width),
    planes: [plane(0), plane(1), plane(2)],
    coverage: luma((i) => (distance(i) < 1 ? 1 : 0)),
    mask: luma((i) => inside(i) * (i % 7 === 0 ? 0.8 : 1) * (isOpen(i) ? 1 : 0)),
    outline: random.next() < 0.5 ? null : luma(inside),
    placeX: luma((i) => place(i % region.width, i)),
    placeY: luma((i) => place(Math.floor(i / region.width), i)),
  };
};

const settingsOf = (random: Random, mode: BlendSettings['mode']): BlendSettings => ({
  mode,
  featureLift: random.next() < 0.3 ? 0 : random.between(0, 0.6),
  detailGain:
    random.next() < 0.3
      ? Float32Array.of(1, 1, 1)
      : Float32Array.of(random.between(0.6, 1.3), random.between(0.9, 1.2), random.between(1, 1.2)),
});

const blendedBy = (
  blender: Pick<FaceBlender, 'blend'>,
  frame: PlanarFrame,
  patch: FacePatch,
  settings: BlendSettings,
): Uint8Array | Uint16Array => {
  const copy = { ...frame, data: frame.data.slice() };
  blender.blend(copy, patch, settings);
  return copy.data;
};

/** A region inside of a frame with even corners; at the frame's far edges its size may be odd. */
const someRegion = (random: Random, widthPx: number, heightPx: number): Region => {
  const x = 2 * random.integer(0, widthPx >> 2);
  const y = 2 * random.integer(0, heightPx >> 2);
  const room = { width: widthPx - x, height: heightPx - y };
  const size = (length: number): number =>
    random.next() < 0.4 ? length : Math.min(length, 2 * random.integer(1, (length >> 1) + 1));
  return { x, y, width: size(room.width), height: size(room.height) };
};

test('the kernels blend as the plain loops do: one code value off at most, on one sample of a thousand at most', () => {
  const blender = new FaceBlender();
  const plain = new PlainFaceBlender();
  let samples = 0;
  let different = 0;
  let changed = 0;
  for (const name of samplingNames) {
    for (const mode of modes) {
      forAll(16, (random) => {
        const [widthPx, heightPx] = [random.integer(4, 140), random.integer(4, 140)];
        const shallow = noisyFrame(random, formatOf(widthPx, heightPx, name));
        const depth = ([8, 10, 12] as const)[random.integer(0, 3)]!;
        const frame = depth === 8 ? shallow : deepened(shallow, depth);
        const region = someRegion(random, widthPx, heightPx);
        const patch = facePatch(random, frame, region);
        const settings = settingsOf(random, mode);
        const expected = blendedBy(plain, frame, patch, settings);
        const actual = blendedBy(blender, frame, patch, settings);
        samples += expected.length;
        for (let i = 0; i < expected.length; i++) {
          if (expected[i] !== frame.data[i]) changed++;
          if (expected[i] === actual[i]) continue;
          different++;
          // Sums in another order: a value halfway between two codes, or a change of half a code, may fall to the other side.
          assert.ok(
            Math.abs(at(expected, i) - at(actual, i)) <= 1,
            `${name} ${mode} ${widthPx}x${heightPx} ${JSON.stringify(region)}: ${at(actual, i)} for ${at(expected, i)} at ${i}`,
          );
        }
      });
    }
  }
  // Measured: 1 of 125 670 changed samples.
  assert.ok(changed > 0.05 * samples, `${changed} of ${samples}`);
  assert.ok(different <= changed / 1000, `${different} of ${changed}`);
});

test('a patch in kernel memory gives the same bytes as a copy of it elsewhere', () => {
  const scratch = new Scratch();
  const random = seededRandom(11);
  for (const name of samplingNames) {
    const frame = noisyFrame(random, formatOf(131, 97, name));
    const patch = facePatch(random, frame, { x: 10, y: 8, width: 103, height: 89 });
    const own = (key: string, values: Float32Array | null): Float32Array => {
      const copy = scratch.floats(key, values?.length ?? 0);
      copy.set(values ?? []);
      return copy;
    };
    const inKernels: FacePatch = {
      ...patch,
      planes: [own('0', patch.planes[0]), own('1', patch.planes[1]), own('2', patch.planes[2])],
      coverage: own('coverage', patch.coverage),
      mask: own('mask', patch.mask),
      outline: own('outline', patch.outline ?? patch.mask),
      placeX: own('x', patch.placeX),
      placeY: own('y', patch.placeY),
    };
    for (const mode of modes) {
      const settings = settingsOf(random, mode);
      assert.deepEqual(
        blendedBy(new FaceBlender(), frame, inKernels, settings),
        blendedBy(new FaceBlender(), frame, patch, settings),
      );
    }
  }
});

test('no place maps mean that nothing moves', () => {
  const random = seededRandom(12);
  const frame = noisyFrame(random, formatOf(90, 110, 'yuv420'));
  const patch = facePatch(random, frame, { x: 4, y: 6, width: 80, height: 90 });
  const still = (own: (i: number) => number): Float32Array =>
    Float32Array.from({ length: 80 * 90 }, (_, i) => own(i));
  const inPlace = { ...patch, placeX: still((i) => i % 80), placeY: still((i) => Math.floor(i / 80)) };
  for (const mode of modes) {
    const settings = settingsOf(random, mode);
    assert.deepEqual(
      blendedBy(new FaceBlender(), frame, { ...patch, placeX: null, placeY: null }, settings),
      blendedBy(new FaceBlender(), frame, inPlace, settings),
    );
  }
});

test('a plane that does not have the size of its region is refused', () => {
  const random = seededRandom(13);
  const frame = noisyFrame(random, formatOf(40, 40, 'yuv420'));
  const patch = facePatch(random, frame, { x: 4, y: 4, width: 20, height: 20 });
  const short = { ...patch, mask: patch.mask.subarray(1) };
  assert.throws(() => blendedBy(new FaceBlender(), frame, short, settingsOf(random, 'basic')), {
    kind: 'bug',
    message: /mask has 399 samples instead of 400/,
  });
});
