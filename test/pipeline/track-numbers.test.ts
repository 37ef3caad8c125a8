import assert from 'node:assert/strict';
import { test } from 'node:test';
import { partTotals } from '../../src/pipeline/quality-totals.js';
import { numberTracks } from '../../src/pipeline/track-numbers.js';
import { faceRow, frameRow } from '../support/unit-rows.js';

const at = (trackId: number, x: number) => faceRow({ trackId, box: { x, y: 0, width: 10, height: 10 } });

const numbersOf = (rows: ReturnType<typeof numberTracks>): readonly (readonly number[])[] =>
  rows.map(({ faces }) => faces.map(({ trackId }) => trackId));

test('a face that goes over the border of two segments keeps its number, however the second one calls it', () => {
  const rows = numberTracks([
    [frameRow(0, [at(0, 0), at(1, 100)]), frameRow(1, [at(0, 1), at(1, 101)])],
    [frameRow(2, [at(0, 103), at(1, 2)]), frameRow(3, [at(0, 104), at(1, 3), at(2, 50)])],
  ]);
  assert.deepEqual(numbersOf(rows), [
    [0, 1],
    [0, 1],
    [1, 0],
    [1, 0, 2],
  ]);
});

test('no number is given twice: not after a cut, a gap, or where the boxes lie apart', () => {
  const cut = numberTracks([[frameRow(0, [at(0, 0)])], [frameRow(1, [at(0, 0)], true)]]);
  assert.deepEqual(numbersOf(cut), [[0], [1]]);
  const apart = numberTracks([[frameRow(0, [at(0, 0)])], [frameRow(1, [at(0, 30)])]]);
  assert.deepEqual(numbersOf(apart), [[0], [1]]);
  const gap = numberTracks([[frameRow(0, [at(0, 0)])], [frameRow(5, [at(0, 0)])]]);
  assert.deepEqual(numbersOf(gap), [[0], [1]]);
  const empty = numberTracks([[frameRow(0, [])], [], [frameRow(1, [at(4, 0)])]]);
  assert.deepEqual(numbersOf(empty), [[], [0]]);
});

test('of two faces over one, the one that overlaps more goes on', () => {
  const rows = numberTracks([[frameRow(0, [at(7, 0)])], [frameRow(1, [at(0, 4), at(1, 1)])]]);
  assert.deepEqual(numbersOf(rows), [[0], [1, 0]]);
});

test('shots and tracks have the totals of their own rows, and add up to the whole', () => {
  const jittery = (frame: number, trackId: number, jitterAfter: number) =>
    frameRow(
      frame,
      [{ ...at(trackId, 0), jitterBefore: 0.002, jitterAfter, tpsnrOutputDb: 30 + frame }],
      frame === 3,
    );
  const rows = [
    frameRow(0, []),
    jittery(1, 0, 0.05),
    jittery(2, 0, 0.001),
    jittery(3, 1, 0.001),
    jittery(4, 1, 0.02),
    jittery(5, 1, 0.03),
  ];
  const { shots, tracks } = partTotals(rows);
  assert.deepEqual(
    shots.map(({ shot, start, end, quality }) => [shot, start, end, quality.jitterShareAfter]),
    [
      [0, 0, 3, 1 / 2],
      [1, 3, 6, 2 / 3],
    ],
  );
  assert.equal(shots[0]?.quality.framesWithoutFace, 1);
  assert.equal(shots[1]?.quality.sceneCuts, 1);
  assert.deepEqual(
    tracks.map(({ trackId, shot, start, end, frames, quality }) => [
      ...[trackId, shot, start, end, frames],
      quality.tpsnrOutputDb?.mean,
    ]),
    [
      [0, 0, 1, 3, 2, 31.5],
      [1, 1, 3, 6, 3, 34],
    ],
  );
});
