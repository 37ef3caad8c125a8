import { FaceswapError } from '../errors.js';
import { frameLayout } from '../imaging/planar-frame.js';
import { requireEncoding } from '../media/encoder-check.js';
import { type FfmpegTools, listEncoders } from '../media/ffmpeg-tools.js';
import { chooseDecoder, type DecoderChoice } from '../media/hardware-decoder.js';
import { type MuxPlan, planMux } from '../media/mux-plan.js';
import { defaultHdrEncoder, outputContainer } from '../media/output-container.js';
import { probeTarget } from '../media/probe.js';
import type { TargetMedia } from '../media/target-media.js';
import { carriesLight, type VideoEncoding, videoEncodingFor } from '../media/video-encoding.js';
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

/**
 * The encoder of a run, which for high dynamic range is another one unless the user chose it, and what there is to say about the
 * target's light.
 */
const encoderForLight = async (
  tools: FfmpegTools,
  run: { readonly target: TargetMedia; readonly config: RunConfig; readonly usualEncoder: string },
): Promise<{ encoder: string; warnings: readonly RunWarning[] }> => {
  const { target, config, usualEncoder } = run;
  const { hdr } = target.video.format;
  const { light } = target.video;
  const file = target.file;
  const container = outputContainer(config.output);
  const warnings: RunWarning[] = [];
  let encoder = usualEncoder;
  if (hdr !== undefined && config.outputVideoEncoder === undefined) {
    const name = hdr.transfer === 'pq' ? 'PQ' : 'HLG';
    const wanted = defaultHdrEncoder(container);
    const isHere =
      wanted === usualEncoder || (await listEncoders(tools)).some((installed) => installed.name === wanted);
    if (isHere) encoder = wanted;
    const reason =
      encoder === usualEncoder
        ? 'few players show that as HDR; better are an output that ends in .mp4, .mkv or .mov and an ffmpeg with libx265'
        : `instead of ${usualEncoder}, because players of HDR expect HEVC; --output-video-encoder chooses another`;
    if (encoder !== 'libvpx-vp9') {
      warnings.push({
        code: 'hdr-encoder',
        message: `The target is HDR (${name}) and is encoded with ${encoder}: ${reason}`,
        file,
      });
    }
  }
  const { mastering, contentLight } = light?.metadata ?? {};
  const cannotCarry = !carriesLight(encoder, container);
  const lost = [
    ...(light?.notCarried ?? []),
    ...(cannotCarry && mastering !== undefined ? ['mastering display'] : []),
    ...(cannotCarry && contentLight !== undefined ? ['content light level'] : []),
  ];
  if (lost.length > 0) {
    warnings.push({
      code: 'hdr-metadata-dropped',
      message: `Metadata of the target that the output will not have: ${lost.join(', ')}`,
      file,
    });
  }
  return { encoder, warnings };
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
 * @throws FaceswapError: `media` for the target, `unavailable` for the encoder and for hardware that was asked for, `usage` for trims that leave nothing.
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
    probeTarget(tools, config.target, { signal }),
  );
  onPhase('plan');
  if (target.video.frameCount < 1) {
    throw new FaceswapError('media', 'The video has no frames', { file: target.file, stage: 'plan' });
  }
  const plan = makePlan({ target, config });
  const container = outputContainer(config.output);
  const { encoder, warnings: hdrWarnings } = await encoderForLight(tools, { target, config, usualEncoder });
  const encoding = videoEncodingFor({
    target,
    encoder,
    quality: config.outputVideoQuality,
    preset: videoPresets.find((preset) => preset === config.outputVideoPreset),
    frameRate: plan.outputFrameRate,
    container,
    threads: encoderThreads,
  });
  const frameBytes = frameLayout(target.video.format).byteLength;
  const [, mux] = await together(
    requireEncoding(tools, encoding, { container, frameBytes, signal }),
    planMux({ tools, target, outputFile: config.output, videoEncoder: encoder, signal }),
  );
  const decoder = await chooseDecoder(tools, target, config.hwaccel, { signal });
  const droppedStreams = mux.dropped.map(
    ({ streamIndex, type, codecName, reason }): RunWarning => ({
      code: 'stream-dropped',
      message: `Stream ${streamIndex} (${type}${codecName === undefined ? '' : `, ${codecName}`}) is left out: ${reason}`,
      file: target.file,
    }),
  );
  return {
    target,
    plan,
    encoding,
    decoder,
    mux,
    warnings: [...hdrWarnings, ...droppedStreams],
    frameBytes,
  };
}
