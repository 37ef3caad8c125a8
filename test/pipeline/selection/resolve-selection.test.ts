import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FaceswapError } from '../../../src/errors.js';
import type { Cast, CastPerson, CastTrack } from '../../../src/pipeline/cast/cast.js';
import { resolveRunOptions } from '../../../src/pipeline/resolve-run-options.js';
import type { RunOptions } from '../../../src/pipeline/run-options.js';
import { needsCast } from '../../../src/pipeline/selection/needs-cast.js';
import { resolveSelection, type SelectionInput } from '../../../src/pipeline/selection/resolve-selection.js';

/** A descriptor at an angle to the first axis. */
const at = (degrees: number): Float32Array => {
  const angle = (degrees * Math.PI) / 180;
  return Float32Array.of(Math.cos(angle), Math.sin(angle));
};

const person = (number: number, more: Partial<CastPerson> = {}): CastPerson => ({
  id: `person${number}`,
  frames: 100,
  firstFrame: 0,
  seen: [{ start: 0, end: 100 }],
  best: { frame: 5, box: { x: 0, y: 0, width: 50, height: 50 }, score: 0.5 },
  descriptor: at(0),
  ageYears: 40,
  male: 0.9,
  ...more,
});

const track = (segment: number, trackId: number, who: number, range = { start: 0, end: 100 }): CastTrack => ({
  segment,
  trackId,
  ...range,
  person: who,
});

/** A man, a woman of 30 in both segments, and somebody who was never seen well. */
const cast: Cast = {
  persons: [
    person(1, { descriptor: at(0) }),
    person(2, { descriptor: at(60), ageYears: 30.4, male: 0.1, race: 'asian' }),
    person(3, { descriptor: new Float32Array(0), ageYears: null, male: null }),
  ],
  tracks: [track(0, 1, 0), track(0, 2, 1), track(1, 1, 1), track(1, 3, 2)],
};

const optionsOf = (options: Partial<RunOptions>) =>
  resolveRunOptions({ target: '/t.mp4', output: '/o.mp4', ...options });

const select = (options: Partial<RunOptions>, input: Partial<SelectionInput> = {}) => {
  const config = optionsOf(options);
  let photos = 0;
  const sets = [config.sources, ...config.maps.map(({ sources }) => sources)].map((files) =>
    files.map(() => photos++),
  );
  return resolveSelection({
    options: config,
    cast,
    segmentCount: 2,
    sets,
    mapReferences: config.maps.map(() => null),
    reference: null,
    ...input,
  });
};

/** Photos of each person. */
const photosOf = (...given: Parameters<typeof select>): readonly (readonly number[])[] =>
  select(...given).persons.map(({ photos }) => photos);

const failure = (kind: string, pattern: RegExp) => (error: unknown) =>
  error instanceof FaceswapError && error.kind === kind && pattern.test(String(error));

describe('the cast is needed', () => {
  const cases: readonly (readonly [Partial<RunOptions>, boolean])[] = [
    [{}, false],
    [{ faceSelectorMode: 'one' }, false],
    [{ faceSelectorMode: 'one', faceSelectorOrder: 'left-right', faceSelectorRegion: '0,0,9,9' }, false],
    [{ faceSelectorOrder: 'best-worst' }, false],
    [{ faceSelectorMode: 'one', faceSelectorOrder: 'best-worst' }, true],
    [{ faceSelectorGender: 'male' }, true],
    [{ faceSelectorAgeStart: 0 }, true],
    [{ faceSelectorRace: 'asian', faceClassifierModel: 'fairface' }, true],
    [{ faceSelectorAgeEnd: 100 }, true],
    [{ referenceFace: 'a.jpg' }, true],
    [{ referenceFrameNumber: 0 }, true],
    [{ map: 'person1=a.jpg' }, true],
  ];
  for (const [options, expected] of cases) {
    test(`${expected ? 'for' : 'not for'} ${JSON.stringify(options)}`, () => {
      assert.equal(needsCast(optionsOf({ source: 'x.jpg', ...options })), expected);
    });
  }
});

describe('maps by id', () => {
  test('give each person a set of its own; the source is for everybody else', () => {
    assert.deepEqual(photosOf({ map: ['person2=a.jpg,b.jpg', 'person1=c.jpg'], source: ['x.jpg'] }), [
      [3],
      [1, 2],
      [0],
    ]);
  });

  test('leave the others alone without a source', () => {
    const selection = select({ map: 'person2=a.jpg' });
    assert.deepEqual(selection.segments, [
      {
        tracks: [
          { trackId: 1, person: 'person1', score: 0.5, photos: [] },
          { trackId: 2, person: 'person2', score: 0.5, photos: [0] },
        ],
        unknown: [],
      },
      {
        tracks: [
          { trackId: 1, person: 'person2', score: 0.5, photos: [0] },
          { trackId: 3, person: 'person3', score: 0.5, photos: [] },
        ],
        unknown: [],
      },
    ]);
  });

  test('give tracks that the cast does not know what everybody else gets', () => {
    assert.deepEqual(select({ map: 'person2=a.jpg', source: 'x.jpg' }).segments[0]?.unknown, [0]);
  });

  test('name persons that are there', () => {
    assert.throws(
      () => select({ map: 'person7=a.jpg' }),
      failure('usage', /--map names person7, but the target shows person1, person2, person3/),
    );
  });
});

describe('references', () => {
  test('select the person that they show and nobody else', () => {
    const input = { reference: at(63) };
    assert.deepEqual(photosOf({ source: 'x.jpg', referenceFace: 'r.jpg' }, input), [[], [0], []]);
    const { persons, segments } = select({ source: 'x.jpg', referenceFace: 'r.jpg' }, input);
    assert.ok(Math.abs((persons[1]?.distance ?? 1) - (1 - Math.cos(Math.PI / 60)) / 2) < 1e-6);
    assert.deepEqual(segments[0]?.unknown, []);
  });

  test('select all that the cast takes for several, unless they are seen in one frame', () => {
    const persons = [
      person(1, { descriptor: at(0) }),
      person(2, { descriptor: at(8) }),
      person(3, { descriptor: at(10) }),
    ];
    const apart = {
      persons,
      tracks: [track(0, 1, 0, { start: 0, end: 50 }), track(0, 2, 1, { start: 50, end: 100 })],
    };
    const options = { source: 'x.jpg', referenceFace: 'r.jpg' };
    assert.deepEqual(photosOf(options, { cast: apart, reference: at(2) }), [[0], [0], [0]]);
    const together = { persons, tracks: [track(0, 1, 0), track(0, 2, 1), track(1, 1, 2)] };
    assert.deepEqual(photosOf(options, { cast: together, reference: at(2) }), [[0], [], [0]]);
  });

  test('that are not in the target end with exit code 5, the nearest distance and the option to change', () => {
    assert.throws(
      () => select({ source: 'x.jpg', referenceFace: '/r.jpg' }, { reference: at(150) }),
      failure(
        'noFace',
        /not in the target: the nearest is person2 at a distance of 0\.500, and .*"\/r\.jpg".*--reference-face-distance/,
      ),
    );
  });

  test('that are not there are told and select nobody where the target is to be copied', () => {
    const selection = select(
      { source: 'x.jpg', referenceFace: 'r.jpg', onNoFace: 'copy' },
      { reference: at(150) },
    );
    assert.match(selection.missing ?? '', /not in the target/);
    assert.ok(selection.persons.every(({ photos }) => photos.length === 0));
  });

  test('of maps take the nearest person each, and ids count before them', () => {
    const maps = { map: ['/r.jpg=a.jpg', '/s.jpg=b.jpg'], source: 'x.jpg' };
    // Both are within the limit of both persons.
    assert.deepEqual(photosOf({ ...maps, referenceFaceDistance: 1 }, { mapReferences: [at(50), at(10)] }), [
      [2],
      [1],
      [0],
    ]);
    assert.deepEqual(
      photosOf({ map: ['person1=a.jpg', '/s.jpg=b.jpg'] }, { mapReferences: [null, at(58)] }),
      [[0], [1], []],
    );
  });

  test('may be a person of a frame', () => {
    assert.deepEqual(photosOf({ source: 'x.jpg', referenceFrameNumber: 3 }, { reference: 2 }), [[], [], [0]]);
  });
});

describe('filters', () => {
  test('select by gender, and nobody of whom it is not known', () => {
    assert.deepEqual(photosOf({ source: 'x.jpg', faceSelectorGender: 'female' }), [[], [0], []]);
    assert.deepEqual(photosOf({ source: 'x.jpg', faceSelectorGender: 'male' }), [[0], [], []]);
  });

  test('select by age in whole years, both ends included, each alone too', () => {
    assert.deepEqual(photosOf({ source: 'x.jpg', faceSelectorAgeStart: 31 }), [[0], [], []]);
    assert.deepEqual(photosOf({ source: 'x.jpg', faceSelectorAgeEnd: 30 }), [[], [0], []]);
    assert.deepEqual(photosOf({ source: 'x.jpg', faceSelectorAgeStart: 30, faceSelectorAgeEnd: 40 }), [
      [0],
      [0],
      [],
    ]);
  });

  test('select by race, and nobody of whom it is not known', () => {
    const options = { source: 'x.jpg', faceClassifierModel: 'fairface' } as const;
    assert.deepEqual(photosOf({ ...options, faceSelectorRace: 'asian' }), [[], [0], []]);
    assert.deepEqual(photosOf({ ...options, faceSelectorRace: ['white', 'asian'] }), [[], [0], []]);
    assert.throws(
      () => photosOf({ ...options, faceSelectorRace: 'white' }),
      failure('noFace', /it shows person1 \(male, 40\), person2 \(female, 30, asian\)/),
    );
  });

  test('hold for those whom maps name as well', () => {
    assert.deepEqual(photosOf({ map: ['person1=a.jpg', 'person2=b.jpg'], faceSelectorGender: 'female' }), [
      [],
      [1],
      [],
    ]);
  });

  test('that leave nobody end with exit code 5 and tell who is there', () => {
    assert.throws(
      () => select({ source: 'x.jpg', faceSelectorAgeStart: 90 }),
      failure(
        'noFace',
        /Nobody in the target is selected; it shows person1 \(male, 40\), person2 \(female, 30, asian\), person3 \(cannot be recognised\)/,
      ),
    );
  });
});

test('a target without faces gives an empty selection, whatever was asked for', () => {
  const empty = { cast: { persons: [], tracks: [] } };
  for (const options of [{ map: 'person1=a.jpg' }, { source: 'x.jpg', referenceFace: 'r.jpg' }]) {
    const { segments, persons, missing } = select(options, { ...empty, reference: null });
    assert.deepEqual(segments, [
      { tracks: [], unknown: [] },
      { tracks: [], unknown: [] },
    ]);
    assert.deepEqual([persons, missing], [[], null]);
  }
});
