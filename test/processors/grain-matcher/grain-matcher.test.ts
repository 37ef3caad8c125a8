import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kernels } from '../../../src/imaging/kernels/kernels.js';
import { type PlanarFrame, sampleScale } from '../../../src/imaging/planar-frame.js';
import { Scratch } from '../../../src/imaging/scratch.js';
import type { FacePatch } from '../../../src/processors/face-swapper/mesh-swapper.js';
import {
  grainFloats,
  grainLevels,
  noiseStrengths,
} from '../../../src/processors/grain-matcher/grain-level.js';
import { GrainMatcher, pictureSeed } from '../../../src/processors/grain-matcher/grain-matcher.js';
import { deepened } from '../../support/deep-frames.js';
import { plainBlock, plainGrain, plainNoise, plainSmoothNoise } from '../../support/reference/grain.js';
import { formatOf, paintFrame, samplingNames, skinPicture } from '../../support/unit-frames.js';
import { placedFace } from '../../support/unit-meshes.js';
import { forAll, type Random, seededRandom } from '../../support/unit-random.js';
import { assertClose, at } from '../../support/unit-values.js';

const size = 200;
const points = placedFace({ x: 100, y: 95, eyesPx: 60 });

/** Adds noise of so many levels to every plane. */
const noisy = (frame: PlanarFrame, levels: number, kind: 'white' | 'smooth', seed = 5): PlanarFrame => {
  const { format, layout } = frame;
  const scale = sampleScale(format);
  const data = frame.data.slice();
  const noise = kind === 'white' ? plainNoise : plainSmoothNoise;
  layout.planes.forEach(({ offset, widthPx, heightPx }, plane) => {
    for (let i = 0; i < widthPx * heightPx; i++) {
      const value =
        at(data, offset + i) + scale * levels * noise(i % widthPx, Math.floor(i / widthPx), seed + plane);
      data[offset + i] = Math.min(256 * scale - 1, Math.max(0, Math.round(value)));
    }
  });
  return { ...frame, data };
};

const plainSkin = (name: (typeof samplingNames)[number] = 'yuv420'): PlanarFrame =>
  paintFrame(formatOf(size, size, name), () => [0.7, 0.55, 0.45]);

/** A round mask over the face. */
const patchOf = ({ format }: PlanarFrame, opacity = 1): FacePatch => {
  const region = { x: 40, y: 30, width: 120, height: 130 };
  const count = region.width * region.height;
  const mask = Float32Array.from({ length: count }, (_, i) =>
    Math.hypot((i % region.width) - 60, Math.floor(i / region.width) - 65) < 50 ? opacity : 0,
  );
  const chroma =
    ((region.width + format.chromaShiftX) >> format.chromaShiftX) *
    ((region.height + format.chromaShiftY) >> format.chromaShiftY);
  return {
    region,
    faceWidthPx: 100,
    planes: [new Float32Array(count), new Float32Array(chroma), new Float32Array(chroma)],
    coverage: mask,
    mask,
    outline: null,
    placeX: null,
    placeY: null,
  };
};

const measured = (frame: PlanarFrame): Float32Array => {
  const grain = new Float32Array(grainFloats);
  new GrainMatcher().measure(frame, points, grain);
  return grain;
};

test('white noise is found with its strength, at every depth and sampling', () => {
  for (const name of samplingNames) {
    for (const depth of [8, 10, 12] as const) {
      const clean = plainSkin(name);
      const levels = grainLevels(measured(noisy(depth === 8 ? clean : deepened(clean, depth), 4, 'white')));
      assert.ok(levels, `${name} ${depth}`);
      for (const energy of levels.luma) {
        // 4² for the samples; a few hundred blocks, of which the quiet ones count, give it within a third.
        assertClose(energy.fine, 16, 5, `${name} ${depth}`);
        const { white, smooth } = noiseStrengths(energy);
        assertClose(white, 4, 0.8, `${name} ${depth} white`);
        assert.ok(smooth < 2, `${name} ${depth} smooth ${smooth}`);
      }
    }
  }
});

test('noise of larger grains is told from that of single samples', () => {
  const levels = grainLevels(measured(noisy(noisy(plainSkin(), 4, 'smooth'), 1.5, 'white', 9)));
  assert.ok(levels);
  const { white, smooth } = noiseStrengths(levels.luma[2]!);
  assert.ok(smooth > 2.5 && smooth < 5.5 && white < 2.5, `${smooth}, ${white}`);
});

test('a clean picture has no grain, and pores on a face before a clean wall are none', () => {
  assert.equal(grainLevels(measured(plainSkin())), null);
  const random = seededRandom(3);
  const frame = plainSkin();
  for (let y = 40; y < 160; y++) {
    for (let x = 50; x < 150; x++) {
      const i = y * size + x;
      frame.data[i] = at(frame.data, i) + random.integer(-9, 10);
    }
  }
  assert.equal(grainLevels(measured(frame)), null);
});

test('a clean face in a noisy picture gets its noise, inside the mask only', () => {
  for (const name of samplingNames) {
    for (const depth of [8, 10, 12] as const) {
      const shallow = plainSkin(name);
      const clean = depth === 8 ? shallow : deepened(shallow, depth);
      const grain = measured(noisy(clean, 5, 'white'));
      const patch = patchOf(clean);
      const result = { ...clean, data: clean.data.slice() };
      new GrainMatcher().apply(result, patch, points, grain, 77);
      const levels = grainLevels(measured(noisy(clean, 5, 'white', 31)));
      const own = new Float32Array(grainFloats);
      new GrainMatcher().measure(result, points, own);
      // What is around is clean here, so only the face's own part is looked at.
      const band = name === 'rgb' ? 3 : 2;
      const faceEnergy = at(own, 3 * band + 1) / at(own, 3 * band);
      assertClose(Math.sqrt(faceEnergy), Math.sqrt(levels!.luma[band]!.fine), 1.2, `${name} ${depth}`);
      const { region, mask } = patch;
      for (let i = 0; i < size * size; i++) {
        const [x, y] = [(i % size) - region.x, Math.floor(i / size) - region.y];
        const isInside = x >= 0 && y >= 0 && x < region.width && y < region.height;
        if (isInside && at(mask, y * region.width + x) > 0) continue;
        assert.equal(at(result.data, i), at(clean.data, i), `${name} ${depth}: sample ${i}`);
      }
    }
  }
});

test('a face that is as noisy already gets next to nothing', () => {
  const frame = noisy(plainSkin(), 5, 'white');
  const grain = measured(noisy(plainSkin(), 5, 'white', 8));
  const result = { ...frame, data: frame.data.slice() };
  new GrainMatcher().apply(result, patchOf(frame), points, grain, 1);
  let squares = 0;
  for (let i = 0; i < size * size; i++) squares += (at(result.data, i) - at(frame.data, i)) ** 2;
  assert.ok(Math.sqrt(squares / 7850) < 2.5, `${Math.sqrt(squares / 7850)}`);
});

test('a repeated picture gets the same grain, another picture another', () => {
  const frame = noisy(plainSkin(), 5, 'white');
  const other = noisy(plainSkin(), 5, 'white', 6);
  assert.equal(pictureSeed(frame), pictureSeed({ ...frame, data: frame.data.slice() }));
  assert.notEqual(pictureSeed(frame), pictureSeed(other));
  const grain = measured(frame);
  const withGrain = (seed: number): Uint8Array | Uint16Array => {
    const clean = plainSkin();
    new GrainMatcher().apply(clean, patchOf(clean), points, grain, seed);
    return clean.data;
  };
  assert.deepEqual(withGrain(pictureSeed(frame)), withGrain(pictureSeed(frame)));
  assert.notDeepEqual(withGrain(pictureSeed(frame)), withGrain(pictureSeed(other)));
});

test('blocks are measured as the plain twin measures them', () => {
  const scratch = new Scratch();
  forAll(20, (random) => {
    const depth = ([8, 10, 12] as const)[random.integer(0, 3)]!;
    const shallow = noisy(paintFrame(formatOf(61, 47), skinPicture), random.between(0, 9), 'white');
    const { format, data, layout } = depth === 8 ? shallow : deepened(shallow, depth);
    const scale = sampleScale(format);
    const [columns, rows, step] = [3, 2, random.integer(5, 20)];
    const band = depth === 8 ? scratch.bytes('b', data.length) : scratch.words('b', data.length);
    const work = scratch.floats('w', 80);
    const out = scratch.floats('o', 3 * columns * rows);
    band.set(data);
    const { call } = kernels();
    const measure = depth === 8 ? call.grainBlocks8 : call.grainBlocks16;
    measure(band.byteOffset, 61, columns, rows, step, scale, work.byteOffset, out.byteOffset);
    for (let i = 0; i < columns * rows; i++) {
      const corner = layout.planes[0].offset + Math.floor(i / columns) * step * 61 + (i % columns) * step;
      const plain = plainBlock((x, y) => at(data, corner + y * 61 + x) / scale);
      // Sums of floats against sums of doubles.
      assertClose(at(out, 3 * i), plain.mean, 1e-3, 'mean');
      assertClose(at(out, 3 * i + 1), plain.fine, 1e-3 * (1 + plain.fine), 'fine');
      assertClose(at(out, 3 * i + 2), plain.coarse, 1e-3 * (1 + plain.coarse), 'coarse');
    }
  });
});

test('grain is added as the plain twin adds it: one code value off at most, on one sample of two hundred at most', () => {
  const scratch = new Scratch();
  let samples = 0;
  let different = 0;
  const someFrame = (random: Random, name: (typeof samplingNames)[number]): PlanarFrame => {
    const depth = ([8, 10, 12] as const)[random.integer(0, 3)]!;
    const shallow = paintFrame(formatOf(random.integer(1, 70), random.integer(1, 50), name), skinPicture);
    return depth === 8 ? shallow : deepened(shallow, depth);
  };
  for (const name of samplingNames) {
    forAll(12, (random) => {
      const { format, layout, data } = someFrame(random, name);
      const scale = sampleScale(format);
      const { widthPx, heightPx } = format;
      const index = ([0, 1, 2] as const)[random.integer(0, 3)]!;
      const [shiftX, shiftY] = index === 0 ? [0, 0] : [format.chromaShiftX, format.chromaShiftY];
      const plane = layout.planes[index];
      const strengths = scratch.floats('s', 8);
      const mask = scratch.floats('m', widthPx * heightPx + 16);
      const row = scratch.floats('r', 2 * plane.widthPx + 32);
      const count = plane.widthPx * plane.heightPx;
      const band = format.bitDepth === 8 ? scratch.bytes('b', count + 16) : scratch.words('b', count + 16);
      strengths.forEach((_, i) => {
        strengths[i] = random.between(0, 9);
      });
      mask.forEach((_, i) => {
        mask[i] = Math.max(0, random.between(-0.5, 1));
      });
      // Behind the mask anything may lie.
      mask.fill(Number.NaN, widthPx * heightPx);
      band.set(data.subarray(plane.offset, plane.offset + count));
      const [left, top, seed] = [random.integer(0, 900), random.integer(0, 900), random.integer(-9e8, 9e8)];
      const { call } = kernels();
      const add = format.bitDepth === 8 ? call.addGrain8 : call.addGrain16;
      const sizes = [plane.widthPx, plane.widthPx, plane.heightPx, left, top] as const;
      add(
        band.byteOffset,
        ...sizes,
        mask.byteOffset,
        widthPx,
        shiftX,
        shiftY,
        strengths.byteOffset,
        seed,
        scale,
        256 * scale - 1,
        row.byteOffset,
      );
      for (let i = 0; i < count; i++) {
        const [x, y] = [i % plane.widthPx, Math.floor(i / plane.widthPx)];
        const value = at(data, plane.offset + i) / scale;
        const opacity = at(mask, (y << shiftY) * widthPx + (x << shiftX));
        const sum = value + opacity * plainGrain(value, left + x, top + y, strengths, seed);
        const expected = Math.min(256 * scale - 1, Math.max(0, Math.round(sum * scale)));
        samples++;
        if (expected === at(band, i)) continue;
        different++;
        assert.ok(
          Math.abs(expected - at(band, i)) <= 1,
          `${name}: ${at(band, i)} for ${expected} at ${x}, ${y}`,
        );
      }
    });
  }
  // Halves round to even in the kernel and up in the twin, and floats differ from doubles near a half.
  assert.ok(samples > 10_000 && different <= samples / 200, `${different} of ${samples}`);
});
