import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlanarFrame } from '../../../src/imaging/planar-frame.js';
import type { FacePatch } from '../../../src/processors/face-swapper/mesh-swapper.js';
import { type BlendSettings, FaceBlender } from '../../../src/processors/multiband-blender/face-blender.js';
import {
  formatOf,
  paintFrame,
  type SamplingName,
  samplingNames,
  skinPicture,
} from '../../support/unit-frames.js';
import { forAll, type Random, seededRandom } from '../../support/unit-random.js';
import { assertClose, at } from '../../support/unit-values.js';

const modes = ['multiband', 'basic', 'poisson', 'seamless'] as const;
type Mode = (typeof modes)[number];
const plainGain = Float32Array.of(1, 1, 1);

type Region = FacePatch['region'];

/** A patch whose planes are the frame's own, changed by `change`; nothing is moved. */
const patchOf = (
  frame: PlanarFrame,
  region: Region,
  {
    mask,
    covered = () => true,
    change = () => 0,
  }: {
    readonly mask: (x: number, y: number) => number;
    readonly covered?: (x: number, y: number) => boolean;
    readonly change?: (plane: number, x: number, y: number) => number;
  },
): FacePatch => {
  const { format, layout } = frame;
  const count = region.width * region.height;
  const luma = (value: (x: number, y: number) => number): Float32Array =>
    Float32Array.from({ length: count }, (_, i) => value(i % region.width, Math.floor(i / region.width)));
  const planes = layout.planes.map((plane, index) => {
    const shiftX = index === 0 ? 0 : format.chromaShiftX;
    const shiftY = index === 0 ? 0 : format.chromaShiftY;
    const width = (region.width + (1 << shiftX) - 1) >> shiftX;
    const height = (region.height + (1 << shiftY) - 1) >> shiftY;
    return Float32Array.from({ length: width * height }, (_, i) => {
      const [x, y] = [i % width, Math.floor(i / width)];
      const from = plane.offset + ((region.y >> shiftY) + y) * plane.widthPx + (region.x >> shiftX) + x;
      return at(frame.data, from) + change(index, x, y);
    });
  });
  return {
    region,
    faceWidthPx: region.width / 1.4,
    planes: planes as unknown as FacePatch['planes'],
    coverage: luma((x, y) => (covered(x, y) ? 1 : 0)),
    mask: luma(mask),
    outline: null,
    placeX: luma((x) => x),
    placeY: luma((_, y) => y),
  };
};

const blended = (
  frame: PlanarFrame,
  patch: FacePatch,
  mode: Mode,
  detailGain = plainGain,
): Uint8Array | Uint16Array => {
  const copy = { ...frame, data: frame.data.slice() };
  new FaceBlender().blend(copy, patch, { mode, detailGain, featureLift: 0 });
  return copy.data;
};

const noisyFrame = (random: Random, widthPx: number, heightPx: number, name: SamplingName): PlanarFrame => {
  const frame = paintFrame(formatOf(widthPx, heightPx, name), skinPicture);
  frame.data.forEach((value, i) => {
    frame.data[i] = Math.min(255, Math.max(0, value + random.integer(-6, 7)));
  });
  return frame;
};

/** 1 in the middle, 0 well before the region's edge. */
const roundMask =
  ({ width, height }: Region) =>
  (x: number, y: number): number => {
    const radius = Math.hypot((x - width / 2) / width, (y - height / 2) / height);
    return Math.min(1, Math.max(0, (0.38 - radius) / 0.15));
  };

const region: Region = { x: 16, y: 12, width: 60, height: 70 };

test('a mask of zero changes no byte, in any format and mode', () => {
  for (const name of samplingNames) {
    const frame = noisyFrame(seededRandom(1), 101, 99, name);
    const patch = patchOf(frame, region, { mask: () => 0, change: () => 60 });
    for (const mode of modes) assert.deepEqual(blended(frame, patch, mode), frame.data, `${name} ${mode}`);
  }
});

test('a face that fades changes as much less as its opacity says, and its eyes and mouth move as much less', () => {
  const frame = noisyFrame(seededRandom(3), 101, 99, 'yuv420');
  const still = patchOf(frame, region, { mask: roundMask(region), change: () => 40 });
  const moving = {
    ...still,
    placeX: still.placeX!.map((x) => x + 3),
    placeY: still.placeY!.map((y) => y - 2),
  };
  const faded = (
    patch: FacePatch,
    mode: BlendSettings['mode'],
    opacity?: number,
  ): Uint8Array | Uint16Array => {
    const copy = { ...frame, data: frame.data.slice() };
    const settings = { mode, detailGain: plainGain, featureLift: 0 };
    new FaceBlender().blend(copy, patch, opacity === undefined ? settings : { ...settings, opacity });
    return copy.data;
  };
  for (const mode of modes) {
    for (const patch of [still, moving]) {
      assert.deepEqual(faded(patch, mode, 1), faded(patch, mode));
      assert.deepEqual(faded(patch, mode, 0), frame.data, mode);
    }
    const [whole, half] = [faded(still, mode), faded(still, mode, 0.5)];
    whole.forEach((value, i) => {
      const own = at(frame.data, i);
      assertClose(at(half, i) - own, (value - own) / 2, 1.1, `${mode}, sample ${i}`);
    });
  }
});

test('a new face that equals the target changes no byte', () => {
  for (const name of samplingNames) {
    const frame = noisyFrame(seededRandom(2), 101, 99, name);
    const patch = patchOf(frame, region, { mask: roundMask(region) });
    for (const mode of modes) assert.deepEqual(blended(frame, patch, mode), frame.data, `${name} ${mode}`);
  }
});

test('outside the region every byte stays, and on its rim too', () => {
  for (const name of samplingNames) {
    const frame = noisyFrame(seededRandom(3), 101, 99, name);
    // Opaque up to the region's edge, which no drawn face is: the fade must still close it.
    const patch = patchOf(frame, region, {
      mask: () => 1,
      change: (plane, x) => (x % 2) * 20 + 10 * plane + 20,
    });
    for (const mode of modes) {
      const result = blended(frame, patch, mode);
      assert.notDeepEqual(result, frame.data);
      frame.layout.planes.forEach((plane, index) => {
        const stepX = index === 0 ? 1 : 1 << frame.format.chromaShiftX;
        const stepY = index === 0 ? 1 : 1 << frame.format.chromaShiftY;
        for (let y = 0; y < plane.heightPx; y++) {
          for (let x = 0; x < plane.widthPx; x++) {
            const isInner =
              x > region.x / stepX &&
              x < (region.x + region.width) / stepX - 1 &&
              y > region.y / stepY &&
              y < (region.y + region.height) / stepY - 1;
            const i = plane.offset + y * plane.widthPx + x;
            if (!isInner)
              assert.equal(result[i], frame.data[i], `${name} ${mode} plane ${index} at ${x}, ${y}`);
          }
        }
      });
    }
  }
});

test('basic is plain alpha with the mask of each plane’s own resolution, within rounding', () => {
  for (const name of samplingNames) {
    forAll(4, (random) => {
      // An odd frame whose region reaches to the right and lower edge.
      const frame = noisyFrame(random, 75, 83, name);
      const place: Region = { x: 14, y: 12, width: 61, height: 71 };
      const shape = roundMask(place);
      const patch = patchOf(frame, place, {
        mask: shape,
        covered: (x, y) => shape(x, y) > 0,
        change: () => random.between(-40, 40),
      });
      const result = blended(frame, patch, 'basic');
      frame.layout.planes.forEach((plane, index) => {
        const shiftX = index === 0 ? 0 : frame.format.chromaShiftX;
        const shiftY = index === 0 ? 0 : frame.format.chromaShiftY;
        const width = (place.width + (1 << shiftX) - 1) >> shiftX;
        const height = (place.height + (1 << shiftY) - 1) >> shiftY;
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            let alpha = 0;
            let covered = 0;
            for (const dy of [0, shiftY]) {
              // Left-sited chroma: 1 2 1 around its own column.
              for (const dx of [-shiftX, 0, 0, shiftX]) {
                const column = Math.max(0, Math.min(place.width - 1, (x << shiftX) + dx));
                const row = Math.min(place.height - 1, (y << shiftY) + dy);
                alpha += at(patch.mask, row * place.width + column) / 8;
                covered += at(patch.coverage, row * place.width + column);
              }
            }
            const i = plane.offset + ((place.y >> shiftY) + y) * plane.widthPx + (place.x >> shiftX) + x;
            const old = at(frame.data, i);
            const drawn = covered > 0 ? at(patch.planes[index]!, y * width + x) : old;
            const exact = Math.min(255, Math.max(0, old + alpha * (drawn - old)));
            assertClose(at(result, i), exact, 0.51, `${name} plane ${index} at ${x}, ${y}`);
          }
        }
      });
    });
  }
});

test('multiband takes fine detail from the new face where the mask is full', () => {
  const frame = paintFrame(formatOf(128, 128, 'yuv444'), skinPicture);
  const place: Region = { x: 4, y: 4, width: 120, height: 120 };
  // Equal low bands: a pattern of two pixels has no part in them.
  const pattern = (_: number, x: number, y: number): number => ((x + y) % 2 === 0 ? 12 : -12);
  const patch = patchOf(frame, place, { mask: () => 1, change: pattern });
  const result = blended(frame, patch, 'multiband');
  for (const [index, plane] of frame.layout.planes.entries()) {
    for (let y = 24; y < 96; y++) {
      for (let x = 24; x < 96; x++) {
        const i = plane.offset + (y + 4) * plane.widthPx + x + 4;
        assertClose(at(result, i), at(frame.data, i) + pattern(index, x, y), 1.5, `${index} at ${x}, ${y}`);
      }
    }
  }
});

test('multiband leaves more of the light and shade to the target than basic does', () => {
  const frame = paintFrame(formatOf(128, 128, 'yuv420'), skinPicture);
  const place: Region = { x: 4, y: 4, width: 120, height: 120 };
  const patch = patchOf(frame, place, { mask: roundMask(place), change: () => 30 });
  const middle = 64 * 128 + 64;
  const changeOf = (mode: 'multiband' | 'basic'): number =>
    at(blended(frame, patch, mode), middle) - at(frame.data, middle);
  assertClose(changeOf('basic'), 30, 1, 'basic');
  assert.ok(changeOf('multiband') < 0.9 * changeOf('basic'), `${changeOf('multiband')}`);
  assert.ok(changeOf('multiband') >= 0);
});

test('multiband passes from new to old without a step', () => {
  const frame = paintFrame(formatOf(128, 128, 'rgb'), () => [0.4, 0.4, 0.4]);
  const place: Region = { x: 4, y: 4, width: 120, height: 120 };
  // A hard mask: basic shows its edge, multiband must not.
  const hard = (x: number, y: number): number => (Math.hypot(x - 60, y - 60) < 35 ? 1 : 0);
  const patch = patchOf(frame, place, { mask: hard, change: () => 40 });
  const largestStep = (data: Uint8Array | Uint16Array): number => {
    let largest = 0;
    for (let x = 1; x < 128; x++) {
      largest = Math.max(largest, Math.abs(at(data, 64 * 128 + x) - at(data, 64 * 128 + x - 1)));
    }
    return largest;
  };
  assert.equal(largestStep(blended(frame, patch, 'basic')), 40);
  assert.ok(largestStep(blended(frame, patch, 'multiband')) < 8);
});

test('the detail gain softens or sharpens the new face’s finest octave', () => {
  const frame = paintFrame(formatOf(160, 160, 'rgb'), () => [0.5, 0.5, 0.5]);
  const place: Region = { x: 4, y: 4, width: 150, height: 150 };
  const patch = patchOf(frame, place, { mask: () => 1, change: (_, x, y) => ((x + y) % 2 === 0 ? 20 : -20) });
  const amplitude = (gain: number): number => {
    const data = blended(frame, patch, 'multiband', Float32Array.of(gain, 1, 1));
    return Math.abs(at(data, 80 * 160 + 80) - at(data, 80 * 160 + 81)) / 2;
  };
  assertClose(amplitude(1), 20, 1.5);
  assertClose(amplitude(0.5), 10, 1.5);
});

test('codes stay within 0..255 however bright the new face is', () => {
  const frame = paintFrame(formatOf(80, 90, 'rgb'), (x) => [x % 2, 0.98, 0.01]);
  const place: Region = { x: 4, y: 4, width: 72, height: 80 };
  for (const mode of modes) {
    const bright = blended(frame, patchOf(frame, place, { mask: roundMask(place), change: () => 90 }), mode);
    const dark = blended(frame, patchOf(frame, place, { mask: roundMask(place), change: () => -90 }), mode);
    for (let i = 0; i < frame.data.length; i++) {
      // A wrapped byte would go the other way.
      assert.ok(
        at(bright, i) >= at(frame.data, i) - 30 && at(dark, i) <= at(frame.data, i) + 30,
        `${mode} ${i}`,
      );
    }
  }
});

test('one blender gives the same bytes again after another face', () => {
  const blender = new FaceBlender();
  const frame = noisyFrame(seededRandom(5), 101, 99, 'yuv420');
  const patch = patchOf(frame, region, { mask: roundMask(region), change: (_, x) => 2 * (x % 9) });
  const otherFrame = noisyFrame(seededRandom(6), 220, 200, 'yuv444');
  const otherRegion: Region = { x: 10, y: 10, width: 190, height: 170 };
  const other = patchOf(otherFrame, otherRegion, { mask: roundMask(otherRegion), change: () => -70 });
  const run = (mode: Mode): Uint8Array | Uint16Array => {
    const copy = { ...frame, data: frame.data.slice() };
    blender.blend(copy, patch, { mode, detailGain: plainGain, featureLift: 0 });
    return copy.data;
  };
  const first = modes.map(run);
  for (const mode of modes) {
    blender.blend(otherFrame, other, { mode, detailGain: plainGain, featureLift: 0 });
    assert.deepEqual(modes.map(run), first, mode);
  }
});

const gradientModes = ['poisson', 'seamless'] as const;
const facePlace: Region = { x: 4, y: 4, width: 120, height: 120 };
const grey = paintFrame(formatOf(128, 128, 'rgb'), () => [0.5, 0.5, 0.5]);

/** A sample of the first plane. */
const sample = (data: Uint8Array | Uint16Array, x: number, y: number): number => at(data, y * 128 + x);

/** The largest change of the first plane in a square of the frame. */
const largestChange = (
  data: Uint8Array | Uint16Array,
  frame: PlanarFrame,
  [left, top, right, bottom]: readonly [number, number, number, number],
): number => {
  let largest = 0;
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      largest = Math.max(largest, Math.abs(sample(data, x, y) - sample(frame.data, x, y)));
    }
  }
  return largest;
};

test('blends of gradients leave even and sloping light to the target', () => {
  for (const name of samplingNames) {
    const frame = paintFrame(formatOf(128, 128, name), skinPicture);
    for (const change of [() => 30, (_: number, x: number, y: number) => (x - y) / 4]) {
      const patch = patchOf(frame, facePlace, { mask: roundMask(facePlace), change });
      const result = blended(frame, patch, 'poisson');
      frame.data.forEach((value, i) => {
        assert.ok(Math.abs(at(result, i) - value) <= 1, `${name}: ${at(result, i)} for ${value} at ${i}`);
      });
    }
  }
});

test('poisson keeps the gradients of the new face inside the mask', () => {
  const frame = paintFrame(formatOf(128, 128, 'yuv444'), skinPicture);
  const pattern = (x: number, y: number): number =>
    14 * Math.sin(x / 4) * Math.cos(y / 5) + 8 * ((x + y) % 2);
  const patch = patchOf(frame, facePlace, {
    mask: roundMask(facePlace),
    change: (_, x, y) => 25 + pattern(x, y),
  });
  const result = blended(frame, patch, 'poisson');
  for (let y = 46; y < 82; y++) {
    for (let x = 46; x < 82; x++) {
      const change = (column: number): number =>
        sample(result, column, y) - sample(frame.data, column, y) - pattern(column - 4, y - 4);
      assertClose(change(x + 1), change(x), 1.6, `${x}, ${y}`);
    }
  }
});

test('blends of gradients pass from new to old without a step at a hard mask', () => {
  const hard = (x: number, y: number): number => (Math.hypot(x - 60, y - 60) < 35 ? 1 : 0);
  const patch = patchOf(grey, facePlace, { mask: hard, change: () => 40 });
  for (const mode of gradientModes) {
    assert.ok(largestChange(blended(grey, patch, mode), grey, [0, 0, 128, 128]) <= 2, mode);
  }
});

/** A face whose left part is covered, by something that is 90 levels darker than the new face and closes the mask. */
const covered = {
  mask: (x: number, y: number): number => roundMask(facePlace)(x, y) * Math.min(1, Math.max(0, (x - 44) / 4)),
  change: (_: number, x: number): number => (x < 48 ? 90 : 0),
};

test('what lies over the face does not bleed into it', () => {
  const outline = Float32Array.from({ length: 120 * 120 }, (_, i) =>
    roundMask(facePlace)(i % 120, Math.floor(i / 120)),
  );
  const patch = patchOf(grey, facePlace, covered);
  const middle = [60, 44, 90, 84] as const;
  for (const mode of gradientModes) {
    const bleeding = largestChange(blended(grey, patch, mode), grey, middle);
    const clean = largestChange(blended(grey, { ...patch, outline }, mode), grey, middle);
    assert.ok(clean <= 1, `${mode}: ${clean}`);
    // Where nobody tells what closes the mask, the size of the difference still does, mostly.
    assert.ok(bleeding > clean && bleeding < 30, `${mode}: ${bleeding}`);
  }
});

test('hair that nobody found, over a third of the outline, hardly bleeds', () => {
  const patch = patchOf(grey, facePlace, {
    mask: roundMask(facePlace),
    change: (_, x, y) => (y < 38 ? 95 : 6 * Math.sin(x / 9)),
  });
  const result = blended(grey, patch, 'poisson');
  assert.ok(
    largestChange(result, grey, [44, 62, 84, 90]) < 15,
    `${largestChange(result, grey, [44, 62, 84, 90])}`,
  );
});

test('where the mask is closed no byte changes', () => {
  const hole = (x: number, y: number): number =>
    Math.hypot(x - 60, y - 60) < 9 ? 0 : roundMask(facePlace)(x, y);
  for (const mode of ['basic', ...gradientModes] as const) {
    const patch = patchOf(grey, facePlace, { mask: hole, change: (_, x, y) => 20 * Math.sin(x / 3 + y / 5) });
    const result = blended(grey, patch, mode);
    assert.equal(largestChange(result, grey, [58, 58, 71, 71]), 0, mode);
    assert.ok(largestChange(result, grey, [0, 0, 128, 128]) > 10, mode);
  }
});

test('seamless keeps the stronger of the two gradients, poisson the new face’s', () => {
  // A line of the target on the left, one of the new face on the right; the other picture has a faint slope there.
  const frame = paintFrame(formatOf(128, 128, 'rgb'), (x) => {
    const value = 0.5 + (x >= 46 && x < 49 ? 0.2 : 0) + x / 4000;
    return [value, value, value];
  });
  const ownLine = (x: number): number => (x >= 42 && x < 45 ? 51 : 0);
  const newLine = (x: number): number => (x >= 76 && x < 79 ? 40 : 0);
  const patch = patchOf(frame, facePlace, {
    mask: roundMask(facePlace),
    change: (_, x) => newLine(x) - ownLine(x),
  });
  const heightAt = (mode: Mode, x: number): number => {
    const result = blended(frame, patch, mode);
    return sample(result, x, 64) - (sample(result, x - 4, 64) + sample(result, x + 4, 64)) / 2;
  };
  assertClose(heightAt('seamless', 47), 51, 6);
  assertClose(heightAt('seamless', 81), 40, 5);
  assertClose(heightAt('poisson', 47), 0, 3);
  assertClose(heightAt('poisson', 81), 40, 3);
});
