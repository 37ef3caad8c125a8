// sRGB and CIE L*a*b* (D65) on four values at a time. The curves are polynomials, fitted to the least largest error over
// their range and evaluated in Horner's order; roots of x are taken first, so that the curves are smooth near black.

/** f(t) of CIE 15:2004 for t in 0..1: within 2e-6 of the exact cube root and line. */
function labCurve(t: v128): v128 {
  const inside = f32x4.pmin(f32x4.splat(1), f32x4.pmax(f32x4.splat(0), t));
  const q = f32x4.sqrt(f32x4.sqrt(inside));
  // q^(4/3) for q from (216/24389)^(1/4) to 1.
  let root = f32x4.splat(0.0682412552);
  root = f32x4.add(f32x4.mul(root, q), f32x4.splat(-0.332740035));
  root = f32x4.add(f32x4.mul(root, q), f32x4.splat(0.712213016));
  root = f32x4.add(f32x4.mul(root, q), f32x4.splat(-0.921132463));
  root = f32x4.add(f32x4.mul(root, q), f32x4.splat(1.01801035));
  root = f32x4.add(f32x4.mul(root, q), f32x4.splat(0.466201152));
  root = f32x4.add(f32x4.mul(root, q), f32x4.splat(-0.0107925718));
  const line = f32x4.add(f32x4.mul(inside, f32x4.splat(7.787037)), f32x4.splat(0.13793103));
  return v128.bitselect(root, line, f32x4.gt(inside, f32x4.splat(0.008856452)));
}

/** The inverse of {@link labCurve}, exact but for rounding. */
export function labCurveInverse(f: v128): v128 {
  const cube = f32x4.mul(f32x4.mul(f, f), f);
  const line = f32x4.mul(f32x4.sub(f, f32x4.splat(0.13793103)), f32x4.splat(0.12841855));
  return v128.bitselect(cube, line, f32x4.gt(f, f32x4.splat(0.20689656)));
}

/** Linear light 0..1 of sRGB code values 0..1 (IEC 61966-2-1), clipped: within 3e-6 of the exact curve. */
export function decodeSrgb(value: v128): v128 {
  const v = f32x4.pmin(f32x4.splat(1), f32x4.pmax(f32x4.splat(0), value));
  let curve = f32x4.splat(0.0621690413);
  curve = f32x4.add(f32x4.mul(curve, v), f32x4.splat(-0.27758035));
  curve = f32x4.add(f32x4.mul(curve, v), f32x4.splat(0.544300601));
  curve = f32x4.add(f32x4.mul(curve, v), f32x4.splat(-0.663273861));
  curve = f32x4.add(f32x4.mul(curve, v), f32x4.splat(0.804605283));
  curve = f32x4.add(f32x4.mul(curve, v), f32x4.splat(0.494246921));
  curve = f32x4.add(f32x4.mul(curve, v), f32x4.splat(0.0346639345));
  curve = f32x4.add(f32x4.mul(curve, v), f32x4.splat(0.000870133272));
  const line = f32x4.mul(v, f32x4.splat(0.07739938));
  return v128.bitselect(curve, line, f32x4.gt(v, f32x4.splat(0.04045)));
}

/** sRGB code values 0..1 of linear light (IEC 61966-2-1), clipped: within 3e-6 of the exact curve. */
export function encodeSrgb(linear: v128): v128 {
  const x = f32x4.pmin(f32x4.splat(1), f32x4.pmax(f32x4.splat(0), linear));
  const q = f32x4.sqrt(f32x4.sqrt(x));
  // 1.055 q^(5/3) − 0.055 for q from 0.0031308^(1/4) to 1.
  let curve = f32x4.splat(0.0682060856);
  curve = f32x4.add(f32x4.mul(curve, q), f32x4.splat(-0.318409044));
  curve = f32x4.add(f32x4.mul(curve, q), f32x4.splat(0.657178082));
  curve = f32x4.add(f32x4.mul(curve, q), f32x4.splat(-0.852949804));
  curve = f32x4.add(f32x4.mul(curve, q), f32x4.splat(1.36591798));
  curve = f32x4.add(f32x4.mul(curve, q), f32x4.splat(0.139604758));
  curve = f32x4.pmin(f32x4.splat(1), f32x4.add(f32x4.mul(curve, q), f32x4.splat(-0.0595466585)));
  const line = f32x4.mul(x, f32x4.splat(12.92));
  return v128.bitselect(curve, line, f32x4.gt(x, f32x4.splat(0.0031308)));
}

/**
 * Turns planes R, G, B (sRGB, 0..1) into L, a, b in place: within 0.02 of the exact formulas.
 *
 * @param count values per plane, a multiple of 4
 */
export function srgbToLabPlanes(first: usize, second: usize, third: usize, count: usize): void {
  for (let i: usize = 0; i < count * 4; i += 16) {
    const r = decodeSrgb(v128.load(first + i));
    const g = decodeSrgb(v128.load(second + i));
    const b = decodeSrgb(v128.load(third + i));
    // IEC 61966-2-1 primaries, divided by the D65 white point (0.95047, 1, 1.08883).
    const x = weighted(r, g, b, 0.43395, 0.37622, 0.18984);
    const y = weighted(r, g, b, 0.2126729, 0.7151522, 0.072175);
    const z = weighted(r, g, b, 0.017756, 0.109466, 0.872778);
    const fx = labCurve(x);
    const fy = labCurve(y);
    const fz = labCurve(z);
    v128.store(first + i, f32x4.sub(f32x4.mul(fy, f32x4.splat(116)), f32x4.splat(16)));
    v128.store(second + i, f32x4.mul(f32x4.sub(fx, fy), f32x4.splat(500)));
    v128.store(third + i, f32x4.mul(f32x4.sub(fy, fz), f32x4.splat(200)));
  }
}

function weighted(r: v128, g: v128, b: v128, wr: f32, wg: f32, wb: f32): v128 {
  return f32x4.add(
    f32x4.add(f32x4.mul(r, f32x4.splat(wr)), f32x4.mul(g, f32x4.splat(wg))),
    f32x4.mul(b, f32x4.splat(wb)),
  );
}

/**
 * Turns planes L, a, b into R, G, B (sRGB, 0..1, clipped to the gamut) in place.
 *
 * @param count values per plane, a multiple of 4
 */
export function labToSrgbPlanes(first: usize, second: usize, third: usize, count: usize): void {
  for (let i: usize = 0; i < count * 4; i += 16) {
    const fy = f32x4.mul(f32x4.add(v128.load(first + i), f32x4.splat(16)), f32x4.splat(1.0 / 116));
    const fx = f32x4.add(fy, f32x4.mul(v128.load(second + i), f32x4.splat(1.0 / 500)));
    const fz = f32x4.sub(fy, f32x4.mul(v128.load(third + i), f32x4.splat(1.0 / 200)));
    const x = labCurveInverse(fx);
    const y = labCurveInverse(fy);
    const z = labCurveInverse(fz);
    // The inverse of the primaries, times the D65 white point.
    v128.store(first + i, encodeSrgb(weighted(x, y, z, 3.0799545, -1.5371385, -0.542815944)));
    v128.store(second + i, encodeSrgb(weighted(x, y, z, -0.921258255, 1.8760108, 0.0452474195)));
    v128.store(third + i, encodeSrgb(weighted(x, y, z, 0.0528873824, -0.2040259, 1.15113851)));
  }
}
