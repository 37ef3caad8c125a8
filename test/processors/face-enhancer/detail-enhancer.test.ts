import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf, kernels } from '../../../src/imaging/kernels/kernels.js';
import type { PlanarFrame } from '../../../src/imaging/planar-frame.js';
import { Scratch } from '../../../src/imaging/scratch.js';
import { DetailEnhancer } from '../../../src/processors/face-enhancer/detail-enhancer.js';
import type { EnhancedPatch } from '../../../src/processors/face-enhancer/face-enhancer.js';
import { grainFloats } from '../../../src/processors/grain-matcher/grain-level.js';
import { FaceBlender } from '../../../src/processors/multiband-blender/face-blender.js';
import { plainDetail, plainSmoothApart } from '../../support/reference/detail.js';
import { formatOf, paintFrame, type Picture } from '../../support/unit-frames.js';
import { placedFace } from '../../support/unit-meshes.js';
import { seededRandom } from '../../support/unit-random.js';
import { assertClose, at } from '../../support/unit-values.js';

const blender = new FaceBlender();
const quiet = new Float32Array(grainFloats);
const size = { width: 200, height: 180 };
const points = placedFace({ x: 100, y: 85, eyesPx: 70 });

type Settings = { grain?: Float32Array; opacity?: number; mesh?: Float32Array };

const enhance = (
  frame: PlanarFrame,
  { grain = quiet, opacity = 1, mesh = points }: Settings = {},
): EnhancedPatch | null => {
  const enhancer = new DetailEnhancer();
  let seen: EnhancedPatch | null = null;
  enhancer.add(frame, { points: mesh, grain });
  enhancer.apply(frame, 0, {
    blender,
    mode: 'multiband',
    opacity,
    mark: ({ region, mask }) => {
      seen = { region, mask: mask.slice() };
    },
  });
  void enhancer.dispose();
  return seen;
};

const paint = (picture: Picture): PlanarFrame => paintFrame(formatOf(size.width, size.height), picture);

/** Difference between the largest and smallest luma near the middle of the face. */
const contrast = ({ data }: PlanarFrame): number => {
  let [low, high] = [255, 0];
  for (let y = 75; y < 95; y++) {
    for (let x = 90; x < 110; x++) {
      low = Math.min(low, at(data, y * size.width + x));
      high = Math.max(high, at(data, y * size.width + x));
    }
  }
  return high - low;
};

/** A grating of so many pixels a wave and so many levels from light to dark. */
const grating =
  (wavePx: number, levels: number): Picture =>
  (x) => {
    const value = 0.5 + (levels / 2 / 219) * Math.sin((2 * Math.PI * x) / wavePx);
    return [value, value, value];
  };

test('the kernels take a plane apart as their plain twins do', () => {
  const random = seededRandom(3);
  const [width, height, stride] = [37, 21, 40];
  const values = Float32Array.from({ length: width * height }, () => random.between(0, 255));
  const scratch = new Scratch();
  for (const name of ['fine', 'coarse', 'sum']) scratch.floats(name, stride * height + 16);
  scratch.floats('work', stride + 64);
  const fine = scratch.floats('fine', stride * height + 16);
  const coarse = scratch.floats('coarse', stride * height + 16);
  const sum = scratch.floats('sum', stride * height + 16);
  for (let y = 0; y < height; y++) fine.set(values.subarray(y * width, (y + 1) * width), y * stride);
  const { call } = kernels();
  for (const step of [1, 2, 4, 8]) {
    const work = addressOf(scratch.floats('work', stride + 64));
    call.smoothApart(addressOf(fine), stride, width, height, step, addressOf(coarse), work);
    const expected = plainSmoothApart({ width, height, values }, step).values;
    call.gatherDetail(addressOf(fine), addressOf(coarse), addressOf(sum), stride * height, 0.7, 9, 144, 1);
    call.gatherDetail(addressOf(fine), addressOf(coarse), addressOf(sum), stride * height, 0.2, 4, 100, 0);
    const sums = sum.slice();
    call.limitDetail(addressOf(sum), stride * height, 5);
    for (let i = 0; i < values.length; i++) {
      const place = Math.floor(i / width) * stride + (i % width);
      assertClose(at(coarse, place), at(expected, i), 1e-3, `step ${step}, sample ${i}`);
      const band = at(values, i) - at(expected, i);
      const detail = plainDetail(band, 0.7, 9, 144) + plainDetail(band, 0.2, 4, 100);
      assertClose(at(sums, place), detail, 2e-3);
      assertClose(at(sum, place), (detail * 5) / (5 + Math.abs(detail)), 2e-3);
    }
  }
  scratch.dispose();
});

test('weak fine detail of the face becomes stronger, and what is wide stays', () => {
  const fine = paint(grating(6, 20));
  const wide = paint(grating(120, 20));
  const [fineBefore, wideBefore] = [contrast(fine), contrast(wide)];
  enhance(fine);
  enhance(wide);
  assert.ok(contrast(fine) > 1.3 * fineBefore, `${contrast(fine)}, before ${fineBefore}`);
  assert.ok(contrast(wide) <= wideBefore + 2, `${contrast(wide)}, before ${wideBefore}`);
});

test('what is as weak as the picture’s noise is left alone', () => {
  const noisy = new Float32Array(grainFloats);
  // Four bands of the face and of its surroundings: weight 1, energies of noise of 4 levels.
  for (let band = 0; band < 8; band++) noisy.set([1, 16, 4], 3 * band);
  const [clean, grainy] = [paint(grating(4, 8)), paint(grating(4, 8))];
  const before = contrast(clean);
  enhance(clean);
  enhance(grainy, { grain: noisy });
  assert.ok(contrast(clean) >= before + 2, `${contrast(clean)} of clean, before ${before}`);
  assert.ok(contrast(grainy) <= before + 1, `${contrast(grainy)} of noisy, before ${before}`);
});

test('a strong edge overshoots little', () => {
  const frame = paint((x) => (x < 100 ? [0.2, 0.2, 0.2] : [0.8, 0.8, 0.8]));
  const before = contrast(frame);
  enhance(frame);
  assert.ok(contrast(frame) <= before + 12, `${contrast(frame)}, before ${before}`);
});

test('no sample changes by as much as 16 levels, none outside of the mask and none of chroma', () => {
  const random = seededRandom(5);
  const frame = paint(() => [random.between(0, 1), random.between(0, 1), random.between(0, 1)]);
  const before = Uint8Array.from(frame.data);
  const patch = enhance(frame);
  assert.ok(patch !== null, 'something is drawn');
  const { region, mask } = patch;
  let changed = 0;
  for (let i = 0; i < frame.data.length; i++) {
    const change = Math.abs(at(frame.data, i) - at(before, i));
    assert.ok(change < 16);
    if (change === 0) continue;
    changed++;
    assert.ok(i < size.width * size.height, 'chroma stays');
    const x = (i % size.width) - region.x;
    const y = Math.floor(i / size.width) - region.y;
    assert.ok(x >= 0 && x < region.width && y >= 0 && y < region.height, 'outside of the region');
    assert.ok(at(mask, y * region.width + x) > 0, 'outside of the mask');
  }
  assert.ok(changed > 3000, `${changed} samples`);
});

test('frames of 10 bits are enhanced like those of 8', () => {
  const format = formatOf(size.width, size.height);
  const eight = paint(grating(6, 20));
  const ten = paintFrame(format, grating(6, 20));
  const words: PlanarFrame = {
    format: { ...format, bitDepth: 10 },
    layout: ten.layout,
    data: Uint16Array.from(ten.data, (value) => 4 * value),
  };
  enhance(eight);
  enhance(words);
  for (let i = 0; i < eight.data.length; i++) assertClose(at(words.data, i) / 4, at(eight.data, i), 0.63);
});

test('less opacity changes less, and a face outside of the frame nothing', () => {
  const [half, whole] = [paint(grating(6, 20)), paint(grating(6, 20))];
  enhance(half, { opacity: 0.5 });
  enhance(whole);
  assert.ok(contrast(half) < contrast(whole), 'half is between');
  const frame = paint(grating(6, 20));
  const before = Uint8Array.from(frame.data);
  assert.equal(enhance(frame, { mesh: placedFace({ x: -400, y: 85, eyesPx: 70 }) }), null);
  assert.deepEqual(frame.data, before);
});

test('only the size of a face decides whether it gains', () => {
  const enhancer = new DetailEnhancer();
  assert.equal(enhancer.gain(placedFace({ x: 0, y: 0, eyesPx: 8 })), 0);
  assert.equal(enhancer.gain(placedFace({ x: 0, y: 0, eyesPx: 900 })), 1);
});
