import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FaceswapError } from '../../../src/errors.js';
import {
  checkRegions,
  type FaceRegion,
  isInRegions,
  parseFaceRegion,
} from '../../../src/pipeline/selection/face-region.js';

const size = { widthPx: 200, heightPx: 100 };

const regionOf = (text: string): FaceRegion => {
  const region = parseFaceRegion(text);
  assert.ok(region, text);
  return region;
};

/** A face whose middle lies there. */
const faceAt = (x: number, y: number) => ({ x: x - 10, y: y - 10, width: 20, height: 20 });

describe('a region', () => {
  test('is read in pixels and percent, side by side', () => {
    assert.deepEqual(parseFaceRegion('10,20px, 12.5% ,100%'), {
      x: { value: 10, unit: 'px' },
      y: { value: 20, unit: 'px' },
      width: { value: 12.5, unit: 'percent' },
      height: { value: 100, unit: 'percent' },
    });
  });

  test('is nothing else', () => {
    const texts = [
      ...['', '1,2,3', '1,2,3,4,5', '1,2,0,4', '1,2,3,0%', '-1,2,3,4', '1,2,101%,4', '1,2,1e3,4', '1,,3,4'],
      ...['a,b,c,d', '1;2;3;4', '0x1,2,3,4', 'Infinity,0,1,1', '1,2,3,4\u0000', '1,2,1000000,4', '1,2,3 4,5'],
      ...[`${'9'.repeat(100_000)},0,1,1`, '1,2,3,4em', '１,2,3,4'],
    ];
    for (const text of texts)
      assert.equal(parseFaceRegion(text), undefined, JSON.stringify(text.slice(0, 40)));
  });

  test('holds the faces whose middle lies in it', () => {
    const left = [regionOf('0,0,50%,100%')];
    assert.equal(isInRegions(faceAt(99, 50), left, size), true);
    assert.equal(isInRegions(faceAt(100, 50), left, size), false);
    assert.equal(isInRegions(faceAt(0, 0), left, size), true);
    const pixels = [regionOf('150,20,10,10')];
    assert.equal(isInRegions(faceAt(155, 25), pixels, size), true);
    assert.equal(isInRegions(faceAt(155, 31), pixels, size), false);
  });

  test('is one of several, and without any everywhere is', () => {
    const both = [regionOf('0,0,10%,100%'), regionOf('90%,0,10%,100%')];
    assert.equal(isInRegions(faceAt(5, 50), both, size), true);
    assert.equal(isInRegions(faceAt(195, 50), both, size), true);
    assert.equal(isInRegions(faceAt(100, 50), both, size), false);
    assert.equal(isInRegions(faceAt(100, 50), [], size), true);
  });

  test('must begin inside the picture', () => {
    checkRegions([regionOf('199,0,50,50')], size, 'a.mp4');
    assert.throws(
      () => checkRegions([regionOf('0,0,5,5'), regionOf('200,0,50,50')], size, 'a.mp4'),
      (error) =>
        error instanceof FaceswapError &&
        error.kind === 'usage' &&
        /must begin inside the picture, got 200,0 in 200x100/.test(error.message),
    );
  });
});
