import { z } from 'zod';
import { FileNotRead, readBoundedFile } from '../bounded-file.js';
import { FaceswapError } from '../errors.js';
import type { FrameRange } from '../media/decoder.js';
import type { TargetMedia } from '../media/target-media.js';
import type { TrimPoint } from './run-options.js';
import { parseTrimTime } from './trim-time.js';

/** A two-hour film has some two thousand cuts; a list of one a frame for four hours of 60 fps still fits. */
const largestFileBytes = 16 * 2 ** 20;

/** A place in a list of cuts, with what was written there. */
export type ListedCut = { readonly point: TrimPoint; readonly text: string; readonly line: number };

const listSchema = z.array(z.object({ startFrame: z.int().nonnegative() }));
const reportSchema = z.object({ scenes: listSchema });

/** What `faceswap scenes --json` prints, as far as it says where scenes begin; or the report of the library alone. */
const jsonSchema = z
  .union([reportSchema, z.object({ scenes: reportSchema })])
  .transform(({ scenes }) => (Array.isArray(scenes) ? scenes : scenes.scenes));

const usage = (file: string, message: string, hint: string): FaceswapError =>
  new FaceswapError('usage', `--scene-cuts: ${message}`, { file, hint });

const formHint = 'One frame number (109) or time (4.36, 00:00:04.360) a line; what follows # is not read';

const parseJson = (text: string, file: string): readonly ListedCut[] => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new FaceswapError('usage', '--scene-cuts: it looks like JSON and is none', {
      file,
      hint: 'Make the list with faceswap scenes --json',
      cause: error,
    });
  }
  const parsed = jsonSchema.safeParse(value);
  if (!parsed.success) {
    throw usage(file, 'the JSON has no list of scenes', 'Make the list with faceswap scenes --json');
  }
  return parsed.data
    .map(({ startFrame }, at) => ({
      point: { unit: 'frame', frame: startFrame } as const,
      text: String(startFrame),
      line: at + 1,
    }))
    .filter(({ line }) => line > 1);
};

/**
 * Reads a list of cuts: one frame number (whole digits) or time (with a point or a colon) a line, `#` begins a comment; or the JSON of
 * `faceswap scenes`, in which every scene but the first begins with a cut.
 *
 * @param file named in errors
 * @throws FaceswapError (usage) with the first line that cannot be read
 */
export const parseSceneCuts = (text: string, file: string): readonly ListedCut[] => {
  const content = text.replace(/^\uFEFF/, '');
  if (/^\s*[[{]/.test(content)) return parseJson(content, file);
  const cuts: ListedCut[] = [];
  for (const [at, whole] of content.split(/\r\n|\n|\r/).entries()) {
    const entry = whole.replace(/#.*$/, '').trim();
    if (entry === '') continue;
    const isFrame = /^\d{1,15}$/.test(entry);
    const microseconds = isFrame ? undefined : parseTrimTime(entry);
    if (!isFrame && microseconds === undefined) {
      throw usage(
        file,
        `line ${at + 1} is neither a frame nor a time: ${JSON.stringify(entry.slice(0, 60))}`,
        formHint,
      );
    }
    const point: TrimPoint =
      microseconds === undefined ? { unit: 'frame', frame: Number(entry) } : { unit: 'time', microseconds };
    cuts.push({ point, text: entry, line: at + 1 });
  }
  return cuts;
};

/** What {@link resolveSceneCuts} needs to know of the target. */
export type CutFrames = {
  readonly target: TargetMedia;
  /** Frames that are rendered: cuts outside of them do not matter. */
  readonly range: FrameRange;
  readonly frameAt: (target: TargetMedia, point: TrimPoint) => number;
};

/**
 * The frames that begin a shot, ascending. Frame 0 begins one anyway and is left out.
 *
 * @throws FaceswapError (usage) for a cut behind the end of the target, for two at one frame and for a list that goes backwards
 */
export const resolveSceneCuts = (
  cuts: readonly ListedCut[],
  file: string,
  { target, range, frameAt }: CutFrames,
): readonly number[] => {
  const { frameCount } = target.video;
  let latest = -1;
  const frames: number[] = [];
  for (const { point, text, line } of cuts) {
    const frame = frameAt(target, point);
    const isBehind = point.unit === 'frame' ? point.frame >= frameCount : frame >= frameCount;
    if (isBehind) {
      throw usage(
        file,
        `line ${line} (${text}) is behind the end of the target`,
        `The target has ${frameCount} frames`,
      );
    }
    if (frame <= latest) {
      throw usage(
        file,
        `line ${line} (${text}) is ${frame === latest ? 'the same frame as' : 'before'} the one above it`,
        'List every cut once, in order',
      );
    }
    latest = frame;
    if (frame > range.start && frame < range.end) frames.push(frame);
  }
  return frames;
};

/**
 * Reads the file that `--scene-cuts` names.
 *
 * @throws FaceswapError (usage) when it is not there, is no list of cuts, or does not fit the target
 */
export const readSceneCuts = async (file: string, frames: CutFrames): Promise<readonly number[]> => {
  let bytes: Buffer;
  try {
    bytes = await readBoundedFile(file, largestFileBytes);
  } catch (error) {
    if (!(error instanceof FileNotRead)) throw error;
    throw usage(file, error.message, 'Make the list with faceswap scenes, or give auto or none');
  }
  return resolveSceneCuts(parseSceneCuts(bytes.toString('utf8'), file), file, frames);
};
