// sRGB to CIE L*a*b* and back, one colour at a time: the plain twins of the kernels in `assembly/lab.ts`. Table look-ups with
// linear interpolation, within 0.02 of the exact formulas; those themselves are in test/imaging/colour.test.ts.

const tableSize = 4096;
const linearTable = new Float32Array(tableSize + 2);
const encodedTable = new Float32Array(tableSize + 2);
const cubeRootTable = new Float32Array(tableSize + 2);
for (let i = 0; i < linearTable.length; i++) {
  const value = i / tableSize;
  // IEC 61966-2-1 (sRGB) transfer function and its inverse.
  linearTable[i] = value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  // Indexed by the square root of the linear value, since the curve is steep near black.
  const linear = value * value;
  encodedTable[i] = linear <= 0.0031308 ? linear * 12.92 : 1.055 * linear ** (1 / 2.4) - 0.055;
  // CIE 15:2004, f(t), indexed by the square root for the same reason.
  cubeRootTable[i] = linear > 216 / 24389 ? Math.cbrt(linear) : (24389 / 27 / 116) * linear + 16 / 116;
}

function lookUp(table: Float32Array, position: number): number {
  const clamped = position <= 0 ? 0 : position >= 1 ? tableSize : position * tableSize;
  const index = clamped | 0;
  const low = table[index] as number;
  return low + ((table[index + 1] as number) - low) * (clamped - index);
}

/**
 * sRGB (0..1, gamma encoded) to CIE L*a*b* (D65 white, L 0..100). Table look-ups with linear interpolation:
 * within 0.02 of the exact formula.
 *
 * @param out receives L, a, b at `offset`
 */
export function srgbToLab(red: number, green: number, blue: number, out: Float32Array, offset: number): void {
  const r = lookUp(linearTable, red);
  const g = lookUp(linearTable, green);
  const b = lookUp(linearTable, blue);
  // IEC 61966-2-1 primaries, divided by the D65 white point (0.95047, 1, 1.08883).
  const x = 0.43395 * r + 0.37622 * g + 0.18984 * b;
  const y = 0.2126729 * r + 0.7151522 * g + 0.072175 * b;
  const z = 0.017756 * r + 0.109466 * g + 0.872778 * b;
  const fx = lookUp(cubeRootTable, Math.sqrt(x));
  const fy = lookUp(cubeRootTable, Math.sqrt(y));
  const fz = lookUp(cubeRootTable, Math.sqrt(z));
  out[offset] = 116 * fy - 16;
  out[offset + 1] = 500 * (fx - fy);
  out[offset + 2] = 200 * (fy - fz);
}

function labInverse(value: number): number {
  return value > 6 / 29 ? value * value * value : (value - 16 / 116) * ((3 * 36) / 841);
}

/**
 * CIE L*a*b* to sRGB (0..1, clipped to the gamut).
 *
 * @param out receives R, G, B at `offset`
 */
export function labToSrgb(lightness: number, a: number, b: number, out: Float32Array, offset: number): void {
  const fy = (lightness + 16) / 116;
  const x = 0.95047 * labInverse(fy + a / 500);
  const y = labInverse(fy);
  const z = 1.08883 * labInverse(fy - b / 200);
  const red = 3.2404542 * x - 1.5371385 * y - 0.4985314 * z;
  const green = -0.969266 * x + 1.8760108 * y + 0.041556 * z;
  const blue = 0.0556434 * x - 0.2040259 * y + 1.0572252 * z;
  out[offset] = red <= 0 ? 0 : lookUp(encodedTable, Math.sqrt(red));
  out[offset + 1] = green <= 0 ? 0 : lookUp(encodedTable, Math.sqrt(green));
  out[offset + 2] = blue <= 0 ? 0 : lookUp(encodedTable, Math.sqrt(blue));
}
