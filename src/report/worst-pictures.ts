import { contentHash } from '../media/content-hash.js';
import { locateTools, type FfmpegTools } from '../media/ffmpeg-tools.js';
import { frameThumbnail } from '../media/frame-thumbnail.js';
import { probeTarget } from '../media/probe.js';
import { rationalToNumber } from '../media/rational.js';
import type { Deinterlacer, TargetMedia } from '../media/target-media.js';
import { FaceswapError } from '../errors.js';
import type { Box } from '../imaging/affine.js';
import type { StoredReport } from './stored-report.js';
import type { WorstFrame } from './worst-frames.js';

/** A frame of the target and the same one of the output, as JPEGs. */
export type FramePictures = { readonly target: Buffer; readonly output: Buffer };

/** Pictures of the worst frames in their order, or why there are none. */
export type WorstPictures =
  | { readonly pictures: readonly FramePictures[]; readonly reason: null }
  | { readonly pictures: null; readonly reason: string };

const thumbnailWidthPx = 320;
const thumbnailHeightPx = 240;

/** Heights of the face that its picture shows: the seam and what is around it. */
const shownHeights = 1.7;

/** The part of the picture around a face, as wide as 4:3 wants, moved into the frame as far as it fits. */
export const areaAround = (
  face: Box,
  { widthPx, heightPx }: { readonly widthPx: number; readonly heightPx: number },
): Box => {
  const aspect = thumbnailWidthPx / thumbnailHeightPx;
  const height = Math.max(16, shownHeights * Math.max(face.height, face.width / aspect));
  const width = aspect * height;
  const inside = (middle: number, length: number, limit: number): number =>
    length >= limit ? (limit - length) / 2 : Math.min(limit - length, Math.max(0, middle - length / 2));
  return {
    x: inside(face.x + face.width / 2, width, widthPx),
    y: inside(face.y + face.height / 2, height, heightPx),
    width,
    height,
  };
};

const deinterlacerOf = ({ settings }: StoredReport): Deinterlacer | undefined => {
  const { deinterlace } = settings;
  return deinterlace === 'bwdif' || deinterlace === 'yadif' ? deinterlace : undefined;
};

const firstSecondsAfter = ({ video }: TargetMedia, from: number, frame: number): number =>
  ((video.ptsTicks[frame] ?? Number.NaN) - (video.ptsTicks[from] ?? Number.NaN)) *
  rationalToNumber(video.timeBase);

/** The output's frame that shows a row: the same one, or with another frame rate the last that began by then. */
const outputFrame = (
  { rows }: StoredReport,
  position: number,
  { target, output }: { readonly target: TargetMedia; readonly output: TargetMedia },
): number => {
  if (output.video.frameCount === rows.length) return position;
  const [first, row] = [rows[0], rows[position]];
  const seconds = firstSecondsAfter(target, first?.frame ?? 0, row?.frame ?? 0);
  let frame = 0;
  while (frame + 1 < output.video.frameCount && firstSecondsAfter(output, 0, frame + 1) <= seconds + 1e-6) {
    frame++;
  }
  return frame;
};

/** Opens a video, or says why it is of no use. */
const open = async (name: string, work: () => Promise<TargetMedia>): Promise<TargetMedia | string> => {
  try {
    return await work();
  } catch (error) {
    const failure = FaceswapError.from(error, 'report');
    if (failure.kind !== 'media') throw failure;
    return `the ${name} cannot be read: ${failure.message}`;
  }
};

const checkedOutput = async (
  file: string,
  { outputSha256 }: StoredReport,
  { tools, signal }: { readonly tools: FfmpegTools; readonly signal: AbortSignal | undefined },
): Promise<TargetMedia | string> => {
  const output = await open('output', () => probeTarget(tools, file, { signal }));
  if (typeof output === 'string') return output;
  if (outputSha256 !== null && (await contentHash(file, { signal })) !== outputSha256) {
    return 'the output is another file than the one that the report tells of';
  }
  return output;
};

const sizeText = ({ widthPx, heightPx }: { readonly widthPx: number; readonly heightPx: number }): string =>
  `${widthPx}x${heightPx}`;

/**
 * Decodes the worst frames of output and target.
 *
 * @param files where output and target lie now; null: as the report says.
 * @throws FaceswapError (interrupted), or what is wrong with ffmpeg itself. What is wrong with the files is the `reason`.
 */
export async function worstPictures(
  report: StoredReport,
  frames: readonly WorstFrame[],
  {
    files,
    signal,
  }: {
    readonly files: { readonly output: string | null; readonly target: string | null };
    readonly signal: AbortSignal | undefined;
  },
): Promise<WorstPictures> {
  const none = (reason: string): WorstPictures => ({ pictures: null, reason });
  const outputFile = files.output ?? (report.form === 'job' ? null : report.output);
  const targetFile = files.target ?? report.target;
  if (report.media.kind !== 'video') return none('they are made of videos only');
  if (outputFile === null) return none('the job has no output yet');
  if (targetFile === null) return none('the report does not name its target');
  const tools = await locateTools();
  const output = await checkedOutput(outputFile, report, { tools, signal });
  if (typeof output === 'string') return none(output);
  const target = await open('target', () =>
    probeTarget(tools, targetFile, { signal, deinterlacer: deinterlacerOf(report) }),
  );
  if (typeof target === 'string') return none(target);
  const { format, frameCount } = target.video;
  const lastFrame = report.rows.at(-1)?.frame ?? 0;
  if (sizeText(format) !== sizeText(output.video.format) || lastFrame >= frameCount) {
    return none('the target is another file than the one that the report tells of');
  }
  const pictures: FramePictures[] = [];
  for (const { position, row, face } of frames) {
    const size = { widthPx: thumbnailWidthPx, heightPx: thumbnailHeightPx, signal };
    const area = areaAround(face.box, format);
    pictures.push({
      target: await frameThumbnail(tools, target, { ...size, area, frame: row.frame }),
      output: await frameThumbnail(tools, output, {
        ...size,
        area,
        frame: outputFrame(report, position, { target, output }),
      }),
    });
  }
  return { pictures, reason: null };
}
