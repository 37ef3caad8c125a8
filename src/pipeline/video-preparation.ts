import { FaceswapError } from '../errors.js';
import { frameLayout } from '../imaging/planar-frame.js';
import type { FfmpegTools } from '../media/ffmpeg-tools.js';
import { type MuxPlan, planMux } from '../media/mux-plan.js';
import { probeTarget } from '../media/probe.js';
import type { TargetMedia } from '../media/target-media.js';
import { type VideoEncoding, videoEncodingFor } from '../media/video-encoding.js';
import { videoPresets } from '../media/video-presets.js';
import { makePlan, type RenderPlan } from './plan.js';
import { checkEncoder } from './preflight.js';
import type { RunPhase } from './progress.js';
import type { RunConfig } from './run-options.js';
import type { RunWarning } from './run-report.js';

/** A video run, decided in full and not begun. */
export type PreparedVideo = {
  readonly target: TargetMedia;
  readonly plan: RenderPlan;
  readonly encoding: VideoEncoding;
  readonly mux: MuxPlan;
  readonly warnings: readonly RunWarning[];
  readonly frameBytes: number;
};

/**
 * Encoder threads, the same on every machine, because another number gives other bytes. Four keep up with the models
 * on small machines and cost little memory at 4K.
 */
const encoderThreads = 4;

export type PrepareVideoOptions = {
  readonly config: RunConfig;
  readonly tools: FfmpegTools;
  readonly signal: AbortSignal | undefined;
  readonly onPhase: (phase: RunPhase) => void;
};

/**
 * Probes the target and decides everything about the run: encoder, segments, which streams are kept.
 *
 * @throws FaceswapError: `media` for the target, `unavailable` for the encoder, `usage` for trims that leave nothing.
 */
export async function prepareVideo({
  config,
  tools,
  signal,
  onPhase,
}: PrepareVideoOptions): Promise<PreparedVideo> {
  const encoder = await checkEncoder(tools, config);
  onPhase('probe');
  const target = await probeTarget(tools, config.target, { signal });
  onPhase('plan');
  if (target.video.frameCount < 1) {
    throw new FaceswapError('media', 'The video has no frames', { file: target.file, stage: 'plan' });
  }
  const plan = makePlan({ target, config });
  const mux = await planMux({ tools, target, outputFile: config.output, videoEncoder: encoder, signal });
  const encoding = videoEncodingFor({
    target,
    encoder,
    quality: config.outputVideoQuality,
    preset: videoPresets.find((preset) => preset === config.outputVideoPreset),
    frameRate: plan.outputFrameRate,
    container: mux.container,
    threads: encoderThreads,
  });
  const warnings = mux.dropped.map(
    ({ streamIndex, type, codecName, reason }): RunWarning => ({
      code: 'stream-dropped',
      message: `Stream ${streamIndex} (${type}${codecName === undefined ? '' : `, ${codecName}`}) is left out: ${reason}`,
      file: target.file,
    }),
  );
  return { target, plan, encoding, mux, warnings, frameBytes: frameLayout(target.video.format).byteLength };
}
