import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Affine, applyAffine, cropToFrame } from '../../src/imaging/affine.js';
import { FrameCropper } from '../../src/imaging/frame-crop.js';
import { allocateFrame, type BitDepth, type PlanarFrame } from '../../src/imaging/planar-frame.js';
import { Scratch } from '../../src/imaging/scratch.js';
import { plainCrop } from '../support/reference/frame-crop.js';
import {
  encodeColour,
  formatOf,
  paintFrame,
  type Picture,
  type Rgb,
  type SamplingName,
  samplingNames,
} from '../support/unit-frames.js';
import { forAll, type Random, seededRandom } from '../support/unit-random.js';
import { assertClose, at, largestDifference } from '../support/unit-values.js';

const unscaled = { scale: 1, offset: 0 };

const cropOf = (
  frame: PlanarFrame,
  map: Affine,
  widthPx: number,
  heightPx: number,
  scaling = unscaled,
  edge: 'repeat' | 'black' = 'repeat',
): Float32Array => {
  const out = new Float32Array(3 * widthPx * heightPx).fill(Number.NaN);
  new FrameCropper().crop(frame, map, widthPx, heightPx, out, scaling, edge);
  return out;
};

const randomFrame = (random: Random, widthPx: number, heightPx: number, name: SamplingName): PlanarFrame => {
  const frame = allocateFrame(formatOf(widthPx, heightPx, name));
  // Inside the gamut, so that no reference has to clip.
  for (let i = 0; i < frame.data.length; i++) frame.data[i] = random.integer(110, 146);
  return frame;
};

/** Bilinear reading of one plane, borders repeated, in the plane's own pixel-centre coordinates. */
const bilinear = (frame: PlanarFrame, index: 0 | 1 | 2, x: number, y: number): number => {
  const { offset, widthPx, heightPx } = frame.layout.planes[index];
  const value = (column: number, row: number): number =>
    at(
      frame.data,
      offset +
        Math.min(heightPx - 1, Math.max(0, row)) * widthPx +
        Math.min(widthPx - 1, Math.max(0, column)),
    );
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [right, down] = [x - left, y - top];
  return (
    (value(left, top) * (1 - right) + value(left + 1, top) * right) * (1 - down) +
    (value(left, top + 1) * (1 - right) + value(left + 1, top + 1) * right) * down
  );
};

/** Solves the definition of the Recommendation for R'G'B' by Cramer's rule, independent of src's coefficients. */
const decodeColour = (planes: Rgb, format: PlanarFrame['format']): Rgb => {
  const zero = encodeColour([0, 0, 0], format);
  const columns = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ].map((unit) => encodeColour(unit as unknown as Rgb, format).map((value, i) => value - at(zero, i)));
  const [r, g, b] = columns as [number[], number[], number[]];
  const right = planes.map((value, i) => value - at(zero, i));
  const determinant = (p: number[], q: number[], s: number[]): number =>
    at(p, 0) * (at(q, 1) * at(s, 2) - at(q, 2) * at(s, 1)) -
    at(q, 0) * (at(p, 1) * at(s, 2) - at(p, 2) * at(s, 1)) +
    at(s, 0) * (at(p, 1) * at(q, 2) - at(p, 2) * at(q, 1));
  const all = determinant(r, g, b);
  return [determinant(right, g, b) / all, determinant(r, right, b) / all, determinant(r, g, right) / all];
};

/** Chroma sits on the left of its luma pair and between two lines. */
const reference = (frame: PlanarFrame, x: number, y: number): Rgb => {
  const { format } = frame;
  const chromaX = x / (1 << format.chromaShiftX);
  const chromaY = format.chromaShiftY === 1 ? (y - 0.5) / 2 : y;
  return decodeColour(
    [bilinear(frame, 0, x, y), bilinear(frame, 1, chromaX, chromaY), bilinear(frame, 2, chromaX, chromaY)],
    format,
  );
};

test('the identity crop of a 4:4:4 frame is the frame', () => {
  forAll(10, (random) => {
    const frame = randomFrame(random, 13, 7, 'rgb');
    const crop = cropOf(frame, { a: 1, b: 0, c: 0, d: 0, e: 1, f: 0 }, 13, 7);
    assert.ok(
      largestDifference(
        crop,
        Float32Array.from(frame.data, (value) => value / 255),
      ) < 1e-6,
    );
  });
});

test('crops that do not shrink equal a plain bilinear reading in every format', () => {
  for (const name of samplingNames) {
    forAll(12, (random) => {
      const frame = randomFrame(random, random.integer(9, 30), random.integer(9, 30), name);
      const map = cropToFrame(
        { x: random.between(0, 25), y: random.between(0, 25) },
        random.between(4, 20),
        random.between(-3, 3),
        20,
      );
      const crop = cropOf(frame, map, 20, 20);
      for (let i = 0; i < 400; i++) {
        const { x, y } = applyAffine(map, i % 20, Math.floor(i / 20));
        reference(frame, x, y).forEach((value, c) => {
          assertClose(at(crop, c * 400 + i), value, 1e-5, `${name} channel ${c} at ${x}, ${y}`);
        });
      }
    });
  }
});

test('the output is scaled and offset after the conversion to RGB', () => {
  const frame = paintFrame(formatOf(8, 8, 'rgb'), () => [1, 0, 0.2]);
  const crop = cropOf(frame, cropToFrame({ x: 3.5, y: 3.5 }, 8, 0, 4), 4, 4, { scale: 2, offset: -1 });
  assertClose(at(crop, 0), 1, 1e-6);
  assertClose(at(crop, 16), -1, 1e-6);
  assertClose(at(crop, 32), -0.6, 1e-6);
});

test('a linear colour ramp keeps its colours in any format, scale and turn', () => {
  // Every step is linear in a linear picture, so the only error is the rounding of the frame's samples: this pins the
  // pixel-centre maps, the siting of chroma and the offsets of the averaged blocks all at once.
  const ramp: Picture = (x, y) => [
    0.3 + 0.0011 * x + 0.0004 * y,
    0.7 - 0.0009 * x - 0.0006 * y,
    0.4 - 0.0007 * x + 0.0012 * y,
  ];
  for (const name of samplingNames) {
    const frame = paintFrame(formatOf(303, 257, name), ramp);
    forAll(25, (random) => {
      const sizePx = 12;
      const sidePx = sizePx * random.between(0.4, 9);
      const map = cropToFrame(
        { x: random.between(110, 190), y: random.between(110, 145) },
        sidePx,
        random.between(-0.5, 0.5),
        sizePx,
      );
      const crop = cropOf(frame, map, sizePx, sizePx);
      for (let i = 0; i < sizePx * sizePx; i++) {
        const { x, y } = applyAffine(map, i % sizePx, Math.floor(i / sizePx));
        ramp(x, y).forEach((value, c) => {
          assertClose(
            255 * at(crop, c * sizePx * sizePx + i),
            255 * value,
            1.7,
            `${name} channel ${c} shrunk ${(sidePx / sizePx).toFixed(2)} times`,
          );
        });
      }
    });
  }
});

test('the mean error of such a ramp shows no shift of the chroma planes', () => {
  // One luma pixel of horizontal shift would be 1.3 levels here; rounding averages out.
  const ramp: Picture = (x, y) => [0.2 + 0.005 * x, 0.3 + 0.0021 * (x + y), 0.8 - 0.005 * y];
  for (const name of samplingNames) {
    const frame = paintFrame(formatOf(120, 120, name), ramp);
    for (const shrink of [0.7, 1, 1.7, 2, 2.6, 4, 5.3]) {
      const sizePx = Math.floor(80 / shrink);
      const map = cropToFrame({ x: 59.3, y: 60.2 }, sizePx * shrink, 0, sizePx);
      const crop = cropOf(frame, map, sizePx, sizePx);
      const bias = [0, 0, 0];
      for (let i = 0; i < sizePx * sizePx; i++) {
        const { x, y } = applyAffine(map, i % sizePx, Math.floor(i / sizePx));
        ramp(x, y).forEach((value, c) => {
          bias[c] = at(bias, c) + (255 * (at(crop, c * sizePx * sizePx + i) - value)) / sizePx ** 2;
        });
      }
      bias.forEach((value, c) => {
        assertClose(value, 0, 0.3, `${name} channel ${c} shrunk ${shrink} times`);
      });
    }
  }
});

test('shrinking by an even factor gives the mean of each block', () => {
  // An odd one does not: its middle lies on a block of half the factor, so the area's ends fall between pixels.
  forAll(12, (random) => {
    const factor = 2 * random.integer(1, 5);
    const frame = randomFrame(random, 8 * factor, 6 * factor, 'rgb');
    const middle = (factor - 1) / 2;
    const crop = cropOf(frame, { a: factor, b: 0, c: middle, d: 0, e: factor, f: middle }, 8, 6);
    const { widthPx } = frame.format;
    for (let row = 0; row < 6; row++) {
      for (let column = 0; column < 8; column++) {
        let sum = 0;
        for (let y = 0; y < factor; y++) {
          for (let x = 0; x < factor; x++) {
            sum += at(frame.data, (row * factor + y) * widthPx + column * factor + x);
          }
        }
        assertClose(at(crop, row * 8 + column), sum / factor ** 2 / 255, 1e-5, `${row}, ${column}`);
      }
    }
  });
});

test('a fine checkerboard becomes flat grey when it is shrunk, straight or turned', () => {
  for (const name of ['rgb', 'yuv420'] as const) {
    // Full contrast, one pixel on and one off.
    const frame = paintFrame(formatOf(320, 320, name), (x, y) => {
      const value = (Math.round(x) + Math.round(y)) % 2;
      return [value, value, value];
    });
    // Chroma is neutral everywhere; a chroma sample lies between two lines and would read as black or white.
    if (name === 'yuv420') frame.data.fill(128, 320 * 320);
    forAll(30, (random) => {
      const shrink = random.between(2, 12);
      const map = cropToFrame({ x: 160, y: 160 }, 16 * shrink, random.between(-3, 3), 16);
      const crop = cropOf(frame, map, 16, 16);
      for (const value of crop) assertClose(value, 0.5, 1e-4, `${name} shrunk ${shrink} times`);
    });
  }
});

test('places outside the frame repeat its edge, or are black when asked', () => {
  forAll(20, (random) => {
    const frame = paintFrame(formatOf(21, 17, 'yuv420'), () => [0.8, 0.4, 0.6]);
    const shrink = random.between(0.5, 5);
    const map = cropToFrame(
      { x: random.between(-10, 30), y: random.between(-10, 30) },
      24 * shrink,
      random.between(-1, 1),
      24,
    );
    const repeated = cropOf(frame, map, 24, 24);
    const black = cropOf(frame, map, 24, 24, { scale: 2, offset: -1 }, 'black');
    for (let i = 0; i < 576; i++) {
      assertClose(at(repeated, i), 0.8, 0.01, 'repeated red');
      const { x, y } = applyAffine(map, i % 24, Math.floor(i / 24));
      const isOutside = x < -0.5 || y < -0.5 || x > 20.5 || y > 16.5;
      for (const c of [0, 1, 2]) {
        const value = at(black, c * 576 + i);
        if (isOutside) assert.equal(value, -1);
        else assertClose(value, 2 * [0.8, 0.4, 0.6][c]! - 1, 0.02, `inside at ${x}, ${y}`);
      }
    }
  });
});

test('a crop wholly outside the frame is its nearest corner', () => {
  const frame = paintFrame(formatOf(20, 20, 'rgb'), (x, y) => [x / 20, y / 20, 0]);
  for (const shrink of [1, 6]) {
    const crop = cropOf(frame, cropToFrame({ x: 500, y: -400 }, 8 * shrink, 0, 8), 8, 8);
    // Shrunk six times the edge is read from the last two blocks of three: a quarter 15..17 and three quarters 18..19.
    const red = shrink === 1 ? 19 / 20 : (0.25 * 16 + 0.75 * 18.5) / 20;
    for (const value of crop.subarray(0, 64)) assertClose(value, red, 0.03);
  }
});

test('one cropper gives the same crop again after crops of other sizes', () => {
  forAll(5, (random) => {
    const cropper = new FrameCropper();
    const small = randomFrame(random, 40, 30, 'yuv420');
    const large = randomFrame(random, 200, 160, 'yuv422');
    const map = cropToFrame({ x: 20, y: 15 }, 36, 0.2, 10);
    const first = new Float32Array(300);
    const again = new Float32Array(300);
    cropper.crop(small, map, 10, 10, first, unscaled);
    cropper.crop(large, cropToFrame({ x: 100, y: 80 }, 190, 0, 8), 8, 8, new Float32Array(192), unscaled);
    cropper.crop(small, map, 10, 10, again, unscaled);
    assert.deepEqual(again, first);
  });
});

/** Sizes around the kernels' vectors, and primes. */
const sizes = [1, 2, 3, 5, 7, 8, 13, 16, 31, 32, 61, 97, 128, 211];

const noisyFrame = (
  random: Random,
  widthPx: number,
  heightPx: number,
  name: SamplingName,
  bitDepth: BitDepth,
): PlanarFrame => {
  const frame = allocateFrame({ ...formatOf(widthPx, heightPx, name), bitDepth });
  for (let i = 0; i < frame.data.length; i++) frame.data[i] = random.integer(0, 1 << bitDepth);
  return frame;
};

test('any crop of noise equals its plain twin within a hundredth of a level', () => {
  const cropper = new FrameCropper();
  forAll(1500, (random) => {
    const name = samplingNames[random.integer(0, samplingNames.length)]!;
    const bitDepth = ([8, 10, 12] as const)[random.integer(0, 3)]!;
    const side = (): number => at(sizes, random.integer(0, sizes.length));
    const frame = noisyFrame(random, side(), side(), name, bitDepth);
    const { widthPx, heightPx } = frame.format;
    const [width, height] = [random.integer(1, 40), random.integer(1, 40)];
    const shrink = Math.exp(random.between(-1.5, 3.5));
    const place = { x: random.between(-30, widthPx + 30), y: random.between(-30, heightPx + 30) };
    const map =
      random.next() < 0.3
        ? { a: shrink, b: 0, c: place.x, d: 0, e: shrink, f: place.y }
        : cropToFrame(place, shrink * width, random.between(-3, 3), width);
    const edge = random.next() < 0.5 ? 'black' : 'repeat';
    const expected = new Float32Array(3 * width * height);
    const actual = new Float32Array(3 * width * height).fill(Number.NaN);
    plainCrop(frame, map, width, height, expected, unscaled, edge);
    cropper.crop(frame, map, width, height, actual, unscaled, edge);
    // The kernel counts in 32 bits: places in the picture are off by up to 2e-5 px, worth 0.002 levels on steps from 0
    // to 255 between neighbours (0.0023 at most in 6,000 cases).
    // Long blocks of 12 bits are summed after rounding to 10.
    const bound = bitDepth === 12 ? 0.04 : 0.01;
    assert.ok(
      255 * largestDifference(actual, expected) < bound,
      `${name} ${bitDepth} bits, ${widthPx}x${heightPx} to ${width}x${height}, shrunk ${shrink} times, ${edge}`,
    );
  });
});

test('a crop of high dynamic range equals its plain twin within a tenth of a level', () => {
  const cropper = new FrameCropper();
  forAll(120, (random) => {
    const name = samplingNames[random.integer(0, samplingNames.length)]!;
    const noise = noisyFrame(random, random.integer(5, 90), random.integer(5, 90), name, 10);
    const transfer = random.next() < 0.5 ? 'pq' : 'hlg';
    const frame = { ...noise, format: { ...noise.format, hdr: { transfer, primaries: 'bt2020' } } } as const;
    const [width, height] = [random.integer(1, 30), random.integer(1, 30)];
    const place = { x: random.between(-5, 90), y: random.between(-5, 90) };
    const map = cropToFrame(place, width * random.between(0.4, 4), random.between(-3, 3), width);
    const edge = random.next() < 0.5 ? 'black' : 'repeat';
    const scaling = { scale: 2, offset: -1 };
    const expected = new Float32Array(3 * width * height);
    const actual = new Float32Array(3 * width * height).fill(Number.NaN);
    plainCrop(frame, map, width, height, expected, scaling, edge);
    cropper.crop(frame, map, width, height, actual, scaling, edge);
    // The curves are up to ten times as steep as a line, and sRGB is steep near black.
    assert.ok(127.5 * largestDifference(actual, expected) < 0.1, `${name} ${transfer} ${edge}`);
  });
});

test('a frame of ten bits gives what one of eight gives, with finer steps', () => {
  const random = seededRandom(3);
  const eight = noisyFrame(random, 90, 70, 'yuv420', 8);
  const ten = allocateFrame({ ...eight.format, bitDepth: 10 });
  for (let i = 0; i < ten.data.length; i++) ten.data[i] = 4 * at(eight.data, i);
  const map = cropToFrame({ x: 40, y: 35 }, 60, 0.4, 24);
  assert.ok(largestDifference(cropOf(ten, map, 24, 24), cropOf(eight, map, 24, 24)) < 1e-6);
  ten.data.fill(4 * 100 + 1, 0, 90 * 70);
  eight.data.fill(100, 0, 90 * 70);
  const [finer, coarser] = [cropOf(ten, map, 24, 24), cropOf(eight, map, 24, 24)];
  // A quarter of a level of luma; where the noise of the chroma planes clips a colour there is less to see.
  assertClose(Math.max(...finer.map((value, i) => value - at(coarser, i))), 0.25 / 219, 1e-5);
});

test('frames and outputs in kernel memory give the same crop', () => {
  const scratch = new Scratch();
  forAll(20, (random) => {
    const frame = noisyFrame(random, 83, 61, 'yuv420', random.next() < 0.5 ? 8 : 10);
    const data =
      frame.data instanceof Uint8Array
        ? scratch.bytes('frame', frame.data.length)
        : scratch.words('frame', frame.data.length);
    data.set(frame.data);
    const map = cropToFrame({ x: 40, y: 30 }, random.between(10, 100), 0.3, 20);
    const out = scratch.floats('out', 1200);
    new FrameCropper().crop({ ...frame, data }, map, 20, 20, out, unscaled);
    assert.deepEqual(Float32Array.from(out), cropOf(frame, map, 20, 20));
  });
  scratch.dispose();
});

test('stripes on a 2160p face do not come through as moiré', () => {
  const frame = allocateFrame(formatOf(3840, 2160));
  frame.data.fill(128, 3840 * 2160);
  const cropper = new FrameCropper();
  const crop = new Float32Array(3 * 192 * 192);
  for (const periodPx of [2, 2.3, 2.7, 3, 3.4]) {
    const line = Uint8Array.from({ length: 3840 }, (_, x) =>
      Math.round(126 + 110 * Math.cos((2 * Math.PI * x) / periodPx)),
    );
    for (let row = 0; row < 2160; row++) frame.data.set(line, 3840 * row);
    for (const angle of [0, 0.2, 0.7]) {
      for (const sidePx of [700, 900, 1100]) {
        const map = cropToFrame({ x: 1900, y: 1000 }, sidePx, angle, 192);
        cropper.crop(frame, map, 192, 192, crop, { scale: 255, offset: 0 });
        const grey = ((126 - 16) / 219) * 255;
        const red = crop.subarray(0, 192 * 192);
        const rms = Math.sqrt(red.reduce((sum, value) => sum + (value - grey) ** 2, 0) / red.length);
        // The stripes have an RMS of 90 levels. An exact average over the area of each pixel of the crop leaves up to 18 of
        // them (the side lobes of its response); we leave none of the finest and 15 of the others.
        assert.ok(
          rms < (periodPx === 2 ? 0.1 : 15.5),
          `${periodPx} px, ${sidePx} px turned by ${angle}: ${rms}`,
        );
      }
    }
  }
});

test('a map that is not finite and an output of another size are bugs', () => {
  const frame = allocateFrame(formatOf(8, 8));
  const crop = new Float32Array(48);
  const map = cropToFrame({ x: 4, y: 4 }, 4, 0, 4);
  const cropper = new FrameCropper();
  for (const broken of [
    { ...map, a: Number.NaN },
    { ...map, f: Infinity },
  ]) {
    assert.throws(() => cropper.crop(frame, broken, 4, 4, crop, unscaled), { kind: 'bug' });
  }
  assert.throws(() => cropper.crop(frame, map, 5, 4, crop, unscaled), { kind: 'bug' });
});
