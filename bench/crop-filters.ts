/**
 * What three ways of shrinking let through of gratings that are finer than the result can show, and what they keep of
 * coarse ones: our crop, blocks of the whole part of the shrink factor followed by a bilinear reading, and Lanczos-3.
 * Run: `npx tsx bench/crop-filters.ts`; prints RMS over gratings of 0.6 to 0.5·factor cycles per output pixel, in percent of
 * the grating's own strength, and what is kept of a grating of a quarter cycle per output pixel.
 */
import { FrameCropper } from '../src/imaging/frame-crop.js';
import { allocateFrame } from '../src/imaging/planar-frame.js';
import { rgbFormat } from '../src/imaging/rgb-frame.js';

const [lengthPx, heightPx] = [3000, 64];
const amplitude = 120;
const start = 30.3;

type Way = (row: Float64Array, factor: number, count: number) => Float64Array;

const valueAt = (row: ArrayLike<number>, index: number): number => row[index] ?? 0;

const linear = (row: ArrayLike<number>, x: number): number => {
  const left = Math.floor(x);
  return valueAt(row, left) * (1 - x + left) + valueAt(row, left + 1) * (x - left);
};

const frame = allocateFrame(rgbFormat({ widthPx: lengthPx, heightPx }));
const cropper = new FrameCropper();

const ours: Way = (row, factor, count) => {
  for (let i = 0; i < frame.data.length; i++) frame.data[i] = Math.round(128 + valueAt(row, i % lengthPx));
  const crop = new Float32Array(3 * count);
  const map = { a: factor, b: 0, c: start, d: 0, e: factor, f: heightPx / 2 };
  cropper.crop(frame, map, count, 1, crop, { scale: 255, offset: -128 });
  return Float64Array.from(crop.subarray(0, count));
};

const wholeBlocks: Way = (row, factor, count) => {
  const block = Math.floor(factor);
  const means = Float64Array.from({ length: Math.floor(row.length / block) }, (_, i) =>
    row.subarray(i * block, (i + 1) * block).reduce((sum, value) => sum + value / block, 0),
  );
  return Float64Array.from({ length: count }, (_, i) =>
    linear(means, (start + i * factor + 0.5) / block - 0.5),
  );
};

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

const lanczos3: Way = (row, factor, count) =>
  Float64Array.from({ length: count }, (_, i) => {
    const centre = start + i * factor;
    let [sum, weights] = [0, 0];
    for (let x = Math.ceil(centre - 3 * factor); x <= centre + 3 * factor; x++) {
      const distance = (x - centre) / factor;
      const weight = sinc(distance) * sinc(distance / 3);
      sum += weight * valueAt(row, x);
      weights += weight;
    }
    return sum / weights;
  });

/** RMS of the result as a share of the grating's. */
const strength = (way: Way, factor: number, cyclesPerPx: number): number => {
  const row = Float64Array.from({ length: lengthPx }, (_, x) =>
    Math.round(amplitude * Math.cos(2 * Math.PI * cyclesPerPx * x + 0.4)),
  );
  const result = way(row, factor, Math.floor((lengthPx - 100) / factor));
  return Math.sqrt(
    (result.reduce((sum, value) => sum + value * value, 0) / result.length / amplitude ** 2) * 2,
  );
};

const percent = (share: number): string => `${Math.round(100 * share)} %`;

for (const factor of [1.2, 1.4, 1.9, 2.6, 3.5, 4.7, 5.5, 7.5]) {
  const parts = Object.entries({ ours, wholeBlocks, lanczos3 }).map(([name, way]) => {
    const passed: number[] = [];
    for (let cycles = 0.6 / factor; cycles <= 0.5; cycles += 0.0127)
      passed.push(strength(way, factor, cycles));
    const alias = Math.sqrt(passed.reduce((sum, value) => sum + value * value, 0) / passed.length);
    return `${name} lets ${percent(alias)} through, keeps ${percent(strength(way, factor, 0.25 / factor))}`;
  });
  console.log(`${factor}: ${parts.join('; ')}`);
}
