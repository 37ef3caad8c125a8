import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  boxPsnrDb,
  LumaHistory,
  meshJitter,
  psnrCeilingDb,
} from '../../../src/processors/quality-monitor/frame-comparison.js';
import { formatOf, paintFrame } from '../../support/unit-frames.js';
import { movedMesh, placedFace } from '../../support/unit-meshes.js';
import { forAll } from '../../support/unit-random.js';
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
