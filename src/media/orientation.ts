import { FaceswapError } from '../errors.js';
import { childFailure, inputProtection, runTool } from './child-process.js';
import type { FfmpegTools } from './ffmpeg-tools.js';
import { integer, type RawStream, tagsOf } from './stream-probe.js';

/** How stored pictures become upright ones. */
export type Orientation = {
  /** Clockwise turn that a player applies; a mirrored picture may be mirrored besides. */
  readonly rotationDegrees: 0 | 90 | 180 | 270;
  /** ffmpeg's filters that do it; none for pictures that are stored upright. */
  readonly filters: readonly string[];
};

const stage = 'probe';

/**
 * Every display matrix that moves pixels onto pixels, by the signs of a, b, c and d (ISO/IEC 14496-12 §8.3.2: a place (x, y)
 * is shown at (a·x + c·y, b·x + d·y)).
 */
const orientations: Readonly<Record<string, Orientation>> = {
  '1 0 0 1': { rotationDegrees: 0, filters: [] },
  '0 1 -1 0': { rotationDegrees: 90, filters: ['transpose=clock'] },
  '-1 0 0 -1': { rotationDegrees: 180, filters: ['hflip', 'vflip'] },
  '0 -1 1 0': { rotationDegrees: 270, filters: ['transpose=cclock'] },
  '-1 0 0 1': { rotationDegrees: 0, filters: ['hflip'] },
  '1 0 0 -1': { rotationDegrees: 0, filters: ['vflip'] },
  '0 1 1 0': { rotationDegrees: 90, filters: ['transpose=cclock_flip'] },
  '0 -1 -1 0': { rotationDegrees: 90, filters: ['transpose=clock_flip'] },
};

const turns: Readonly<Record<number, string>> = {
  0: '1 0 0 1',
  90: '0 1 -1 0',
  180: '-1 0 0 -1',
  270: '0 -1 1 0',
};

const unsupported = (file: string, what: string): FaceswapError =>
  new FaceswapError('media', `The video is ${what}, which is not supported yet`, {
    file,
    stage,
    hint: 'Only quarter turns and mirrored pictures can be shown upright',
  });

/** By the `rotate` tag of older files, clockwise degrees. */
const orientationOfTag = (degrees: number, file: string): Orientation => {
  const turn = ((Math.round(degrees) % 360) + 360) % 360;
  const found = orientations[turns[turn] ?? ''];
  if (found !== undefined) return found;
  throw unsupported(file, `rotated by ${turn} degrees`);
};

/** The first two rows of what ffprobe prints of a display matrix, scaled to 1. */
const orientationOfMatrix = (text: string, file: string): Orientation => {
  const rows = [...text.matchAll(/^\d{8}:((?: +-?\d+){3})\s*$/gm)].map(([, row = '']) =>
    row.trim().split(/ +/).map(Number),
  );
  const [[a = 0, b = 0] = [], [c = 0, d = 0] = []] = rows;
  const largest = Math.max(...[a, b, c, d].map(Math.abs));
  // Some recorders write sines and cosines, whose zeros are a few parts in a million off.
  const key = [a, b, c, d].map((value) => Math.round((value / largest) * 1000) / 1000 + 0).join(' ');
  const found = Object.hasOwn(orientations, key) ? orientations[key] : undefined;
  if (found !== undefined) return found;
  throw unsupported(file, `turned by a display matrix of ${key}`);
};

/**
 * How the pictures of a stream become upright. ffprobe tells the angle of a display matrix only, which does not say whether the picture
 * is mirrored, so the matrix itself is asked for where there is one.
 *
 * @throws FaceswapError (media) for angles between the quarters; (interrupted).
 */
export async function readOrientation(
  tools: FfmpegTools,
  file: string,
  record: RawStream,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<Orientation> {
  // fluent-ffmpeg lays the fields of side data flat into the stream.
  if (integer(record, 'rotation') === undefined) {
    return orientationOfTag(Number(tagsOf(record)['rotate'] ?? 0), file);
  }
  const { exit, stdout, stderr } = await runTool(
    tools.ffprobePath,
    [
      ...['-v', 'error', ...inputProtection, '-select_streams', String(record['index'])],
      ...['-show_entries', 'stream_side_data=displaymatrix', '-of', 'default=nw=1:nk=1', file],
    ],
    { ...options, stage, file },
  );
  if (exit.code !== 0) throw childFailure('ffprobe', exit, stderr, { stage, file });
  return orientationOfMatrix(stdout, file);
}
