import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Box } from '../../../src/imaging/affine.js';
import type { FaceRace } from '../../../src/processors/face-recognizer/face-races.js';
import { buildCast } from '../../../src/pipeline/cast/build-cast.js';
import { type Cast, type CastPerson, personOf } from '../../../src/pipeline/cast/cast.js';
import type { SegmentTrack } from '../../../src/pipeline/cast/segment-findings.js';
import type { AnalysedSegment } from '../../../src/pipeline/cast/track-chain.js';
import { cosine, descriptorLength } from '../../../src/processors/face-recognizer/face-recognizer.js';
import { seededRandom } from '../../support/unit-random.js';

const unit = (values: Float32Array): Float32Array => {
  const length = Math.sqrt(cosine(values, values));
  return values.map((value) => value / length);
};

const noise = (seed: number): Float32Array => {
  const random = seededRandom(seed);
  return unit(Float32Array.from({ length: descriptorLength }, () => random.next() - 0.5));
};

/** What all faces have in common, so that two persons are half alike as with the real recogniser. */
const everybody = noise(1);

/** A crop of somebody: two of one person have a similarity of about 0.85, of two persons about 0.43. */
const look = (person: number, crop: number): Float32Array => {
  const own = noise(1000 + person);
  const chance = noise(100_000 + crop);
  return unit(
    Float32Array.from(
      everybody,
      (value, i) => 0.65 * value + 0.65 * (own[i] as number) + 0.39 * (chance[i] as number),
    ),
  );
};

const boxAt = (x: number): Box => ({ x, y: 100, width: 80, height: 80 });

type TrackDescription = {
  readonly id: number;
  readonly person: number;
  readonly start: number;
  readonly end: number;
  readonly x?: number;
  /** Samples that show somebody else. */
  readonly strangers?: readonly { readonly at: number; readonly person: number }[];
  readonly sampled?: boolean;
  readonly shot?: number;
  readonly male?: number;
  /** What the samples say, in turns by frame. */
  readonly races?: readonly FaceRace[];
};

const trackOf = (description: TrackDescription): SegmentTrack => {
  const {
    id,
    person,
    start,
    end,
    x = 100,
    strangers = [],
    sampled = true,
    shot = 0,
    male = 0.9,
    races,
  } = description;
  const frames = Uint32Array.from({ length: end - start }, (_, at) => start + at);
  const boxes = Float32Array.from([...frames].flatMap(() => Object.values(boxAt(x))));
  const sampleFrames = sampled ? [...frames].filter((frame) => frame % 4 === 0) : [];
  const samples = sampleFrames.map((frame) => {
    const stranger = strangers.find(({ at }) => at === frame);
    return {
      frame,
      weight: 0.5 + (frame % 16) / 100,
      ageYears: stranger === undefined ? 30 + (frame % 3) : 80,
      male: stranger === undefined ? male : 1 - male,
      ...(races === undefined ? {} : { race: races[frame % races.length] as FaceRace }),
      descriptor: look(stranger?.person ?? person, 7919 * id + frame),
    };
  });
  return { trackId: id, shot, frames, boxes, samples };
};

const segmentOf = (
  segment: number,
  [start, end]: readonly [number, number],
  ...tracks: readonly TrackDescription[]
): AnalysedSegment => ({ segment, render: { start, end }, tracks: tracks.map(trackOf) });

const summary = ({ persons }: Cast): readonly string[] =>
  persons.map(({ id, frames, firstFrame }) => `${id} ${frames} from ${firstFrame}`);

const only = ({ persons }: Cast): CastPerson => {
  assert.equal(persons.length, 1);
  return persons[0] as CastPerson;
};

test('tracks of one person are joined across shots, and persons are ordered by screen time', () => {
  const cast = buildCast([
    segmentOf(
      0,
      [0, 200],
      { id: 1, person: 1, start: 0, end: 40 },
      { id: 2, person: 2, start: 40, end: 100 },
      { id: 3, person: 1, start: 100, end: 130 },
      { id: 4, person: 3, start: 140, end: 160 },
    ),
  ]);
  assert.deepEqual(summary(cast), ['person1 70 from 0', 'person2 60 from 40', 'person3 20 from 140']);
  assert.deepEqual(cast.persons[0]?.seen, [
    { start: 0, end: 40 },
    { start: 100, end: 130 },
  ]);
  assert.equal(personOf(cast, 0, 3)?.id, 'person1');
  assert.equal(personOf(cast, 0, 9), null);
  assert.equal(personOf(cast, 1, 3), null);
});

test('a track that runs across the border of two segments is one, and no frame counts twice', () => {
  const cast = buildCast([
    segmentOf(0, [0, 100], { id: 1, person: 1, start: 10, end: 108 }),
    // Ids begin anew, and what the neighbours show belongs to them.
    segmentOf(1, [100, 200], { id: 1, person: 1, start: 76, end: 150 }),
  ]);
  const { frames, seen } = only(cast);
  assert.equal(frames, 140);
  assert.deepEqual(seen, [{ start: 10, end: 150 }]);
  assert.deepEqual(
    cast.tracks.map(({ segment, trackId, start, end, person }) => [segment, trackId, start, end, person]),
    [
      [0, 1, 10, 108, 0],
      [1, 1, 76, 150, 0],
    ],
  );
});

test('place joins tracks across a border also where nobody can be recognised', () => {
  const cast = buildCast([
    segmentOf(
      0,
      [0, 100],
      { id: 1, person: 1, start: 50, end: 108, x: 100, sampled: false },
      { id: 2, person: 2, start: 0, end: 108, x: 400, sampled: false },
    ),
    segmentOf(
      1,
      [100, 200],
      { id: 1, person: 2, start: 76, end: 180, x: 410, sampled: false },
      { id: 2, person: 1, start: 76, end: 160, x: 105, sampled: false },
    ),
  ]);
  assert.deepEqual(summary(cast), ['person1 180 from 0', 'person2 110 from 50']);
  assert.deepEqual(
    cast.persons.map(({ descriptor, ageYears, male, best }) => [
      descriptor.length,
      ageYears,
      male,
      best.score,
    ]),
    [
      [0, null, null, 0],
      [0, null, null, 0],
    ],
  );
  assert.equal(personOf(cast, 1, 1)?.id, 'person1');
});

test('a track that only neighbours of the segment show is left to them', () => {
  const cast = buildCast([
    segmentOf(0, [0, 100], { id: 1, person: 1, start: 80, end: 95 }),
    segmentOf(
      1,
      [100, 200],
      { id: 1, person: 1, start: 80, end: 95 },
      { id: 2, person: 2, start: 120, end: 180 },
    ),
  ]);
  assert.deepEqual(summary(cast), ['person1 60 from 120', 'person2 15 from 80']);
  assert.equal(personOf(cast, 0, 1)?.id, 'person2');
});

test('two tracks that are seen at once at two places are two persons, however alike they look', () => {
  const twins = (second: TrackDescription): Cast =>
    buildCast([
      segmentOf(0, [0, 100], { id: 1, person: 1, start: 0, end: 60, x: 100 }, second, {
        id: 3,
        person: 1,
        start: 70,
        end: 90,
        x: 100,
      }),
    ]);
  assert.equal(twins({ id: 2, person: 1, start: 59, end: 65, x: 300 }).persons.length, 2);
  // One frame later there is nothing against it, nor where one face was found twice.
  assert.equal(twins({ id: 2, person: 1, start: 60, end: 65, x: 300 }).persons.length, 1);
  assert.equal(twins({ id: 2, person: 1, start: 40, end: 65, x: 110 }).persons.length, 1);
});

test('samples of another face do not flip the identity of a track, nor its age and gender', () => {
  const strangers = [8, 20, 36].map((at) => ({ at, person: 2 }));
  const cast = buildCast([
    segmentOf(
      0,
      [0, 300],
      { id: 1, person: 1, start: 0, end: 40, strangers },
      { id: 2, person: 2, start: 50, end: 100, male: 0.1 },
      { id: 3, person: 1, start: 110, end: 200 },
    ),
  ]);
  assert.deepEqual(summary(cast), ['person1 130 from 0', 'person2 50 from 50']);
  const [first, second] = cast.persons as [CastPerson, CastPerson];
  assert.ok(first.ageYears !== null && first.ageYears >= 30 && first.ageYears <= 32);
  assert.ok(first.male !== null && Math.abs(first.male - 0.9) < 1e-6);
  assert.ok(second.male !== null && Math.abs(second.male - 0.1) < 1e-6);
  assert.ok(cosine(first.descriptor, look(1, 5)) > 0.85);
  assert.ok(Math.abs(cosine(first.descriptor, first.descriptor) - 1) < 1e-5);
});

test('the race that has most of the samples is told, and none where no classifier spoke', () => {
  const cast = buildCast([
    segmentOf(
      0,
      [0, 300],
      { id: 1, person: 1, start: 0, end: 120, races: ['white', 'asian', 'asian', 'asian', 'asian'] },
      { id: 2, person: 2, start: 130, end: 200 },
    ),
  ]);
  assert.deepEqual(
    cast.persons.map(({ race }) => race),
    ['asian', undefined],
  );
});

test('a track that nobody could recognise belongs to the one whose place it takes over in the same shot', () => {
  const castWith = (fragment: Partial<TrackDescription>): Cast =>
    buildCast([
      segmentOf(
        0,
        [0, 100],
        { id: 1, person: 1, start: 0, end: 40 },
        { id: 2, person: 1, start: 44, end: 50, x: 110, sampled: false, ...fragment },
        { id: 3, person: 2, start: 0, end: 90, x: 400 },
      ),
    ]);
  assert.deepEqual(summary(castWith({})), ['person1 90 from 0', 'person2 46 from 0']);
  assert.equal(personOf(castWith({}), 0, 2)?.id, 'person2');
  assert.equal(castWith({ shot: 1 }).persons.length, 3);
  assert.equal(castWith({ x: 200 }).persons.length, 3);
  assert.equal(castWith({ start: 60, end: 66 }).persons.length, 3);
  assert.equal(castWith({ start: 39, end: 50, x: 200 }).persons.length, 3);
});

test('the best sighting is the sample that weighs most, in the frames of its own segment', () => {
  const { best } = only(buildCast([segmentOf(0, [0, 60], { id: 1, person: 1, start: 0, end: 60, x: 7 })]));
  assert.equal(best.frame % 16, 12);
  assert.deepEqual(best.box, boxAt(7));
  assert.equal(best.score, 0.5 + 12 / 100);
});

test('of two who are seen equally long, the one who appears first comes first', () => {
  const cast = buildCast([
    segmentOf(0, [0, 100], { id: 1, person: 1, start: 30, end: 50 }, { id: 2, person: 2, start: 0, end: 20 }),
  ]);
  assert.deepEqual(summary(cast), ['person1 20 from 0', 'person2 20 from 30']);
});

test('nobody is nobody', () => {
  assert.deepEqual(buildCast([segmentOf(0, [0, 10]), segmentOf(1, [10, 20])]), { persons: [], tracks: [] });
});
