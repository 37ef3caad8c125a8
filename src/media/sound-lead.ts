import { inputProtection, runTool } from './child-process.js';
import type { FrameRange } from './decoder.js';
import type { FfmpegTools } from './ffmpeg-tools.js';
import { isTimeless, type MuxPlan } from './mux-plan.js';
import type { OutputContainer } from './output-container.js';
import { rationalToNumber } from './rational.js';
import { isWhole, type TargetMedia } from './target-media.js';

/** How much hidden sound may stand before the picture: more than any codec's start-up, less than one notices. */
export const maxLeadSeconds = 0.1;

/** MP4 can hide the sound before time zero; the other containers play it. */
export const hidesLead = (container: OutputContainer): boolean => container === 'mp4' || container === 'mov';

/** What {@link streamsWithLead} reads of a mux. */
export type SoundLeadOptions = {
  readonly tools: FfmpegTools;
  readonly target: TargetMedia;
  readonly plan: MuxPlan;
  /** The frames of the target that the output shows. */
  readonly range: FrameRange;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Finds the streams whose packets before the start must be left out. An MP4 hides packets before its start
 * with an edit list: mostly the codec's start-up, which is kept (without it the first 20 ms would be spoilt),
 * but after a cut without re-encoding seconds of other sound. AVI has no room for anything before zero.
 */
export const streamsWithLead = async (options: SoundLeadOptions): Promise<ReadonlySet<number>> => {
  const { tools, target, plan, range, signal } = options;
  if (!isWhole(target, range)) {
    // The seek of a trimmed run lands before the cut, and ffmpeg would copy from there.
    const timed = plan.kept.filter((kept) => !isTimeless(target, kept));
    return new Set(timed.map(({ streamIndex }) => streamIndex));
  }
  const found = new Set<number>();
  if (hidesLead(plan.container)) return found;
  for (const { streamIndex, type } of plan.kept) {
    const stream = target.streams.find(({ index }) => index === streamIndex);
    if (type !== 'audio' || stream?.startTicks === undefined) continue;
    const { stdout } = await runTool(
      tools.ffprobePath,
      [
        ...['-v', 'error', ...inputProtection, '-select_streams', String(streamIndex)],
        ...['-read_intervals', '%+#1', '-show_entries', 'packet=pts', '-of', 'csv=p=0', target.file],
      ],
      { stage: 'mux', signal },
    );
    const firstTicks = Number.parseInt(stdout, 10);
    const leadSeconds = (stream.startTicks - firstTicks) * rationalToNumber(stream.timeBase);
    if (leadSeconds > (plan.container === 'avi' ? 0 : maxLeadSeconds)) found.add(streamIndex);
  }
  return found;
};
