import type { OnnxModel } from '../../../src/inference/onnx-file.js';
import { boundsOf } from '../../../src/processors/face-landmarker/mesh-bounds.js';
import { sixtyEightOf } from '../../../src/processors/face-landmarker/sixty-eight-points.js';
import { layoutShape } from '../../../src/processors/face-swapper/face-layout-data.js';
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

/** The 68 points of the mean face. */
const meanPoints = sixtyEightOf(Float32Array.from(layoutShape), new Float32Array(136));

/** Where a landmarker sees them in a crop in which the mean face's box has a longer side of 195 pixels in the middle. */
export const meanFaceGrid = (): Float32Array => {
  const { x, y, width, height } = boundsOf(Float32Array.from(layoutShape));
  const scale = 195 / Math.max(width, height);
  return meanPoints.map((value, i) => {
    const middle = i % 2 === 0 ? x + width / 2 : y + height / 2;
    return ((value - middle) * scale + 128) / 4;
  });
};

/** The same on the unit square, about as ffhq_512 places the five points. */
const meanFaceUnit = (): Float32Array =>
  meanPoints.map((value, i) => (i % 2 === 0 ? 0.5 + 0.36 * value : 0.47 + 0.36 * value));

/** Writes stand-ins for the three landmarkers, which see the mean face in every crop; `landmarks` replaces what two of them see. */
export const writeLandmarkerStandIns = (
  folder: string,
  landmarks: StandInLandmarks = { grid: meanFaceGrid(), certainty: 0.8 },
): void => {
  writeStandIn(folder, 'fan_68_5', fixedEstimator(meanFaceUnit()));
  writeStandIn(folder, '2dfan4', heatmapLandmarker(landmarks));
  writeStandIn(folder, 'peppa_wutz', pointLandmarker(landmarks));
};
