import { type PlanarFrame, sampleScale } from '../../../src/imaging/planar-frame.js';

/** The plain twin of `LumaThumbnail.read`: 32×18 means of evenly spread samples of each cell, in 8-bit levels. */
export const plainThumbnail = ({ format, layout, data }: PlanarFrame): Float32Array => {
  const { widthPx, heightPx } = format;
  const [columns, rows] = [32, 18];
  const out = new Float32Array(columns * rows);
  const { offset } = layout.planes[0];
  const step = Math.max(1, Math.floor(Math.min(widthPx / columns, heightPx / rows) / 6));
  for (let row = 0; row < rows; row++) {
    const top = Math.floor((row * heightPx) / rows);
    const bottom = Math.max(top + 1, Math.floor(((row + 1) * heightPx) / rows));
    for (let column = 0; column < columns; column++) {
      const left = Math.floor((column * widthPx) / columns);
      const right = Math.max(left + 1, Math.floor(((column + 1) * widthPx) / columns));
      const samples: number[] = [];
      for (let y = top; y < bottom && y < heightPx; y += step) {
        for (let x = left; x < right && x < widthPx; x += step) {
          samples.push((data[offset + y * widthPx + x] as number) / sampleScale(format));
        }
      }
      const sum = samples.reduce((before, value) => before + value, 0);
      out[row * columns + column] = samples.length === 0 ? 0 : sum / samples.length;
    }
  }
  return out;
};
