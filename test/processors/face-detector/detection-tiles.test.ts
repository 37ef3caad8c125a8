import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detectionTiles, smallestFacePx } from '../../../src/processors/face-detector/detection-tiles.js';
import { detectorInputPx } from '../../../src/processors/face-detector/blazeface-decoder.js';
import { forAll, type Random } from '../../support/unit-random.js';

/** Sizes from a thumbnail to 8K, landscape and portrait, with the usual ones well represented. */
const randomSize = (random: Random): [number, number] => {
  const usual = [
    [320, 240],
    [437, 300],
    [640, 480],
    [853, 481],
    [1280, 720],
    [1920, 1080],
    [1080, 1920],
    [2560, 1080],
    [3840, 2160],
    [7680, 4320],
  ] as const;
  if (random.next() < 0.4) return [...usual[random.integer(0, usual.length)]!];
  return [random.integer(32, 7681), random.integer(32, 4321)];
};

test('the smallest face is 32 px in a 1080-line frame, in proportion above, and never below 20', () => {
  assert.equal(smallestFacePx(1080), 32);
  assert.equal(smallestFacePx(2160), 64);
  assert.equal(smallestFacePx(240), 20);
});

test('the first tile is the whole frame, and small frames have no other', () => {
  assert.deepEqual(detectionTiles(320, 240), [{ x: 0, y: 0, sidePx: 320 }]);
  assert.deepEqual(detectionTiles(1080, 1920)[0], { x: 0, y: 0, sidePx: 1920 });
  assert.ok(detectionTiles(1920, 1080).length > 1);
});

test('the tiles of a full scan cover every pixel', () => {
  forAll(150, (random) => {
    const [widthPx, heightPx] = randomSize(random);
    const tiles = detectionTiles(widthPx, heightPx).slice(1);
    if (tiles.length === 0) return;
    // Tiles make a grid: every pixel is covered when every column and every row is.
    for (const [key, length] of [
      ['x', widthPx],
      ['y', heightPx],
    ] as const) {
      const starts = [...new Set(tiles.map((tile) => tile[key]))].sort((first, second) => first - second);
      const { sidePx } = tiles[0]!;
      assert.equal(starts[0], 0, `${widthPx}x${heightPx} starts`);
      starts.slice(1).forEach((start, i) => {
        assert.ok(start <= starts[i]! + sidePx, `gap before ${start} of ${widthPx}x${heightPx}`);
      });
      assert.ok(starts.at(-1)! + sidePx >= length, `${widthPx}x${heightPx} ends`);
    }
    const places = new Set(tiles.map(({ x, y }) => `${x},${y}`));
    assert.equal(places.size, tiles.length, 'no tile twice');
  });
});

test('a face of the promised size, wherever it is, lies whole in a tile that shows it large enough', () => {
  forAll(300, (random) => {
    const [widthPx, heightPx] = randomSize(random);
    const facePx = smallestFacePx(heightPx);
    if (facePx >= widthPx || facePx >= heightPx) return;
    const x = random.between(0, widthPx - facePx);
    const y = random.between(0, heightPx - facePx);
    const seenPx = detectionTiles(widthPx, heightPx)
      .filter(
        (tile) =>
          x >= tile.x &&
          y >= tile.y &&
          x + facePx <= tile.x + tile.sidePx &&
          y + facePx <= tile.y + tile.sidePx,
      )
      .map((tile) => (facePx * detectorInputPx) / tile.sidePx);
    // Frames that are barely larger than one tile are scanned whole: a tenth less.
    const enough = heightPx >= 720 ? 12 : 11.5;
    assert.ok(
      Math.max(...seenPx) >= enough,
      `${Math.max(...seenPx)} px at ${x}, ${y} of ${widthPx}x${heightPx}`,
    );
  });
});

test('a full scan stays affordable at any size up to 8K', () => {
  forAll(200, (random) => {
    const [widthPx, heightPx] = randomSize(random);
    const aspect = Math.max(widthPx / heightPx, 1);
    assert.ok(detectionTiles(widthPx, heightPx).length <= 1 + 9 * Math.max(2, Math.ceil(2 * aspect)));
  });
});
