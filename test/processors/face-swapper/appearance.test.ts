import assert from 'node:assert/strict';
import { test } from 'node:test';
import { srgbToLab } from '../../../src/imaging/colour.js';
import { AppearanceReader, appearanceSize } from '../../../src/processors/face-swapper/appearance.js';
import { skinLikeness, skinModel } from '../../../src/processors/face-swapper/skin-model.js';
import { faceLayout } from '../../../src/processors/face-swapper/face-layout.js';
import { facingOf } from '../../../src/processors/face-swapper/rectify.js';
import type { Picture } from '../../support/unit-frames.js';
import { plainZones } from '../../support/unit-faces.js';
import { placedFace } from '../../support/unit-meshes.js';
import { seededRandom } from '../../support/unit-random.js';
import { assertClose, at } from '../../support/unit-values.js';

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
  const lab = new Float32Array(3 * count);
  for (let i = 0; i < count; i++) {
    const isForeign = random.next() < 1 / 3;
    lab[i] = isForeign ? 15 : 65 + 3 * random.normal();
    lab[count + i] = isForeign ? 2 : 15 + random.normal();
    lab[2 * count + i] = isForeign ? 3 : 18 + random.normal();
  }
  const model = skinModel(lab, count, () => 1);
  assertClose(at(model.centre, 0), 65, 3, 'centre');
  assert.equal(skinLikeness(model, 65, 15, 18), 1);
  assert.equal(skinLikeness(model, 15, 2, 3), 0);
});

test('a skin model of nothing is still a model', () => {
  const model = skinModel(new Float32Array(30), 10, () => 0);
  assert.ok([...model.centre, ...model.spread].every(Number.isFinite));
});
