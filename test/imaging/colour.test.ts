import assert from 'node:assert/strict';
import { test } from 'node:test';
import { colourCoefficients, labToSrgb, srgbToLab } from '../../src/imaging/colour.js';
import type { ColourMatrix, ColourRange } from '../../src/imaging/planar-frame.js';
import { encodeColour, type Rgb } from '../support/unit-frames.js';
import { forAll } from '../support/unit-random.js';
import { assertClose, at } from '../support/unit-values.js';

const matrices: readonly Exclude<ColourMatrix, 'rgb'>[] = ['bt601', 'bt709', 'bt2020'];
const ranges: readonly ColourRange[] = ['limited', 'full'];

const decode = (planes: Rgb, matrix: ColourMatrix, range: ColourRange): Rgb => {
  const k = colourCoefficients(matrix, range);
  const luma = (planes[0] - k.yOffset) * k.yScale;
  const [u, v] = [planes[1] - 128, planes[2] - 128];
  return [luma + v * k.rv, luma + u * k.gu + v * k.gv, luma + u * k.bu];
};

test('every matrix and range undoes the definition of its Recommendation', () => {
  forAll(50, (random) => {
    const colour: Rgb = [random.next(), random.next(), random.next()];
    for (const matrix of matrices) {
      for (const range of ranges) {
        const planes = encodeColour(colour, { chromaShiftX: 0, chromaShiftY: 0, matrix, range });
        decode(planes, matrix, range).forEach((value, c) => {
          assertClose(value, at(colour, c), 1e-9, `${matrix} ${range} channel ${c}`);
        });
      }
    }
  });
});

test('the coefficients for the way back agree with the definition too', () => {
  forAll(50, (random) => {
    const colour: Rgb = [random.next(), random.next(), random.next()];
    for (const matrix of matrices) {
      for (const range of ranges) {
        const k = colourCoefficients(matrix, range);
        const luma = k.kr * colour[0] + (1 - k.kr - k.kb) * colour[1] + k.kb * colour[2];
        const planes = [
          luma * k.lumaSpan + k.yOffset,
          ((colour[2] - luma) / (2 * (1 - k.kb))) * k.chromaSpan + 128,
          ((colour[0] - luma) / (2 * (1 - k.kr))) * k.chromaSpan + 128,
        ];
        const expected = encodeColour(colour, { chromaShiftX: 0, chromaShiftY: 0, matrix, range });
        planes.forEach((value, p) => {
          assertClose(value, at(expected, p), 1e-9, `${matrix} ${range} plane ${p}`);
        });
      }
    }
  });
});

test('white, black and pure red have the code values of the Recommendations', () => {
  // 219 Kr + 16 for red luma, 224 / 2 + 128 = 240 for red Cr, 128 − 112 Kr / (1 − Kb) for red Cb.
  for (const [matrix, luma, cb] of [
    ['bt601', 81.481, 90.203],
    ['bt709', 62.5594, 102.3359],
    ['bt2020', 73.5313, 96.7228],
  ] as const) {
    const red = decode([luma, cb, 240], matrix, 'limited');
    red.forEach((value, c) => {
      assertClose(value, c === 0 ? 1 : 0, 1e-5, `${matrix} red channel ${c}`);
    });
    decode([235, 128, 128], matrix, 'limited').forEach((value) => {
      assertClose(value, 1, 1e-12);
    });
    decode([16, 128, 128], matrix, 'limited').forEach((value) => {
      assertClose(value, 0, 1e-12);
    });
    decode([255, 128, 128], matrix, 'full').forEach((value) => {
      assertClose(value, 1, 1e-12);
    });
  }
});

test('RGB planes are marked as such and always full', () => {
  const limited = colourCoefficients('rgb', 'limited');
  assert.equal(limited.isRgb, true);
  assert.equal(limited.lumaSpan, 255);
  assert.equal(limited.yOffset, 0);
});

/** The formulas of IEC 61966-2-1 and CIE 15:2004 in double precision; white is D65, (0.95047, 1, 1.08883). */
const exactLab = (colour: Rgb): Rgb => {
  const [r, g, b] = colour.map((value) =>
    value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4,
  ) as [number, number, number];
  const f = (t: number): number => (t > (6 / 29) ** 3 ? Math.cbrt(t) : t / (3 * (6 / 29) ** 2) + 4 / 29);
  const fx = f((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047);
  const fy = f(0.2126729 * r + 0.7151522 * g + 0.072175 * b);
  const fz = f((0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883);
  return [116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)];
};

test('Lab of the primaries is what the tables of the literature say', () => {
  // Bruce Lindbloom's calculator, sRGB, D65, no adaptation.
  const out = new Float32Array(3);
  const known: readonly (readonly [Rgb, Rgb])[] = [
    [
      [1, 0, 0],
      [53.2408, 80.0925, 67.2032],
    ],
    [
      [0, 1, 0],
      [87.7347, -86.1827, 83.1793],
    ],
    [
      [0, 0, 1],
      [32.297, 79.1875, -107.8602],
    ],
    [
      [1, 1, 1],
      [100, 0, 0],
    ],
    [
      [0, 0, 0],
      [0, 0, 0],
    ],
  ];
  for (const [colour, lab] of known) {
    srgbToLab(...colour, out, 0);
    lab.forEach((value, c) => {
      assertClose(at(out, c), value, 0.02, `${colour.join(' ')} channel ${c}`);
    });
  }
});

test('the table look-up of Lab stays within 0.02 of the exact formula', () => {
  const out = new Float32Array(6);
  const check = (colour: Rgb): void => {
    srgbToLab(...colour, out, 3);
    exactLab(colour).forEach((value, c) => {
      assertClose(at(out, 3 + c), value, 0.02, `Lab of ${colour.join(', ')} channel ${c}`);
    });
  };
  forAll(4000, (random) => {
    check([random.next(), random.next(), random.next()]);
    // Near black the curves are steep: a share of the cases is there.
    check([0.05 * random.next(), 0.05 * random.next(), 0.05 * random.next()]);
    check([random.next(), 0.02 * random.next(), 0.02 * random.next()]);
  });
  for (let level = 0; level < 256; level++) check([level / 255, level / 255, level / 255]);
});

test('a colour survives the way to Lab and back to a quarter of an 8-bit level', () => {
  const lab = new Float32Array(3);
  const back = new Float32Array(3);
  forAll(4000, (random) => {
    const dark = random.next() < 0.3 ? 0.05 : 1;
    const colour: Rgb = [dark * random.next(), dark * random.next(), dark * random.next()];
    srgbToLab(...colour, lab, 0);
    labToSrgb(at(lab, 0), at(lab, 1), at(lab, 2), back, 0);
    colour.forEach((value, c) => {
      assertClose(255 * at(back, c), 255 * value, 0.25, `channel ${c} of ${colour.join(', ')}`);
    });
  });
});

test('Lab colours outside the gamut are clipped to it and never become NaN', () => {
  const out = new Float32Array(3);
  forAll(500, (random) => {
    labToSrgb(random.between(-40, 160), random.between(-200, 200), random.between(-200, 200), out, 0);
    for (const value of out) assert.ok(value >= 0 && value <= 1, `${value}`);
  });
});
