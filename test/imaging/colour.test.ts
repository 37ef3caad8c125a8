import assert from 'node:assert/strict';
import { test } from 'node:test';
import { colourCoefficients, srgbToLab } from '../../src/imaging/colour.js';
import type { ColourMatrix, ColourRange } from '../../src/imaging/planar-frame.js';
import { labOf, rgbOf } from '../support/lab-kernels.js';
import { encodeColour, type Rgb } from '../support/unit-frames.js';
import { forAll, seededRandom } from '../support/unit-random.js';
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
        const planes = encodeColour(colour, { bitDepth: 8, chromaShiftX: 0, chromaShiftY: 0, matrix, range });
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
        const expected = encodeColour(colour, {
          bitDepth: 8,
          chromaShiftX: 0,
          chromaShiftY: 0,
          matrix,
          range,
        });
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
  const found = labOf(known.map(([colour]) => colour));
  known.forEach(([colour, lab], i) => {
    lab.forEach((value, c) => {
      assertClose(at(found[i]!, c), value, 0.02, `${colour.join(' ')} channel ${c}`);
    });
  });
});

/** The way back in double precision, clipped. */
const exactRgb = ([lightness, a, b]: Rgb): Rgb => {
  const f = (lightness + 16) / 116;
  const inverse = (t: number): number => (t > 6 / 29 ? t ** 3 : 3 * (6 / 29) ** 2 * (t - 4 / 29));
  const [x, y, z] = [0.95047 * inverse(f + a / 500), inverse(f), 1.08883 * inverse(f - b / 200)];
  return [
    3.2404542 * x - 1.5371385 * y - 0.4985314 * z,
    -0.969266 * x + 1.8760108 * y + 0.041556 * z,
    0.0556434 * x - 0.2040259 * y + 1.0572252 * z,
  ].map((value) => {
    const clipped = Math.min(1, Math.max(0, value));
    return clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055;
  }) as unknown as Rgb;
};

/** Colours from everywhere; near black the curves are steep, so a share of them is there. */
const manyColours = (count: number): Rgb[] => {
  const random = seededRandom(1);
  const colours: Rgb[] = [];
  for (let i = 0; i < count; i++) {
    colours.push([random.next(), random.next(), random.next()]);
    colours.push([0.05 * random.next(), 0.05 * random.next(), 0.05 * random.next()]);
    colours.push([random.next(), 0.02 * random.next(), 0.02 * random.next()]);
  }
  for (let level = 0; level < 256; level++) colours.push([level / 255, level / 255, level / 255]);
  return colours;
};

test('Lab stays within 0.02 of the exact formula', () => {
  const colours = manyColours(4000);
  labOf(colours).forEach((found, i) => {
    const colour = colours[i]!;
    exactLab(colour).forEach((value, c) => {
      assertClose(at(found, c), value, 0.02, `Lab of ${colour.join(', ')} channel ${c}`);
    });
  });
});

test('sRGB of Lab stays within a thousandth of an 8-bit level of the exact formula', () => {
  const colours = manyColours(4000).map(exactLab);
  rgbOf(colours).forEach((found, i) => {
    const colour = colours[i]!;
    exactRgb(colour).forEach((value, c) => {
      // The line near black rises steeply: there the rounding of 32-bit floats is a hundredth of a level.
      const bound = value < 0.05 ? 0.01 : 0.001;
      assertClose(255 * at(found, c), 255 * value, bound, `sRGB of ${colour.join(', ')} channel ${c}`);
    });
  });
});

test('a colour survives the way to Lab and back to a quarter of an 8-bit level', () => {
  const colours = manyColours(4000);
  rgbOf(labOf(colours)).forEach((back, i) => {
    const colour = colours[i]!;
    colour.forEach((value, c) => {
      assertClose(255 * at(back, c), 255 * value, 0.25, `channel ${c} of ${colour.join(', ')}`);
    });
  });
});

test('Lab colours outside the gamut are clipped to it and never become NaN', () => {
  forAll(500, (random) => {
    const [found] = rgbOf([
      [random.between(-40, 160), random.between(-200, 200), random.between(-200, 200)],
    ]) as [Rgb];
    for (const value of found) assert.ok(value >= 0 && value <= 1, `${value}`);
  });
});

test('planes of any length become Lab in place, block by block', () => {
  const random = seededRandom(2);
  for (const length of [1, 2, 3, 5, 16384, 16387, 40001]) {
    const planes = [0, 1, 2].map(() => Float32Array.from({ length }, () => random.next())) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const pick = (i: number): Rgb => planes.map((plane) => at(plane, i)) as unknown as Rgb;
    const sampled = [0, 1, length >> 1, length - 1].filter((i) => i < length);
    const expected = sampled.map((i) => exactLab(pick(i)));
    srgbToLab(planes);
    sampled.forEach((i, k) => {
      pick(i).forEach((value, c) => {
        assertClose(value, at(expected[k]!, c), 0.02, `value ${i} of ${length}`);
      });
    });
  }
});
