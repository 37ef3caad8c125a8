import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kernels } from '../../../src/imaging/kernels/kernels.js';
import { Scratch } from '../../../src/imaging/scratch.js';
import {
  allocateAppearance,
  AppearanceReader,
  appearanceSize,
} from '../../../src/processors/face-swapper/appearance.js';
import { measureSkin, skinModel } from '../../../src/processors/face-swapper/skin-model.js';
import { PlainAppearanceReader } from '../../support/reference/appearance.js';
import { srgbToLab } from '../../support/reference/lab.js';
import { faceLayout } from '../../../src/processors/face-swapper/face-layout.js';
import { facingOf } from '../../../src/processors/face-swapper/rectify.js';
import type { Picture } from '../../support/unit-frames.js';
import { plainZones } from '../../support/unit-faces.js';
import { placedFace } from '../../support/unit-meshes.js';
import { forAll, type Random, seededRandom } from '../../support/unit-random.js';
import { assertClose, at, largestDifference, meanOf } from '../../support/unit-values.js';

const sizePx = 192;
const points = placedFace({ x: 96, y: 96, eyesPx: 70 });
const facing = facingOf(points, new Float32Array(468));

const cropOf = (picture: Picture): Float32Array => {
  const crop = new Float32Array(3 * sizePx * sizePx);
  for (let i = 0; i < sizePx * sizePx; i++) {
    picture(i % sizePx, Math.floor(i / sizePx)).forEach((value, c) => {
      crop[c * sizePx * sizePx + i] = value;
    });
  }
  return crop;
};

const read = (picture: Picture) =>
  new AppearanceReader(plainZones).read(cropOf(picture), sizePx, points, facing);

test('even skin has its own colour as the mean, no spread, no detail, and is open everywhere', () => {
  const { mean, std, bands, open } = read(() => [0.8, 0.6, 0.5]);
  const lab = new Float32Array(3);
  srgbToLab(0.8, 0.6, 0.5, lab, 0);
  for (const c of [0, 1, 2]) {
    assertClose(at(mean, c), at(lab, c), 0.05, `mean ${c}`);
    assertClose(at(std, c), 0, 0.1, `std ${c}`);
  }
  // The finest band only: the coarser ones still see the end of the layout.
  assertClose(at(bands, 0), 0, 0.1, 'finest band');
  assert.equal(open.length, appearanceSize ** 2);
  const middle = (appearanceSize / 2) * appearanceSize + appearanceSize / 2;
  assert.equal(at(open, middle), 1);
});

test('a lighter and a darker half give the mean between them and the spread of the two', () => {
  const { mean, std } = read((x) => (x < 96 ? [0.7, 0.55, 0.45] : [0.82, 0.67, 0.57]));
  const lab = new Float32Array(6);
  srgbToLab(0.7, 0.55, 0.45, lab, 0);
  srgbToLab(0.82, 0.67, 0.57, lab, 3);
  assertClose(at(mean, 0), (at(lab, 0) + at(lab, 3)) / 2, 1, 'mean');
  assertClose(at(std, 0), (at(lab, 3) - at(lab, 0)) / 2, 1, 'spread');
});

test('more texture is more energy, and the finest noise is in the finest band', () => {
  const noisy = (amount: number): Picture => {
    const random = seededRandom(5);
    return () => {
      const value = amount * random.normal();
      return [0.75 + value, 0.6 + value, 0.5 + value];
    };
  };
  const [weak, strong] = [read(noisy(0.01)), read(noisy(0.03))];
  assertClose(at(strong.bands, 0) / at(weak.bands, 0), 3, 0.2, 'three times the noise');
  for (const band of [1, 2]) assert.ok(at(strong.bands, band) > at(weak.bands, band), `band ${band}`);
  assert.ok(at(strong.bands, 0) > at(strong.bands, 1), 'finest most');
});

test('a dark fringe over the forehead is closed to replacement and does not tint the mean', () => {
  const browY = Math.min(...[107, 336].map((index) => at(points, 3 * index + 1)));
  const covered = read((_, y) => (y < browY - 5 ? [0.12, 0.08, 0.06] : [0.8, 0.6, 0.5]));
  const plain = read(() => [0.8, 0.6, 0.5]);
  const { uv } = faceLayout;
  const openAt = (open: Float32Array, index: number) =>
    at(
      open,
      Math.floor(at(uv, 2 * index + 1) * appearanceSize) * appearanceSize +
        Math.floor(at(uv, 2 * index) * appearanceSize),
    );
  // 151 is the middle of the forehead, 50 a cheek, 1 the tip of the nose.
  assertClose(openAt(plain.open, 151), 1, 0.1, 'open forehead');
  assertClose(openAt(covered.open, 151), 0, 0.1, 'covered forehead');
  assertClose(openAt(covered.open, 50), 1, 0.1, 'cheek');
  assertClose(openAt(covered.open, 1), 1, 0.1, 'nose');
  assertClose(at(covered.mean, 0), at(plain.mean, 0), 1, 'lightness');
});

test('the far side of a turned head is not measured', () => {
  const turned = placedFace({ x: 96, y: 96, eyesPx: 70, yaw: 1.1 });
  const turnedFacing = facingOf(turned, new Float32Array(468));
  const { open } = new AppearanceReader(plainZones).read(
    cropOf(() => [0.8, 0.6, 0.5]),
    sizePx,
    turned,
    turnedFacing,
  );
  const share = (isLeft: boolean): number => {
    let sum = 0;
    open.forEach((value, i) => {
      if (i % appearanceSize < appearanceSize / 2 === isLeft) sum += value;
    });
    return sum;
  };
  // Turned to the viewer's right: the layout's right half is away.
  assert.ok(share(true) > 1.5 * share(false), `${share(true)} against ${share(false)}`);
});

test('the reader gives a new appearance each time', () => {
  const reader = new AppearanceReader(plainZones);
  const first = reader.read(
    cropOf(() => [0.8, 0.6, 0.5]),
    sizePx,
    points,
    facing,
  );
  const mean = Float32Array.from(first.mean);
  reader.read(
    cropOf(() => [0.2, 0.3, 0.5]),
    sizePx,
    points,
    facing,
  );
  assert.deepEqual(first.mean, mean);
});

test('the skin model is not led astray by a third of foreign colours', () => {
  const random = seededRandom(3);
  const count = 3000;
  const [lightness, a, b] = [0, 1, 2].map(() => new Float32Array(count)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  for (let i = 0; i < count; i++) {
    const isForeign = random.next() < 1 / 3;
    lightness[i] = isForeign ? 15 : 65 + 3 * random.normal();
    a[i] = isForeign ? 2 : 15 + random.normal();
    b[i] = isForeign ? 3 : 18 + random.normal();
  }
  const scratch = new Scratch();
  const ones = new Float32Array(count).fill(1);
  const model = skinModel([lightness, a, b], ones, scratch);
  assertClose(at(model.centre, 0), 65, 3, 'centre');
  const open = new Float32Array(count);
  const [mean, std] = [new Float32Array(3), new Float32Array(3)];
  const maps = { seen: ones, skin: ones, guard: ones };
  measureSkin([lightness, a, b], maps, model, count, scratch, { open, mean, std });
  lightness.forEach((value, i) => {
    if (value === 15) assert.equal(at(open, i), 0);
  });
  assert.ok(meanOf(open) > 0.6 && meanOf(open) < 0.7, `${meanOf(open)} is skin`);
  assertClose(at(mean, 0), 65, 0.5, 'mean');
  assertClose(at(std, 0), 3, 0.5, 'spread');
  scratch.dispose();
});

test('a skin model of nothing is still a model', () => {
  const empty = new Float32Array(10);
  const model = skinModel([empty, empty, empty], empty, new Scratch());
  assert.ok([...model.centre, ...model.spread].every(Number.isFinite));
});

test('medians are those of the sorted values, for any number of them', () => {
  const scratch = new Scratch();
  forAll(60, (random) => {
    // The model reads every third place.
    const values = Float32Array.from({ length: random.integer(1, 400) }, () =>
      // Some ties.
      random.next() < 0.3 ? random.integer(0, 4) : random.between(-50, 50),
    );
    const plane = Float32Array.from({ length: 3 * values.length }, (_, i) => at(values, Math.floor(i / 3)));
    const ones = new Float32Array(plane.length).fill(1);
    const model = skinModel([plane, plane, plane], ones, scratch);
    const median = at(values.toSorted(), values.length >> 1);
    const deviation = at(values.map((value) => Math.abs(value - median)).sort(), values.length >> 1);
    assert.equal(at(model.centre, 1), median);
    assert.equal(at(model.spread, 1), Math.fround(Math.max(3.5, 1.4826 * deviation)));
  });
  scratch.dispose();
});

/** A face of several colours, with fringe, noise and dark lines around the eyes: what switches every measure on. */
const variedPicture = (random: Random): Picture => {
  const [tone, phase, noise] = [random.between(0.3, 0.95), random.between(0, 6), random.between(0, 0.05)];
  const fringeY = random.between(20, 80);
  const rimY = random.between(80, 130);
  return (x, y) => {
    const value = tone + 0.08 * Math.sin(x / 9 + phase) + noise * random.normal();
    const isFringe = y < fringeY + 8 * Math.sin(x / 11);
    const isRim = Math.abs(y - rimY - 6 * Math.cos(x / 14)) < 1.6;
    if (isFringe || isRim) return [0.1, 0.08, 0.07];
    return [value, 0.78 * value, 0.65 * value].map((part) => Math.min(1, Math.max(0, part))) as [
      number,
      number,
      number,
    ];
  };
};

test('what is read is what the plain twin reads', () => {
  const reader = new AppearanceReader(plainZones);
  const plainReader = new PlainAppearanceReader(plainZones);
  let rims = 0;
  forAll(25, (random) => {
    const crop = cropOf(variedPicture(random));
    const mesh = placedFace({
      x: random.between(60, 130),
      y: random.between(60, 130),
      eyesPx: random.between(40, 100),
      yaw: random.between(-1.2, 1.2),
      pitch: random.between(-0.4, 0.4),
      roll: random.between(-0.3, 0.3),
    });
    const turned = facingOf(mesh, new Float32Array(468));
    const found = reader.read(crop, sizePx, mesh, turned);
    const plain = plainReader.read(crop, sizePx, mesh, turned);
    // Lab differs by 0.01 (tables against polynomials), sums are taken in another order.
    for (const c of [0, 1, 2]) {
      assertClose(at(found.mean, c), at(plain.mean, c), 0.02, `mean ${c}`);
      assertClose(at(found.std, c), at(plain.std, c), 0.02, `std ${c}`);
      assertClose(at(found.bands, c), at(plain.bands, c), 0.01, `band ${c}`);
    }
    assertClose(found.glasses, plain.glasses, 0.02, 'glasses');
    // From skin to not skin it is 1.4 spreads, from no line to a clear one 3.5 Lab units.
    assert.ok(largestDifference(found.open, plain.open) < 0.02, 'open');
    assert.ok(largestDifference(found.rims, plain.rims) < 0.02, 'rims');
    rims += plain.rims.reduce((sum, value) => sum + value, 0);
  });
  assert.ok(rims > 1000, `${rims} texels of rims were compared`);
  reader.dispose();
});

test('an appearance that is handed in is written, and nothing is left of what was in it', () => {
  const reader = new AppearanceReader(plainZones);
  const random = seededRandom(8);
  const [first, second] = [cropOf(variedPicture(random)), cropOf(variedPicture(random))];
  const fresh = structuredClone(reader.read(second, sizePx, points, facing));
  const out = allocateAppearance();
  reader.read(first, sizePx, points, facing, out);
  assert.equal(reader.read(second, sizePx, points, facing, out), out);
  assert.deepEqual(out, fresh);
  reader.dispose();
});

test('a crop in kernel memory is read where it lies, and reading takes no more memory', () => {
  const scratch = new Scratch();
  const reader = new AppearanceReader(plainZones);
  const random = seededRandom(9);
  const crop = cropOf(variedPicture(random));
  const own = scratch.floats('crop', crop.length);
  own.set(crop);
  const { usedBytes } = kernels().memory;
  assert.deepEqual(reader.read(own, sizePx, points, facing), reader.read(crop, sizePx, points, facing));
  assert.equal(kernels().memory.usedBytes, usedBytes);
  assert.throws(() => reader.read(crop.subarray(3), sizePx, points, facing), { kind: 'bug' });
  reader.dispose();
  scratch.dispose();
});
