import { FaceswapError } from '../errors.js';
import { frameLayout } from '../imaging/planar-frame.js';
import { requireEncoding } from '../media/encoder-check.js';
import { type FfmpegTools, requireVariableRate } from '../media/ffmpeg-tools.js';
import { chooseDecoder, type DecoderChoice } from '../media/hardware-decoder.js';
import { muxLosses } from '../media/mux-losses.js';
import { type MuxPlan, planMux } from '../media/mux-plan.js';
import { outputContainer } from '../media/output-container.js';
import { probeTarget } from '../media/probe.js';
import { hasOwnLastDuration, type TargetMedia } from '../media/target-media.js';
import { type VideoEncoding, videoEncodingFor } from '../media/video-encoding.js';
import { videoPresets } from '../media/video-presets.js';
import type { RenderPlan } from './plan.js';
import { encoderForLight } from './hdr-encoder.js';
import { planTarget } from './target-plan.js';
import { checkEncoder } from './preflight.js';
import type { RunPhase } from './progress.js';
import type { RunConfig } from './run-options.js';
import type { RunWarning } from './run-report.js';
import { checkRegions } from './selection/face-region.js';
import { checkReferenceFrame } from './selection/select-people.js';
import { cutOffWarnings, pictureWarnings } from './target-warnings.js';

/** A video run, decided in full and not begun. */
export type PreparedVideo = {
  readonly target: TargetMedia;
  readonly plan: RenderPlan;
  readonly encoding: VideoEncoding;
  /** Where the target is decoded, and why: `decoder.hardware` goes to every decoder of the run. */
  readonly decoder: DecoderChoice;
  readonly mux: MuxPlan;
  readonly warnings: readonly RunWarning[];
  readonly frameBytes: number;
};

/**
 * Encoder threads, the same on every machine, because another number gives other bytes. Four keep up with the models
 * on small machines and cost little memory at 4K.
 */
const encoderThreads = 4;

/**
 * The results of two tasks that run at the same time. Both have ended when this settles.
 *
 * @throws what the first failed with, or else the second.
 */
const together = async <A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> => {
  await Promise.allSettled([first, second]);
  return [await first, await second];
};

export type PrepareVideoOptions = {
  readonly config: RunConfig;
  readonly tools: FfmpegTools;
  readonly signal: AbortSignal | undefined;
  readonly onPhase: (phase: RunPhase) => void;
};

/**
 * Probes the target and decides everything about the run: decoder, encoder, segments, which streams are kept.
 *
 * @throws FaceswapError: `media` for the target, `unavailable` for the encoder and for hardware that was asked for, `usage` for trims that leave nothing,
 * for a list of cuts that does not fit, and for regions and reference frames outside of what is rendered;
 * with `strict` also `media` with everything that the output's container cannot hold.
 */
export async function prepareVideo({
  config,
  tools,
  signal,
  onPhase,
}: PrepareVideoOptions): Promise<PreparedVideo> {
  onPhase('probe');
  // Each question is a process of its own that takes a tenth of a second to start; together they wait for the slowest.
  const [usualEncoder, target] = await together(
    checkEncoder(tools, config),
    probeTarget(tools, config.target, {
      signal,
      deinterlacer: config.deinterlace === 'off' ? undefined : config.deinterlace,
    }),
  );
  onPhase('plan');
  if (target.video.frameCount < 1) {
    throw new FaceswapError('media', 'The video has no frames', { file: target.file, stage: 'plan' });
  }
  const plan = await planTarget(target, config);
  checkRegions(config.faceSelectorRegions, target.video.format, target.file);
  checkReferenceFrame(config, plan.range);
  const container = outputContainer(config.output);
  const { encoder, warnings: hdrWarnings } = await encoderForLight(tools, { target, config, usualEncoder });
  const encoding = videoEncodingFor({
    target,
    encoder,
    quality: config.outputVideoQuality,
    preset: videoPresets.find((preset) => preset === config.outputVideoPreset),
    frameRate: plan.keepsTimes ? undefined : plan.outputFrameRate,
    container,
    threads: encoderThreads,
  });
  if (plan.keepsTimes && target.video.isVariable) {
    await requireVariableRate(tools, { setsDuration: hasOwnLastDuration(target, plan.range) });
  }
  const frameBytes = frameLayout(target.video.format).byteLength;
  const [, mux] = await together(
    requireEncoding(tools, encoding, { container, frameBytes, signal }),
    planMux({ tools, target, outputFile: config.output, videoEncoder: encoder, signal }),
  );
  const decoder = await chooseDecoder(tools, target, config.hwaccel, { signal });
  const losses = muxLosses(target, mux);
  if (config.strict && losses.length > 0) {
    throw new FaceswapError(
      'media',
      `The output would not hold all of the target: ${losses.map(({ message }) => message).join('; ')}`,
      {
        file: target.file,
        stage: 'plan',
        hint: 'Use an output of the same kind as the target or one that ends in .mkv, or leave --strict out',
      },
    );
  }
  const warnings = [
    ...cutOffWarnings(target),
    ...losses.map(({ code, message }): RunWarning => ({ code, message, file: target.file })),
    ...hdrWarnings,
    ...pictureWarnings(target, encoding, config),
  ];
  return { target, plan, encoding, decoder, mux, warnings, frameBytes };
}
