import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allocatePortrait } from '../../src/processors/face-masker/portrait.js';
import {
  fadeFrames,
  longestGapFrames,
  lookBackFrames,
  type Observation,
  ShotWindow,
} from '../../src/pipeline/shot-window.js';
import { motionLength } from '../../src/processors/landmark-smoother/face-motion.js';
import type { SmootherSettings } from '../../src/processors/landmark-smoother/landmark-smoother.js';
import { faceLayout } from '../../src/processors/face-swapper/face-layout.js';
import { appearanceOf } from '../support/unit-faces.js';
import { meshDistance, placedFace } from '../support/unit-meshes.js';
import { seededRandom } from '../support/unit-random.js';
import { assertClose, at } from '../support/unit-values.js';

const seen = (x: number, lightness = 65): Observation => ({
  points: placedFace({ x, y: 100, eyesPx: 60 }),
  shape: faceLayout.shape,
  appearance: appearanceOf({ mean: [lightness, 15, 18] }),
  portrait: allocatePortrait(),
  motion: new Float32Array(motionLength),
  repeats: 0,
});

const settingsOf = (mode: SmootherSettings['mode']): SmootherSettings => ({
  mode,
  windowFrames: mode === 'ema' ? 5 : 7,
  alpha: 0.25,
});

type Sight = { readonly index: number; readonly cut?: boolean; readonly faces?: Record<number, Observation> };

const windowOf = (sights: readonly Sight[], mode: 'window' | 'ema' | 'none' = 'window'): ShotWindow => {
  const window = new ShotWindow(settingsOf(mode));
  for (const { index, cut = false, faces = {} } of sights) {
    const byTrack = new Map(Object.entries(faces).map(([id, face]) => [Number(id), face]));
    window.push({ index, sceneCut: cut, faces: byTrack });
  }
  return window;
};

const frames = (count: number, sight: (index: number) => Omit<Sight, 'index'>): Sight[] =>
  Array.from({ length: count }, (_, index) => ({ index, ...sight(index) }));

test('nothing from before a cut, or from after the next one, has any influence', () => {
  const random = seededRandom(4);
  const shot = frames(30, (index) => ({
    cut: index === 10 || index === 20,
    faces: { 1: seen(100 + 3 * index, 60 + (index % 3)) },
  }));
  // The same shot between neighbours that differ in every way.
  const disturbed = shot.map((sight) =>
    sight.index >= 10 && sight.index < 20
      ? sight
      : { ...sight, faces: { 1: seen(random.between(0, 900), random.between(0, 99)), 2: seen(50) } },
  );
  for (const mode of ['window', 'ema', 'none'] as const) {
    const [first, second] = [windowOf(shot, mode), windowOf(disturbed, mode)];
    for (let index = 10; index < 20; index++) {
      assert.deepEqual(second.steadyFace(1, index), first.steadyFace(1, index), `${mode} ${index}`);
      assert.deepEqual(second.tracksAt(index), [1]);
    }
  }
});

test('a gap of the longest allowed length is filled on the way of the movement, one more frame is not', () => {
  for (const [missing, isFilled] of [
    [1, true],
    [longestGapFrames, true],
    [longestGapFrames + 1, false],
  ] as const) {
    const window = windowOf(
      frames(40, (index) => ({
        faces: index >= 15 && index < 15 + missing ? {} : { 1: seen(100 + 2 * index) },
      })),
    );
    for (let index = 15; index < 15 + missing; index++) {
      const face = window.steadyFace(1, index);
      assert.equal(window.rawPoints(1, index), null);
      if (!isFilled) assert.equal(face, null, `gap of ${missing} at ${index}`);
      else {
        assert.equal(face!.filled, true);
        assert.ok(window.tracksAt(index).includes(1));
        assert.ok(meshDistance(face!.points, seen(100 + 2 * index).points) < 0.1, `${index} of ${missing}`);
      }
    }
    assert.equal(window.steadyFace(1, 14)!.filled, false);
  }
});

test('the ends of a track are not drawn out', () => {
  const window = windowOf(
    frames(30, (index) => ({ faces: index >= 10 && index < 20 ? { 1: seen(100) } : {} })),
  );
  assert.equal(window.steadyFace(1, 9), null);
  assert.notEqual(window.steadyFace(1, 10), null);
  assert.notEqual(window.steadyFace(1, 19), null);
  assert.equal(window.steadyFace(1, 20), null);
});

test('a gap with a cut in it is not filled', () => {
  const window = windowOf(
    frames(20, (index) => ({
      cut: index === 10,
      faces: index >= 8 && index < 12 ? {} : { 1: seen(100) },
    })),
  );
  for (let index = 8; index < 12; index++) assert.equal(window.steadyFace(1, index), null, `${index}`);
});

test('tracks are kept apart', () => {
  const alone = windowOf(frames(20, (index) => ({ faces: { 1: seen(100 + index) } })));
  const crowded = windowOf(
    frames(20, (index) => ({ faces: { 1: seen(100 + index), 7: seen(400 - 9 * index, 20) } })),
  );
  assert.deepEqual(crowded.tracksAt(10), [1, 7]);
  assert.deepEqual(crowded.steadyFace(1, 10), alone.steadyFace(1, 10));
});

test('colours are averaged within the shot, without a lag on a steady change', () => {
  const window = windowOf(frames(30, (index) => ({ faces: { 1: seen(100, 40 + index) } })));
  assertClose(at(window.steadyFace(1, 15)!.appearance.mean, 0), 55, 1e-3, 'steady change');
  const random = seededRandom(2);
  const flicker = windowOf(frames(60, () => ({ faces: { 1: seen(100, 60 + 5 * random.normal()) } })));
  const spread = (values: readonly number[]): number => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  };
  const averaged = Array.from({ length: 48 }, (_, i) => at(flicker.steadyFace(1, i + 6)!.appearance.mean, 0));
  assert.ok(spread(averaged) < 2.5, `${spread(averaged)}`);
});

test('tones and grain are averaged as colours are, and not across a cut', () => {
  const withTones = (value: number): Observation => {
    const face = seen(100);
    const { tones, grain } = face.appearance;
    for (const list of [tones.light, tones.rest, tones.quantiles, grain]) list.fill(value);
    return face;
  };
  const sights = frames(40, (index) => ({
    cut: index === 20,
    faces: { 1: withTones(index < 20 ? index : 500 + index) },
  }));
  const listsAt = (index: number): Float32Array[] => {
    const { tones, grain } = windowOf(sights).steadyFace(1, index)!.appearance;
    return [tones.light, tones.rest, tones.quantiles, grain];
  };
  for (const list of listsAt(10)) for (const value of list) assertClose(value, 10, 1e-3);
  for (const list of listsAt(30)) for (const value of list) assertClose(value, 530, 1e-2);
  for (const list of listsAt(19)) for (const value of list) assert.ok(value > 13 && value < 20);
});

test('forgotten frames are gone, and the others stay as they were', () => {
  const sights = frames(40, (index) => ({ faces: { 1: seen(100 + index * index) } }));
  const whole = windowOf(sights);
  const dropped = windowOf(sights);
  dropped.dropBefore(20);
  assert.equal(dropped.rawPoints(1, 19), null);
  assert.deepEqual(dropped.rawPoints(1, 20), whole.rawPoints(1, 20));
  assert.deepEqual(dropped.steadyFace(1, 30), whole.steadyFace(1, 30));
  dropped.clear();
  assert.equal(dropped.steadyFace(1, 30), null);
  assert.deepEqual(dropped.tracksAt(30), []);
});

test('frames and tracks that are not there have no face', () => {
  const window = windowOf(frames(5, () => ({ faces: { 1: seen(100) } })));
  assert.equal(window.steadyFace(2, 2), null);
  assert.equal(window.steadyFace(1, 9), null);
  assert.deepEqual(window.tracksAt(9), []);
});

test('what was observed is not changed', () => {
  const sights = frames(12, (index) => ({ faces: { 1: seen(100 + 8 * index) } }));
  const before = sights.map(({ faces }) => Float32Array.from(faces![1]!.points));
  const window = windowOf(sights);
  for (let index = 0; index < 12; index++) window.steadyFace(1, index);
  assert.deepEqual(
    sights.map(({ faces }) => faces![1]!.points),
    before,
  );
});

test('observations that are used again change nothing of what is seen', () => {
  const random = seededRandom(6);
  const [recycling, fresh] = [new ShotWindow(settingsOf('window')), new ShotWindow(settingsOf('window'))];
  const buffers = new Set<Float32Array>();
  const kept: { index: number; points: Float32Array; copy: Float32Array; open: Float32Array }[] = [];
  for (let index = 0; index < 60; index++) {
    const sight = { ...seen(100 + 3 * index + random.next(), 60 + random.next()) };
    const wearing = {
      ...sight.appearance,
      glasses: 13,
      rims: sight.appearance.open.map(() => random.next()),
    };
    const observation = { ...sight, appearance: wearing };
    const buffer = recycling.takeObservation();
    buffer.points.set(observation.points);
    buffer.shape.set(observation.shape);
    Object.assign(buffer.appearance, { glasses: 13 });
    for (const key of ['mean', 'std', 'bands', 'open', 'rims'] as const) {
      buffer.appearance[key].set(observation.appearance[key]);
    }
    buffers.add(buffer.points);
    recycling.push({ index, sceneCut: false, faces: new Map([[1, buffer]]) });
    fresh.push({ index, sceneCut: false, faces: new Map([[1, observation]]) });
    if (index < 8) continue;
    const at8 = index - 8;
    const face = recycling.steadyFace(1, at8)!;
    assert.deepEqual(face, fresh.steadyFace(1, at8));
    kept.push({
      index: at8,
      points: face.points,
      copy: Float32Array.from(face.points),
      open: face.appearance.open,
    });
    // What was given out stays as it was until its frame is dropped.
    const last = at8 - lookBackFrames;
    for (const { index: when, points, copy } of kept) if (when >= last) assert.deepEqual(points, copy);
    recycling.dropBefore(last);
  }
  // The frames that are looked back at, the frame itself, eight after: and one in the hand.
  const most = lookBackFrames + 10;
  assert.ok(buffers.size <= most, `${buffers.size} observations were made for 60 frames`);
  assert.ok(new Set(kept.map(({ open }) => open)).size <= most - 8, 'steady faces are used again as well');
});

test('observations of others are never handed out, and those that are given back are', () => {
  const window = new ShotWindow(settingsOf('none'));
  const foreign = seen(100);
  const own = window.takeObservation();
  window.push({
    index: 0,
    sceneCut: false,
    faces: new Map([
      [1, foreign],
      [2, own],
    ]),
  });
  window.dropBefore(1);
  assert.equal(window.takeObservation(), own);
  assert.notEqual(window.takeObservation().points, foreign.points);
  const spare = window.takeObservation();
  window.giveBack(spare);
  window.giveBack(foreign);
  assert.equal(window.takeObservation(), spare);
  assert.notEqual(window.takeObservation().points, foreign.points);
});

test('while the picture of a face is only repeated, so is its steady face, in every mode that steadies', () => {
  const random = seededRandom(8);
  const repeated = (index: number): number => [0, 1, 2, 0][index % 4] as number;
  for (const mode of ['window', 'ema'] as const) {
    const window = windowOf(
      frames(40, (index) => ({
        faces: {
          1: { ...seen(100 + random.normal(), 60 + random.next()), repeats: repeated(index) },
        },
      })),
      mode,
    );
    for (let index = 8; index < 30; index++) {
      const face = window.steadyFace(1, index)!;
      const before = window.steadyFace(1, index - 1)!;
      const isHeld = repeated(index) > 0;
      const { mean, std, bands, open } = face.appearance;
      const now = [face.points, face.shape, mean, std, bands, open];
      const then = [
        before.points,
        before.shape,
        ...Object.values(before.appearance).filter((v) => typeof v !== 'number'),
      ];
      if (isHeld) assert.deepEqual(now, then.slice(0, 6), `${mode} ${index}`);
      else assert.notDeepEqual(face.points, before.points);
    }
  }
});

test('a face that comes or goes inside a shot fades over a few frames', () => {
  const window = windowOf(
    frames(60, (index) => ({ faces: index >= 20 && index < 40 ? { 1: seen(100) } : {} })),
  );
  const opacity = (index: number): number => window.steadyFace(1, index)!.opacity;
  for (let i = 0; i < fadeFrames; i++) {
    const share = opacity(20 + i);
    assert.ok(share > 0 && share < 1, `frame ${20 + i}: ${share}`);
    assert.ok(i === 0 || share > opacity(19 + i));
    assert.equal(opacity(39 - i), share);
  }
  for (let index = 20 + fadeFrames; index < 40 - fadeFrames; index++) assert.equal(opacity(index), 1);
});

test('a face is there at once at a cut and at the ends of the run, and to the end of its shot', () => {
  const window = windowOf(
    frames(40, (index) => ({ cut: index === 20, faces: { [index < 20 ? 1 : 2]: seen(100) } })),
  );
  for (let index = 0; index < 40; index++) {
    assert.equal(window.steadyFace(index < 20 ? 1 : 2, index)!.opacity, 1, `frame ${index}`);
  }
});

test('a short gap, or a track that goes on under another number, is no reason to fade', () => {
  const gap = windowOf(
    frames(50, (index) => ({ faces: index >= 20 && index < 20 + longestGapFrames ? {} : { 1: seen(100) } })),
  );
  const renamed = windowOf(
    frames(50, (index) => ({ faces: index === 25 ? {} : { [index < 25 ? 1 : 2]: seen(100 + index) } })),
  );
  for (let index = 12; index < 40; index++) {
    assert.equal(gap.steadyFace(1, index)!.opacity, 1, `gap, frame ${index}`);
    if (index !== 25)
      assert.equal(renamed.steadyFace(index < 25 ? 1 : 2, index)!.opacity, 1, `frame ${index}`);
  }
});

test('a face whose movement was measured is followed through a sudden stop and through a gap', () => {
  const random = seededRandom(9);
  const x = (index: number): number => 100 + 6 * Math.min(index, 20);
  const window = windowOf(
    frames(50, (index) => {
      if (index === 30 || index === 31) return {};
      const shift = x(index) - x(index === 32 ? 29 : index - 1);
      const face = seen(x(index) + 0.5 * random.normal());
      return { faces: { 1: { ...face, motion: Float32Array.of(1, 0, shift, 0, 1) } } };
    }),
  );
  for (let index = 8; index < 42; index++) {
    const error = meshDistance(window.steadyPoints(1, index)!, seen(x(index)).points);
    assert.ok(error < 0.45, `frame ${index}: ${error} px`);
  }
});
