import { FaceswapError } from '../../errors.js';
import { type FfmpegTools, locateTools } from '../../media/ffmpeg-tools.js';
import { type MediaFacts, readMediaFacts } from '../../media/media-facts.js';
import { probeTarget } from '../../media/probe.js';
import { formatRational, rationalToNumber } from '../../media/rational.js';
import type { TargetMedia } from '../../media/target-media.js';
import { packageVersion } from '../../version.js';
import { throwIfInterrupted, untilInterrupted } from '../interruption.js';
import { chainSettings, makePlan, type PlanSegment } from '../plan.js';
import type { ProgressChannel } from '../progress-channel.js';
import { RenderProgress } from '../render-progress.js';
import { type RunLogger, silentLogger } from '../run-logger.js';
import { runMachine } from '../run-machine.js';
import type { RunWarning } from '../run-report.js';
import { loadSourceFaces } from '../source-faces.js';
import { WarningList } from '../warning-list.js';
import { WorkerClient } from '../worker-client.js';
import { WorkerSet } from '../worker-set.js';
import { misalignment } from './alignment.js';
import { type CompareConfig, type CompareOptions, resolveCompareOptions } from './compare-options.js';
import { compareSegment, type SegmentComparison } from './compare-segment.js';
import type { ComparedRow } from './compared-frame.js';
import type { ComparedVideo, ComparisonReport } from './comparison-report.js';
import { comparisonTotals } from './comparison-totals.js';
import { streamDifferences } from './stream-differences.js';

/** A comparison with its rows, one for each frame, in order. */
export type Comparison = {
  readonly report: ComparisonReport;
  readonly rows: readonly ComparedRow[];
  /** Seconds of a frame from the first, by index; also of the one after the last. */
  readonly secondsAt: (index: number) => number;
};

/** What goes with a comparison. */
export type CompareContext = {
  readonly signal?: AbortSignal | undefined;
  readonly logger?: RunLogger | undefined;
};

/** A video that was opened. */
type OpenVideo = {
  readonly target: TargetMedia;
  readonly facts: MediaFacts;
  /** Undefined where it is aligned to the reference, or where there is none. */
  readonly problem: string | undefined;
  readonly isAligned: boolean;
};

/** Decoder threads of one input; three are decoded at a time. */
const decoderThreads = 2;

const openVideos = async (
  { videos, reference }: CompareConfig,
  tools: FfmpegTools,
  signal: AbortSignal | undefined,
): Promise<{ readonly opened: readonly OpenVideo[]; readonly frames: number }> => {
  const probed: { readonly target: TargetMedia; readonly facts: MediaFacts }[] = [];
  for (const file of reference === undefined ? videos : [reference, ...videos]) {
    probed.push({
      target: await probeTarget(tools, file, { signal }),
      facts: await readMediaFacts(tools, file, { signal }),
    });
  }
  const frames = Math.min(...probed.map(({ target }) => target.video.frameCount));
  const first = probed[0]?.target;
  const opened = probed.map(({ target, facts }, at): OpenVideo => {
    const isCompared = reference !== undefined && at > 0 && first !== undefined;
    const problem = isCompared ? misalignment(first, target, frames) : undefined;
    return { target, facts, problem, isAligned: isCompared && problem === undefined };
  });
  return { opened, frames };
};

/** What its user must know before any figure. */
const openingWarnings = (opened: readonly OpenVideo[], frames: number): readonly RunWarning[] =>
  opened.flatMap(({ target: { file, video }, problem }): readonly RunWarning[] => [
    ...(video.frameCount > frames
      ? [
          {
            code: 'more-frames',
            message: `Of its ${video.frameCount} frames the first ${frames} are compared, as many as the shortest has`,
            file,
          },
        ]
      : []),
    ...(problem === undefined
      ? []
      : [
          {
            code: 'not-aligned',
            message: `It is not compared with the reference picture by picture: ${problem}. Its faces are measured at their own places`,
            file,
          },
        ]),
  ]);

/** Segments of the guide, cut as a run would cut them, over the frames that all have. */
const segmentsOf = ({ run }: CompareConfig, guide: TargetMedia, frames: number): readonly PlanSegment[] => {
  const isWhole = frames === guide.video.frameCount;
  const config = isWhole ? run : { ...run, trimEnd: { unit: 'frame', frame: frames } as const };
  return makePlan({ target: guide, config }).segments;
};

/** Has each worker take one segment after the other. */
const compareAll = async (
  segments: readonly PlanSegment[],
  workers: readonly WorkerClient[],
  comparison: SegmentComparison,
): Promise<readonly (readonly ComparedRow[])[]> => {
  const results: (readonly ComparedRow[])[] = [];
  const halt = new AbortController();
  const { signal } = comparison;
  const own = {
    ...comparison,
    signal: signal === undefined ? halt.signal : AbortSignal.any([signal, halt.signal]),
  };
  let next = 0;
  let failure: unknown;
  await Promise.all(
    workers.map(async (worker) => {
      for (;;) {
        const at = next++;
        const segment = segments[at];
        if (segment === undefined || halt.signal.aborted) return;
        try {
          results[at] = await compareSegment(worker, segment, own);
        } catch (error) {
          failure ??= error;
          halt.abort();
          return;
        }
      }
    }),
  );
  throwIfInterrupted(signal);
  if (failure !== undefined) throw failure;
  return results;
};

const videoReport = (
  { target, facts, problem, isAligned }: OpenVideo,
  bySegment: readonly (readonly ComparedRow[])[],
  {
    at,
    against,
    isReference,
  }: {
    readonly at: number;
    readonly against: MediaFacts | undefined;
    readonly isReference: boolean | null;
  },
): ComparedVideo => {
  const { video } = target;
  return {
    file: target.file,
    sizeBytes: target.sizeBytes,
    widthPx: video.format.widthPx,
    heightPx: video.format.heightPx,
    frameCount: video.frameCount,
    frameRate: formatRational(video.frameRate),
    variableFrameRate: video.isVariable,
    durationSeconds: rationalToNumber(target.durationSeconds),
    codec: video.codecName,
    pixelFormat: video.pixelFormat,
    aligned: isReference === false ? isAligned : null,
    notAlignedReason: problem ?? null,
    ...comparisonTotals(bySegment.map((rows) => rows.flatMap(({ pictures }) => pictures[at] ?? []))),
    differences: against === undefined ? [] : streamDifferences(against, facts),
  };
};

/**
 * Measures two videos side by side: faces, flicker, jitter, identity, and how like they are to what they were made from.
 *
 * @throws FaceswapError: `usage` for options, `media` for a video that cannot be used, `noFace` for photos without a face,
 *   `interrupted` on abort.
 */
export async function compareVideos(
  options: CompareOptions,
  { signal, logger = silentLogger }: CompareContext,
  channel: ProgressChannel,
): Promise<Comparison> {
  const startMs = performance.now();
  const config = resolveCompareOptions(options);
  const warnings = new WarningList(channel);
  const workers = new WorkerSet(() => new WorkerClient({ logger }));
  try {
    channel.emit({ type: 'phase', phase: 'probe' });
    const tools = await locateTools();
    const { opened, frames } = await openVideos(config, tools, signal);
    const [guide] = opened;
    if (guide === undefined || frames < 1) {
      throw new FaceswapError('media', 'One of the videos has no frames', { stage: 'plan' });
    }
    openingWarnings(opened, frames).forEach((warning) => warnings.add(warning));
    const segments = segmentsOf(config, guide.target, frames);
    throwIfInterrupted(signal);
    channel.emit({ type: 'phase', phase: 'sources' });
    const settings = chainSettings(config.run);
    const sources =
      config.sources.length === 0
        ? { faces: [], warnings: [] }
        : await untilInterrupted(
            loadSourceFaces(config.sources, settings, {
              worker: workers.open(0),
              cache: config.run.cache,
              signal,
            }),
            signal,
          );
    sources.warnings.forEach((warning) => warnings.add(warning));
    channel.emit({ type: 'phase', phase: 'render' });
    const progress = new RenderProgress(channel, frames);
    const count = Math.min(config.workers, segments.length);
    const bySegment = await compareAll(
      segments,
      Array.from({ length: count }, (_, number) => workers.open(number)),
      {
        tools,
        targets: opened.map(({ target }) => target),
        setup: {
          settings,
          inputs: opened.map(({ target: { video }, isAligned }) => ({
            format: video.format,
            frameRate: video.frameRate,
            isAligned,
          })),
          hasReference: config.reference !== undefined,
          descriptors: sources.faces.map(({ descriptor }) => descriptor),
        },
        decoderThreads,
        signal,
        onRow: ({ pictures }) =>
          progress.add(pictures[0]?.own ?? { frame: 0, sceneCut: false, ssimOutside: null, faces: [] }),
      },
    );
    const reports = opened.map((video, at) =>
      videoReport(video, bySegment, {
        at,
        against: at === 0 ? undefined : guide.facts,
        isReference: config.reference === undefined ? null : at === 0,
      }),
    );
    const { ptsTicks, timeBase, frameRate } = guide.target.video;
    const first = ptsTicks[0] ?? 0;
    return {
      report: {
        schema: 1,
        version: packageVersion(),
        reference: config.reference === undefined ? null : (reports[0] ?? null),
        videos: config.reference === undefined ? reports : reports.slice(1),
        sources: config.sources,
        frames,
        machine: runMachine(tools.ffmpegVersion),
        wallMs: performance.now() - startMs,
        warnings: warnings.all,
      },
      rows: bySegment.flat(),
      secondsAt: (index) =>
        index < frames
          ? ((ptsTicks[index] ?? first) - first) * rationalToNumber(timeBase)
          : ((ptsTicks[frames - 1] ?? first) - first) * rationalToNumber(timeBase) +
            1 / rationalToNumber(frameRate),
    };
  } finally {
    await workers.close();
  }
}
