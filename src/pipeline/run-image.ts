import { copyFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { wrapFrame } from '../imaging/planar-frame.js';
import {
  frameFromRgb,
  type RgbPicture,
  type RgbSamples,
  rgbAfter,
  rgbFormat,
  turnRgb,
} from '../imaging/rgb-frame.js';
import { readStill, type StillImage, stillFormatOf, stillLosses, writeStill } from '../media/still-image.js';
import { FaceswapError } from '../errors.js';
import { editNote } from '../version.js';
import { fileFailure } from './file-failure.js';
import { plainMachine } from './face-chain.js';
import { untilInterrupted } from './interruption.js';
import { noFaceFailure, noFaceReason } from './no-face.js';
import { chainSettings } from './plan.js';
import { qualityTotals } from './quality-totals.js';
import type { FaceRow, FrameRow, QualityTotals, StageTimes } from './run-report.js';
import { RenderProgress } from './render-progress.js';
import { addStageTimes, noStageTimes, type RunParts, type RunResult } from './run-parts.js';
import { loadSourceFaces } from './source-faces.js';
import type { WorkerClient } from './worker-client.js';

const addLosses = ({ config, warnings }: RunParts, image: StillImage): void => {
  for (const loss of stillLosses(image, stillFormatOf(config.output))) {
    warnings.add({ ...loss, file: config.target });
  }
};

const copyImage = async (
  parts: RunParts,
  { image, quality, file }: { image: StillImage; quality: QualityTotals; file: string },
): Promise<void> => {
  const { config } = parts;
  const format = stillFormatOf(config.output);
  // sharp calls AVIF by its container, HEIF.
  const sameFormat = image.format === (format === 'avif' ? 'heif' : format);
  if (!sameFormat) {
    addLosses(parts, image);
    await writeStill(file, image, { format });
  } else {
    await copyFile(config.target, file).catch((error: unknown) => {
      throw fileFailure(error, config.output, 'mux');
    });
  }
  parts.warnings.add({
    code: 'no-face-copied',
    message: `${noFaceReason(quality)}: the output is ${
      sameFormat ? 'an untouched copy of it' : 'the same picture in another format'
    }`,
    file: config.target,
  });
};

/** A picture that went through the chain. */
type RenderedPicture = {
  readonly rgb: RgbSamples;
  readonly row: FrameRow;
  readonly stageTimes: StageTimes;
};

const renderPicture = async (worker: WorkerClient, picture: RgbPicture): Promise<RenderedPicture> => {
  const range = { start: 0, end: 1 };
  const frame = frameFromRgb(picture);
  const format = rgbFormat(picture, frame.format.bitDepth);
  await worker.beginSegment({
    format,
    frameRate: { num: 1, den: 1 },
    decode: range,
    render: range,
    sceneCuts: [],
  });
  const pushed = await worker.push({ index: 0, buffer: frame.data.buffer as ArrayBuffer });
  const end = await worker.endSegment();
  const outputs = [...pushed.outputs, ...end.outputs];
  const [output] = outputs;
  if (output === undefined || output.row === null || outputs.length !== 1) {
    throw new FaceswapError('bug', `The chain gave back ${outputs.length} frames for one picture`, {
      stage: 'swap',
    });
  }
  return {
    rgb: rgbAfter(picture, wrapFrame(format, output.buffer)),
    row: output.row,
    stageTimes: addStageTimes(noStageTimes, end.stageTimes),
  };
};

const isSwapped = ({ outcome }: FaceRow): boolean => outcome !== 'skipped';

/** A box of the turned picture, in the picture before it was turned clockwise by quarters. */
export const boxBefore = (
  { x, y, width, height }: FaceRow['box'],
  { widthPx, heightPx }: Pick<RgbPicture, 'widthPx' | 'heightPx'>,
  quarters: 1 | 2 | 3,
): FaceRow['box'] => {
  if (quarters === 1) return { x: y, y: heightPx - x - width, width: height, height: width };
  if (quarters === 2) return { x: widthPx - x - width, y: heightPx - y - height, width, height };
  return { x: widthPx - y - height, y: x, width: height, height: width };
};

/**
 * Puts a picture through the chain. Where no face is swapped, it is tried with the picture on either side and upside down, as photos
 * without an orientation tag come; the result stands as the target does.
 */
const swapPicture = async (
  parts: RunParts,
  worker: WorkerClient,
  image: StillImage,
): Promise<RenderedPicture> => {
  const upright = await renderPicture(worker, image);
  if (upright.row.faces.length > 0) return upright;
  let { stageTimes } = upright;
  for (const quarters of [1, 3, 2] as const) {
    const turned = turnRgb(image, quarters);
    const { rgb, row, stageTimes: times } = await renderPicture(worker, turned);
    stageTimes = addStageTimes(stageTimes, times);
    if (!row.faces.some(isSwapped)) continue;
    parts.warnings.add({
      code: 'face-not-upright',
      message: `No upright face was found; those of the picture turned by ${90 * quarters} degrees clockwise are swapped, and the output stands as the target does`,
      file: parts.config.target,
    });
    const back = turnRgb({ ...turned, rgb }, (4 - quarters) as 1 | 2 | 3);
    const faces = row.faces.map((face) => ({ ...face, box: boxBefore(face.box, image, quarters) }));
    return { rgb: back.rgb, row: { ...row, faces }, stageTimes };
  }
  return { ...upright, stageTimes };
};

/**
 * Swaps the faces of a still picture: the chain sees one frame of three planes R, G, B. Pixels that it does not touch
 * keep their value; alpha, colour profile, metadata and size stay.
 *
 * @throws FaceswapError: `media` for an unusable target, `noFace` when there is no face and `onNoFace` is `fail`.
 */
export async function runImage(parts: RunParts): Promise<RunResult> {
  const { config, progress, signal } = parts;
  progress.emit({ type: 'phase', phase: 'probe' });
  const image = await readStill(config.target, 'target');
  progress.emit({ type: 'phase', phase: 'sources' });
  const worker = parts.openWorker();
  const settings = chainSettings(config);
  const sources = await untilInterrupted(
    loadSourceFaces(config.sources, settings, {
      worker,
      cache: config.cache,
      memory: parts.sourceMemory,
      signal,
    }),
    signal,
  );
  for (const warning of sources.warnings) parts.warnings.add(warning);

  progress.emit({ type: 'phase', phase: 'render' });
  const renderProgress = new RenderProgress(progress, 1);
  const render = async () => {
    await worker.init(settings, sources.faces, plainMachine);
    return swapPicture(parts, worker, image);
  };
  const { rgb, row, stageTimes } = await untilInterrupted(render(), signal);
  renderProgress.add(row);
  const rows = [row];
  const quality = qualityTotals(rows);

  const temporary = join(await parts.openJobFolder(), `output${extname(config.output)}`);
  const swapped = quality.facesSwapped + quality.facesFilled > 0;
  const encodeStartMs = performance.now();
  if (swapped) {
    addLosses(parts, image);
    await writeStill(
      temporary,
      { ...image, rgb },
      { format: stillFormatOf(config.output), note: editNote() },
    );
  } else if (config.onNoFace === 'fail') {
    throw noFaceFailure(config.target, quality);
  } else {
    await copyImage(parts, { image, quality, file: temporary });
  }
  const encode = performance.now() - encodeStartMs;
  return {
    status: swapped ? 'swapped' : 'copied',
    temporary,
    media: {
      kind: 'image',
      widthPx: image.widthPx,
      heightPx: image.heightPx,
      frameCount: 1,
      frameRate: null,
      variableFrameRate: false,
      durationSeconds: 0,
      segments: 1,
      videoEncoder: null,
      deinterlaced: null,
      streamsCopied: 0,
      streamsDropped: [],
    },
    stageMs: { ...stageTimes, encode },
    performance: null,
    quality,
    rows,
  };
}
