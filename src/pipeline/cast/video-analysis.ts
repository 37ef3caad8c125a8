import { FaceswapError } from '../../errors.js';
import { frameLayout } from '../../imaging/planar-frame.js';
import { contentHash } from '../../media/content-hash.js';
import { locateTools } from '../../media/ffmpeg-tools.js';
import { chooseDecoder } from '../../media/hardware-decoder.js';
import { probeTarget } from '../../media/probe.js';
import { frameSeconds, type TargetMedia } from '../../media/target-media.js';
import { chainModelFiles } from '../chain-files.js';
import { planTarget } from '../target-plan.js';
import type { RenderPlan } from '../plan.js';
import { systemClock } from '../retry.js';
import type { RunConfig, RunOptions } from '../run-options.js';
import { keepsAnalysis, type RunParts } from '../run-parts.js';
import { openAnalyses } from '../run-video.js';
import { defaultStallLimits, FrameTimes } from '../stall-watch.js';
import { startTeam } from '../start-team.js';
import { planWorkersHere } from '../worker-plan.js';
import type { AnalysisContext } from './analyse-segment.js';
import { analyseTarget, type TargetAnalysis } from './analyse-target.js';
import type { SegmentFindings } from './segment-findings.js';

/** What an analysis without rendering works with. */
export type VideoAnalysisParts = Pick<
  RunParts,
  'progress' | 'warnings' | 'signal' | 'logger' | 'openWorker' | 'replaceWorker' | 'retryPolicy'
>;

/** What is analysed: a run's options, of which those that come after the analysis do not matter. */
export type VideoAnalysis = Pick<TargetAnalysis, 'phase'> & {
  readonly runConfig: RunConfig;
  readonly runOptions: RunOptions;
};

/** A video and what was found in it; `findings` has one entry for each segment of the plan. */
export type AnalysedVideo = {
  readonly target: TargetMedia;
  readonly plan: RenderPlan;
  readonly findings: readonly SegmentFindings[];
  readonly context: AnalysisContext;
};

/** When a frame is shown, counted from the start of the file as players do. */
export const secondsFromStart = (target: TargetMedia, frame: number): number =>
  Math.max(0, frameSeconds(target, frame) - target.startMicroseconds / 1e6);

/**
 * Analyses a video as a run with these options would, renders nothing, and keeps what it found for that run.
 *
 * @param use is called with the result while the workers and the cache are still there
 * @throws FaceswapError as probing, planning, starting workers and {@link analyseTarget}
 */
export const withAnalysedVideo = async <Result>(
  parts: VideoAnalysisParts,
  { runConfig, runOptions, phase }: VideoAnalysis,
  use: (video: AnalysedVideo) => Promise<Result>,
): Promise<Result> => {
  const { progress, signal } = parts;
  progress.emit({ type: 'phase', phase: 'probe' });
  const tools = await locateTools();
  const target = await probeTarget(tools, runConfig.target, {
    signal,
    deinterlacer: runConfig.deinterlace === 'off' ? undefined : runConfig.deinterlace,
  });
  progress.emit({ type: 'phase', phase: 'plan' });
  if (target.video.frameCount < 1) {
    throw new FaceswapError('media', 'The video has no frames', { file: target.file, stage: 'plan' });
  }
  const plan = await planTarget(target, runConfig);
  const decoder = await chooseDecoder(tools, target, runConfig.hwaccel, { signal });
  const frameBytes = frameLayout(target.video.format).byteLength;
  const workerPlan = await planWorkersHere(runConfig, runOptions, { plan, target, frameBytes });
  const stopHash = new AbortController();
  const hash = contentHash(runConfig.target, { signal: stopHash.signal });
  hash.catch(() => {});
  const own = { ...parts, config: runConfig, models: await chainModelFiles(runConfig) };
  const analyses = keepsAnalysis(own)
    ? await openAnalyses(own, { target, decoder, plan }, { tools, hashes: { target: hash } })
    : null;
  try {
    const { team, batch, leastFrames } = await startTeam(own, workerPlan, {
      sources: { faces: [], warnings: [] },
      frameBytes,
    });
    const context: AnalysisContext = {
      tools,
      target,
      plan,
      hardware: decoder.hardware,
      decoderThreads: workerPlan.decoderThreads,
      analyses,
      signal,
      patience: {
        clock: systemClock,
        limits: defaultStallLimits,
        times: new FrameTimes(),
        framesPerRun: Math.min(batch.size, workerPlan.batchFrames),
        timeoutMs: undefined,
      },
    };
    const findings = await analyseTarget(parts, { plan, team, leastFrames, context, phase });
    return await use({ target, plan, findings, context });
  } finally {
    await analyses?.close();
    stopHash.abort();
  }
};
