import type { OnnxModel } from '../../../src/inference/onnx-file.js';
import { constantModel } from './detectors.js';
import { writeStandIn } from './models.js';

/** What a stand-in says: 68 × (x, y) in the grid of 64 that landmarkers count in, and one certainty for all. */
export type StandInLandmarks = { readonly grid: ArrayLike<number>; readonly certainty: number };

const crop = { name: 'input', dims: [1, 3, 256, 256] } as const;

const rowsOf = ({ grid, certainty }: StandInLandmarks): Float32Array => {
  const rows = new Float32Array(68 * 3);
  for (let i = 0; i < 68; i++) rows.set([Number(grid[2 * i]), Number(grid[2 * i + 1]), certainty], 3 * i);
  return rows;
};

/** With 2dfan4's signature: each heatmap has the certainty in one place. */
export const heatmapLandmarker = (landmarks: StandInLandmarks): OnnxModel => {
  const heatmaps = new Float32Array(68 * 64 * 64);
  for (let i = 0; i < 68; i++) heatmaps[i * 64 * 64 + 17 * i] = landmarks.certainty;
  return constantModel(crop, {
    landmarks: { dims: [1, 68, 3], data: rowsOf({ ...landmarks, certainty: 0 }) },
    heatmaps: { dims: [1, 68, 64, 64], data: heatmaps },
  });
};

/** With peppa_wutz's signature. */
export const pointLandmarker = (landmarks: StandInLandmarks): OnnxModel =>
  constantModel(crop, { output: { dims: [1, 204], data: rowsOf(landmarks) } });

/** With fan_68_5's signature: the same 68 points, on the unit square of the template, for every face. */
export const fixedEstimator = (unit: ArrayLike<number>): OnnxModel =>
  constantModel(
    { name: 'input', dims: [1, 5, 2] },
    { output: { dims: [1, 68, 2], data: Float32Array.from(unit) } },
  );

/**
 * Writes stand-ins for the three landmarkers.
 *
 * @param unit 68 × (x, y) of an upright face on the unit square that its five points fill as in ffhq_512
 */
export const writeLandmarkerStandIns = (
  folder: string,
  { unit, ...landmarks }: StandInLandmarks & { readonly unit: ArrayLike<number> },
): void => {
  writeStandIn(folder, 'fan_68_5', fixedEstimator(unit));
  writeStandIn(folder, '2dfan4', heatmapLandmarker(landmarks));
  writeStandIn(folder, 'peppa_wutz', pointLandmarker(landmarks));
};
