import { FaceswapError } from '../errors.js';
import { childFailure, inputProtection, LineTail, runTool } from './child-process.js';
import type { FfmpegTools } from './ffmpeg-tools.js';

/** When the frames of one stream are shown. */
export type FrameTable = {
  /** Presentation times in ticks of the stream's time base, ascending. */
  readonly ptsTicks: Float64Array;
  /** 1 where the frame is a keyframe; aligned with `ptsTicks`. */
  readonly keyframes: Uint8Array;
  /** How long the last frame is shown, in ticks; undefined where the file does not say. */
  readonly lastDurationTicks: number | undefined;
};

const stage = 'probe';

/** More frames than this (a week at 30 fps) is refused instead of filling the memory. */
const maxFrames = 20_000_000;

type TableRow = { pts: number; isKey: boolean; durationTicks: number | undefined };

/** Shown rows in decoding order, whether every one had a timestamp, and the very first row, shown or not. */
type RowScan = { rows: TableRow[]; areComplete: boolean; first: TableRow | undefined };

const scanRows = async (
  tools: FfmpegTools,
  file: string,
  streamIndex: number,
  entries: { section: 'packet' | 'frame'; fields: string },
  options: { signal?: AbortSignal | undefined; stage: string },
): Promise<RowScan> => {
  const rows: TableRow[] = [];
  let areComplete = true;
  let first: TableRow | undefined;
  const lines = new LineTail((line) => {
    const record = new Map(line.split('|').map((pair) => pair.split('=', 2) as [string, string | undefined]));
    const flags = record.get('flags') ?? (record.get('key_frame') === '1' ? 'K' : '_');
    const pts = record.get('pts') ?? record.get('best_effort_timestamp');
    if (pts === undefined) return true;
    const duration = Number(record.get('duration') ?? record.get('pkt_duration'));
    const row = {
      pts: Number(pts),
      isKey: flags.includes('K'),
      durationTicks: duration > 0 ? duration : undefined,
    };
    first ??= row;
    if (flags.includes('D')) return true;
    if (!/^-?\d+$/.test(pts)) {
      areComplete = false;
      return true;
    }
    if (rows.length >= maxFrames) {
      throw new FaceswapError('media', `The video has more than ${maxFrames} frames`, {
        file,
        stage: options.stage,
        hint: 'Cut it into parts',
      });
    }
    rows.push(row);
    return true;
  });
  const result = await runTool(
    tools.ffprobePath,
    [
      '-v',
      'error',
      ...inputProtection,
      '-select_streams',
      String(streamIndex),
      '-show_entries',
      `${entries.section}=${entries.fields}`,
      '-of',
      'compact=p=0',
      file,
    ],
    { ...options, file, onStdout: (chunk) => lines.push(chunk) },
  );
  lines.end();
  if (result.exit.signal !== null || (result.exit.code !== 0 && rows.length === 0)) {
    throw childFailure('ffprobe', result.exit, result.stderr, { stage: options.stage, file });
  }
  return { rows, areComplete, first };
};

/**
 * When each frame of a stream is shown, from the packet headers (nothing is decoded): packets that the container
 * marks as not shown (edit lists) are left out, the rest is sorted by time. Where packets do not tell (no
 * timestamps as in AVI with B-frames, or a stream that begins inside a group of pictures, whose first packets
 * may give no frame), every frame is decoded instead, which is slow but true.
 *
 * @throws FaceswapError (media) when the stream has no frames or two frames share a time.
 */
export async function readFrameTable(
  tools: FfmpegTools,
  file: string,
  streamIndex: number,
  options: { signal?: AbortSignal | undefined; stage?: string } = {},
): Promise<FrameTable> {
  const where = { signal: options.signal, stage: options.stage ?? stage };
  let scan = await scanRows(
    tools,
    file,
    streamIndex,
    { section: 'packet', fields: 'pts,duration,flags' },
    where,
  );
  const { first } = scan;
  const beginsInside =
    first !== undefined && (!first.isKey || scan.rows.slice(0, 64).some(({ pts }) => pts < first.pts));
  if (!scan.areComplete || beginsInside) {
    // Releases before 6 call the length of a frame pkt_duration.
    const fields = 'best_effort_timestamp,key_frame,pkt_duration,duration';
    scan = await scanRows(tools, file, streamIndex, { section: 'frame', fields }, where);
  }
  const rows = scan.rows.sort((a, b) => a.pts - b.pts);
  if (rows.length === 0) {
    throw new FaceswapError('media', 'The video stream has no frames', { file, stage: where.stage });
  }
  const twin = rows.findIndex((row, index) => index > 0 && row.pts === rows[index - 1]?.pts);
  if (twin > 0) {
    throw new FaceswapError('media', 'Two frames have the same timestamp', {
      file,
      frame: twin,
      stage: where.stage,
      hint: 'Repair the timestamps first: ffmpeg -fflags +genpts -i IN -c copy OUT.mp4',
    });
  }
  return {
    ptsTicks: Float64Array.from(rows, (row) => row.pts),
    keyframes: Uint8Array.from(rows, (row) => (row.isKey ? 1 : 0)),
    lastDurationTicks: rows.at(-1)?.durationTicks,
  };
}
