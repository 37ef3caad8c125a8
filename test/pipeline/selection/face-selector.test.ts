import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { meshPointCount } from '../../../src/processors/face-landmarker/mesh-indices.js';
import type { SourceFace } from '../../../src/processors/face-swapper/source-face.js';
import { type CandidateFace, FaceSelector } from '../../../src/pipeline/selection/face-selector.js';
import { parseFaceRegion } from '../../../src/pipeline/selection/face-region.js';
import { appearanceOf } from '../../support/unit-faces.js';

const size = { widthPx: 400, heightPx: 200 };

const candidate = (trackId: number, x: number, side = 50, isUsable = true): CandidateFace => ({
  trackId,
  box: { x, y: 50, width: side, height: side },
  isUsable,
});

/** A mesh that fills a box. */
const meshIn = (x: number, side: number): Float32Array => {
  const points = new Float32Array(3 * meshPointCount);
  for (let i = 0; i < meshPointCount; i++) {
    points[3 * i] = x + (i % 2) * side;
    points[3 * i + 1] = 50 + (i % 3 === 0 ? 0 : side);
  }
  return points;
};

/** Nothing was seen before the first frame. */
const noFrames = { tracksAt: (): number[] => [], rawPoints: () => null };

const appearance = appearanceOf({});
const frontal = { yaw: 0, pitch: 0, roll: 0 };

let sources: readonly SourceFace[];
before(() => {
  sources = [0, 1, 2].map((index) => ({
    index,
    file: `photo-${index}.png`,
    descriptor: new Float32Array(1024),
    swapSource: null,
    texture: { sizePx: 0, levels: [] },
    appearance,
    toneMaps: new Float32Array(0),
    pose: frontal,
    shape: new Float32Array(0),
    widthPx: 100,
  }));
});

type Settings = ConstructorParameters<typeof FaceSelector>[0];

const selectorOf = (settings: Partial<Settings>): FaceSelector =>
  new FaceSelector(
    { faceSelectorMode: 'many', faceSelectorOrder: 'large-small', faceSelectorRegions: [], ...settings },
    sources,
  );

/** Tracks that are selected in a frame. */
const chosen = (selector: FaceSelector, index: number, faces: readonly CandidateFace[]): readonly number[] =>
  selector
    .select(index, faces, size)
    .flatMap(({ chooser }, at) => (chooser === null ? [] : [(faces[at] as CandidateFace).trackId]));

describe('with the mode many', () => {
  test('everybody is selected', () => {
    const selector = selectorOf({});
    selector.begin(noFrames, undefined);
    assert.deepEqual(chosen(selector, 0, [candidate(1, 0), candidate(2, 200, 20)]), [1, 2]);
  });

  test('a region selects those whose middle lies in it, frame by frame', () => {
    const region = parseFaceRegion('0,0,50%,100%');
    assert.ok(region);
    const selector = selectorOf({ faceSelectorRegions: [region] });
    selector.begin(noFrames, undefined);
    assert.deepEqual(chosen(selector, 0, [candidate(1, 0), candidate(2, 200)]), [1]);
    assert.deepEqual(chosen(selector, 1, [candidate(1, 190), candidate(2, 100)]), [2]);
  });
});

describe('with the mode one', () => {
  test('the first by the order is selected', () => {
    for (const [order, expected] of [
      ['large-small', 2],
      ['small-large', 3],
      ['left-right', 1],
      ['right-left', 3],
    ] as const) {
      const selector = selectorOf({ faceSelectorMode: 'one', faceSelectorOrder: order });
      selector.begin(noFrames, undefined);
      const faces = [candidate(1, 0, 50), candidate(2, 100, 90), candidate(3, 300, 30)];
      assert.deepEqual(chosen(selector, 0, faces), [expected], order);
    }
  });

  test('two people of like size do not take turns', () => {
    const selector = selectorOf({ faceSelectorMode: 'one' });
    selector.begin(noFrames, undefined);
    const selected = Array.from({ length: 40 }, (_, index) =>
      chosen(selector, index, [
        candidate(1, 0, 50 + 4 * Math.sin(index)),
        candidate(2, 200, 50 - 4 * Math.sin(index)),
      ]),
    );
    assert.equal(new Set(selected.map(String)).size, 1);
  });

  test('another one takes over when it leads clearly, or when the chosen one is gone', () => {
    const selector = selectorOf({ faceSelectorMode: 'one' });
    selector.begin(noFrames, undefined);
    assert.deepEqual(chosen(selector, 0, [candidate(1, 0, 60), candidate(2, 200, 50)]), [1]);
    assert.deepEqual(chosen(selector, 1, [candidate(1, 0, 55), candidate(2, 200, 62)]), [1]);
    assert.deepEqual(chosen(selector, 2, [candidate(1, 0, 50), candidate(2, 200, 70)]), [2]);
    assert.deepEqual(chosen(selector, 3, [candidate(1, 0, 50)]), [1]);
  });

  test('a face that cannot be swapped is never the one, and keeps its own reason', () => {
    const selector = selectorOf({ faceSelectorMode: 'one' });
    selector.begin(noFrames, undefined);
    assert.deepEqual(chosen(selector, 0, [candidate(1, -200, 90, false), candidate(2, 200)]), [1, 2]);
  });

  test('a segment begins with the face that its run-up ends with', () => {
    const selector = selectorOf({ faceSelectorMode: 'one' });
    // Until frame 10 the first is much larger; then the second is a little larger.
    const sideAt = (trackId: number, index: number): number => (trackId === 1 ? (index < 10 ? 80 : 50) : 55);
    selector.begin(
      {
        tracksAt: (index) => (index < 0 ? [] : [1, 2]),
        rawPoints: (trackId, index) =>
          index < 0 ? null : meshIn(200 * (trackId - 1), sideAt(trackId, index)),
      },
      undefined,
    );
    assert.deepEqual(chosen(selector, 24, [candidate(1, 0, 50), candidate(2, 200, 55)]), [1]);
    selector.begin(noFrames, undefined);
    assert.deepEqual(chosen(selector, 24, [candidate(1, 0, 50), candidate(2, 200, 55)]), [2]);
  });
});

describe('where it is known who is who', () => {
  const selection = {
    tracks: [
      { trackId: 1, person: 'person2', score: 0.9, photos: [1, 2] },
      { trackId: 2, person: 'person1', score: 0.4, photos: [] },
      { trackId: 4, person: 'person3', score: 0.6, photos: [0] },
    ],
    unknown: [],
  };

  test('each gets photos of its own set and tells its person; others are left alone', () => {
    const selector = selectorOf({});
    selector.begin(noFrames, selection);
    const faces = [candidate(1, 0), candidate(2, 100), candidate(3, 200), candidate(4, 300)];
    const choices = selector.select(0, faces, size);
    assert.deepEqual(
      choices.map(({ person }) => person),
      ['person2', 'person1', undefined, 'person3'],
    );
    assert.deepEqual(
      choices.map(({ chooser }, at) => chooser?.choose(faces[at]!.trackId, frontal, appearance)?.index),
      [1, undefined, undefined, 0],
    );
  });

  test('tracks that the cast does not know get the photos for them', () => {
    const selector = selectorOf({});
    selector.begin(noFrames, { ...selection, unknown: [2] });
    const [choice] = selector.select(0, [candidate(9, 0)], size);
    assert.equal(choice?.chooser?.choose(9, frontal, appearance)?.index, 2);
    assert.equal(choice?.person, undefined);
  });

  test('the one is chosen among those who get a face, also by how well they can be recognised', () => {
    const faces = [candidate(1, 0, 40), candidate(2, 100, 90), candidate(4, 300, 60)];
    const bySize = selectorOf({ faceSelectorMode: 'one' });
    bySize.begin(noFrames, selection);
    assert.deepEqual(chosen(bySize, 0, faces), [4]);
    const byScore = selectorOf({ faceSelectorMode: 'one', faceSelectorOrder: 'best-worst' });
    byScore.begin(noFrames, selection);
    assert.deepEqual(chosen(byScore, 0, faces), [1]);
  });

  test('nothing is carried into a segment without a selection', () => {
    const selector = selectorOf({});
    selector.begin(noFrames, selection);
    selector.begin(noFrames, undefined);
    assert.deepEqual(chosen(selector, 0, [candidate(2, 0)]), [2]);
  });
});
