import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import {
  largestAnalysisBytes,
  SegmentAnalysisReader,
  SegmentAnalysisWriter,
} from '../../src/pipeline/segment-analysis.js';
import type { AnalysedFrame, Observation } from '../../src/pipeline/shot-window.js';
import { type FaceRace, faceRaces } from '../../src/processors/face-recognizer/face-races.js';
import type { IdentitySample } from '../../src/pipeline/cast/identity-sample.js';
import { readFindings } from '../../src/pipeline/cast/segment-findings.js';
import { descriptorLength } from '../../src/processors/face-recognizer/face-recognizer.js';
import { motionLength } from '../../src/processors/landmark-smoother/face-motion.js';
import { type Random, seededRandom } from '../support/unit-random.js';

const floats = (length: number, value: () => number): Float32Array => Float32Array.from({ length }, value);

const observation = (random: Random, texel: () => number): Observation => ({
  points: floats(3 * 468, () => 1000 * random.next()),
  shape: floats(3 * 468, () => random.next() - 0.5),
  appearance: {
    mean: floats(3, () => 100 * random.next()),
    std: floats(3, () => random.next()),
    bands: floats(3, () => random.next()),
    open: floats(128 * 128, texel),
    glasses: 10 * random.next(),
    rims: floats(128 * 128, texel),
    tones: {
      light: floats(18, () => 50 * random.next()),
      rest: floats(3, () => random.next()),
      quantiles: floats(27, () => 100 * random.next()),
    },
    grain: floats(28, () => 9 * random.next()),
  },
  portrait: Uint8Array.from({ length: 3 * 64 * 64 }, () => random.integer(0, 256)),
  motion: floats(motionLength, () => random.next() - 0.5),
  repeats: 0,
});

const identityOf = (random: Random): IdentitySample => ({
  weight: Math.fround(random.next()),
  ageYears: random.integer(1, 90),
  male: Math.fround(random.next()),
  ...(random.next() < 0.5 ? {} : { race: faceRaces[random.integer(0, 6)] as FaceRace }),
  descriptor: floats(descriptorLength, () => random.next() - 0.5),
});

const pack = (frames: readonly AnalysedFrame[]): ArrayBuffer | null => {
  const writer = new SegmentAnalysisWriter();
  for (const frame of frames) writer.add(frame);
  return writer.finish();
};

const unpack = (packed: ArrayBuffer): AnalysedFrame[] => {
  const reader = SegmentAnalysisReader.open(packed);
  assert.ok(reader);
  return Array.from({ length: reader.frameCount }, () => reader.next());
};

/** Bits, because equal floats need not have equal bits (0 and -0) and equal bits need not be equal floats (NaN). */
const bitsOf = (frames: readonly AnalysedFrame[]): unknown =>
  frames.map(({ index, sceneCut, faces }) => [
    index,
    sceneCut,
    [...faces].map(([trackId, { points, shape, appearance, identity, portrait }]) => {
      const { mean, std, bands, open, glasses, rims, tones, grain } = appearance;
      const { light, rest, quantiles } = tones;
      const lists = [points, shape, mean, std, bands, open, rims, light, rest, quantiles, grain];
      const bits = lists.map(
        (list) => new Uint32Array(list.buffer.slice(list.byteOffset, list.byteOffset + list.byteLength)),
      );
      return [trackId, glasses, bits, portrait, identity ?? null];
    }),
  ]);

test('every number comes back with the same bits, in the order of frames and faces', () => {
  const random = seededRandom(11);
  const strange = [0, -0, 1, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e-45, 1 + 2 ** -23, 1 - 2 ** -24];
  const texels: (() => number)[] = [
    () => 0,
    () => 1,
    () => random.next(),
    () => (random.next() < 0.9 ? 1 : 0),
    () => strange[random.integer(0, strange.length)] ?? 0,
  ];
  const frames = Array.from({ length: 12 }, (_, at): AnalysedFrame => {
    const faces = Array.from({ length: at % 4 }, (_face, face): [number, Observation] => [
      1000 - face,
      {
        ...observation(random, texels[(at + face) % texels.length] as () => number),
        identity: (at + face) % 3 === 0 ? identityOf(random) : null,
      },
    ]);
    return { index: 100 + at, sceneCut: at % 5 === 0, faces: new Map(faces) };
  });
  const packed = pack(frames);
  assert.ok(packed);
  assert.deepEqual(bitsOf(unpack(packed)), bitsOf(frames));
});

test('arrays of larger memory are packed by their own part alone', () => {
  const random = seededRandom(12);
  const face = observation(random, () => 1);
  const memory = new Float32Array(2 + 3 * 468);
  const points = memory.subarray(2);
  points.set(face.points);
  const frame = (given: Observation): AnalysedFrame => ({
    index: 0,
    sceneCut: false,
    faces: new Map([[1, given]]),
  });
  assert.deepEqual(pack([frame({ ...face, points })]), pack([frame(face)]));
});

test('a face whose maps are mostly 0 or 1 takes less than 32 KB', () => {
  // 1,600 texels between 0 and 1 in runs of ten are more than were found in films.
  const random = seededRandom(13);
  const map = (): Float32Array => {
    const texels = new Float32Array(128 * 128);
    texels.fill(1, 2000, 14_000);
    for (let run = 0; run < 80; run += 1) {
      for (let at = 0; at < 10; at += 1) texels[3000 + 100 * run + at] = random.next();
    }
    return texels;
  };
  const face = observation(random, () => 0);
  const appearance = { ...face.appearance, open: map(), rims: map() };
  const packed = pack([{ index: 0, sceneCut: false, faces: new Map([[1, { ...face, appearance }]]) }]);
  assert.ok(packed && packed.byteLength < 32_000, `${packed?.byteLength} bytes`);
});

test('a segment that is too large is not packed at all, and the next one is', () => {
  const random = seededRandom(14);
  const crowd = observation(random, () => random.next());
  const faces = new Map(Array.from({ length: 100 }, (_, at) => [at, crowd]));
  const writer = new SegmentAnalysisWriter();
  const most = Math.ceil(largestAnalysisBytes / (100 * 131_072));
  for (let index = 0; index < most; index += 1) writer.add({ index, sceneCut: false, faces });
  assert.equal(writer.finish(), null);
  writer.reset();
  writer.add({ index: 3, sceneCut: true, faces: new Map() });
  const packed = writer.finish();
  assert.ok(packed);
  assert.deepEqual(unpack(packed), [{ index: 3, sceneCut: true, faces: new Map() }]);
});

test('bytes of another form are not opened, and bytes that end early are noticed', () => {
  assert.equal(SegmentAnalysisReader.open(new ArrayBuffer(4)), null);
  assert.equal(SegmentAnalysisReader.open(new ArrayBuffer(64)), null);
  const random = seededRandom(15);
  const packed = pack([{ index: 0, sceneCut: false, faces: new Map([[1, observation(random, () => 1)]]) }]);
  assert.ok(packed);
  const reader = SegmentAnalysisReader.open(packed.slice(0, packed.byteLength - 1));
  assert.throws(() => reader?.next(), FaceswapError);
  const whole = SegmentAnalysisReader.open(packed);
  whole?.next();
  assert.throws(() => whole?.next(), FaceswapError);
});

test('an analysis is only used for its own frames, whole, and with numbers that an analysis can have', () => {
  const random = seededRandom(17);
  const frames = [5, 6].map(
    (index): AnalysedFrame => ({
      index,
      sceneCut: false,
      faces: new Map([[1, observation(random, () => random.next())]]),
    }),
  );
  const packed = pack(frames);
  assert.ok(packed);
  const reader = SegmentAnalysisReader.openFor(packed, { start: 5, end: 7 });
  assert.ok(reader);
  assert.deepEqual(bitsOf([reader.next(), reader.next()]), bitsOf(frames));
  for (const range of [
    { start: 4, end: 6 },
    { start: 5, end: 6 },
    { start: 5, end: 8 },
  ]) {
    assert.equal(SegmentAnalysisReader.openFor(packed, range), null);
  }
  const wanted = { start: 5, end: 7 };
  assert.equal(SegmentAnalysisReader.openFor(packed.slice(0, -1), wanted), null);
  const longer = new Uint8Array(packed.byteLength + 1);
  longer.set(new Uint8Array(packed));
  assert.equal(SegmentAnalysisReader.openFor(longer.buffer, wanted), null);
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -1e30]) {
    // A point of the first face, its glasses, and the last float before the identity samples, the portrait and the motion.
    for (const [at, bytes] of [
      [8 + 8 + 12, 4],
      [8 + 8 + 4, 8],
      [packed.byteLength - 4 * motionLength - 4 - 3 * 64 * 64 - 4 - 4, 4],
    ] as const) {
      const changed = packed.slice(0);
      const view = new DataView(changed);
      if (bytes === 4) view.setFloat32(at, value, true);
      else view.setFloat64(at, value, true);
      assert.equal(SegmentAnalysisReader.openFor(changed, wanted), null, `${value} at ${at}`);
    }
  }
});

test('an identity sample with impossible numbers, or two of them, is not used', () => {
  const random = seededRandom(18);
  const face = { ...observation(random, () => 1), identity: identityOf(random) };
  const packed = pack([{ index: 0, sceneCut: false, faces: new Map([[1, face]]) }]);
  assert.ok(packed);
  const wanted = { start: 0, end: 1 };
  // Behind it: the portrait, the motion and the number of repeated pictures.
  const behindSample = 3 * 64 * 64 + 4 * motionLength + 4;
  assert.ok(SegmentAnalysisReader.openFor(packed, wanted));
  const changed = (change: (view: DataView, sampleAt: number) => void): ArrayBuffer => {
    const copy = packed.slice(0);
    change(new DataView(copy), copy.byteLength - behindSample - 4 * (4 + descriptorLength));
    return copy;
  };
  const bad = [
    changed((view, at) => view.setUint32(at - 4, 2, true)),
    changed((view, at) => view.setUint32(at - 4, 0, true)),
    changed((view, at) => view.setFloat32(at, Number.NaN, true)),
    changed((view, at) => view.setFloat32(at + 4 * 700, Number.POSITIVE_INFINITY, true)),
    packed.slice(0, -4),
  ];
  for (const analysis of bad) assert.equal(SegmentAnalysisReader.openFor(analysis, wanted), null);
  const short = { ...face, identity: { ...face.identity, descriptor: new Float32Array(3) } };
  assert.throws(() => pack([{ index: 0, sceneCut: false, faces: new Map([[1, short]]) }]), FaceswapError);
});

test('the tracks of a packed analysis are those of its frames, with their shots and samples', () => {
  const random = seededRandom(19);
  const sampled = { ...observation(random, () => 1), identity: identityOf(random) };
  const plain = observation(random, () => 0);
  const packed = pack([
    { index: 7, sceneCut: false, faces: new Map([[2, plain]]) },
    { index: 8, sceneCut: false, faces: new Map([[2, sampled]]) },
    { index: 9, sceneCut: true, faces: new Map([[3, plain]]) },
  ]);
  assert.ok(packed);
  assert.equal(readFindings(packed.slice(0), { start: 7, end: 9 }), null);
  const found = readFindings(packed, { start: 7, end: 10 });
  assert.deepEqual(
    found?.tracks.map(({ trackId, shot, frames, samples }) => [trackId, shot, [...frames], samples]),
    [
      [2, 0, [7, 8], [{ ...sampled.identity, frame: 8 }]],
      [3, 1, [9], []],
    ],
  );
});

test('lists of another length are refused', () => {
  const face = observation(seededRandom(16), () => 1);
  const short = { ...face, points: face.points.subarray(3) };
  assert.throws(
    () => pack([{ index: 0, sceneCut: false, faces: new Map([[1, short]]) }]),
    (error) => error instanceof FaceswapError && error.kind === 'bug',
  );
});
