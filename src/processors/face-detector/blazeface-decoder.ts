import type { Box } from '../../imaging/affine.js';
import { boxOverlap } from '../../imaging/affine.js';

/** Side of the detector's square input in pixels. */
export const detectorInputPx = 256;

const anchorCount = 896;
const regressorLength = 16;

/** A face in the coordinates of the detector's input. */
export type RawDetection = {
  readonly score: number;
  readonly box: Box;
  /** Right eye, left eye (the person's own sides), in pixels. */
  readonly rightEye: readonly [number, number];
  readonly leftEye: readonly [number, number];
};

/**
 * Anchor centres of blazeface (back camera): a 16×16 grid with two anchors a cell, then an 8×8 grid with six, all at
 * cell centres. Source: the layout of the published model, checked against its outputs.
 *
 * @returns 896 × (x, y) in input pixels
 */
export function blazefaceAnchors(): Float32Array {
  const anchors = new Float32Array(anchorCount * 2);
  let at = 0;
  for (const [cells, perCell] of [
    [16, 2],
    [8, 6],
  ] as const) {
    const cellPx = detectorInputPx / cells;
    for (let row = 0; row < cells; row++) {
      for (let column = 0; column < cells; column++) {
        for (let repeat = 0; repeat < perCell; repeat++) {
          anchors[at++] = (column + 0.5) * cellPx;
          anchors[at++] = (row + 0.5) * cellPx;
        }
      }
    }
  }
  return anchors;
}

/**
 * Turns the raw outputs of one image into faces above the threshold, best first; overlaps are not yet removed.
 *
 * @param scores 896 logits; @param regressors 896 × 16 numbers in pixels: centre x, y, width, height, then six points
 *   (right eye, left eye, nose, mouth, right ear, left ear), centres and points relative to the anchor
 */
export function decodeBlazeface(
  scores: Float32Array,
  regressors: Float32Array,
  anchors: Float32Array,
  scoreThreshold: number,
): RawDetection[] {
  const found: RawDetection[] = [];
  // Compared before the sigmoid: 896 logits against one logarithm.
  const logitThreshold = Math.log(scoreThreshold / (1 - scoreThreshold));
  for (let i = 0; i < anchorCount; i++) {
    const logit = scores[i] as number;
    if (!(logit > logitThreshold)) continue;
    const at = i * regressorLength;
    const anchorX = anchors[2 * i] as number;
    const anchorY = anchors[2 * i + 1] as number;
    const width = regressors[at + 2] as number;
    const height = regressors[at + 3] as number;
    if (!(width > 0 && height > 0)) continue;
    found.push({
      score: 1 / (1 + Math.exp(-logit)),
      box: {
        x: (regressors[at] as number) + anchorX - width / 2,
        y: (regressors[at + 1] as number) + anchorY - height / 2,
        width,
        height,
      },
      rightEye: [(regressors[at + 4] as number) + anchorX, (regressors[at + 5] as number) + anchorY],
      leftEye: [(regressors[at + 6] as number) + anchorX, (regressors[at + 7] as number) + anchorY],
    });
  }
  return found.sort((first, second) => second.score - first.score);
}

/**
 * Greedy non-maximum suppression: keeps the best-scored of every group of boxes that overlap by more than
 * `overlapThreshold` (intersection over union). Stable for equal scores.
 */
export function suppressOverlaps<T extends { readonly score: number; readonly box: Box }>(
  detections: readonly T[],
  overlapThreshold: number,
): T[] {
  const kept: T[] = [];
  for (const candidate of [...detections].sort((first, second) => second.score - first.score)) {
    if (kept.every((better) => boxOverlap(better.box, candidate.box) <= overlapThreshold))
      kept.push(candidate);
  }
  return kept;
}
