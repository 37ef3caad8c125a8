/**
 * RGB as video that loses nothing: 10-bit limited-range BT.709 without subsampling. A code is at most 0.15 levels of red, green or
 * blue off in luma and 0.27 in chroma, less than the half level that would round to another byte.
 */

/** Weights of ITU-R BT.709-6 item 3.2. */
const kr = 0.2126;
const kb = 0.0722;
const kg = 1 - kr - kb;
/** 10-bit codes of black and of no colour, and codes per level of 8 bits (BT.709-6 item 4.6). */
const black = 64;
const grey = 512;
const lumaCodes = 876 / 255;
const chromaCodes = 896 / 255;

/**
 * Turns interleaved pixels into planes Y, U, V of 10 bits.
 *
 * @param pixels R, G, B and a fourth byte that is not read
 */
export function videoFromRgb(pixels: Uint8Array): Uint16Array {
  const count = pixels.length / 4;
  const planes = new Uint16Array(3 * count);
  for (let at = 0, from = 0; at < count; at++, from += 4) {
    const red = pixels[from] as number;
    const blue = pixels[from + 2] as number;
    const luma = kr * red + kg * (pixels[from + 1] as number) + kb * blue;
    planes[at] = Math.round(black + lumaCodes * luma);
    planes[count + at] = Math.round(grey + (chromaCodes * (blue - luma)) / (2 - 2 * kb));
    planes[2 * count + at] = Math.round(grey + (chromaCodes * (red - luma)) / (2 - 2 * kr));
  }
  return planes;
}

const byte = (value: number): number => Math.min(255, Math.max(0, Math.round(value)));

/**
 * The inverse of {@link videoFromRgb}: writes R, G and B and leaves the fourth byte of each pixel as it is. Exact for planes that
 * come from there.
 */
export function rgbFromVideo(planes: Uint16Array, pixels: Uint8Array): void {
  const count = planes.length / 3;
  for (let at = 0, to = 0; at < count; at++, to += 4) {
    const luma = ((planes[at] as number) - black) / lumaCodes;
    const blue = luma + (((planes[count + at] as number) - grey) / chromaCodes) * (2 - 2 * kb);
    const red = luma + (((planes[2 * count + at] as number) - grey) / chromaCodes) * (2 - 2 * kr);
    pixels[to] = byte(red);
    pixels[to + 1] = byte((luma - kr * red - kb * blue) / kg);
    pixels[to + 2] = byte(blue);
  }
}
