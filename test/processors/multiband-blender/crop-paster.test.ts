import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Affine, cropToFrame } from '../../../src/imaging/affine.js';
import { FrameCropper } from '../../../src/imaging/frame-crop.js';
import { type PlanarFrame, wrapFrame } from '../../../src/imaging/planar-frame.js';
import type { FacePatch } from '../../../src/processors/face-swapper/mesh-swapper.js';
import { CropPaster, type SwappedCrop } from '../../../src/processors/multiband-blender/crop-paster.js';
import { FaceBlender } from '../../../src/processors/multiband-blender/face-blender.js';
import { softBoxMask } from '../../../src/processors/multiband-blender/soft-mask.js';
import { deepened } from '../../support/deep-frames.js';
import { plainDrawn } from '../../support/reference/crop-paster.js';
import { formatOf, paintFrame, type Picture, samplingNames, skinPicture } from '../../support/unit-frames.js';
import { forAll, type Random, seededRandom } from '../../support/unit-random.js';
import { assertClose, at, largestDifference } from '../../support/unit-values.js';

const modes = ['basic', 'multiband', 'poisson', 'seamless'] as const;
const detailGain = Float32Array.of(1, 1, 1);

const noiseCrop = (random: Random, sizePx: number, toFrame: Affine): SwappedCrop => ({
  // A little out of 0..1, as networks give it.
  crop: Float32Array.from({ length: 3 * sizePx * sizePx }, () => random.between(-0.1, 1.1)),
  mask: softBoxMask(sizePx, 0.3, [0, 10, 0, 5]),
  sizePx,
  toFrame,
  faceShare: 0.62,
});

const flatCrop = (sizePx: number, rgb: readonly [number, number, number], toFrame: Affine): SwappedCrop => ({
  crop: Float32Array.from({ length: 3 * sizePx * sizePx }, (_, i) => at(rgb, Math.floor(i / sizePx ** 2))),
  mask: new Float32Array(sizePx * sizePx).fill(1),
  sizePx,
  toFrame,
  faceShare: 0.62,
});

const pasted = (frame: PlanarFrame, swapped: SwappedCrop, mode: (typeof modes)[number]): PlanarFrame => {
  const copy = { ...frame, data: frame.data.slice() };
  const patch = new CropPaster().patch(frame.format, swapped);
  if (patch !== null) new FaceBlender().blend(copy, patch, { mode, detailGain, featureLift: 0 });
  return copy;
};

/** The crop that `swapped` replaces, as RGB 0..1. */
const cut = (frame: PlanarFrame, { sizePx, toFrame }: SwappedCrop): Float32Array => {
  const out = new Float32Array(3 * sizePx * sizePx);
  new FrameCropper().crop(frame, toFrame, sizePx, sizePx, out, { scale: 1, offset: 0 });
  return out;
};

test('a patch equals the plain loops, at the frame’s border too', () => {
  const paster = new CropPaster();
  let compared = 0;
  for (const name of samplingNames) {
    forAll(14, (random) => {
      const format = formatOf(random.integer(9, 150), random.integer(9, 150), name);
      const sizePx = random.integer(2, 70);
      const sidePx = random.between(5, 160);
      const centre = { x: random.between(0, format.widthPx), y: random.between(0, format.heightPx) };
      const swapped = noiseCrop(random, sizePx, cropToFrame(centre, sidePx, random.between(-3, 3), sizePx));
      const patch = paster.patch(format, swapped);
      if (patch === null) return;
      const expected = plainDrawn(format, swapped, patch.region);
      // Places are computed in single precision: 1e-5 of a texel, so a pixel on the very rim may fall to either side.
      let differing = 0;
      patch.coverage.forEach((value, i) => {
        if (value !== at(expected.coverage, i)) differing++;
        else assertClose(at(patch.mask, i), at(expected.mask, i), 1e-3, `${name} mask at ${i}`);
      });
      assert.ok(differing <= 1, `${name}: coverage differs at ${differing} places`);
      if (differing > 0) return;
      compared++;
      patch.planes.forEach((plane, index) => {
        // Texels differ by 255 at most, so 1e-4 of a texel is 0.03 levels; chroma spans are no larger.
        assert.ok(
          largestDifference(plane, expected.planes[index as 0 | 1 | 2]) < 0.05,
          `${name} plane ${index} of ${JSON.stringify(patch.region)}`,
        );
      });
    });
  }
  assert.ok(compared > 50, `${compared} compared`);
});

test('a crop that is laid back as it was cut leaves a smooth frame as it is', () => {
  for (const name of samplingNames) {
    for (const frame of [8, 10].map((bits) => {
      const shallow = paintFrame(formatOf(160, 150, name), skinPicture);
      return bits === 8 ? shallow : deepened(shallow);
    })) {
      const toFrame = cropToFrame({ x: 80, y: 74 }, 90, 0.3, 96);
      const swapped = { ...flatCrop(96, [0, 0, 0], toFrame), mask: softBoxMask(96, 0.3, [0, 0, 0, 0]) };
      swapped.crop.set(cut(frame, swapped));
      for (const mode of modes) {
        const result = pasted(frame, swapped, mode);
        // Sampled twice, each time between pixels: less than the frame's own rounding of 1 level in 8 bits, 4 codes in 10.
        assert.ok(
          largestDifference(result.data, frame.data) <= (frame.format.bitDepth === 8 ? 1 : 4),
          `${name} ${mode}`,
        );
      }
    }
  }
});

test('a crop of high dynamic range that is laid back as it was cut leaves a smooth frame as it is', () => {
  for (const name of samplingNames) {
    for (const transfer of ['pq', 'hlg'] as const) {
      // Code values of skin in daylight.
      const skin: Picture = (x, y) => {
        const [red, green, blue] = skinPicture(x, y);
        return [0.65 * red, 0.65 * green, 0.65 * blue];
      };
      const { format, data } = deepened(paintFrame(formatOf(160, 150, name), skin));
      const frame = wrapFrame(
        { ...format, hdr: { transfer, primaries: 'bt2020' } },
        data.buffer as ArrayBuffer,
      );
      const toFrame = cropToFrame({ x: 80, y: 74 }, 90, 0.3, 96);
      const swapped = { ...flatCrop(96, [0, 0, 0], toFrame), mask: softBoxMask(96, 0.3, [0, 0, 0, 0]) };
      swapped.crop.set(cut(frame, swapped));
      for (const mode of modes) {
        const result = pasted(frame, swapped, mode);
        const largest = largestDifference(result.data, frame.data);
        assert.ok(largest <= 4, `${name} ${transfer} ${mode}: ${largest}`);
      }
    }
  }
});

test('a flat crop becomes its own colour in every format, at both depths and at any scale', () => {
  const rgb = [0.71, 0.4, 0.2] as const;
  for (const name of samplingNames) {
    const shallow = paintFrame(formatOf(140, 130, name), () => [0.3, 0.5, 0.6]);
    const wanted = paintFrame(formatOf(140, 130, name), () => [...rgb]);
    for (const frame of [shallow, deepened(shallow)]) {
      for (const sizePx of [20, 80, 400]) {
        const result = pasted(
          frame,
          flatCrop(sizePx, rgb, cropToFrame({ x: 70, y: 64 }, 80, 0, sizePx)),
          'basic',
        );
        const scale = frame.format.bitDepth === 8 ? 1 : 4;
        result.layout.planes.forEach((plane, index) => {
          const middle = plane.offset + (plane.heightPx >> 1) * plane.widthPx + (plane.widthPx >> 1);
          // The wanted code is rounded to 8 bits: half a level of it.
          assertClose(
            at(result.data, middle) / scale,
            at(wanted.data, middle),
            0.51,
            `${name} ${index} ${sizePx}`,
          );
        });
      }
    }
  }
});

test('basic changes no sample outside of the crop’s footprint', () => {
  for (const name of samplingNames) {
    forAll(6, (random) => {
      const format = formatOf(120, 110, name);
      const frame = paintFrame(format, skinPicture);
      const centre = { x: random.between(10, 110), y: random.between(10, 100) };
      const swapped = noiseCrop(
        random,
        24,
        cropToFrame(centre, random.between(20, 90), random.between(-1, 1), 24),
      );
      const result = pasted(frame, swapped, 'basic');
      assert.notDeepEqual(result.data, frame.data);
      const { coverage } = plainDrawn(format, swapped, { x: 0, y: 0, width: 120, height: 110 });
      frame.layout.planes.forEach((plane, index) => {
        const shiftX = index === 0 ? 0 : format.chromaShiftX;
        const shiftY = index === 0 ? 0 : format.chromaShiftY;
        for (let i = 0; i < plane.widthPx * plane.heightPx; i++) {
          if (result.data[plane.offset + i] === frame.data[plane.offset + i]) continue;
          const [x, y] = [(i % plane.widthPx) << shiftX, Math.floor(i / plane.widthPx) << shiftY];
          let near = 0;
          // A sample's own luma places, and one more to each side for the rim's rounding.
          for (let dy = -1; dy <= 1 + shiftY; dy++) {
            for (let dx = -1 - shiftX; dx <= 1 + shiftX; dx++) near += coverage[(y + dy) * 120 + x + dx] ?? 0;
          }
          assert.ok(near > 0, `${name} plane ${index} at ${x}, ${y}`);
        }
      });
    });
  }
});

test('a crop much finer than the frame is averaged, not skipped', () => {
  const frame = paintFrame(formatOf(100, 100, 'rgb'), () => [0.5, 0.5, 0.5]);
  // Stripes of one pixel, 5.3 of which fall on a pixel of the frame: their mean is grey.
  const swapped = flatCrop(424, [0, 0, 0], cropToFrame({ x: 49.5, y: 49.5 }, 80, 0, 424));
  swapped.crop.forEach((_, i) => {
    swapped.crop[i] = i % 2;
  });
  const { planes } = new CropPaster().patch(frame.format, swapped) as FacePatch;
  const { region } = new CropPaster().patch(frame.format, swapped) as FacePatch;
  for (let y = 40; y < 60; y++) {
    for (let x = 40; x < 60; x++) {
      // Blocks of five have two or three bright ones: 40 or 60 %, and the frame's pixels lie between two such.
      assertClose(at(planes[0], (y - region.y) * region.width + x - region.x), 127.5, 26, `${x}, ${y}`);
    }
  }
});

test('the region has even corners, lies inside the frame and takes chroma samples whole', () => {
  forAll(60, (random) => {
    const format = formatOf(random.integer(8, 90), random.integer(8, 90), 'yuv420');
    const centre = { x: random.between(-30, 120), y: random.between(-30, 120) };
    const patch = new CropPaster().patch(
      format,
      noiseCrop(random, 16, cropToFrame(centre, random.between(4, 80), random.between(-3, 3), 16)),
    );
    if (patch === null) return;
    const { x, y, width, height } = patch.region;
    assert.ok(x >= 0 && y >= 0 && x % 2 === 0 && y % 2 === 0 && width > 0 && height > 0);
    assert.ok(x + width <= format.widthPx && y + height <= format.heightPx);
    assert.ok(
      (width % 2 === 0 || x + width === format.widthPx) &&
        (height % 2 === 0 || y + height === format.heightPx),
    );
  });
});

test('a crop beside the frame, and one whose mask is empty, are no patch', () => {
  const format = formatOf(64, 64, 'yuv420');
  const crop = flatCrop(16, [1, 1, 1], cropToFrame({ x: 200, y: 30 }, 40, 0, 16));
  assert.equal(new CropPaster().patch(format, crop), null);
  const inside = flatCrop(16, [1, 1, 1], cropToFrame({ x: 30, y: 30 }, 40, 0, 16));
  assert.equal(new CropPaster().patch(format, { ...inside, mask: new Float32Array(256) }), null);
  assert.notEqual(new CropPaster().patch(format, inside), null);
});

test('buffers that do not have the told size, and a map without an inverse, are refused', () => {
  const format = formatOf(64, 64, 'yuv420');
  const crop = flatCrop(16, [1, 1, 1], cropToFrame({ x: 30, y: 30 }, 40, 0, 16));
  const refused = (swapped: SwappedCrop): void =>
    assert.throws(() => new CropPaster().patch(format, swapped), { kind: 'bug' });
  refused({ ...crop, crop: crop.crop.subarray(1) });
  refused({ ...crop, mask: new Float32Array(255) });
  refused({ ...crop, toFrame: { a: 1, b: 2, c: 0, d: 2, e: 4, f: 0 } });
});

test('one paster gives the same patch again after another crop', () => {
  const random = seededRandom(7);
  const paster = new CropPaster();
  const format = formatOf(120, 100, 'yuv422');
  const swapped = noiseCrop(random, 32, cropToFrame({ x: 60, y: 50 }, 50, 0.4, 32));
  const other = noiseCrop(random, 50, cropToFrame({ x: 20, y: 80 }, 90, -1, 50));
  const copyOf = (patch: FacePatch | null) => structuredClone(patch);
  const first = copyOf(paster.patch(format, swapped));
  paster.patch(format, other);
  assert.deepEqual(copyOf(paster.patch(format, swapped)), first);
});
