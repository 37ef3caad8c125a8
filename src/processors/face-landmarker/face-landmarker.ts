import { applyAffine, type Box, cropToFrame, invertAffine, type Point } from '../../imaging/affine.js';
import { FrameCropper } from '../../imaging/frame-crop.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import { Scratch } from '../../imaging/scratch.js';
import type { ModelSession } from '../../inference/session.js';
import { leftEyeOuter, meshPointCount, rightEyeOuter } from './mesh-indices.js';

/** Side of the landmark model's input in pixels. */
export const landmarkInputPx = 192;

const inputLength = 3 * landmarkInputPx * landmarkInputPx;
const inputDims = [1, 3, landmarkInputPx, landmarkInputPx];
const inputScaling = { scale: 1, offset: 0 };

/** The crop is this much wider than the face's box (the model's training crop). */
const cropMargin = 1.5;

/** Where in the frame the landmark model looks: a turned square. */
export type FaceCrop = { readonly centre: Point; readonly sidePx: number; readonly rollRadians: number };

/** One reading of the landmark model. */
export type FaceMesh = {
  /** 468 × (x, y, z): x and y in frame pixels, z in the same unit, smaller is nearer to the camera. */
  readonly points: Float32Array;
  /** How sure the model is that the crop shows a face at all, 0..1. */
  readonly flag: number;
  /** Where the model looked. */
  readonly crop: FaceCrop;
};

/** Below this the crop shows no face. A cat that the detector takes for a face gets 0.02, faces get nearly 1. */
export const faceFlagThreshold = 0.5;

/** The crop for a detector box: square, centred, 1.5 times as wide, upright with the eyes. */
export function cropFromBox(box: Box, rollRadians: number): FaceCrop {
  return {
    centre: { x: box.x + box.width / 2, y: box.y + box.height / 2 },
    sidePx: Math.max(box.width, box.height) * cropMargin,
    rollRadians,
  };
}

/** The crop for a known mesh: the turned bounding square of its points, 1.5 times as wide. */
export function cropFromMesh(points: Float32Array): FaceCrop {
  const rollRadians = Math.atan2(
    (points[3 * leftEyeOuter + 1] as number) - (points[3 * rightEyeOuter + 1] as number),
    (points[3 * leftEyeOuter] as number) - (points[3 * rightEyeOuter] as number),
  );
  const cos = Math.cos(rollRadians);
  const sin = Math.sin(rollRadians);
  let left = Infinity;
  let right = -Infinity;
  let top = Infinity;
  let bottom = -Infinity;
  for (let i = 0; i < meshPointCount; i++) {
    const x = points[3 * i] as number;
    const y = points[3 * i + 1] as number;
    const along = x * cos + y * sin;
    const down = -x * sin + y * cos;
    left = Math.min(left, along);
    right = Math.max(right, along);
    top = Math.min(top, down);
    bottom = Math.max(bottom, down);
  }
  const along = (left + right) / 2;
  const down = (top + bottom) / 2;
  return {
    centre: { x: along * cos - down * sin, y: along * sin + down * cos },
    sidePx: Math.max(right - left, bottom - top) * cropMargin,
    rollRadians,
  };
}

/** The mesh in the pixels of the landmark model's input, for reading the crop that it was found in. */
export function pointsInCrop({ points, crop }: FaceMesh, out: Float32Array): Float32Array {
  const toCrop = invertAffine(cropToFrame(crop.centre, crop.sidePx, crop.rollRadians, landmarkInputPx));
  const scale = landmarkInputPx / crop.sidePx;
  for (let i = 0; i < meshPointCount; i++) {
    const x = points[3 * i] as number;
    const y = points[3 * i + 1] as number;
    out[3 * i] = toCrop.a * x + toCrop.b * y + toCrop.c;
    out[3 * i + 1] = toCrop.d * x + toCrop.e * y + toCrop.f;
    out[3 * i + 2] = (points[3 * i + 2] as number) * scale;
  }
  return out;
}

/** Facemesh on crops of a frame. One per thread; owns its buffers. */
export class FaceLandmarker {
  readonly #session: ModelSession;
  readonly #cropper = new FrameCropper();
  readonly #scratch = new Scratch();

  /** @param session model `facemesh`: input `[n, 3, 192, 192]` RGB 0..1 */
  constructor(session: ModelSession) {
    this.#session = session;
  }

  /** The last crop that was read: planar RGB 0..1, 3 × 192 × 192, in kernel memory. Valid until the next call. */
  get input(): Float32Array {
    return this.#scratch.floats('input', inputLength);
  }

  /** One pass of the model. */
  async read(frame: PlanarFrame, crop: FaceCrop): Promise<FaceMesh> {
    const toFrame = cropToFrame(crop.centre, crop.sidePx, crop.rollRadians, landmarkInputPx);
    const { input } = this;
    this.#cropper.crop(frame, toFrame, landmarkInputPx, landmarkInputPx, input, inputScaling);
    const { landmarks, flag } = await this.#session.run({ input: { data: input, dims: inputDims } });
    const raw = landmarks as Float32Array;
    const points = new Float32Array(meshPointCount * 3);
    const scale = crop.sidePx / landmarkInputPx;
    for (let i = 0; i < meshPointCount; i++) {
      // The model speaks of pixel corners (0..192), the crop map of pixel centres.
      const point = applyAffine(toFrame, (raw[3 * i] as number) - 0.5, (raw[3 * i + 1] as number) - 0.5);
      points[3 * i] = point.x;
      points[3 * i + 1] = point.y;
      points[3 * i + 2] = (raw[3 * i + 2] as number) * scale;
    }
    return { points, flag: (flag as Float32Array)[0] as number, crop };
  }

  /**
   * First sight of a face: a pass on the detector's crop, then one on the crop of the mesh that it found. A low flag in
   * the first pass does not end it, since a face in profile is often flagged only once the crop sits right; more passes
   * let the crop of a face in profile wander off.
   */
  async refine(frame: PlanarFrame, crop: FaceCrop): Promise<FaceMesh> {
    const first = await this.read(frame, crop);
    return this.read(frame, cropFromMesh(first.points));
  }
}
