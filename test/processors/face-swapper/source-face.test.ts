import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faceLayout, zoneSize } from '../../../src/processors/face-swapper/face-layout.js';
import { rectifyFace } from '../../../src/processors/face-swapper/rectify.js';
import { buildTexture, faceWidth } from '../../../src/processors/face-swapper/source-face.js';
import { srgbToLab } from '../../support/reference/lab.js';
import { plainRectifiedFace } from '../../support/reference/rectify.js';
import { plainTexture } from '../../support/reference/source-texture.js';
import { formatOf, paintFrame, type Picture, skinPicture } from '../../support/unit-frames.js';
import { plainZones } from '../../support/unit-faces.js';
import { type FacePlacement, placedFace } from '../../support/unit-meshes.js';
import { assertClose, at, meanOf } from '../../support/unit-values.js';

const placement: FacePlacement = { x: 130, y: 125, eyesPx: 80 };
const photoOf = (picture: Picture) => paintFrame(formatOf(260, 260, 'rgb'), picture);

/** Opacity of the finest level at a place of the layout. */
const opacityAt = ({ sizePx, levels }: ReturnType<typeof buildTexture>, u: number, v: number): number =>
  at(levels[0]!, 4 * (Math.floor(v * sizePx) * sizePx + Math.floor(u * sizePx)) + 3);

test('rectifying a face that already lies as the layout gives the photograph', () => {
  const size = 128;
  const flat = new Float32Array(3 * 468);
  for (let i = 0; i < 468; i++) {
    flat[3 * i] = at(faceLayout.uv, 2 * i) * size - 0.5;
    flat[3 * i + 1] = at(faceLayout.uv, 2 * i + 1) * size - 0.5;
  }
  const photo = paintFrame(formatOf(size, size, 'rgb'), skinPicture);
  const { lab, facing } = rectifyFace(photo, flat, size);
  const exact = new Float32Array(3);
  let inside = 0;
  for (let i = 0; i < size * size; i++) {
    if (at(facing, i) === -1) continue;
    inside++;
    srgbToLab(
      ...([0, 1, 2].map((c) => at(photo.data, c * size * size + i) / 255) as [number, number, number]),
      exact,
      0,
    );
    for (const c of [0, 1, 2]) assertClose(at(lab[c]!, i), at(exact, c), 0.1, `channel ${c} of ${i}`);
    assertClose(at(facing, i), 1, 1e-4, 'facing');
  }
  assert.ok(inside > 0.5 * size * size, `${inside} texels`);
});

test('the texture of a frontal face is opaque inside and open at eyes and mouth', () => {
  const texture = buildTexture(photoOf(skinPicture), placedFace(placement), plainZones);
  const { uv } = faceLayout;
  for (const index of [50, 280, 1, 9, 199]) {
    assert.ok(opacityAt(texture, at(uv, 2 * index), at(uv, 2 * index + 1)) > 0.9, `point ${index}`);
  }
  let open = 0;
  for (let i = 0; i < zoneSize * zoneSize; i++) {
    if (at(plainZones.openings, i) < 0.99) continue;
    open++;
    const [u, v] = [((i % zoneSize) + 0.5) / zoneSize, (Math.floor(i / zoneSize) + 0.5) / zoneSize];
    assert.ok(opacityAt(texture, u, v) < 0.2, `${u}, ${v}`);
  }
  assert.ok(open > 50);
  assert.equal(opacityAt(texture, 0.01, 0.01), 0);
});

test('every level halves the one before and keeps its mean', () => {
  const { sizePx, levels } = buildTexture(photoOf(skinPicture), placedFace(placement), plainZones);
  assert.equal(Math.log2(sizePx) % 1, 0);
  levels.forEach((level, l) => {
    assert.equal(level.length, 4 * (sizePx >> l) ** 2);
    for (const c of [0, 1, 2, 3]) {
      const channel = (data: Float32Array) => meanOf(data.filter((_, i) => i % 4 === c));
      assertClose(channel(level), channel(levels[0]!), 0.02, `level ${l} channel ${c}`);
    }
  });
});

test('the half that the camera did not see is filled from the other', () => {
  const turned = placedFace({ ...placement, yaw: 0.9 });
  const photo = photoOf((x, y) => (x < 5 ? [0, 0, 0] : skinPicture(x, y)));
  const texture = buildTexture(photo, turned, plainZones);
  const { sizePx, levels } = texture;
  const { uv } = faceLayout;
  for (const index of [50, 280]) {
    const [u, v] = [at(uv, 2 * index), at(uv, 2 * index + 1)];
    const texel = 4 * (Math.floor(v * sizePx) * sizePx + Math.floor(u * sizePx));
    assert.ok(opacityAt(texture, u, v) > 0.8, `cheek ${index}`);
    // The lightness of the skin, not of the wall behind.
    assertClose(at(levels[0]!, texel), 67, 12, `lightness of cheek ${index}`);
  }
});

test('a fringe over the forehead becomes transparent, the cheeks stay', () => {
  const points = placedFace(placement);
  const browY = Math.min(at(points, 3 * 107 + 1), at(points, 3 * 336 + 1));
  const fringe: Picture = (x, y) => (y < browY - 5 ? [0.1, 0.07, 0.05] : skinPicture(x, y));
  const texture = buildTexture(photoOf(fringe), points, plainZones);
  const { uv } = faceLayout;
  assert.ok(opacityAt(texture, at(uv, 2 * 151), at(uv, 2 * 151 + 1)) < 0.1, 'forehead');
  assert.ok(opacityAt(texture, at(uv, 2 * 50), at(uv, 2 * 50 + 1)) > 0.9, 'cheek');
  // Filled with skin below, so that no dark hair bleeds through the coarse levels.
  const { sizePx, levels } = texture;
  const texel = Math.floor(at(uv, 2 * 151 + 1) * sizePx) * sizePx + Math.floor(at(uv, 2 * 151) * sizePx);
  assert.ok(at(levels[0]!, 4 * texel) > 50, `lightness ${at(levels[0]!, 4 * texel)}`);
});

test('the dark corner of a frame over the end of a light brow is not drawn as a brow', () => {
  const points = placedFace(placement);
  const eyes = [159, 386].map((i) => [at(points, 3 * i), at(points, 3 * i + 1)] as const);
  const isRing = (x: number, y: number): boolean =>
    eyes.some(([eyeX, eyeY]) => Math.abs(Math.hypot(x - eyeX, y - eyeY) - 21) < 2);
  const [endX, endY] = [at(points, 3 * 46), at(points, 3 * 46 + 1)];
  const isCorner = (x: number, y: number): boolean => Math.hypot((x - endX) / 1.3, y - endY) < 6;
  const dark = [0.05, 0.05, 0.06] as const;
  const picture: Picture = (x, y) => (isRing(x, y) || isCorner(x, y) ? dark : skinPicture(x, y));
  const { sizePx, levels } = buildTexture(photoOf(picture), points, plainZones);
  const { uv } = faceLayout;
  const texel = Math.floor(at(uv, 93) * sizePx) * sizePx + Math.floor(at(uv, 92) * sizePx);
  const [lightness, opacity] = [at(levels[0]!, 4 * texel), at(levels[0]!, 4 * texel + 3)];
  assert.ok(lightness > 40 || opacity < 0.3, `L ${lightness} at opacity ${opacity}`);
});

test('a face partly outside the photograph still gives a finite texture', () => {
  for (const x of [-20, 0, 250, 290]) {
    const { levels } = buildTexture(photoOf(skinPicture), placedFace({ ...placement, x }), plainZones);
    for (const level of levels) assert.ok(level.every(Number.isFinite), `${x}`);
  }
});

test('the texture is about as fine as the photograph, within limits', () => {
  const sizeFor = (eyesPx: number): number =>
    buildTexture(photoOf(skinPicture), placedFace({ ...placement, eyesPx }), plainZones).sizePx;
  assert.equal(sizeFor(10), 128);
  assert.ok(sizeFor(100) >= faceWidth(placedFace({ ...placement, eyesPx: 100 })));
});

test('a texture is to the bit what map by map gives, with fringe, glasses or half of the face', () => {
  const frontal = placedFace(placement);
  const turned = placedFace({ ...placement, yaw: 0.6 });
  const browY = at(frontal, 3 * 107 + 1);
  const eyes = [159, 386].map((i) => [at(frontal, 3 * i), at(frontal, 3 * i + 1)] as const);
  const glasses: Picture = (x, y) =>
    eyes.some(([eyeX, eyeY]) => Math.abs(Math.hypot(x - eyeX, y - eyeY) - 21) < 2)
      ? [0.05, 0.05, 0.06]
      : skinPicture(x, y);
  const fringe: Picture = (x, y) => (y < browY - 5 ? [0.1, 0.07, 0.05] : skinPicture(x, y));
  for (const [name, picture, points] of [
    ['plain', skinPicture, frontal],
    ['fringe', fringe, frontal],
    ['glasses', glasses, frontal],
    ['turned', skinPicture, turned],
    ['cut off', skinPicture, placedFace({ ...placement, x: 10 })],
  ] as const) {
    const found = buildTexture(photoOf(picture), points, plainZones);
    const plain = plainTexture(photoOf(picture), points, plainZones);
    assert.equal(found.sizePx, plain.sizePx);
    found.levels.forEach((level, l) => assert.deepEqual(level, plain.levels[l], `${name}, level ${l}`));
  }
});

test('a photograph finer than the texture is averaged as reading by reading gives', () => {
  for (const [sizePx, yaw] of [
    [64, 0],
    [32, 0.5],
    [16, 0],
  ] as const) {
    const points = placedFace({ ...placement, yaw });
    const noise: Picture = (x, y) => {
      const [r, g, b] = skinPicture(x, y);
      const grain = (((x * 37 + y * 91) % 17) - 8) / 60;
      return [r + grain, g + grain, b - grain];
    };
    const found = rectifyFace(photoOf(noise), points, sizePx);
    const plain = plainRectifiedFace(photoOf(noise), points, sizePx);
    assert.deepEqual(found.facing, plain.facing);
    // The same sum in another order, then rounded to floats: L and its fellows go to 100.
    found.lab.forEach((plane, c) =>
      plane.forEach((value, i) => assertClose(value, at(plain.lab[c]!, i), 1e-4, `channel ${c} of ${i}`)),
    );
  }
});
