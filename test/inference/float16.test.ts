import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { halfBits, halfValue, narrowToHalves, widenHalves } from '../../src/inference/float16.js';

describe('half-precision numbers', () => {
  it('known numbers have the bits that IEEE 754 gives them', () => {
    const known: [number, number][] = [
      [0, 0x0000],
      [-0, 0x8000],
      [1, 0x3c00],
      [-2, 0xc000],
      [0.333251953125, 0x3555],
      [65504, 0x7bff],
      [2 ** -14, 0x0400],
      [2 ** -24, 0x0001],
      [1023 * 2 ** -24, 0x03ff],
      [Infinity, 0x7c00],
      [-Infinity, 0xfc00],
    ];
    for (const [value, bits] of known) {
      assert.equal(halfBits(value), bits, String(value));
      assert.ok(Object.is(halfValue(bits), value), `${bits} gives ${halfValue(bits)}`);
    }
    assert.ok(Number.isNaN(halfValue(halfBits(Number.NaN))), 'not a number stays that');
  });

  it('every half comes back from its value', () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, index) => index);
    const values = new Float32Array(65536);
    widenHalves(bits, values);
    const back = new Uint16Array(65536);
    narrowToHalves(values, back);
    for (let i = 0; i < 65536; i++) {
      if (Number.isNaN(values[i])) assert.ok((back[i] as number) >= 0x7c01, `${i} stays no number`);
      else assert.equal(back[i], i);
    }
  });

  it('a value between two halves becomes the nearer one, and the even one of two as near', () => {
    const step = 2 ** -10;
    assert.equal(halfBits(1 + step * 0.49), 0x3c00);
    assert.equal(halfBits(1 + step * 0.51), 0x3c01);
    assert.equal(halfBits(1 + step * 0.5), 0x3c00);
    assert.equal(halfBits(1 + step * 1.5), 0x3c02);
    assert.equal(halfBits(2 - step / 4), 0x4000);
    assert.equal(halfBits(2 ** -25), 0x0000);
    assert.equal(halfBits(1.5 * 2 ** -24), 0x0002);
    assert.equal(halfBits(2 ** -25 * 1.001), 0x0001);
    assert.equal(halfBits(2 ** -14 - 2 ** -26), 0x0400);
    assert.equal(halfBits(65519.9), 0x7bff);
    assert.equal(halfBits(65520), 0x7c00);
    assert.equal(halfBits(-1e9), 0xfc00);
  });
});
