import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes, parseByteSize } from '../../src/pipeline/byte-size.js';

test('sizes are read with units of 1024', () => {
  const sizes: readonly (readonly [number | string, number])[] = [
    [1, 1],
    ['4096', 4096],
    ['12K', 12 * 2 ** 10],
    ['512M', 512 * 2 ** 20],
    ['512m', 512 * 2 ** 20],
    ['1.5G', 1.5 * 2 ** 30],
    [' 2 GiB ', 2 * 2 ** 30],
    ['2GB', 2 * 2 ** 30],
    ['1T', 2 ** 40],
  ];
  for (const [text, bytes] of sizes) assert.equal(parseByteSize(text), bytes, String(text));
});

test('what is no size is not read', () => {
  for (const text of ['', 'G', '-1', '0', 0, '1,5G', '2P', '1e9', 'auto', Number.NaN, 1e300]) {
    assert.equal(parseByteSize(text), undefined, String(text));
  }
});

test('sizes are told in the largest unit that fits', () => {
  assert.equal(formatBytes(0), '0 B');
  assert.equal(formatBytes(1023), '1023 B');
  assert.equal(formatBytes(12 * 2 ** 10), '12 KiB');
  assert.equal(formatBytes(1.5 * 2 ** 30), '1.5 GiB');
  assert.equal(formatBytes(300 * 2 ** 20), '300 MiB');
  assert.equal(formatBytes(4000 * 2 ** 40), '4000 TiB');
});
