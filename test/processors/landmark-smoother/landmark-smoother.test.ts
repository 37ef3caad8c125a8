import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  interOcular,
  smoothMesh as smoothWith,
  type SmootherSettings,
  type TimedMesh,
} from '../../../src/processors/landmark-smoother/landmark-smoother.js';
import { meshDistance, movedMesh, placedFace } from '../../support/unit-meshes.js';
import { forAll, type Random, seededRandom } from '../../support/unit-random.js';
import { assertClose, at, largestDifference, meanOf } from '../../support/unit-values.js';

const eyesPx = 100;

const settingsOf = (mode: SmootherSettings['mode']): SmootherSettings => ({
  mode,
  windowFrames: mode === 'ema' ? 5 : 7,
  alpha: 0.25,
});

const smoothMesh = (
  meshes: readonly TimedMesh[],
  mode: SmootherSettings['mode'],
  out?: Float32Array,
): Float32Array | null => smoothWith(meshes, settingsOf(mode), out);

/** The meshes around a frame of a movement given as a function of time. */
const around = (
  mesh: (t: number) => Float32Array,
  { t = 0, reach = 6, missing = [] }: { t?: number; reach?: number; missing?: readonly number[] } = {},
): TimedMesh[] =>
  Array.from({ length: 2 * reach + 1 }, (_, i) => i - reach)
    .filter((offset) => !missing.includes(offset))
    .map((offset) => ({ offset, points: mesh(t + offset) }));

const shaken = (points: Float32Array, random: Random, sigmaPx: number): Float32Array =>
  points.map((value) => value + sigmaPx * random.normal());

test('a face at rest stays where it is, in every mode', () => {
  const face = placedFace({ x: 300, y: 200, eyesPx, yaw: 0.3 });
  for (const mode of ['window', 'ema', 'none'] as const) {
    assert.ok(
      largestDifference(
        smoothMesh(
          around(() => face),
          mode,
        )!,
        face,
      ) < 1e-2,
      mode,
    );
  }
});

test('the window has no lag on a face that moves, grows and turns steadily, however fast', () => {
  forAll(40, (random) => {
    const [vx, vy] = [random.between(-40, 40), random.between(-40, 40)];
    const growth = random.between(-0.02, 0.02);
    const turn = random.between(-0.03, 0.03);
    const mesh = (t: number) =>
      placedFace({
        x: 300 + vx * t,
        y: 200 + vy * t,
        eyesPx: eyesPx * Math.exp(growth * t),
        roll: 0.2 + turn * t,
      });
    const error = meshDistance(smoothMesh(around(mesh), 'window')!, mesh(0));
    // Place is linear in time, and so are the logarithm of the size and the roll; the face's centroid is not quite.
    assert.ok(error < 0.2, `${error} px`);
  });
});

test('the window follows a constant acceleration with a small error', () => {
  for (const acceleration of [0.2, 0.5, 1, 2, 4]) {
    const mesh = (t: number) => placedFace({ x: 300 + 5 * t + (acceleration / 2) * t * t, y: 200, eyesPx });
    const error = meshDistance(smoothMesh(around(mesh), 'window')!, mesh(0));
    // A line through the window cuts the corner by nearly acceleration · σ² / 2; what is below the noise of the model
    // (about a hundredth of the distance between the eyes) may stay, more may not.
    assert.ok(error < 1.3, `${error} px at ${acceleration} px a frame squared`);
    if (acceleration >= 2) assert.ok(error < 0.3 * acceleration, `${error} px at ${acceleration}`);
  }
});

test('noise of the landmark model is much reduced, on a face at rest and on a moving one', () => {
  for (const velocity of [0, 7]) {
    const random = seededRandom(11);
    const truth = (t: number) => placedFace({ x: 300 + velocity * t, y: 200, eyesPx });
    const noisy = Array.from({ length: 60 }, (_, t) => {
      const face = movedMesh(truth(t), 0.4 * random.normal(), 0.4 * random.normal());
      return shaken(face, random, 0.5);
    });
    const smooth = noisy.map(
      (_, t) =>
        smoothMesh(
          around((i) => noisy[i]!, { t, reach: 5, missing: outside(t) }),
          'window',
        )!,
    );
    const second = (list: readonly Float32Array[]) =>
      meanOf(
        list.slice(1, -1).map((here, i) =>
          meshDistance(
            here.map((p, k) => 2 * p - at(list[i]!, k)),
            list[i + 2]!,
          ),
        ),
      );
    const before = second(noisy.slice(5, 55));
    const after = second(smooth.slice(5, 55));
    assert.ok(after < 0.4 * before, `second difference ${after} of ${before}`);
    const errors = smooth.slice(5, 55).map((mesh, i) => meshDistance(mesh, truth(i + 5)));
    const raw = noisy.slice(5, 55).map((mesh, i) => meshDistance(mesh, truth(i + 5)));
    assert.ok(meanOf(errors) < 0.7 * meanOf(raw), `error ${meanOf(errors)} of ${meanOf(raw)}`);
  }
});

/** Offsets that fall outside of 60 frames. */
const outside = (t: number): number[] =>
  Array.from({ length: 11 }, (_, i) => i - 5).filter((offset) => t + offset < 0 || t + offset > 59);

test('a mouth that snaps open is not smeared over its neighbours', () => {
  const closed = placedFace({ x: 300, y: 200, eyesPx });
  const open = Float32Array.from(closed);
  // 17 is the lower lip, 152 the chin.
  for (const index of [14, 17, 152]) open[3 * index + 1] = at(open, 3 * index + 1) + 15;
  const mesh = (t: number) => (t >= 0 ? open : closed);
  const smoothed = smoothMesh(around(mesh), 'window')!;
  for (const index of [14, 17, 152]) {
    assertClose(at(smoothed, 3 * index + 1), at(open, 3 * index + 1), 1.5, `point ${index}`);
  }
});

test('a jump of the whole face is followed at once', () => {
  const mesh = (t: number) => placedFace({ x: t >= 0 ? 400 : 300, y: 200, eyesPx });
  assert.ok(meshDistance(smoothMesh(around(mesh), 'window')!, mesh(0)) < 3);
});

test('a missing mesh is filled in on the way of the movement, and only between neighbours', () => {
  const mesh = (t: number) => placedFace({ x: 300 + 6 * t, y: 200 - 2 * t, eyesPx });
  for (const mode of ['window', 'ema', 'none'] as const) {
    const filled = smoothMesh(around(mesh, { missing: [0] }), mode)!;
    // Where a seen frame would lie: on the spot, or, for the causal average, behind it by its own lag.
    assert.ok(meshDistance(filled, smoothMesh(around(mesh), mode)!) < 0.05, mode);
    if (mode !== 'ema') assert.ok(meshDistance(filled, mesh(0)) < 0.05, mode);
    assert.equal(smoothMesh(around(mesh, { missing: [0, 1, 2, 3, 4, 5, 6] }), mode), null);
    assert.equal(smoothMesh(around(mesh, { missing: [0, -1, -2, -3, -4, -5, -6] }), mode), null);
    assert.equal(smoothMesh([], mode), null);
  }
});

test('a filled-in mesh is weighted by the distance of its neighbours', () => {
  const mesh = (t: number) => placedFace({ x: 300 + 10 * t, y: 200, eyesPx });
  const filled = smoothMesh(
    [-1, 3].map((offset) => ({ offset, points: mesh(offset) })),
    'none',
  )!;
  assert.ok(meshDistance(filled, mesh(0)) < 1e-3);
});

test('the causal mode ignores the future', () => {
  forAll(10, (random) => {
    const mesh = (t: number) => placedFace({ x: 300 + 3 * t, y: 200, eyesPx });
    const plain = smoothMesh(around(mesh), 'ema')!;
    const disturbed = around(mesh).map(({ offset, points }) => ({
      offset,
      points: offset > 0 ? shaken(points, random, 40) : points,
    }));
    assert.deepEqual(smoothMesh(disturbed, 'ema'), plain);
    assert.deepEqual(
      smoothMesh(
        around(mesh).filter(({ offset }) => offset <= 0),
        'ema',
      ),
      plain,
    );
  });
});

test('the causal mode reduces noise, and gives way to fast movement', () => {
  const random = seededRandom(7);
  const face = placedFace({ x: 300, y: 200, eyesPx });
  const noisy = around(() => shaken(face, random, 0.5));
  const raw = noisy.find(({ offset }) => offset === 0)!.points;
  assert.ok(meshDistance(smoothMesh(noisy, 'ema')!, face) < 0.75 * meshDistance(raw, face));
  const fast = (t: number) => placedFace({ x: 300 + 25 * t, y: 200, eyesPx });
  assert.ok(meshDistance(smoothMesh(around(fast), 'ema')!, fast(0)) < 1);
});

test('without smoothing the mesh is the model’s own, as a copy', () => {
  const random = seededRandom(1);
  const meshes = around(() => shaken(placedFace({ x: 300, y: 200, eyesPx }), random, 2));
  const own = meshes.find(({ offset }) => offset === 0)!.points;
  const smoothed = smoothMesh(meshes, 'none')!;
  assert.deepEqual(smoothed, own);
  assert.notEqual(smoothed, own);
});

test('meshes beyond the reach of the window have no say', () => {
  const face = placedFace({ x: 300, y: 200, eyesPx });
  const random = seededRandom(2);
  const reach = 7 + 4;
  const meshes = around(() => shaken(face, random, 1), { reach });
  const near = meshes.filter(({ offset }) => Math.abs(offset) <= 7);
  assert.deepEqual(smoothMesh(meshes, 'window'), smoothMesh(near, 'window'));
});

test('the window looks the same forwards and backwards in time', () => {
  forAll(10, (random) => {
    const meshes = around((t) => shaken(placedFace({ x: 300 + 4 * t, y: 200, eyesPx }), random, 1));
    const reversed = meshes.map(({ offset, points }) => ({ offset: -offset, points })).toReversed();
    assert.ok(largestDifference(smoothMesh(meshes, 'window')!, smoothMesh(reversed, 'window')!) < 0.02);
  });
});

test('the neighbours are left as they were', () => {
  const meshes = around((t) => placedFace({ x: 300 + 4 * t * t, y: 200, eyesPx }));
  const copies = meshes.map(({ points }) => Float32Array.from(points));
  for (const mode of ['window', 'ema', 'none'] as const) smoothMesh(meshes, mode);
  assert.deepEqual(
    meshes.map(({ points }) => points),
    copies,
  );
});

test('the distance of the outer eye corners keeps its measure in profile', () => {
  assertClose(interOcular(placedFace({ x: 0, y: 0, eyesPx })), eyesPx, 1, 'frontal');
  assertClose(interOcular(placedFace({ x: 0, y: 0, eyesPx, yaw: 1.3 })), eyesPx, 1, 'profile');
  assert.ok(interOcular(new Float32Array(3 * 468)) > 0);
});

test('a list that is handed in is filled with the same, whatever was in it and in the work before', () => {
  const random = seededRandom(11);
  const out = new Float32Array(3 * 468).fill(9);
  const face = placedFace({ x: 300, y: 200, eyesPx, yaw: 0.3 });
  for (const mode of ['window', 'ema', 'none'] as const) {
    const noisy = around((t) => shaken(movedMesh(face, 4 * t, 2 * t), random, 1));
    const gap = noisy.filter(({ offset }) => offset !== 0);
    const expected = smoothMesh(noisy, mode)!;
    const filled = smoothMesh(gap, mode)!;
    assert.equal(smoothMesh(noisy, mode, out), out);
    assert.deepEqual(out, expected, mode);
    assert.deepEqual(smoothMesh(gap, mode, out), filled, `${mode}, filled in`);
  }
  const many = Array.from({ length: 65 }, (_, offset) => ({ offset, points: face }));
  assert.throws(() => smoothMesh(many, 'window'), { kind: 'bug' });
});
