import { inputProtection, runTool } from './child-process.js';
import type { FfmpegTools } from './ffmpeg-tools.js';
import type { FrameTable } from './frame-table.js';
import { rationalToNumber } from './rational.js';
import { type MediaStream, type RawProbe, text } from './stream-probe.js';

/** Containers whose header tells their length, by ffprobe's names; for the others ffprobe looks at the last packets itself. */
const withHeaderLength = /\b(matroska|webm|mov|mp4|avi|flv|asf)\b/;

/** Headers are off by a frame or a packet of sound; what is missing of a cut-off file is mostly more. */
const toleranceSeconds = 0.5;

/**
 * When a file ends by its header, in seconds since its start, where no stream's last packet reaches that by half a second:
 * the file was cut off. Undefined where all is there or the header says nothing. Only packets after the video's last
 * frame are read.
 */
export async function announcedEnd(
  tools: FfmpegTools,
  file: string,
  {
    probe,
    table,
    stream,
  }: { readonly probe: RawProbe; readonly table: FrameTable; readonly stream: MediaStream },
  options: { readonly signal?: AbortSignal | undefined },
): Promise<number | undefined> {
  const durationSeconds = Number(text(probe.format, 'duration'));
  const startSeconds = Number(text(probe.format, 'start_time') ?? 0);
  if (!withHeaderLength.test(text(probe.format, 'format_name') ?? '') || !(durationSeconds > 0))
    return undefined;
  // Matroska counts from zero, the others from the start of the file.
  const ends = [durationSeconds, durationSeconds + startSeconds];
  const earliest = Math.min(...ends) - toleranceSeconds;
  const lastTicks = (table.ptsTicks.at(-1) ?? 0) + (table.lastDurationTicks ?? 0);
  const videoEnd = lastTicks * rationalToNumber(stream.timeBase);
  if (videoEnd >= earliest) return undefined;
  let lastEnd = videoEnd;
  const { stdout } = await runTool(
    tools.ffprobePath,
    [
      ...['-v', 'error', ...inputProtection, '-read_intervals', `${Math.max(0, videoEnd - 1).toFixed(3)}%`],
      ...['-show_entries', 'packet=pts_time,duration_time', '-of', 'csv=p=0', file],
    ],
    { stage: 'probe', signal: options.signal, file },
  );
  for (const line of stdout.split('\n')) {
    const [pts, duration] = line.split(',').map(Number);
    if (pts !== undefined && Number.isFinite(pts)) lastEnd = Math.max(lastEnd, pts + (duration || 0));
  }
  return lastEnd >= earliest ? undefined : durationSeconds;
}
