import type { Box } from '../../imaging/affine.js';
import type { PlanarFormat, PlanarFrame } from '../../imaging/planar-frame.js';
import { boxPsnrDb, LumaHistory } from '../quality-monitor/frame-comparison.js';
import type { FaceMotion } from './face-motion.js';
import { similarityLength, type SureSimilarity, writeIdentity, writeProduct } from './similarity.js';

/**
 * From this PSNR on, in dB, two pictures of a face may be one that was shown twice. Webcams that repeat frames, coded by x264, give 51 to 80 dB for
 * a repeated face, and at most 50 for one that moves slowly.
 */
const repeatedDb = 48;

/** From here on nothing moved, whatever the measured movement says: half an 8-bit level on average. */
const surelyRepeatedDb = 56;

/** Most that the corners of the face may have moved since the picture that is repeated, in widths of the face: a tenth of a pixel of 100. */
const stillShare = 0.001;

const noMotion = [1, 0, 0, 0, 1] as const;

/** A run of repeated pictures of one face. */
type Run = { index: number; count: number; readonly way: SureSimilarity };

/**
 * Finds faces whose picture is only repeated from the frame before: webcams and converted frame rates show frames twice, and what is drawn
 * must then stay as still as the picture. A face that moves slowly in a clean picture changes as little from frame to frame, so its measured
 * movement since the first of the repeated pictures must be nothing as well. One per segment; owns two planes of luma.
 */
export class RepeatDetector {
  readonly #luma = new LumaHistory();
  readonly #runs = new Map<number, Run>();

  /** Forgets everything: at a cut. */
  reset(): void {
    this.#luma.forget();
    this.#runs.clear();
  }

  /** Takes the next frame, before its faces are asked for. */
  push(frame: PlanarFrame): void {
    this.#luma.push(frame);
  }

  /**
   * How many frames before this one, without a break, show the same picture of a face.
   *
   * @param box of the face in the frame that was pushed last
   * @param motion of the face since the frame before; becomes no movement where the picture is repeated
   */
  count(
    { trackId, box, motion }: { readonly trackId: number; readonly box: Box; readonly motion: FaceMotion },
    index: number,
    { widthPx, heightPx, bitDepth }: PlanarFormat,
  ): number {
    const { before, latest } = this.#luma;
    const known = this.#runs.get(trackId);
    const run = known ?? { index, count: 0, way: new Float64Array(similarityLength) };
    this.#runs.set(trackId, run);
    let isRepeated = false;
    if (known?.index === index - 1 && before !== null && latest !== null) {
      const psnrDb = boxPsnrDb(before, latest, widthPx, heightPx, box, bitDepth) ?? 0;
      if (psnrDb >= surelyRepeatedDb) isRepeated = true;
      else if (psnrDb >= repeatedDb) {
        writeProduct(motion, run.way, run.way);
        isRepeated = (run.way[4] as number) > 0 && isStill(run.way, box);
      }
    }
    run.index = index;
    run.count = isRepeated ? run.count + 1 : 0;
    if (isRepeated) motion.set(noMotion);
    else writeIdentity(run.way);
    return run.count;
  }
}

function isStill(way: SureSimilarity, { x, y, width, height }: Box): boolean {
  const [a, b, c, d] = way as unknown as [number, number, number, number];
  for (const cornerX of [x, x + width]) {
    for (const cornerY of [y, y + height]) {
      const moved = Math.hypot(
        a * cornerX - b * cornerY + c - cornerX,
        b * cornerX + a * cornerY + d - cornerY,
      );
      if (moved > stillShare * width) return false;
    }
  }
  return true;
}
