import { FaceswapError } from '../errors.js';
import type { PlanarFrame } from '../imaging/planar-frame.js';
import { kernels } from '../imaging/kernels/kernels.js';
import { frameFromRgb } from '../imaging/rgb-frame.js';
import type { FaceDetection } from '../processors/face-detector/target-detector.js';
import {
  cropFromBox,
  faceFlagThreshold,
  type FaceMesh,
  pointsInCrop,
  landmarkInputPx,
} from '../processors/face-landmarker/face-landmarker.js';
import { meshPointCount } from '../processors/face-landmarker/mesh-indices.js';
import { AppearanceReader } from '../processors/face-swapper/appearance.js';
import { faceShape } from '../processors/face-swapper/face-shape.js';
import { headPose } from '../processors/face-swapper/head-pose.js';
import { facingOf, hideOutside } from '../processors/face-swapper/rectify.js';
import { buildTexture, faceWidth, type SourceFace } from '../processors/face-swapper/source-face.js';
import {
  type ChainModelFiles,
  type ChainModels,
  embeddedModelFiles,
  loadChainModels,
  type SwapperFile,
} from './chain-models.js';
import type { ChainSettings } from './face-chain.js';
import { zonesFor } from './mask-zones.js';
import type { RunWarning } from './run-report.js';
import { openSwapSources } from './swap-sources.js';

/** A decoded source photo: interleaved 8-bit sRGB, orientation applied. */
export type SourcePhoto = {
  readonly index: number;
  readonly file: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly rgb: Uint8Array;
};

/** Below this width a face has less detail than a swapped close-up shows. */
const smallFacePx = 80;
/** Turned further than this, half of the face has to be made up from the other half. */
const turnedRadians = 0.6;
/** Share of the mesh beyond the photo's edge from which a face counts as cut off: the outline alone may touch it. */
const cutOffShare = 0.05;
/** Height of the open mouth as a share of its width from which its lips no longer fit a closed mouth. */
const openMouthShare = 0.36;
/** RMS of the finest detail band, in L units per unit of skin contrast, below which a photo is out of focus. */
const blurredDetail = 0.1;

/** Kernel memory that cropping takes at most for each pixel of a photo: three planes of bytes, and the reduced ones. */
const croppingBytesPerPixel = 16;

/**
 * Finds the face of each photo and makes it ready for swapping. Runs models, so it must be called in a worker; they stay loaded
 * there for the chain.
 *
 * @throws FaceswapError (noFace) when no photo has a usable face; a photo without one among others is a warning.
 */
export async function prepareSources(
  photos: readonly SourcePhoto[],
  settings: ChainSettings,
  files: ChainModelFiles | null = null,
): Promise<{ faces: readonly SourceFace[]; warnings: readonly RunWarning[] }> {
  // Generated models, which measure everything but models, find no face in a photo.
  const usesFiles = files !== null && files.neural !== null;
  const models = await loadChainModels(settings, usesFiles ? files : embeddedModelFiles());
  const { neural = null, swapper = null } = files ?? {};
  const swapSources =
    neural === null || neural.swapper === null
      ? null
      : await openSwapSources(neural.swapper, { neural, cacheFolder: files?.cacheFolder ?? null }, settings);
  const zones = zonesFor(settings);
  const reader = new AppearanceReader(zones);
  const faces: SourceFace[] = [];
  const warnings: RunWarning[] = [];
  for (const photo of photos) {
    const frame = frameFromRgb(photo);
    // Cutting crops copies the planes that they touch, and may shrink them on the way.
    kernels().memory.reserve(croppingBytesPerPixel * photo.widthPx * photo.heightPx);
    const largest = await largestFace(frame, models);
    if (largest === null) {
      warnings.push({
        code: 'source-without-face',
        message: 'No face was found in this source photo; it is not used',
        file: photo.file,
      });
      continue;
    }
    if (largest.others > 0) {
      warnings.push({
        code: 'source-with-several-faces',
        message: `The source photo shows ${largest.others + 1} faces; the largest one is used`,
        file: photo.file,
      });
    }
    const { mesh, detection } = largest;
    // Read once more on the settled crop: the landmarker's input must show what the mesh says.
    const settled = await models.landmarker.read(frame, mesh.crop);
    await models.fitter?.fit(frame, settled.points, detection);
    const facing = hideOutside(
      facingOf(settled.points, new Float32Array(meshPointCount)),
      settled.points,
      photo,
    );
    const appearance = reader.read(
      models.landmarker.input,
      landmarkInputPx,
      pointsInCrop(settled, new Float32Array(3 * meshPointCount)),
      facing,
    );
    const toneMaps = reader.lastToneMaps();
    const { descriptor } = await models.recognizer.identify(frame, settled.points);
    await swapSources?.add(frame, settled.points);
    const face: SourceFace = {
      index: photo.index,
      file: photo.file,
      descriptor,
      swapSource: swapper === null ? null : generatedSource(swapper, descriptor),
      texture: buildTexture(frame, settled.points, zones),
      appearance,
      toneMaps,
      pose: headPose(settled.points),
      shape: faceShape(settled.points),
      widthPx: faceWidth(settled.points),
    };
    warnings.push(...qualityWarnings(face, settled.points, photo));
    faces.push(face);
  }
  if (faces.length === 0) {
    const [only] = photos;
    throw new FaceswapError(
      'noFace',
      photos.length === 1 ? 'No face was found in the source photo' : 'No face was found in any source photo',
      {
        file: photos.length === 1 ? only?.file : undefined,
        stage: 'sources',
        hint: 'Use a sharp photo that shows one person from the front, the face at least 80 pixels wide',
      },
    );
  }
  if (swapSources === null) return { faces, warnings };
  const sources = await swapSources.finish();
  return { faces: faces.map((face, at) => ({ ...face, swapSource: sources[at] ?? null })), warnings };
}

type FoundFace = { readonly mesh: FaceMesh; readonly detection: FaceDetection };

/** A benchmark's swapper does not look at who it is: any numbers will do. */
const generatedSource = (
  { contract: { source } }: SwapperFile,
  descriptor: Float32Array,
): Float32Array | null => (source.kind === 'embedding' ? descriptor.slice(0, source.length) : null);

async function largestFace(
  frame: PlanarFrame,
  models: ChainModels,
): Promise<(FoundFace & { readonly others: number }) | null> {
  const detections = await models.detector.detectAll(frame);
  detections.sort((first, second) => second.box.width - first.box.width);
  let largest: FoundFace | null = null;
  let others = 0;
  for (const detection of detections) {
    const mesh = await models.landmarker.refine(frame, cropFromBox(detection.box, detection.rollRadians));
    if (mesh.flag < faceFlagThreshold) continue;
    if (largest === null) largest = { mesh, detection };
    // A face in the far background is no second candidate.
    else if (mesh.crop.sidePx > 0.3 * largest.mesh.crop.sidePx) others++;
  }
  return largest === null ? null : { ...largest, others };
}

/** Height over width of the inner lips. */
function mouthOpening(points: Float32Array): number {
  const distance = (first: number, second: number): number =>
    Math.hypot(
      (points[3 * first] as number) - (points[3 * second] as number),
      (points[3 * first + 1] as number) - (points[3 * second + 1] as number),
    );
  return distance(13, 14) / Math.max(1, distance(78, 308));
}

function qualityWarnings(face: SourceFace, points: Float32Array, photo: SourcePhoto): RunWarning[] {
  const warnings: RunWarning[] = [];
  const { file, widthPx, pose, appearance } = face;
  if (widthPx < smallFacePx) {
    warnings.push({
      code: 'source-too-small',
      message: `The source face is only ${Math.round(widthPx)} pixels wide and will look soft; use a larger photo`,
      file,
    });
  }
  const turned = Math.max(Math.abs(pose.yaw), Math.abs(pose.pitch) * 0.8);
  if (turned > turnedRadians) {
    const degrees = Math.round((turned * 180) / Math.PI);
    warnings.push({
      code: 'source-turned-away',
      message: `The source face is turned away by ${degrees} degrees; its hidden half is made up from the visible one`,
      file,
    });
  }
  const cutOff = hideOutside(new Float32Array(meshPointCount), points, photo).filter(
    (value) => value < 0,
  ).length;
  if (cutOff > cutOffShare * meshPointCount) {
    warnings.push({
      code: 'source-cut-off',
      message: 'The photo cuts the source face off; what is missing is made up from the other half',
      file,
    });
  }
  if (mouthOpening(points) > openMouthShare) {
    warnings.push({
      code: 'source-open-mouth',
      message:
        'The source face has its mouth wide open, which shows on closed lips; a neutral photo looks better',
      file,
    });
  }
  const detail = (appearance.bands[0] as number) / Math.max(4, appearance.std[0] as number);
  if (detail < blurredDetail && widthPx >= smallFacePx) {
    warnings.push({
      code: 'source-blurred',
      message: 'The source face is out of focus or heavily compressed; use a sharper photo',
      file,
    });
  }
  return warnings;
}
