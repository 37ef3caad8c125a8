import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kernels } from '../../src/imaging/kernels/kernels.js';
import { Scratch } from '../../src/imaging/scratch.js';
import { type HdrSignal, toneAddress, wideLabFactor } from '../../src/imaging/tone-curve.js';
import {
  luminance,
  narrowedLab,
  plainToDisplay,
  plainToSignal,
  plainToWide,
  plainWideToSignal,
} from '../support/reference/tone-curve.js';
import { seededRandom } from '../support/unit-random.js';
import { assertClose, at } from '../support/unit-values.js';

const signals: readonly HdrSignal[] = (['pq', 'hlg'] as const).flatMap((transfer) =>
  (['bt2020', 'p3', 'bt709'] as const).map((primaries) => ({ transfer, primaries })),
);

const scratch = new Scratch();

/** Colours through one of the kernels, three planes side by side; nothing behind them may change. */
const through = (
  name: 'signalToDisplay' | 'displayToSignal' | 'displayToWide' | 'wideToSignal',
  signal: HdrSignal,
  planes: Float32Array,
  scaling = { scale: 1, offset: 0 },
): Float32Array => {
  const tone = toneAddress(signal);
  const block = scratch.floats('planes', planes.length + 4);
  block.set(planes);
  block.fill(-7, planes.length);
  const count = planes.length / 3;
  const [first, second, third] = [0, 1, 2].map((c) => block.byteOffset + 4 * c * count) as [
    number,
    number,
    number,
  ];
  const { call } = kernels();
  if (name === 'signalToDisplay') {
    call.signalToDisplay(first, second, third, count, tone, scaling.scale, scaling.offset);
  } else {
    call[name](first, second, third, count, tone);
  }
  assert.deepEqual([...block.subarray(planes.length)], [-7, -7, -7, -7]);
  return block.slice(0, planes.length);
};

const colourAt = (planes: Float32Array, i: number): [number, number, number] => {
  const count = planes.length / 3;
  return [at(planes, i), at(planes, count + i), at(planes, 2 * count + i)];
};

/** Every code value of a neutral picture, in quarters of a 10-bit level. */
const codes = Float32Array.from({ length: 4 * 1023 + 1 }, (_, i) => i / 4 / 1023);
const neutral = Float32Array.from({ length: 3 * codes.length }, (_, i) => at(codes, i % codes.length));

test('the whole code range comes back within a quarter of a 10-bit level, and no two codes look alike', () => {
  for (const signal of signals) {
    const shown = through('signalToDisplay', signal, neutral);
    const back = through('displayToSignal', signal, shown);
    for (let i = 0; i < codes.length; i++) {
      for (const value of colourAt(back, i)) {
        assert.ok(
          1023 * Math.abs(value - at(codes, i)) < 0.25,
          `${signal.transfer} ${signal.primaries}: ${at(codes, i)} became ${value}`,
        );
      }
      if (i >= 4) assert.ok(at(shown, i) > at(shown, i - 4), `${signal.transfer} rises at ${at(codes, i)}`);
    }
    assert.equal(at(shown, 0), 0);
    assertClose(at(shown, codes.length - 1), 1, 1e-5);
  }
});

test('grey up to the lightest skin is shown as sRGB shows its light, and diffuse white stays below white', () => {
  const encode = (v: number): number => (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055);
  for (const signal of signals) {
    const shown = through('signalToDisplay', signal, neutral);
    for (let i = 0; i < codes.length; i++) {
      const nits = luminance(signal.transfer, at(codes, i));
      if (nits > 106 || encode(nits / 203) < 0.5 / 255) continue;
      assertClose(at(shown, i), encode(nits / 203), 1e-4, `${signal.transfer} at ${nits} cd/m²`);
    }
  }
  // ITU-R BT.2408-7, table 1: 203 cd/m² is 58 % of PQ and 75 % of HLG.
  assertClose(
    plainToDisplay({ transfer: 'pq', primaries: 'bt2020' }, [0.5807, 0.5807, 0.5807])[0],
    0.846,
    1e-3,
  );
  assertClose(plainToDisplay({ transfer: 'hlg', primaries: 'bt2020' }, [0.75, 0.75, 0.75])[0], 0.872, 1e-3);
});

test('any colour equals its plain twin, both ways and for any number of values', () => {
  const random = seededRandom(11);
  for (const signal of signals) {
    for (const count of [1, 2, 3, 4, 5, 37, 500]) {
      const planes = Float32Array.from({ length: 3 * count }, () => random.between(-0.1, 1.1));
      const shown = through('signalToDisplay', signal, planes, { scale: 2, offset: -1 });
      const signalled = through('displayToSignal', signal, planes);
      for (let i = 0; i < count; i++) {
        const colour = colourAt(planes, i);
        const name = `${signal.transfer} ${signal.primaries} ${colour.join(' ')}`;
        plainToDisplay(signal, colour).forEach((value, c) =>
          // Near black sRGB is thirteen times as steep as light, of which the kernel knows 6 digits.
          assertClose((at(colourAt(shown, i), c) + 1) / 2, value, 2e-4, `display of ${name}`),
        );
        plainToSignal(signal, colour).forEach((value, c) =>
          assertClose(at(colourAt(signalled, i), c), value, 0.5 / 1023, `signal of ${name}`),
        );
      }
    }
  }
});

test('colours that sRGB can show come back within half a 10-bit level', () => {
  const random = seededRandom(12);
  for (const signal of signals) {
    // From a fortieth of white on: with a channel near black, rounding of the brighter ones weighs more.
    const colours = Float32Array.from({ length: 3 * 4000 }, () => random.between(0.05, 0.98));
    const back = through('signalToDisplay', signal, through('displayToSignal', signal, colours));
    const codesThere = through('displayToSignal', signal, colours);
    const codesBack = through('displayToSignal', signal, back);
    codesThere.forEach((code, i) => assert.ok(1023 * Math.abs(code - at(codesBack, i)) < 0.5));
  }
});

test('standard range has no curve', () => {
  assert.equal(toneAddress(undefined), 0);
});

test('the wide scale equals its plain twin, both ways', () => {
  const random = seededRandom(13);
  for (const signal of signals) {
    const planes = Float32Array.from({ length: 3 * 501 }, () => random.between(-0.1, 1.1));
    const wide = through('displayToWide', signal, planes);
    const coded = through('wideToSignal', signal, planes);
    for (let i = 0; i < 501; i++) {
      const colour = colourAt(planes, i);
      const name = `${signal.transfer} ${signal.primaries} ${colour.join(' ')}`;
      colourAt(wide, i).forEach((value, c) =>
        // A quarter of an 8-bit level: the table cannot follow the corner at the end of the scale.
        assertClose(value, plainToWide(signal.transfer, at(colour, c)), 1e-3, `wide of ${name}`),
      );
      plainWideToSignal(signal, colour).forEach((value, c) =>
        assertClose(at(colourAt(coded, i), c), value, 0.5 / 1023, `signal of ${name}`),
      );
    }
  }
});

test('light that reaches a face and is drawn again by way of the wide scale keeps its code value up to 600 cd/m²', () => {
  for (const signal of signals) {
    const shown = through('signalToDisplay', signal, neutral);
    const back = through('wideToSignal', signal, through('displayToWide', signal, shown));
    codes.forEach((code, i) => {
      const nits = luminance(signal.transfer, code);
      if (nits < 0.1 || nits > 595) return;
      assertClose(at(back, i), code, 0.5 / 1023, `${signal.transfer} ${signal.primaries} at ${nits} cd/m²`);
    });
  }
});

test('Lab of the wide scale becomes that of diffuse white', () => {
  const lab = scratch.floats('lab', 12);
  // Diffuse white, a warm skin and a cold shadow; the fourth place fills up the group.
  const colours: readonly (readonly [number, number, number])[] = [
    [100, 0, 0],
    [72, 14, 19],
    [31, -2, -8],
    [0, 0, 0],
  ];
  colours.forEach((colour, i) => {
    narrowedLab(...colour).forEach((value, c) => {
      lab[4 * c + i] = value;
    });
  });
  const address = lab.byteOffset;
  kernels().call.widenLab(address, address + 16, address + 32, 4, wideLabFactor);
  colours.forEach((colour, i) => {
    colour.forEach((value, c) => assertClose(at(lab, 4 * c + i), value, 1e-4));
  });
});
