import type { PlanarFrame } from '../../src/imaging/planar-frame.js';
import type { ModelSession, TensorData } from '../../src/inference/session.js';
import {
  appearanceSize,
  bandCount,
  type FaceAppearance,
} from '../../src/processors/face-swapper/appearance.js';
import { grainFloats } from '../../src/processors/grain-matcher/grain-level.js';
import { faceShape } from '../../src/processors/face-swapper/face-shape.js';
import { type FaceZones, paintZones } from '../../src/processors/face-swapper/face-layout.js';
import { headPose } from '../../src/processors/face-swapper/head-pose.js';
import { allocateSkinTones, type SkinTones, toneSide } from '../../src/processors/face-swapper/skin-tones.js';
import { buildTexture, faceWidth, type SourceFace } from '../../src/processors/face-swapper/source-face.js';

/** Zones with a narrow feather and no padding. */
export const plainZones: FaceZones = paintZones(0.2, { top: 0, right: 0, bottom: 0, left: 0 });

/** An appearance of plain numbers. */
export const appearanceOf = (values: {
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly bands?: readonly number[];
  readonly tones?: SkinTones;
}): FaceAppearance => ({
  mean: Float32Array.from(values.mean ?? [65, 15, 18]),
  std: Float32Array.from(values.std ?? [8, 3, 4]),
  bands: Float32Array.from(values.bands ?? new Array<number>(bandCount).fill(1)),
  open: new Float32Array(appearanceSize * appearanceSize).fill(1),
  glasses: 0,
  rims: new Float32Array(appearanceSize * appearanceSize),
  tones: values.tones ?? allocateSkinTones(),
  grain: new Float32Array(grainFloats),
});

/** A source face made from an RGB frame in which the mesh lies at `points`. */
export const sourceFaceOf = (photo: PlanarFrame, points: Float32Array, index = 0): SourceFace => ({
  index,
  file: `photo-${index}.png`,
  descriptor: new Float32Array(1024),
  swapSource: null,
  texture: buildTexture(photo, points, plainZones),
  appearance: appearanceOf({}),
  toneMaps: new Float32Array(3 * toneSide * toneSide),
  pose: headPose(points),
  shape: faceShape(points),
  widthPx: faceWidth(points),
});

/** What one run of a stubbed model was given. */
export type SeenInput = Record<string, { data: Float32Array; dims: readonly number[] }>;

/**
 * A model session that computes nothing: it notes a copy of its input and gives back the next answer. Only `run` is
 * there, which is all that the processors use; the real class can only be made by onnxruntime.
 */
export const stubSession = (
  answer: (run: number, input: SeenInput) => Record<string, Float32Array>,
): { readonly session: ModelSession; readonly inputs: SeenInput[] } => {
  const inputs: SeenInput[] = [];
  const run = (feeds: Record<string, TensorData>): Promise<Record<string, Float32Array>> => {
    const seen: SeenInput = {};
    for (const [name, { data, dims }] of Object.entries(feeds)) {
      seen[name] = { data: Float32Array.from(data), dims: [...dims] };
    }
    inputs.push(seen);
    return Promise.resolve(answer(inputs.length - 1, seen));
  };
  return { session: { run } as unknown as ModelSession, inputs };
};
