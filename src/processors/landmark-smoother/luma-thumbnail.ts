import { colourCoefficients } from '../../imaging/colour.js';
import { type PlanarFormat, type PlanarFrame, sampleScale } from '../../imaging/planar-frame.js';
import { displayCurve } from '../../imaging/tone-curve.js';

/** Means in a row and in a column of a thumbnail. */
export const thumbnailColumns = 32;
export const thumbnailRows = 18;

/** Means in a thumbnail, row by row. */
export const thumbnailCells = thumbnailColumns * thumbnailRows;

/**
 * Reads thumbnails of 32×18 means from the first plane of frames. A cell is the mean of some six by six samples, evenly spread, for
 * any size of frame: as good as all of them for a mean, and 20,000 reads.
 */
export class LumaThumbnail {
  #format: PlanarFormat | undefined;
  #step = 1;
  #toDisplay: ((level: number) => number) | undefined;
  /** First sample of every column and row of cells, and the end of it. */
  readonly #left = new Int32Array(thumbnailColumns);
  readonly #right = new Int32Array(thumbnailColumns);
  readonly #top = new Int32Array(thumbnailRows);
  readonly #bottom = new Int32Array(thumbnailRows);

  /**
   * Writes the cells' means in 8-bit levels; of high dynamic range those that standard range would have. RGB frames are stills and
   * have no cuts; their first plane (red) serves.
   */
  read({ data, format, layout }: PlanarFrame, out: Float32Array): void {
    if (format !== this.#format) this.#fit(format);
    const { offset, widthPx } = layout.planes[0];
    const scale = sampleScale(format);
    const step = this.#step;
    const toDisplay = this.#toDisplay;
    for (let row = 0; row < thumbnailRows; row++) {
      const top = this.#top[row] as number;
      const bottom = this.#bottom[row] as number;
      for (let column = 0; column < thumbnailColumns; column++) {
        const left = this.#left[column] as number;
        const right = this.#right[column] as number;
        let sum = 0;
        let count = 0;
        for (let y = top; y < bottom; y += step) {
          const end = offset + y * widthPx + right;
          for (let at = offset + y * widthPx + left; at < end; at += step) {
            sum += data[at] as number;
            count++;
          }
        }
        const mean = count === 0 ? 0 : sum / (count * scale);
        out[row * thumbnailColumns + column] = toDisplay === undefined ? mean : toDisplay(mean);
      }
    }
  }

  #fit(format: PlanarFormat): void {
    const { widthPx, heightPx } = format;
    this.#format = format;
    this.#toDisplay = levelCurve(format);
    this.#step = Math.max(1, Math.floor(Math.min(widthPx / thumbnailColumns, heightPx / thumbnailRows) / 6));
    share(widthPx, this.#left, this.#right);
    share(heightPx, this.#top, this.#bottom);
  }
}

/** What becomes of a level of luma, 0..255, in high dynamic range. */
function levelCurve({ hdr, matrix, range }: PlanarFormat): ((level: number) => number) | undefined {
  if (hdr === undefined) return undefined;
  const { yOffset, lumaSpan } = colourCoefficients(matrix, range);
  const curve = displayCurve(hdr);
  return (level) => yOffset + lumaSpan * curve(Math.min(1, Math.max(0, (level - yOffset) / lumaSpan)));
}

/** Shares a length out evenly to cells of at least one sample, which overlap where the length is shorter than their number. */
function share(lengthPx: number, starts: Int32Array, ends: Int32Array): void {
  const count = starts.length;
  for (let i = 0; i < count; i++) {
    const start = Math.floor((i * lengthPx) / count);
    starts[i] = start;
    ends[i] = Math.min(lengthPx, Math.max(start + 1, Math.floor(((i + 1) * lengthPx) / count)));
  }
}
