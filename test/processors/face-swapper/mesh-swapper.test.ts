import assert from 'node:assert/strict';
import { paintZones } from '../../../src/processors/face-swapper/face-layout.js';
import { test } from 'node:test';
import type { PlanarFrame } from '../../../src/imaging/planar-frame.js';
import { unmatched } from '../../../src/processors/face-swapper/colour-match.js';
import { faceShape } from '../../../src/processors/face-swapper/face-shape.js';
import { type FacePatch, MeshSwapper } from '../../../src/processors/face-swapper/mesh-swapper.js';
import type { SourceFace } from '../../../src/processors/face-swapper/source-face.js';
import { FaceBlender } from '../../../src/processors/multiband-blender/face-blender.js';
import { appearanceOf, plainZones, sourceFaceOf } from '../../support/unit-faces.js';
import { formatOf, paintFrame, type Picture, samplingNames, skinPicture } from '../../support/unit-frames.js';
import { type FacePlacement, movedMesh, placedFace } from '../../support/unit-meshes.js';
import { forAll } from '../../support/unit-random.js';
import { assertClose, at, largestDifference, meanOf } from '../../support/unit-values.js';

const { open } = appearanceOf({});
const sizePx = 220;
const placement: FacePlacement = { x: 110, y: 108, eyesPx: 72 };
const face = placedFace(placement);
const photo = paintFrame(formatOf(sizePx, sizePx, 'rgb'), skinPicture);
const source = sourceFaceOf(photo, face);

const draw = (
  frame: PlanarFrame,
  points: Float32Array,
  from: SourceFace = source,
  swapper = new MeshSwapper(plainZones),
): FacePatch | null =>
  swapper.draw(frame.format, { source: from, points, shape: from.shape, colour: unmatched, open });

const swapped = (frame: PlanarFrame, points: Float32Array, mode: 'multiband' | 'basic'): PlanarFrame => {
  const copy = { ...frame, data: Uint8Array.from(frame.data) };
  const patch = draw(copy, points);
  if (patch !== null)
    new FaceBlender().blend(copy, patch, { mode, detailGain: Float32Array.of(1, 1, 1), featureLift: 0 });
  return copy;
};

test('a face drawn onto itself is the picture, inside the mask, in every format', () => {
  for (const name of samplingNames) {
    const frame = paintFrame(formatOf(sizePx, sizePx, name), skinPicture);
    const patch = draw(frame, face)!;
    const { region } = patch;
    const errors: number[] = [];
    for (let y = 0; y < region.height; y++) {
      for (let x = 0; x < region.width; x++) {
        if (at(patch.mask, y * region.width + x) < 0.9) continue;
        const was = at(frame.data, (region.y + y) * sizePx + region.x + x);
        errors.push(Math.abs(at(patch.planes[0], y * region.width + x) - was));
      }
    }
    assert.ok(errors.length > 3000, `${errors.length} pixels inside`);
    // Half a level is the rounding of either picture.
    assert.ok(meanOf(errors) < 0.8, `${name}: mean error ${meanOf(errors)}`);
    assert.ok(Math.max(...errors) < 4, `${name}: largest error ${Math.max(...errors)}`);
  }
});

test('blended onto itself, the whole frame stays within three levels', () => {
  for (const name of samplingNames) {
    const frame = paintFrame(formatOf(sizePx, sizePx, name), skinPicture);
    for (const mode of ['multiband', 'basic'] as const) {
      const result = swapped(frame, face, mode);
      const mean = meanOf(result.data.map((value, i) => Math.abs(value - at(frame.data, i))));
      const largest = largestDifference(result.data, frame.data);
      assert.ok(mean < 0.3, `${name} ${mode}: mean ${mean}`);
      assert.ok(largest <= 3, `${name} ${mode}: largest ${largest}`);
    }
  }
});

/** The picture as the source sees it through a face that was moved, turned in the plane and scaled. */
const carried = (to: Required<Pick<FacePlacement, 'x' | 'y' | 'eyesPx' | 'roll'>>): Picture => {
  const scale = placement.eyesPx / to.eyesPx;
  const [cos, sin] = [Math.cos(to.roll) * scale, Math.sin(to.roll) * scale];
  return (x, y) =>
    skinPicture(
      placement.x + cos * (x - to.x) + sin * (y - to.y),
      placement.y - sin * (x - to.x) + cos * (y - to.y),
    );
};

test('the texture goes where the mesh goes, at sub-pixel accuracy', () => {
  const format = formatOf(360, 320, 'rgb');
  const frame = paintFrame(format, () => [0, 0, 0]);
  forAll(6, (random) => {
    const to = {
      x: random.between(150, 210),
      y: random.between(140, 180),
      eyesPx: random.between(40, 95),
      roll: random.between(-1, 1),
    };
    const patch = draw(frame, placedFace(to))!;
    const expected = carried(to);
    const errors: number[] = [];
    for (let i = 0; i < patch.mask.length; i++) {
      if (at(patch.mask, i) < 0.9) continue;
      const x = patch.region.x + (i % patch.region.width);
      const y = patch.region.y + Math.floor(i / patch.region.width);
      errors.push(Math.abs(at(patch.planes[0], i) - 255 * expected(x, y)[0]));
    }
    assert.ok(meanOf(errors) < 1, `mean error ${meanOf(errors)}`);
  });
});

test('the mask opens for eyes and mouth and closes at the outline', () => {
  const frame = paintFrame(formatOf(sizePx, sizePx), skinPicture);
  const patch = draw(frame, face)!;
  const maskAt = (x: number, y: number): number =>
    at(patch.mask, (Math.round(y) - patch.region.y) * patch.region.width + Math.round(x) - patch.region.x);
  const middleOf = (first: number, second: number): number =>
    maskAt(
      (at(face, 3 * first) + at(face, 3 * second)) / 2,
      (at(face, 3 * first + 1) + at(face, 3 * second + 1)) / 2,
    );
  // Upper and lower lid of both eyes; the tip of the nose; both cheeks.
  assert.ok(middleOf(159, 145) < 0.5 && middleOf(386, 374) < 0.5, 'eyes');
  assert.ok(middleOf(1, 4) > 0.95 && middleOf(50, 50) > 0.95 && middleOf(280, 280) > 0.95, 'nose and cheeks');
  for (let i = 0; i < patch.mask.length; i++) {
    assert.ok(at(patch.mask, i) >= 0 && at(patch.mask, i) <= 1 + 1e-6, 'a share');
    if (at(patch.coverage, i) === 0) assert.equal(at(patch.mask, i), 0, 'nothing where nothing is drawn');
  }
});

test('a face that is closed everywhere is not drawn at all', () => {
  const frame = paintFrame(formatOf(sizePx, sizePx), skinPicture);
  const closed = new Float32Array(open.length);
  const request = { source, points: face, shape: source.shape, colour: unmatched, open: closed };
  assert.equal(new MeshSwapper(plainZones).draw(frame.format, request), null);
});

test('insets confine what is drawn and what of the target is moved', () => {
  const frame = paintFrame(formatOf(sizePx, sizePx), skinPicture);
  const insets = { top: 0.45, right: 0, bottom: 0, left: 0 };
  const zones = paintZones(0.2, insets);
  const request = {
    source: { ...source, shape: source.shape.map((value) => value * 1.1) },
    points: face,
    shape: source.shape,
    colour: unmatched,
    open,
  };
  const patch = new MeshSwapper(zones).draw(frame.format, request)!;
  const { width, height } = patch.region;
  const browY = at(face, 3 * 105 + 1) - patch.region.y;
  let moved = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      if (at(patch.coverage, i) === 0) continue;
      const distance = Math.hypot(at(patch.placeX!, i) - x, at(patch.placeY!, i) - y);
      if (y < browY) assertClose(distance, 0, 1e-4, `above the inset at ${x}, ${y}`);
      moved = Math.max(moved, distance);
    }
  }
  assert.ok(moved > 0.2, `largest move below the inset: ${moved}`);
});

test('a face partly outside the frame is drawn inside it, at any odd size and format', () => {
  forAll(60, (random) => {
    const name = samplingNames[random.integer(0, samplingNames.length)]!;
    const format = formatOf(random.integer(9, 121), random.integer(9, 121), name);
    const frame = paintFrame(format, skinPicture);
    const points = placedFace({
      x: random.between(-20, format.widthPx + 20),
      y: random.between(-20, format.heightPx + 20),
      eyesPx: random.between(8, 70),
      yaw: random.between(-1.3, 1.3),
      roll: random.between(-1, 1),
    });
    const patch = draw(frame, points);
    if (patch === null) return;
    const { region } = patch;
    assert.ok(region.x % 2 === 0 && region.y % 2 === 0, 'chroma samples are not split');
    assert.ok(region.x >= 0 && region.y >= 0, 'begins inside');
    assert.ok(
      region.x + region.width <= format.widthPx && region.y + region.height <= format.heightPx,
      'ends inside',
    );
    for (const plane of [...patch.planes, patch.mask, patch.coverage]) {
      assert.ok(plane.every(Number.isFinite), 'all finite');
    }
    // Skin on skin: nothing may break through at the frame's edges.
    for (const mode of ['multiband', 'basic'] as const) {
      const result = swapped(frame, points, mode);
      const largest = largestDifference(result.data, frame.data);
      assert.ok(largest < 90, `${mode} changed a byte by ${largest}`);
    }
  });
});

test('a face outside the frame is not drawn', () => {
  const { format } = paintFrame(formatOf(100, 80), skinPicture);
  for (const [x, y] of [
    [-200, 40],
    [400, 40],
    [50, -200],
    [50, 300],
  ] as const) {
    const points = placedFace({ x, y, eyesPx: 30 });
    const request = { source, points, shape: source.shape, colour: unmatched, open };
    assert.equal(new MeshSwapper(plainZones).draw(format, request), null);
  }
});

test('where in the target a pixel comes from is its own place when the proportions are equal', () => {
  const frame = paintFrame(formatOf(sizePx, sizePx), skinPicture);
  const patch = draw(frame, face)!;
  for (let i = 0; i < patch.mask.length; i++) {
    if (at(patch.coverage, i) === 0) continue;
    assertClose(at(patch.placeX!, i), i % patch.region.width, 0.02, 'x');
    assertClose(at(patch.placeY!, i), Math.floor(i / patch.region.width), 0.02, 'y');
  }
});

test('a face in profile has no crack within its silhouette', () => {
  const frame = paintFrame(formatOf(sizePx, sizePx), skinPicture);
  for (const yaw of [-1.4, -1, -0.5, 0.5, 1, 1.4]) {
    const patch = draw(frame, placedFace({ ...placement, yaw }))!;
    const { width, height } = patch.region;
    let cracks = 0;
    for (let y = 1; y + 1 < height; y++) {
      for (let x = 1; x + 1 < width; x++) {
        const covered = (dx: number, dy: number): boolean =>
          at(patch.coverage, (y + dy) * width + x + dx) > 0;
        if (!covered(0, 0) && covered(-1, 0) && covered(1, 0) && covered(0, -1) && covered(0, 1)) cracks++;
      }
    }
    assert.equal(cracks, 0, `yaw ${yaw}`);
  }
});

test('the colour match is applied in Lab', () => {
  const frame = paintFrame(formatOf(sizePx, sizePx, 'rgb'), skinPicture);
  const colour = { gain: Float32Array.of(0, 0, 0), offset: Float32Array.of(50, 0, 0), field: null };
  const request = { source, points: face, shape: source.shape, colour, open };
  const patch = new MeshSwapper(plainZones).draw(frame.format, request)!;
  for (let i = 0; i < patch.mask.length; i++) {
    if (at(patch.coverage, i) === 0) continue;
    // L* 50 is the grey 118.9 of sRGB (CIE 15:2004 and IEC 61966-2-1).
    for (const plane of patch.planes) assertClose(at(plane, i), 118.9, 0.3);
  }
});

test('one swapper draws the same face again after another', () => {
  const swapper = new MeshSwapper(plainZones);
  const frame = paintFrame(formatOf(sizePx, sizePx), skinPicture);
  const copyOf = (patch: FacePatch) =>
    [...patch.planes, patch.mask, patch.coverage].map((plane) => [...plane]);
  const first = copyOf(draw(frame, face, source, swapper)!);
  draw(
    paintFrame(formatOf(400, 300, 'yuv444'), skinPicture),
    placedFace({ x: 200, y: 150, eyesPx: 110 }),
    source,
    swapper,
  );
  assert.deepEqual(copyOf(draw(frame, face, source, swapper)!), first);
});

test('a source with other proportions moves the target’s features, not its outline', () => {
  const frame = paintFrame(formatOf(sizePx, sizePx), skinPicture);
  const wide = face.map((value, i) => (i % 3 === 0 ? placement.x + 1.12 * (value - placement.x) : value));
  const wider: SourceFace = { ...source, shape: faceShape(wide) };
  const plain = draw(frame, face)!;
  const patch = new MeshSwapper(plainZones).draw(frame.format, {
    source: wider,
    points: face,
    shape: source.shape,
    colour: unmatched,
    open,
  })!;
  assert.ok(
    Math.abs(patch.region.x - plain.region.x) <= 2 && Math.abs(patch.region.width - plain.region.width) <= 4,
  );
  let moved = 0;
  for (let i = 0; i < patch.mask.length; i++) {
    if (at(patch.coverage, i) > 0)
      moved = Math.max(moved, Math.abs(at(patch.placeX!, i) - (i % patch.region.width)));
  }
  assert.ok(moved > 0.3 && moved < 12, `${moved}`);
});

test('the request’s mesh is not changed', () => {
  const points = movedMesh(face, 3, 3);
  const before = Float32Array.from(points);
  draw(photo, points);
  assert.deepEqual(points, before);
});
