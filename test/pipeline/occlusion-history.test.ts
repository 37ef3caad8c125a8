import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chainNeighbourFrames } from '../../src/pipeline/chain-neighbours.js';
import { OcclusionHistory, type PortraitFrame } from '../../src/pipeline/occlusion-history.js';
import { leniencyOf } from '../../src/processors/face-masker/leniency.js';
import { appearanceSize } from '../../src/processors/face-swapper/appearance.js';
import {
  ball,
  blink,
  type Change,
  hand,
  lit,
  openMouth,
  paintedPortrait,
  placeOf,
} from '../support/painted-portrait.js';
import { plainZones } from '../support/unit-faces.js';
import { placedFace } from '../support/unit-meshes.js';
import { seededRandom } from '../support/unit-random.js';
import { at } from '../support/unit-values.js';

const leniency = leniencyOf(plainZones);

type Clip = {
  readonly count: number;
  /** What is different from the plain face. */
  readonly changes?: (index: number) => readonly Change[];
  readonly noise?: number;
  readonly yaw?: (index: number) => number;
  readonly isSeen?: (index: number) => boolean;
  readonly isCut?: (index: number) => boolean;
};

const framesOf = ({ count, changes, noise, yaw, isSeen, isCut }: Clip): PortraitFrame[] => {
  const random = seededRandom(3);
  return Array.from({ length: count }, (_, index) => {
    const portrait = paintedPortrait(random, changes?.(index), noise);
    const points = placedFace({ x: 100, y: 100, eyesPx: 60, yaw: yaw?.(index) ?? 0 });
    const faces = isSeen?.(index) === false ? new Map() : new Map([[1, { portrait, points }]]);
    return { index, sceneCut: isCut?.(index) ?? false, faces };
  });
};

/** What is left open in each frame, asked as a chain does that looks `lookAhead` frames ahead. */
const openOf = (frames: readonly PortraitFrame[], lookAhead = 8, start = 0): Float32Array[] => {
  const history = new OcclusionHistory(leniency);
  const maps: Float32Array[] = [];
  let pushed = 0;
  for (let index = start; index < frames.length; index++) {
    while (pushed < frames.length && pushed <= index + lookAhead)
      history.push(frames[pushed++] as PortraitFrame);
    const open = new Float32Array(appearanceSize * appearanceSize).fill(1);
    history.close(1, index, open);
    maps.push(open);
    history.dropBefore(index - 8);
  }
  return maps;
};

const openAt = (open: Float32Array, [u, v]: readonly [number, number]): number =>
  at(open, Math.floor(v * appearanceSize) * appearanceSize + Math.floor(u * appearanceSize));

const leastOf = (maps: readonly Float32Array[]): number =>
  Math.min(...maps.map((map) => map.reduce((least, value) => Math.min(least, value), 1)));

const itemOf = <Item>(items: readonly Item[], index: number): Item => {
  const item = items[index];
  assert.ok(item !== undefined, `there is no item ${index}`);
  return item;
};

const chin = placeOf(199);
const forehead = placeOf(151);
const cheek = placeOf(50);

test('a hand of nearly the skin’s colour that comes over mouth and chin stays, and the face above is replaced', () => {
  const clip = framesOf({
    count: 60,
    changes: (index) => (index >= 25 && index < 45 ? [hand(0.62)] : []),
  });
  const maps = openOf(clip);
  for (const index of [28, 35, 42]) {
    const open = itemOf(maps, index);
    assert.ok(openAt(open, chin) < 0.2, `chin at ${index}: ${openAt(open, chin)}`);
    assert.ok(openAt(open, forehead) > 0.95, `forehead at ${index}: ${openAt(open, forehead)}`);
  }
  for (const index of [10, 18, 54])
    assert.ok(openAt(itemOf(maps, index), chin) > 0.95, `before and after, ${index}`);
});

test('something dark that crosses the face is followed', () => {
  const clip = framesOf({
    count: 60,
    changes: (index) => (index >= 25 && index < 45 ? [ball(0.5, 0.95 - 0.03 * (index - 25))] : []),
  });
  const maps = openOf(clip);
  for (const index of [30, 35, 40]) {
    const middle = 0.95 - 0.03 * (index - 25);
    assert.ok(openAt(itemOf(maps, index), [0.5, middle]) < 0.4, `in its middle at ${index}`);
    assert.ok(openAt(itemOf(maps, index), [0.5, middle - 0.3]) > 0.9, `away from it at ${index}`);
  }
});

test('edges come and go softly', () => {
  const maps = openOf(
    framesOf({
      count: 50,
      changes: (index) => (index >= 20 && index < 35 ? [ball(cheek[0], cheek[1])] : []),
    }),
  );
  const values = maps.map((open) => openAt(open, cheek));
  const steps = values.slice(1).map((value, i) => Math.abs(value - at(values, i)));
  assert.ok(Math.min(...values) < 0.1);
  assert.ok(Math.max(...steps) < 0.35, `largest step ${Math.max(...steps)}`);
});

test('speech, blinks, noise and changes of light open nothing', () => {
  const clip = framesOf({
    count: 90,
    noise: 2,
    changes: (index) => [
      openMouth(0.5 + 0.5 * Math.sin(index)),
      ...(index % 20 < 3 ? [blink] : []),
      lit(1 + 0.12 * Math.sin(index / 9), 0.15 * Math.sin(index / 14), 3 * Math.sin(index / 11)),
    ],
  });
  assert.equal(leastOf(openOf(clip)), 1);
});

test('a lamp that is switched on opens nothing', () => {
  const clip = framesOf({ count: 50, changes: (index) => (index < 25 ? [] : [lit(1.3, 0.2, 4)]) });
  assert.equal(leastOf(openOf(clip)), 1);
});

test('an occluder stays where it is while the face is lost for a few frames', () => {
  const clip = framesOf({
    count: 50,
    changes: (index) => (index >= 20 ? [ball(chin[0], chin[1])] : []),
    isSeen: (index) => index < 30 || index >= 36,
  });
  const maps = openOf(clip);
  for (let index = 25; index < 45; index++)
    assert.ok(openAt(itemOf(maps, index), chin) < 0.2, `frame ${index}`);
});

test('what lies over a face for many seconds is taken for a part of it after all', () => {
  const maps = openOf(
    framesOf({ count: 260, changes: (index) => (index >= 20 ? [ball(chin[0], chin[1])] : []) }),
  );
  assert.ok(openAt(itemOf(maps, 150), chin) < 0.1);
  assert.equal(openAt(itemOf(maps, 255), chin), 1);
});

test('a head that has turned away is learnt anew', () => {
  const clip = framesOf({
    count: 60,
    yaw: (index) => (index < 30 ? 0 : 0.5),
    changes: (index) => (index < 30 ? [] : [ball(chin[0], chin[1])]),
  });
  assert.ok(openAt(itemOf(openOf(clip), 50), chin) > 0.95);
});

test('the result does not depend on how many more frames are there already', () => {
  const clip = framesOf({ count: 60, changes: (index) => (index >= 5 && index < 45 ? [hand(0.62)] : []) });
  const { after, before } = chainNeighbourFrames;
  assert.deepEqual(openOf(clip, after + 6), openOf(clip, after));
  assert.deepEqual(openOf(clip, after, before), openOf(clip, after + 22, before));
});

test('nothing from before a cut, or from after the next one, has any influence', () => {
  const cuts = (index: number): boolean => index === 20 || index === 40;
  const shot = framesOf({ count: 60, isCut: cuts, changes: (index) => (index >= 30 ? [hand(0.62)] : []) });
  const other = framesOf({ count: 60, isCut: cuts, changes: () => [ball(0.5, 0.4, 0.2)], noise: 3 });
  const disturbed = shot.map((frame, index) => (index >= 20 && index < 40 ? frame : itemOf(other, index)));
  assert.deepEqual(openOf(disturbed).slice(20, 40), openOf(shot).slice(20, 40));
});

test('a history that was cleared gives the same again', () => {
  const clip = framesOf({ count: 40, changes: (index) => (index >= 20 ? [hand(0.62)] : []) });
  const history = new OcclusionHistory(leniency);
  const results = [0, 1].map(() => {
    for (const frame of clip) history.push(frame);
    const maps = clip.map(({ index }) => {
      const open = new Float32Array(appearanceSize * appearanceSize).fill(1);
      history.close(1, index, open);
      return open;
    });
    history.clear();
    return maps;
  });
  assert.deepEqual(results[1], results[0]);
});
