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
import type { SegmentTrack } from './cast/segment-findings.js';
import { type ChainOutput, type ChainSegment, plainMachine } from './face-chain.js';
import { untilInterrupted } from './interruption.js';
import { noFaceFailure, noFaceReason } from './no-face.js';
import { chainSettings } from './plan.js';
import { qualityTotals } from './quality-totals.js';
import type { FaceRow, FrameRow, QualityTotals, StageTimes } from './run-report.js';
import { RenderProgress } from './render-progress.js';
import { addStageTimes, noStageTimes, type RunParts, type RunResult } from './run-parts.js';
import { checkRegions } from './selection/face-region.js';
import { peopleReport } from './selection/people-report.js';
import { loadReferences } from './selection/reference-faces.js';
import type { Selection } from './selection/resolve-selection.js';
import { checkReferenceFrame, selectPeople } from './selection/select-people.js';
import { loadSourceSets } from './selection/source-sets.js';
import type { WorkerClient } from './worker-client.js';
import type { WorkerResults } from './worker-protocol.js';

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
  /** Null where all faces are alike. */
  readonly selection: Selection | null;
};

/** Decides who gets which face, by the tracks of a picture. */
type PictureSelector = (tracks: readonly SegmentTrack[]) => Selection;

/** The only frame. */
const wholeRange = { start: 0, end: 1 };

/** Lets a picture pass the chain as a segment of one frame. */
const passPicture = async (
  worker: WorkerClient,
  segment: Pick<ChainSegment, 'format' | 'render' | 'selection'>,
  buffer: ArrayBuffer,
): Promise<{ readonly output: ChainOutput; readonly end: WorkerResults['endSegment'] }> => {
  await worker.beginSegment({
    ...segment,
    frameRate: { num: 1, den: 1 },
    decode: wholeRange,
    sceneCuts: [],
  });
  const pushed = await worker.push({ index: 0, buffer });
  const end = await worker.endSegment();
  const outputs = [...pushed.outputs, ...end.outputs];
  const [output] = outputs;
  if (output === undefined || outputs.length !== 1) {
    throw new FaceswapError('bug', `The chain gave back ${outputs.length} frames for one picture`, {
      stage: 'swap',
    });
  }
  return { output, end };
};

/** @param select decides who gets which face, where that depends on who it is; null: all faces are alike. */
const renderPicture = async (
  worker: WorkerClient,
  picture: RgbPicture,
  select: PictureSelector | null,
): Promise<RenderedPicture> => {
  const frame = frameFromRgb(picture);
  const format = rgbFormat(picture, frame.format.bitDepth);
  let buffer = frame.data.buffer as ArrayBuffer;
  let stageTimes = noStageTimes;
  let selection: Selection | null = null;
  if (select !== null) {
    const { output, end } = await passPicture(worker, { format, render: { start: 0, end: 0 } }, buffer);
    buffer = output.buffer;
    stageTimes = addStageTimes(stageTimes, end.stageTimes);
    selection = select(end.findings?.tracks ?? []);
  }
  const segment = { format, render: wholeRange, selection: selection?.segments[0] };
  const { output, end } = await passPicture(worker, segment, buffer);
  if (output.row === null) {
    throw new FaceswapError('bug', 'The chain gave a picture back without its row', { stage: 'swap' });
  }
  return {
    rgb: rgbAfter(picture, wrapFrame(format, output.buffer)),
    row: output.row,
    stageTimes: addStageTimes(stageTimes, end.stageTimes),
    selection,
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
  select: PictureSelector | null,
): Promise<RenderedPicture> => {
  const upright = await renderPicture(worker, image, select);
  if (upright.row.faces.length > 0) return upright;
  let { stageTimes } = upright;
  let refusal: FaceswapError | undefined;
  for (const quarters of [1, 3, 2] as const) {
    const turned = turnRgb(image, quarters);
    const attempt = await renderPicture(worker, turned, select).catch((error: unknown) => {
      const failure = FaceswapError.from(error, 'swap');
      // What is found the wrong way round is nobody who was asked for; another turn may be the right one.
      if (failure.kind !== 'noFace') throw failure;
      refusal ??= failure;
      return null;
    });
    if (attempt === null) continue;
    const { rgb, row, selection } = attempt;
    stageTimes = addStageTimes(stageTimes, attempt.stageTimes);
    if (!row.faces.some(isSwapped)) continue;
    parts.warnings.add({
      code: 'face-not-upright',
      message: `No upright face was found; those of the picture turned by ${90 * quarters} degrees clockwise are swapped, and the output stands as the target does`,
      file: parts.config.target,
    });
    const back = turnRgb({ ...turned, rgb }, (4 - quarters) as 1 | 2 | 3);
    const faces = row.faces.map((face) => ({ ...face, box: boxBefore(face.box, image, quarters) }));
    return { rgb: back.rgb, row: { ...row, faces }, stageTimes, selection };
  }
  if (refusal !== undefined) throw refusal;
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
  checkRegions(config.faceSelectorRegions, image, config.target);
  checkReferenceFrame(config, wholeRange);
  progress.emit({ type: 'phase', phase: 'sources' });
  const worker = parts.openWorker();
  const settings = chainSettings(config);
  const loading = { worker, models: parts.models, cache: config.cache, memory: parts.sourceMemory, signal };
  const sources = await untilInterrupted(loadSourceSets(config, loading), signal);
  const references = await untilInterrupted(loadReferences(config, loading), signal);
  for (const warning of [...sources.warnings, ...references.warnings]) parts.warnings.add(warning);
  const select: PictureSelector | null = config.needsCast
    ? (tracks) => selectPeople(config, [{ segment: 0, render: wholeRange, tracks }], { sources, references })
    : null;

  progress.emit({ type: 'phase', phase: 'render' });
  const renderProgress = new RenderProgress(progress, 1);
  const render = async () => {
    await worker.init(settings, sources.faces, { ...plainMachine, models: parts.models });
    return swapPicture(parts, worker, image, select);
  };
  const { rgb, row, stageTimes, selection } = await untilInterrupted(render(), signal);
  renderProgress.add(row);
  if (selection !== null && selection.missing !== null) {
    parts.warnings.add({ code: 'not-in-target', message: selection.missing, file: config.target });
  }
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
    ...(selection === null ? {} : { people: peopleReport(selection, config, rows) }),
  };
}
