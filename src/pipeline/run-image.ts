import { copyFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { wrapFrame } from '../imaging/planar-frame.js';
import { frameFromRgb, rgbFormat, rgbFromFrame } from '../imaging/rgb-frame.js';
import { readStill, type StillImage, stillFormatOf, writeStill } from '../media/still-image.js';
import { FaceswapError } from '../errors.js';
import { editNote } from '../version.js';
import { fileFailure } from './file-failure.js';
import { plainMachine } from './face-chain.js';
import { untilInterrupted } from './interruption.js';
import { noFaceFailure, noFaceReason } from './no-face.js';
import { chainSettings } from './plan.js';
import { qualityTotals } from './quality-totals.js';
import type { QualityTotals } from './run-report.js';
import { RenderProgress } from './render-progress.js';
import { noStageTimes, type RunParts, type RunResult } from './run-parts.js';
import { loadSourceFaces } from './source-faces.js';

const copyImage = async (
  parts: RunParts,
  { image, quality, file }: { image: StillImage; quality: QualityTotals; file: string },
): Promise<void> => {
  const { config } = parts;
  const sameFormat = image.format === stillFormatOf(config.output);
  if (!sameFormat) {
    await writeStill(file, image, { format: stillFormatOf(config.output) });
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

/**
 * Swaps the faces of a still picture: the chain sees one frame of three planes R, G, B. Pixels that it does not touch
 * keep their value; alpha, colour profile and size stay.
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
    const range = { start: 0, end: 1 };
    const format = rgbFormat(image);
    await worker.beginSegment({ format, frameRate: { num: 1, den: 1 }, decode: range, render: range });
    const pushed = await worker.push({ index: 0, buffer: frameFromRgb(image).data.buffer as ArrayBuffer });
    const end = await worker.endSegment();
    return { ...end, outputs: [...pushed.outputs, ...end.outputs] };
  };
  const { outputs, stageTimes } = await untilInterrupted(render(), signal);
  const [output] = outputs;
  if (output === undefined || output.row === null || outputs.length !== 1) {
    throw new FaceswapError('bug', `The chain gave back ${outputs.length} frames for one picture`, {
      stage: 'swap',
    });
  }
  renderProgress.add(output.row);
  const rows = [output.row];
  const quality = qualityTotals(rows);

  const temporary = join(await parts.openJobFolder(), `output${extname(config.output)}`);
  const swapped = quality.facesSwapped + quality.facesFilled > 0;
  const encodeStartMs = performance.now();
  if (swapped) {
    const result = { ...image, rgb: rgbFromFrame(wrapFrame(rgbFormat(image), output.buffer)) };
    await writeStill(temporary, result, { format: stillFormatOf(config.output), note: editNote() });
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
    stageMs: { ...noStageTimes, ...stageTimes, encode },
    performance: null,
    quality,
    rows,
  };
}
