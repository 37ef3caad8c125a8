import assert from 'node:assert/strict';
import { test } from 'node:test';
import { affineBetween } from '../../../src/imaging/affine.js';
import { Scratch } from '../../../src/imaging/scratch.js';
import { alignedPsnrDb } from '../../../src/processors/quality-monitor/aligned-psnr.js';
import { boxPsnrDb } from '../../../src/processors/quality-monitor/frame-comparison.js';
import { psnrCeilingDb } from '../../../src/processors/quality-monitor/psnr-ceiling.js';
import { seamError } from '../../../src/processors/quality-monitor/seam-error.js';
import { movedMesh, placedFace } from '../../support/unit-meshes.js';
import { seededRandom } from '../../support/unit-random.js';
import { assertClose } from '../../support/unit-values.js';

const [widthPx, heightPx] = [240, 180];
const count = widthPx * heightPx;
const scratch = new Scratch();
const box = { x: 60, y: 40, width: 120, height: 100 };

/** Samples a scene that is known at every place. */
const paint = (name: string, scene: (x: number, y: number) => number): Uint8Array => {
  const plane = scratch.bytes(name, count);
  for (let i = 0; i < count; i++) plane[i] = Math.round(scene(i % widthPx, Math.floor(i / widthPx)));
  return plane;
};

const random = seededRandom(5);
const noise = Array.from({ length: 512 * 512 }, () => random.integer(0, 256));
const noisy = (x: number, y: number): number => noise[(y + 100) * 512 + x + 100] as number;
const smooth = (x: number, y: number): number =>
  128 + 60 * Math.sin(x / 9) * Math.cos(y / 11) + 30 * Math.sin((x + 2 * y) / 17);

const motionOf = (here: Float32Array, past: Float32Array) => {
  const motion = affineBetween(here, past, 3);
  assert.ok(motion);
  return motion;
};

const face = placedFace({ x: 120, y: 90, eyesPx: 60 });

test('a picture that moves by whole pixels with its face is the same when it is aligned, and not before', () => {
  const past = paint('past', noisy);
  const here = paint('here', (x, y) => noisy(x - 7, y + 4));
  const moved = movedMesh(face, 7, -4);
  const toPast = motionOf(moved, face);
  assert.ok(boxPsnrDb(past, here, widthPx, heightPx, box)! < 9);
  assert.equal(alignedPsnrDb(past, here, widthPx, heightPx, box, toPast), psnrCeilingDb);
});

test('a turn, a zoom and a shift between pixels leave what rounding and interpolation cost', () => {
  const past = paint('past', smooth);
  const [angle, zoom] = [0.03, 1.02];
  const [cos, sin] = [Math.cos(angle) * zoom, Math.sin(angle) * zoom];
  // Where a place of the second picture was in the first.
  const back = (x: number, y: number) => [
    120 + cos * (x - 120) - sin * (y - 90) + 0.4,
    90 + sin * (x - 120) + cos * (y - 90) - 0.7,
  ];
  const here = paint('here', (x, y) => {
    const [u, v] = back(x, y) as [number, number];
    return smooth(u, v);
  });
  const past3 = face.slice();
  for (let i = 0; i < face.length; i += 3) {
    const [u, v] = back(face[i] as number, face[i + 1] as number) as [number, number];
    past3[i] = u;
    past3[i + 1] = v;
  }
  const toPast = motionOf(face, past3);
  const plain = boxPsnrDb(past, here, widthPx, heightPx, box)!;
  const aligned = alignedPsnrDb(past, here, widthPx, heightPx, box, toPast)!;
  // Two roundings of half a level each at most have a mean square of 1/6 together: 55.9 dB; the cubic blurs one of them.
  assert.ok(aligned > 55 && aligned < 59, String(aligned));
  assert.ok(plain < 35, String(plain));
});

test('a flicker of known size has its textbook PSNR, aligned or not', () => {
  const past = paint('past', smooth);
  const here = paint('here', (x, y) => Math.round(smooth(x, y)) + 3);
  const still = motionOf(face, face);
  const expected = 10 * Math.log10(255 ** 2 / 9);
  assertClose(boxPsnrDb(past, here, widthPx, heightPx, box)!, expected, 1e-9);
  assertClose(alignedPsnrDb(past, here, widthPx, heightPx, box, still)!, expected, 1e-4);
});

test('a large box is compared at evenly spread places with nearly the same result', () => {
  const wide = { x: 2, y: 2, width: widthPx - 4, height: heightPx - 4 };
  const past = paint('past', noisy);
  const here = paint('here', (x, y) => noisy(x, y) * 0.9 + 10);
  const still = motionOf(face, face);
  const all = boxPsnrDb(past, here, widthPx, heightPx, wide)!;
  const some = alignedPsnrDb(past, here, widthPx, heightPx, wide, still)!;
  assertClose(some, all, 0.3);
});

test('a face that has come from outside of the picture has no aligned PSNR', () => {
  const past = paint('past', smooth);
  const here = paint('here', smooth);
  const toPast = motionOf(face, movedMesh(face, 190, 0));
  assert.equal(alignedPsnrDb(past, here, widthPx, heightPx, box, toPast), null);
});

test('points on a line have no affine motion', () => {
  const line = Float32Array.from({ length: 30 }, (_, i) => (i % 3 === 2 ? 0 : i));
  assert.equal(affineBetween(line, line, 3), null);
});

/** A mask that is full left of `edge` and fades to nothing over `width` pixels. */
const ramp = (edge: number, width: number): Uint8Array => {
  const mask = scratch.bytes('mask', count + 16);
  for (let i = 0; i < count; i++) {
    const x = i % widthPx;
    mask[i] = width === 0 ? (x < edge ? 255 : 0) : 255 * Math.min(1, Math.max(0, (edge + width - x) / width));
  }
  return mask;
};

const whole = { left: 0, top: 0, right: widthPx, bottom: heightPx };

test('a patch that is lighter by 12 has a seam of 12 along a hard edge, and of 12/w along one that fades over w pixels', () => {
  const before = paint('past', smooth);
  for (const [width, expected] of [
    [0, 12],
    [3, 4],
    [12, 1],
  ] as const) {
    const mask = ramp(100, width);
    const after = paint(
      'here',
      (x, y) => Math.round(smooth(x, y)) + (12 * (mask[y * widthPx + x] ?? 0)) / 255,
    );
    assertClose(seamError(before, after, mask, widthPx, whole)!, expected, 0.02);
  }
});

test('a change that is even across the border has no seam, however large, and no mask has none to measure', () => {
  const before = paint('past', smooth);
  const after = paint('here', (x, y) => Math.round(smooth(x, y)) + 25);
  assert.equal(seamError(before, after, ramp(100, 8), widthPx, whole), 0);
  assert.equal(seamError(before, before, ramp(100, 0), widthPx, whole), 0);
  assert.equal(seamError(before, after, ramp(0, 0), widthPx, whole), null);
});

test('changes away from the border are none of the seam', () => {
  const before = paint('past', smooth);
  const after = paint('here', (x, y) => (x < 80 ? noisy(x, y) : Math.round(smooth(x, y))));
  assert.equal(seamError(before, after, ramp(100, 0), widthPx, whole), 0);
});
