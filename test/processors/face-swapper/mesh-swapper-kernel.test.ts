import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kernels } from '../../../src/imaging/kernels/kernels.js';
import type { HdrSignal } from '../../../src/imaging/tone-curve.js';
import { appearanceSize } from '../../../src/processors/face-swapper/appearance.js';
import { faceShape } from '../../../src/processors/face-swapper/face-shape.js';
import {
  type FacePatch,
  MeshSwapper,
  type SwapRequest,
} from '../../../src/processors/face-swapper/mesh-swapper.js';
import { toneSide } from '../../../src/processors/face-swapper/skin-tones.js';
import type { SourceFace } from '../../../src/processors/face-swapper/source-face.js';
import { plainDraw } from '../../support/reference/mesh-swapper.js';
import { plainZones, sourceFaceOf } from '../../support/unit-faces.js';
import { formatOf, paintFrame, type Picture, samplingNames } from '../../support/unit-frames.js';
import { placedFace } from '../../support/unit-meshes.js';
import { forAll, type Random } from '../../support/unit-random.js';
import { at } from '../../support/unit-values.js';

/** Hills with edges and strong colours, so that a misplaced sample shows. */
const roughPicture: Picture = (x, y) => {
  const wave = Math.sin(x / 2.3) * Math.cos(y / 3.1);
  const edge = (x + 2 * y) % 23 < 4 ? -0.4 : 0;
  return [0.6 + 0.3 * wave + edge, 0.5 + 0.4 * Math.sin(y / 5) + edge, 0.4 + 0.3 * Math.cos(x / 7)].map(
    (value) => Math.min(1, Math.max(0, value)),
  ) as unknown as ReturnType<Picture>;
};

const photo = paintFrame(formatOf(230, 230, 'rgb'), roughPicture);
const sourcePoints = placedFace({ x: 115, y: 110, eyesPx: 78, yaw: 0.2 });
const source = sourceFaceOf(photo, sourcePoints);
const wide: SourceFace = {
  ...source,
  shape: faceShape(sourcePoints.map((value, i) => (i % 3 === 0 ? 1.1 * value : value))),
};

/** Standard range, and both curves of high dynamic range. */
const hdrs: readonly (HdrSignal | undefined)[] = [
  undefined,
  { transfer: 'pq', primaries: 'bt2020' },
  { transfer: 'hlg', primaries: 'bt2020' },
];

const sizes = [9, 17, 31, 64, 101, 150, 223];

const fieldOf = (random: Random): Float32Array =>
  Float32Array.from({ length: 3 * toneSide ** 2 }, () => random.between(-8, 8));

const requestFor = (random: Random, widthPx: number, heightPx: number): SwapRequest => {
  const points = placedFace({
    x: random.between(-0.1, 1.1) * widthPx,
    y: random.between(-0.1, 1.1) * heightPx,
    eyesPx: random.between(6, 110),
    yaw: random.between(-1.3, 1.3),
    pitch: random.between(-0.5, 0.5),
    roll: random.between(-1.5, 1.5),
  });
  const phase = random.between(0, 6);
  return {
    source: random.next() < 0.5 ? source : wide,
    points,
    shape: faceShape(points),
    colour: {
      gain: Float32Array.from({ length: 3 }, () => random.between(0.6, 1.25)),
      offset: Float32Array.from({ length: 3 }, () => random.between(-12, 12)),
      field: random.next() < 0.5 ? null : fieldOf(random),
    },
    open: Float32Array.from({ length: appearanceSize ** 2 }, (_, i) =>
      Math.min(1, Math.max(0, 0.8 + 0.6 * Math.sin(phase + i / 300))),
    ),
  };
};

/** Counts the samples of two planes that are further apart than the bound. */
const countFar = (found: Float32Array, plain: Float32Array, bound: number): number => {
  assert.equal(found.length, plain.length);
  let count = 0;
  for (let i = 0; i < found.length; i++) if (!(Math.abs(at(found, i) - at(plain, i)) <= bound)) count++;
  return count;
};

test('what is drawn is what the plain twin draws, in every format, size and place', () => {
  const swapper = new MeshSwapper(plainZones);
  let different = 0;
  let covered = 0;
  let cases = 0;
  forAll(150, (random) => {
    const name = samplingNames[random.integer(0, samplingNames.length)]!;
    const [widthPx, heightPx] = [sizes[random.integer(0, 7)]!, sizes[random.integer(0, 7)]!];
    const hdr = hdrs[cases++ % hdrs.length];
    const format = { ...formatOf(widthPx, heightPx, name), ...(hdr === undefined ? {} : { hdr }) };
    const request = requestFor(random, widthPx, heightPx);
    const found = swapper.draw(format, request);
    const plain = plainDraw(format, request, plainZones);
    assert.equal(found === null, plain === null);
    if (found === null || plain === null) return;
    assert.deepEqual(found.region, plain.region);
    assert.equal(found.faceWidthPx, plain.faceWidthPx);
    different += countFar(found.coverage, plain.coverage, 0);
    different += countFar(found.mask, plain.mask, 1e-4);
    different += countFar(found.outline!, plain.outline!, 1e-4);
    // A twentieth of an 8-bit level: 32-bit floats and the polynomials of the colour curves stay below a hundredth.
    for (const plane of [0, 1, 2] as const) {
      // A 10-bit level in high dynamic range, whose curves are steep in the dark.
      different += countFar(found.planes[plane], plain.planes[plane], hdr === undefined ? 0.05 : 0.25);
    }
    for (const key of ['placeX', 'placeY'] as const) {
      // Places mean nothing where nothing is covered.
      const meant = (patch: FacePatch) => patch[key]!.map((value, i) => value * at(plain.coverage, i));
      different += countFar(meant(found), meant(plain), 0.002);
    }
    covered += plain.coverage.filter((value) => value > 0).length;
  });
  assert.ok(covered > 200_000, `${covered} pixels were compared`);
  // On an edge between two triangles rounding may choose the other one, whose texture level is another.
  assert.ok(different <= 1e-4 * covered, `${different} samples of ${covered} pixels differ`);
});

test('a source is drawn the same after many others went through the texture store', () => {
  const swapper = new MeshSwapper(plainZones);
  const format = formatOf(230, 230);
  const request: SwapRequest = {
    source,
    points: sourcePoints,
    shape: source.shape,
    colour: { gain: Float32Array.of(1, 1, 1), offset: new Float32Array(3), field: null },
    open: new Float32Array(appearanceSize ** 2).fill(1),
  };
  const planesOf = (from: SourceFace) => [...swapper.draw(format, { ...request, source: from })!.planes[0]];
  const first = planesOf(source);
  // Forty textures of 5.6 MB are more than the store keeps.
  const { sizePx } = source.texture;
  assert.equal(sizePx, 256);
  const large = { sizePx: 512, levels: [new Float32Array(4 * 512 * 512), ...source.texture.levels] };
  for (let i = 0; i < 40; i++) planesOf({ ...source, texture: { ...large } });
  const { memory } = kernels();
  const usedBytes = memory.usedBytes;
  for (let i = 0; i < 40; i++) planesOf({ ...source, texture: { ...large } });
  assert.equal(memory.usedBytes, usedBytes, 'bounded');
  assert.deepEqual(planesOf(source), first);
  swapper.dispose();
  assert.ok(memory.usedBytes < usedBytes - 100e6, 'given back');
  assert.deepEqual(planesOf(source), first, 'and still usable');
});
