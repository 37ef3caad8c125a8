import type { Box } from '../imaging/affine.js';
import type { PlanarFormat, PlanarFrame } from '../imaging/planar-frame.js';
import { boxPsnrDb, LumaHistory } from '../processors/quality-monitor/frame-comparison.js';

/**
 * From this PSNR on, in dB, two pictures of a face are one that was shown twice: TUNE.
 */
const repeatedDb = 47;

/**
 * Finds faces whose picture is only repeated from the frame before: webcams and converted frame rates show frames twice, and what is drawn
 * must then stay as still as the picture. One per segment; owns two planes of luma.
 */
export class RepeatDetector {
  readonly #luma = new LumaHistory();
  readonly #counts = new Map<number, { index: number; count: number }>();

  /** Forgets everything: at a cut. */
  reset(): void {
    this.#luma.forget();
    this.#counts.clear();
  }

  /** Takes the next frame, before its faces are asked for. */
  push(frame: PlanarFrame): void {
    this.#luma.push(frame);
  }

  /**
   * How many frames before this one, without a break, show the same picture of a face.
   *
   * @param box of the face in the frame that was pushed last
   */
  count(trackId: number, { widthPx, heightPx, bitDepth }: PlanarFormat, box: Box, index: number): number {
    const { before, latest } = this.#luma;
    const known = this.#counts.get(trackId);
    let count = 0;
    if (known?.index === index - 1 && before !== null && latest !== null) {
      const psnrDb = boxPsnrDb(before, latest, widthPx, heightPx, box, bitDepth);
      if (psnrDb !== null && psnrDb >= repeatedDb) count = known.count + 1;
    }
    this.#counts.set(trackId, { index, count });
    return count;
  }
}
