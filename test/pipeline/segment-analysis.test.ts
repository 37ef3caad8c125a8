import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import {
  largestAnalysisBytes,
  SegmentAnalysisReader,
  SegmentAnalysisWriter,
} from '../../src/pipeline/segment-analysis.js';
import type { AnalysedFrame, Observation } from '../../src/pipeline/shot-window.js';
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
  },
  motion: floats(motionLength, () => random.next() - 0.5),
  repeats: random.integer(0, 2),
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
    [...faces].map(([trackId, { points, shape, appearance, motion, repeats }]) => {
      const { mean, std, bands, open, glasses, rims } = appearance;
      const lists = [points, shape, mean, std, bands, open, rims, motion];
      const bits = lists.map(
        (list) => new Uint32Array(list.buffer.slice(list.byteOffset, list.byteOffset + list.byteLength)),
      );
      return [trackId, glasses, repeats, bits];
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
      observation(random, texels[(at + face) % texels.length] as () => number),
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

test('a face whose maps are mostly 0 or 1 takes less than 30 KB', () => {
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
  assert.ok(packed && packed.byteLength < 30_000, `${packed?.byteLength} bytes`);
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
    // A point of the first face, its glasses, and a texel.
    for (const [at, bytes] of [
      [8 + 8 + 12, 4],
      [8 + 8 + 4, 8],
      [packed.byteLength - 4, 4],
    ] as const) {
      const changed = packed.slice(0);
      const view = new DataView(changed);
      if (bytes === 4) view.setFloat32(at, value, true);
      else view.setFloat64(at, value, true);
      assert.equal(SegmentAnalysisReader.openFor(changed, wanted), null, `${value} at ${at}`);
    }
  }
});

test('lists of another length are refused', () => {
  const face = observation(seededRandom(16), () => 1);
  const short = { ...face, points: face.points.subarray(3) };
  assert.throws(
    () => pack([{ index: 0, sceneCut: false, faces: new Map([[1, short]]) }]),
    (error) => error instanceof FaceswapError && error.kind === 'bug',
  );
});
