import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zonesFor } from '../../../src/pipeline/mask-zones.js';
import { faceLayout, paintZones, zoneSize } from '../../../src/processors/face-swapper/face-layout.js';
import { facingOf } from '../../../src/processors/face-swapper/rectify.js';
import { plainZonesFor } from '../../support/reference/face-zones.js';
import { plainZones } from '../../support/unit-faces.js';
import { assertClose, at } from '../../support/unit-values.js';

const { uv, triangles, mirror } = faceLayout;
const zoneAt = (zone: Float32Array, u: number, v: number): number =>
  at(zone, Math.floor(v * zoneSize) * zoneSize + Math.floor(u * zoneSize));

test('the layout has 468 points inside the texture and triangles of them, all wound one way', () => {
  assert.equal(uv.length, 2 * 468);
  assert.ok(uv.every((value) => value > 0 && value < 1));
  assert.equal(triangles.length % 3, 0);
  for (let t = 0; t < triangles.length; t += 3) {
    const [ax, ay, bx, by, cx, cy] = [0, 1, 2].flatMap((k) => {
      const index = at(triangles, t + k);
      return [at(uv, 2 * index), at(uv, 2 * index + 1)];
    }) as [number, number, number, number, number, number];
    assert.ok((bx - ax) * (cy - ay) - (cx - ax) * (by - ay) > 0, `triangle ${t / 3}`);
  }
});

test('no edge of the mesh belongs to more than two triangles, and those run along it in opposite ways', () => {
  const edges = new Set<string>();
  for (let t = 0; t < triangles.length; t += 3) {
    for (const k of [0, 1, 2]) {
      const edge = `${at(triangles, t + k)}-${at(triangles, t + ((k + 1) % 3))}`;
      assert.ok(!edges.has(edge), edge);
      edges.add(edge);
    }
  }
});

test('the mirror of the mirror is the point, and lies on the other half', () => {
  for (let i = 0; i < 468; i++) {
    const other = at(mirror, i);
    assert.equal(at(mirror, other), i);
    assertClose(at(uv, 2 * other), 1 - at(uv, 2 * i), 1e-4, `u of ${i}`);
    assertClose(at(uv, 2 * other + 1), at(uv, 2 * i + 1), 1e-4, `v of ${i}`);
  }
});

test('the whole front of the mean face looks at the camera', () => {
  const facing = facingOf(faceLayout.shape, new Float32Array(468));
  for (const tip of [1, 4, 5, 10, 152]) assert.ok(at(facing, tip) > 0.3, `point ${tip}: ${at(facing, tip)}`);
  for (const value of facing) assert.ok(value >= -1 - 1e-6 && value <= 1 + 1e-6);
});

test('zone maps are shares between zero and one, alike on both halves', () => {
  for (const [name, zone] of Object.entries(plainZones)) {
    assert.equal(zone.length, zoneSize * zoneSize);
    for (let y = 0; y < zoneSize; y++) {
      for (let x = 0; x < zoneSize; x++) {
        const here = at(zone, y * zoneSize + x);
        assert.ok(here >= 0 && here <= 1, name);
        assertClose(at(zone, y * zoneSize + zoneSize - 1 - x), here, 0.05, `${name} at ${x}, ${y}`);
      }
    }
  }
});

test('the interior is the face, the openings are eyes and mouth, and plain skin is neither', () => {
  assert.equal(zoneAt(plainZones.interior, 0.5, 0.5), 1);
  assert.equal(zoneAt(plainZones.interior, 0.01, 0.01), 0);
  for (const index of [159, 386]) {
    // Upper lids of both eyes: just below them the eye opens.
    const [u, v] = [at(uv, 2 * index), at(uv, 2 * index + 1)];
    assert.ok(zoneAt(plainZones.openings, u, v + 0.008) > 0.5, `eye ${index}`);
    assert.equal(zoneAt(plainZones.skin, u, v + 0.008), 0);
  }
  const cheek = 50;
  const [u, v] = [at(uv, 2 * cheek), at(uv, 2 * cheek + 1)];
  assert.equal(zoneAt(plainZones.openings, u, v), 0);
  assert.ok(zoneAt(plainZones.skin, u, v) > 0.9);
});

test('zone maps are those of the exact distance to every outline', () => {
  for (const [featherShare, insets] of [
    [0, { top: 0, right: 0, bottom: 0, left: 0 }],
    [0.3, { top: 0.1, right: 0.02, bottom: 0.3, left: 0.07 }],
    [1, { top: 0, right: 0.4, bottom: 0, left: 0 }],
  ] as const) {
    const zones = paintZones(featherShare, insets);
    const exact = plainZonesFor(featherShare, insets);
    for (const name of Object.keys(exact) as (keyof typeof exact)[]) {
      // Lengths are rounded differently in their last bit, and maps rise at most by 1 in 0.002: two steps of a float.
      zones[name].forEach((value, i) => assertClose(value, at(exact[name], i), 1.2e-7, `${name} at ${i}`));
    }
  }
});

test('more blur takes more away at the outline and never adds', () => {
  const none = { top: 0, right: 0, bottom: 0, left: 0 };
  const [sharp, soft] = [paintZones(0, none).interior, paintZones(0.6, none).interior];
  let lost = 0;
  sharp.forEach((value, i) => {
    assert.ok(at(soft, i) <= value + 1e-6);
    lost += value - at(soft, i);
  });
  assert.ok(lost > 1000);
});

test('padding cuts the mask back on its own side, in percent of the face', () => {
  const zones = (faceMaskPadding: { top: number; right: number; bottom: number; left: number }) =>
    zonesFor({ faceMaskBlur: 0.1, faceMaskPadding }).interior;
  const none = { top: 0, right: 0, bottom: 0, left: 0 };
  const whole = zones(none);
  const weightOf = (zone: Float32Array, isThere: (u: number, v: number) => boolean): number =>
    zone.reduce((sum, value, i) => {
      const [u, v] = [(i % zoneSize) / zoneSize, Math.floor(i / zoneSize) / zoneSize];
      return isThere(u, v) ? sum + value : sum;
    }, 0);
  for (const [side, isThere] of [
    ['top', (_: number, v: number) => v < 0.25],
    ['bottom', (_: number, v: number) => v > 0.75],
    ['left', (u: number) => u < 0.25],
    ['right', (u: number) => u > 0.75],
  ] as const) {
    const cut = zones({ ...none, [side]: 40 });
    assert.ok(weightOf(whole, isThere) > 50);
    assert.equal(weightOf(cut, isThere), 0, side);
    assert.equal(zoneAt(cut, 0.5, 0.52), 1, `middle with ${side}`);
  }
});
