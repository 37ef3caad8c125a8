/** Largest block: 64 rows of 10-bit samples are what 16-bit sums hold. */
const largestBlock = 64;

/** Shrink factors this near to a limit of the rules below count as the limit: they come out of rounded maps. */
const slack = 1e-6;

/** Whether a picture that is shrunk by this factor has to be averaged first. */
export const needsAveraging = (shrink: number): boolean => shrink > 1 + slack;

/**
 * How one axis of a plane is read for a crop: which blocks of samples are averaged, which taps go over the averages, and where
 * a luma coordinate lies in the result. Used again for every crop.
 */
export class SampledAxis {
  /** Samples that are averaged into one. */
  block = 1;
  /** First block that is needed, and how many. */
  start = 0;
  count = 0;
  /** The four taps over the averages: result i is Σ tap[j] · average[i + first + j − 1], averages counted from `start`. */
  readonly taps: [number, number, number, number] = [0, 1, 0, 0];
  first = 0;
  /** Length of the result. */
  outCount = 0;
  /** Place in the result = luma coordinate · scale + shift, then limited to `lowest`..`highest`. */
  scale = 1;
  shift = 0;
  lowest = 0;
  highest = 0;

  /**
   * @param lengthPx of the plane along this axis
   * @param samplesPerLuma samples of the plane per luma pixel, 1 or 0.5
   * @param site where the first luma pixel lies in the plane, in samples
   * @param shrink luma pixels per pixel of the crop
   * @param isFine whether blocks are half as long as a pixel of the crop, or as long
   * @param averaged whether the taps are applied, on this axis or the other
   * @param lowLuma first and last luma coordinate that is read; may lie outside of the plane
   */
  fit(
    lengthPx: number,
    samplesPerLuma: number,
    site: number,
    shrink: number,
    isFine: boolean,
    averaged: boolean,
    lowLuma: number,
    highLuma: number,
  ): void {
    const wanted = shrink * samplesPerLuma;
    const block = Math.min(
      largestBlock,
      Math.max(1, Math.floor(isFine ? wanted / 2 + slack : wanted + slack)),
    );
    const residual = Math.min(4, Math.max(1, wanted / block));
    // An even number of taps has its middle between two averages.
    const even = residual >= 2 - slack;
    const middle = even ? 0.5 : 0;
    // The bilinear reading that follows is enough where little is left to average, and the area's full width would blur: shrunk
    // 1.4 times it keeps 76 % of a grating of half the crop's resolution, this 87 %.
    const width = even ? residual : 1 + (residual - 1) ** 3;
    const outer = (width - (even ? 2 : 1)) / (2 * width);
    this.taps[0] = outer;
    this.taps[1] = 1 / width;
    this.taps[2] = even ? 1 / width : outer;
    this.taps[3] = even ? outer : 0;
    const last = Math.ceil(lengthPx / block) - 1;
    const scale = samplesPerLuma / block;
    const shift = (site + 0.5) / block - 0.5;
    const from = Math.floor(Math.min(last, Math.max(0, lowLuma * scale + shift)) - middle);
    const to = Math.floor(Math.min(last, Math.max(0, highLuma * scale + shift)) - middle) + 1;
    this.block = block;
    this.start = averaged ? Math.min(last, Math.max(0, from - 1)) : from;
    this.count = Math.min(last, averaged ? to + 2 : to) - this.start + 1;
    this.first = from - this.start;
    this.outCount = averaged ? to - from + 1 : this.count;
    this.scale = scale;
    this.shift = shift - middle - from;
    this.lowest = Math.max(0, -middle - from);
    this.highest = Math.min(this.outCount - 1, last - middle - from);
  }
}
