import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allocateFrame } from '../../../src/imaging/planar-frame.js';
import { Scratch } from '../../../src/imaging/scratch.js';
import {
  boxPsnrDb,
  boxSsim,
  LumaHistory,
  meshJitter,
} from '../../../src/processors/quality-monitor/frame-comparison.js';
import { psnrCeilingDb } from '../../../src/processors/quality-monitor/psnr-ceiling.js';
import { plainSquaredDifferences, plainSsim } from '../../support/reference/comparison.js';
import { formatOf, paintFrame } from '../../support/unit-frames.js';
import { movedMesh, placedFace } from '../../support/unit-meshes.js';
import { forAll, type Random } from '../../support/unit-random.js';
import { assertClose, at } from '../../support/unit-values.js';

const box = { x: 2, y: 1, width: 4, height: 3 };

test('PSNR against an 8-bit peak has its textbook values', () => {
  const first = new Uint8Array(80).fill(100);
  // A mean square error of 1 is 10 log10(255²) = 48.1308 dB; of 255² it is 0 dB.
  assertClose(boxPsnrDb(first, new Uint8Array(80).fill(101), 10, 8, box)!, 48.1308, 1e-4);
  assertClose(boxPsnrDb(new Uint8Array(80), new Uint8Array(80).fill(255), 10, 8, box)!, 0, 1e-9);
  assertClose(boxPsnrDb(first, new Uint8Array(80).fill(110), 10, 8, box)!, 28.1308, 1e-4);
  assert.equal(boxPsnrDb(first, first, 10, 8, box), psnrCeilingDb);
});

test('only the box counts, clipped to the plane and rounded outwards', () => {
  const first = new Uint8Array(80);
  const second = new Uint8Array(80);
  second[0] = 255;
  assert.equal(boxPsnrDb(first, second, 10, 8, box), psnrCeilingDb);
  // 1 of 4 × 4 pixels: a quarter of a pixel in is enough.
  const touching = { x: 0.9, y: 0.9, width: 2.2, height: 2.2 };
  assertClose(boxPsnrDb(first, second, 10, 8, touching)!, 10 * Math.log10(16), 1e-9);
  const beyond = { x: -5, y: -5, width: 7, height: 7 };
  assertClose(boxPsnrDb(first, second, 10, 8, beyond)!, 10 * Math.log10(4), 1e-9);
});

test('a box without a pixel has no PSNR', () => {
  const plane = new Uint8Array(80);
  for (const away of [
    { ...box, x: 10 },
    { ...box, x: -4 },
    { ...box, y: 8 },
    { ...box, y: -3.5 },
  ]) {
    assert.equal(boxPsnrDb(plane, plane, 10, 8, away), null);
  }
});

test('PSNR is symmetric and falls as the error grows', () => {
  forAll(20, (random) => {
    const first = Uint8Array.from({ length: 80 }, () => random.integer(0, 100));
    const sign = Array.from({ length: 80 }, () => random.integer(1, 3));
    const second = (k: number) => first.map((value, i) => value + k * at(sign, i));
    const psnr = (k: number) => boxPsnrDb(first, second(k), 10, 8, box)!;
    assert.equal(psnr(3), boxPsnrDb(second(3), first, 10, 8, box));
    assert.ok(psnr(1) > psnr(2) && psnr(2) > psnr(10));
  });
});

/** Two planes of one random size and depth, the second not far from the first, and a random box of whole pixels in them. */
const randomPair = (random: Random) => {
  const [widthPx, heightPx] = [random.integer(8, 130), random.integer(8, 60)];
  const bitDepth = ([8, 10, 12] as const)[random.integer(0, 3)]!;
  const peak = 255 << (bitDepth - 8);
  const spread = random.integer(1, peak);
  const first = Array.from({ length: widthPx * heightPx }, () => random.integer(0, peak + 1));
  const second = first.map((value) =>
    Math.min(peak, Math.max(0, value + random.integer(-spread, spread + 1))),
  );
  const plane = (values: number[]) => (bitDepth === 8 ? Uint8Array.from(values) : Uint16Array.from(values));
  const left = random.integer(0, widthPx - 7);
  const top = random.integer(0, heightPx - 7);
  const area = {
    left,
    top,
    right: random.integer(left + 8, widthPx + 1),
    bottom: random.integer(top + 8, heightPx + 1),
  };
  return { widthPx, heightPx, bitDepth, peak, area, first: plane(first), second: plane(second) };
};

const boxOf = ({ left, top, right, bottom }: ReturnType<typeof randomPair>['area']) => ({
  x: left,
  y: top,
  width: right - left,
  height: bottom - top,
});

test('PSNR has the exact sums of its plain twin at all depths, in kernel memory and elsewhere', () => {
  const scratch = new Scratch();
  forAll(300, (random) => {
    const { widthPx, heightPx, bitDepth, peak, area, first, second } = randomPair(random);
    const sum = plainSquaredDifferences({ data: first, widthPx }, { data: second, widthPx }, area);
    const count = (area.right - area.left) * (area.bottom - area.top);
    const expected = sum === 0 ? psnrCeilingDb : 10 * Math.log10(peak ** 2 / (sum / count));
    assert.equal(boxPsnrDb(first, second, widthPx, heightPx, boxOf(area), bitDepth), expected);
    const inside =
      first instanceof Uint8Array
        ? scratch.bytes('first', first.length)
        : scratch.words('first', first.length);
    inside.set(first);
    assert.equal(boxPsnrDb(inside, second, widthPx, heightPx, boxOf(area), bitDepth), expected);
  });
  scratch.dispose();
});

test('the largest difference over a whole wide row does not overflow', () => {
  for (const [first, second, bitDepth] of [
    [new Uint8Array(16384), new Uint8Array(16384).fill(255), 8],
    [new Uint16Array(16384), new Uint16Array(16384).fill(1020), 10],
    [new Uint16Array(16384), new Uint16Array(16384).fill(4080), 12],
  ] as const) {
    const row = { x: 0, y: 0, width: 16384, height: 1 };
    assertClose(boxPsnrDb(first, second, 16384, 1, row, bitDepth)!, 0, 1e-9);
  }
});

test('PSNR of ten bits says what it says of eight', () => {
  const eight = [Uint8Array.from({ length: 80 }, (_, i) => i), new Uint8Array(80).fill(40)] as const;
  const ten = eight.map((plane) => Uint16Array.from(plane, (value) => 4 * value));
  assertClose(boxPsnrDb(ten[0]!, ten[1]!, 10, 8, box)!, boxPsnrDb(...eight, 10, 8, box)!, 1e-9);
});

test('SSIM equals the definition of the paper over 8×8 windows', () => {
  forAll(200, (random) => {
    const { widthPx, heightPx, bitDepth, peak, area, first, second } = randomPair(random);
    const expected = plainSsim({ data: first, widthPx }, { data: second, widthPx }, area, peak);
    // Sums are exact and the rest is in 64 bits: only the order of additions differs.
    assertClose(boxSsim(first, second, widthPx, heightPx, boxOf(area), bitDepth)!, expected, 1e-9);
  });
});

test('SSIM is one for equal pictures, falls with noise, and is low for an inverted one', () => {
  forAll(20, (random) => {
    const first = Uint8Array.from({ length: 40 * 40 }, () => random.integer(60, 200));
    const noisy = (level: number) => first.map((value) => value + random.integer(-level, level + 1));
    const all = { x: 0, y: 0, width: 40, height: 40 };
    const ssim = (second: Uint8Array) => boxSsim(first, second, 40, 40, all)!;
    assertClose(ssim(first), 1, 1e-12);
    assert.ok(ssim(noisy(5)) > ssim(noisy(30)));
    assert.ok(ssim(first.map((value) => 255 - value)) < 0);
    // Brighter by 20 levels, and nothing else: the luminance term of the definition alone.
    const flat = new Uint8Array(1600).fill(100);
    const c1 = 2.55 ** 2;
    assertClose(
      boxSsim(flat, new Uint8Array(1600).fill(120), 40, 40, all)!,
      (2 * 100 * 120 + c1) / (100 ** 2 + 120 ** 2 + c1),
      1e-12,
    );
  });
});

test('a box in which no window fits has no SSIM', () => {
  const plane = new Uint8Array(400);
  assert.equal(boxSsim(plane, plane, 20, 20, { x: 0, y: 0, width: 7, height: 20 }), null);
  assert.equal(boxSsim(plane, plane, 20, 20, { x: 14, y: 0, width: 20, height: 20 }), null);
  assert.equal(boxSsim(plane, plane, 20, 20, { x: 30, y: 0, width: 20, height: 20 }), null);
  assert.equal(boxSsim(plane, plane, 20, 20, { x: 0, y: 0, width: 8, height: 8 }), 1);
});

test('planes of two depths or too short for the size are bugs', () => {
  const plane = new Uint8Array(80);
  for (const compare of [boxPsnrDb, boxSsim]) {
    assert.throws(() => compare(plane, new Uint16Array(80), 10, 8, box), { kind: 'bug' });
    assert.throws(() => compare(plane, plane, 10, 9, box), { kind: 'bug' });
  }
});

test('steady movement has no jitter, and a single shake has the textbook amount', () => {
  const face = placedFace({ x: 300, y: 200, eyesPx: 100 });
  const [before, after] = [movedMesh(face, -9, 4), movedMesh(face, 9, -4)];
  assertClose(meshJitter(before, face, after), 0, 1e-5, 'steady');
  // One frame 5 px off: the second difference is 10 px, of 100 px between the eyes.
  assertClose(meshJitter(before, movedMesh(face, 3, -4), after), 0.1, 2e-3, 'shaken');
});

test('jitter is measured in faces, not in pixels, and ignores depth', () => {
  const jitterAt = (eyesPx: number) => {
    const face = placedFace({ x: 300, y: 200, eyesPx });
    return meshJitter(face, movedMesh(face, eyesPx / 50, 0), face);
  };
  assertClose(jitterAt(30), jitterAt(300), 1e-4);
  const face = placedFace({ x: 0, y: 0, eyesPx: 100 });
  const deeper = face.map((value, i) => (i % 3 === 2 ? value + 30 : value));
  assertClose(meshJitter(face, deeper, face), 0, 1e-6);
});

test('the two latest frames are kept as copies until they are forgotten', () => {
  const history = new LumaHistory();
  assert.equal(history.latest, null);
  const frame = paintFrame(formatOf(5, 3), () => [0.5, 0.5, 0.5]);
  history.push(frame);
  const kept = Uint8Array.from(history.latest!);
  assert.deepEqual(kept, frame.data.slice(0, 15));
  assert.equal(history.before, null);
  frame.data.fill(0);
  history.push(frame);
  assert.deepEqual(Uint8Array.from(history.before!), kept);
  assert.deepEqual(Uint8Array.from(history.latest!), new Uint8Array(15));
  history.push(paintFrame(formatOf(7, 7), () => [1, 1, 1]));
  assert.equal(history.latest!.length, 49);
  history.forget();
  assert.equal(history.latest, null);
  assert.equal(history.before, null);
});

test('ten-bit planes are kept as words, and planes of another format are not compared', () => {
  const history = new LumaHistory();
  const frame = allocateFrame({ ...formatOf(6, 4), bitDepth: 10 });
  frame.data.fill(777);
  history.push(frame);
  history.push(frame);
  assert.deepEqual(Uint16Array.from(history.before!), new Uint16Array(24).fill(777));
  history.push(allocateFrame(formatOf(6, 4)));
  assert.equal(history.before, null);
  assert.deepEqual(Uint8Array.from(history.latest!), new Uint8Array(24));
});
