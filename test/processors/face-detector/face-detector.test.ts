import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaceDetector } from '../../../src/processors/face-detector/face-detector.js';
import { detectionTiles } from '../../../src/processors/face-detector/detection-tiles.js';
import { formatOf, paintFrame, type Picture } from '../../support/unit-frames.js';
import { stubSession } from '../../support/unit-faces.js';
import { assertClose, at } from '../../support/unit-values.js';

type RawFace = { readonly x: number; readonly y: number; readonly size: number; readonly score: number };

/** Outputs of a run in which the first anchors (all at the input's upper left cell) see the given faces. */
const answerWith = (faces: readonly RawFace[]): Record<string, Float32Array> => {
  const scores = new Float32Array(896).fill(-20);
  const boxes = new Float32Array(896 * 16);
  faces.forEach(({ x, y, size, score }, i) => {
    scores[i] = Math.log(score / (1 - score));
    // Anchors 0 and 1 lie at (8, 8).
    assert.ok(i < 2);
    boxes.set(
      [x - 8, y - 8, size, size, x - 8 - size / 4, y - 8, x - 8 + size / 4, y - 8 + size / 2],
      16 * i,
    );
  });
  return { scores, boxes };
};

test('the model sees the frame as RGB in −1..1 with black below a wide one', async () => {
  const { session, inputs } = stubSession(() => answerWith([]));
  const frame = paintFrame(formatOf(512, 256, 'rgb'), () => [1, 0.5, 0]);
  assert.deepEqual(await new FaceDetector(session, 0.5).detectLarge(frame), []);
  const { data, dims } = inputs[0]!.input!;
  assert.deepEqual(dims, [1, 3, 256, 256]);
  const area = 256 * 256;
  assertClose(at(data, 10 * 256 + 10), 1, 0.01, 'red');
  assertClose(at(data, area + 10 * 256 + 10), 0, 0.01, 'green');
  assertClose(at(data, 2 * area + 10 * 256 + 10), -1, 0.01, 'blue');
  for (const c of [0, 1, 2]) assert.equal(at(data, c * area + 200 * 256 + 10), -1, 'below the frame');
});

test('boxes and the tilt of the eyes come back in frame pixels', async () => {
  const { session } = stubSession(() => answerWith([{ x: 100, y: 60, size: 40, score: 0.9 }]));
  const frame = paintFrame(formatOf(768, 400), () => [0, 0, 0]);
  const [face] = await new FaceDetector(session, 0.5).detectLarge(frame);
  // 768 / 256 = 3 frame pixels per input pixel.
  assertClose(face!.box.x, 240, 1e-3, 'x');
  assertClose(face!.box.y, 120, 1e-3, 'y');
  assertClose(face!.box.width, 120, 1e-3, 'width');
  assertClose(face!.rollRadians, Math.PI / 4, 1e-5, 'roll');
  assertClose(face!.score, 0.9, 1e-5, 'score');
});

test('a full scan runs the model once per tile and reports a face that two tiles see once', async () => {
  const tiles = detectionTiles(1920, 1080);
  // One face at frame (900, 400), 100 px large, in every tile that holds it.
  const { session, inputs } = stubSession((run) => {
    const tile = tiles[run]!;
    const scale = tile.sidePx / 256;
    const [x, y] = [(900 - tile.x) / scale, (400 - tile.y) / scale];
    const isInside = x > 0 && y > 0 && x < 256 && y < 256;
    return answerWith(isInside ? [{ x, y, size: 100 / scale, score: 0.7 + 0.01 * run }] : []);
  });
  const frame = paintFrame(formatOf(1920, 1080), () => [0.2, 0.2, 0.2]);
  const faces = await new FaceDetector(session, 0.5).detectAll(frame);
  assert.equal(inputs.length, tiles.length);
  assert.equal(faces.length, 1);
  assertClose(faces[0]!.box.x, 850, 0.01, 'x');
  assertClose(faces[0]!.box.height, 100, 0.01, 'height');
});

test('a full scan of a large frame looks at a reduced copy and speaks of the frame itself', async () => {
  // A disc in the picture: where the model's input shows it tells which place of the frame each window was cut from.
  const picture: Picture = (x, y) => (Math.hypot(x - 2400, y - 900) < 60 ? [1, 1, 1] : [0, 0, 0]);
  for (const { widthPx, heightPx, ...disc } of [
    { widthPx: 3840, heightPx: 2160, x: 2400, y: 900 },
    // 1440 lines are halved, which leaves 720.
    { widthPx: 2560, heightPx: 1440, x: 2400, y: 900 },
  ]) {
    const tiles = detectionTiles(widthPx, heightPx);
    const frame = paintFrame(formatOf(widthPx, heightPx, 'rgb'), picture);
    const { session } = stubSession((run, feeds) => {
      const scale = tiles[run]!.sidePx / 256;
      const red = feeds.input!.data.subarray(0, 256 * 256);
      let [weight, sumX, sumY] = [0, 0, 0];
      red.forEach((value, i) => {
        weight += value + 1;
        sumX += (value + 1) * ((i % 256) + 0.5);
        sumY += (value + 1) * (Math.floor(i / 256) + 0.5);
      });
      // Windows that show the disc whole report it where it is.
      const whole = 2 * Math.PI * (60 / scale) ** 2;
      if (weight < 0.97 * whole) return answerWith([]);
      return answerWith([{ x: sumX / weight, y: sumY / weight, size: 120 / scale, score: 0.9 }]);
    });
    const faces = await new FaceDetector(session, 0.5).detectAll(frame);
    assert.equal(faces.length, 1);
    const { x, y, width, height } = faces[0]!.box;
    // The disc's centre is at pixel centre (2400, 900), which is 2400.5 from the frame's edge.
    assertClose(x + width / 2, disc.x + 0.5, 0.3, 'x');
    assertClose(y + height / 2, disc.y + 0.5, 0.3, 'y');
  }
});

test('a part of a large face that a tile cut off is not a second face', async () => {
  const tiles = detectionTiles(1920, 1080);
  const { session } = stubSession((run) => {
    // The whole frame shows a face 800 px large around (960, 540); one tile takes its eye for a small face.
    if (run === 0) return answerWith([{ x: 128, y: 72, size: 800 / 7.5, score: 0.9 }]);
    const tile = tiles[run]!;
    const scale = tile.sidePx / 256;
    if (run !== 1) return answerWith([]);
    return answerWith([
      { x: (600 - tile.x) / scale, y: (400 - tile.y) / scale, size: 150 / scale, score: 0.6 },
    ]);
  });
  const faces = await new FaceDetector(session, 0.5).detectAll(
    paintFrame(formatOf(1920, 1080), () => [0.2, 0.2, 0.2]),
  );
  assert.deepEqual(
    faces.map(({ box }) => Math.round(box.width)),
    [800],
  );
});

test('the search around a lost face looks at a window around it, also beyond the frame', async () => {
  const { session, inputs } = stubSession(() => answerWith([{ x: 128, y: 128, size: 64, score: 0.9 }]));
  const frame = paintFrame(formatOf(640, 480, 'rgb'), () => [1, 1, 1]);
  const box = { x: -20, y: 200, width: 40, height: 40 };
  const [face] = await new FaceDetector(session, 0.5).detectAround(frame, box);
  assertClose(face!.box.x, -20, 1, 'x');
  assertClose(face!.box.y, 200, 1, 'y');
  assertClose(face!.box.width, 40, 1e-3, 'width');
  const { data } = inputs[0]!.input!;
  assert.equal(at(data, 128 * 256 + 10), -1, 'outside is black');
  assert.equal(at(data, 128 * 256 + 200), 1, 'inside is the frame');
});

test('a threshold of one or none still lets the decoder work', async () => {
  const frame = paintFrame(formatOf(256, 256), () => [0, 0, 0]);
  const raw = () => answerWith([{ x: 100, y: 60, size: 40, score: 0.99 }]);
  assert.equal((await new FaceDetector(stubSession(raw).session, 0).detectLarge(frame)).length, 1);
  assert.equal((await new FaceDetector(stubSession(raw).session, 1).detectLarge(frame)).length, 0);
});
