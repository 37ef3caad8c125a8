import { FaceswapError } from '../errors.js';
import { throwIfInterrupted } from './interruption.js';
import type { MissedPolicyCheck, PolicyCheckName } from './policy/policy-report.js';
import type { OutputFolders } from './preflight.js';
import type { RenderPlan } from './plan.js';
import { resolveRunOptions } from './resolve-run-options.js';
import type { RunContext } from './run.js';
import { estimateSeconds } from './run-estimate.js';
import type { RunConfig, RunOptions } from './run-options.js';
import type { RunWarning } from './run-report.js';

/** What a run would do. */
export type DryRun = {
  readonly schema: 1;
  readonly config: RunConfig;
  /** What the target is; an `animation` is an animated image that all goes into the output. */
  readonly kind: 'video' | 'image' | 'animation';
  /** Null for an image target. */
  readonly plan: RenderPlan | null;
  readonly estimate: {
    /** Frames that would be rendered. */
    readonly frames: number;
    readonly segments: number;
    /** A rough guess of the whole run's time: see `estimateSeconds`. */
    readonly seconds: number;
    /** Memory of all frame buffers together, in bytes. */
    readonly frameBufferBytes: number;
    /** Most that all frame buffers may take; null for an image target. */
    readonly frameBufferLimitBytes: number | null;
  };
  /** Segments that would be rendered at the same time, and why so many; null for an image target. */
  readonly workers: {
    readonly count: number;
    readonly reason: string;
    readonly threadsPerModel: number;
    readonly framesPerWorker: number;
  } | null;
  /** ffmpeg's name of the video encoder; null for an image target. */
  readonly encoder: string | null;
  /** Streams besides the video that the output would hold. */
  readonly keptStreams: readonly { readonly index: number; readonly type: string; readonly codec: string }[];
  readonly droppedStreams: readonly {
    readonly index: number;
    readonly type: string;
    readonly reason: string;
  }[];
  /** Checks that would look at the run, before rendering and after; and one that looks by itself and would not. */
  readonly policy: {
    readonly checks: readonly PolicyCheckName[];
    readonly notRun: readonly MissedPolicyCheck[];
  };
  readonly warnings: readonly RunWarning[];
};

/** A plan, before it is known which checks there are. */
type PlannedTarget = Omit<DryRun, 'policy'>;

const planImage = async (config: RunConfig): Promise<PlannedTarget> => {
  const { readStill, stillFormatOf, stillLosses } = await import('../media/still-image.js');
  const image = await readStill(config.target, 'target');
  const { widthPx, heightPx } = image;
  const [{ checkRegions }, { checkReferenceFrame }] = await Promise.all([
    import('./selection/face-region.js'),
    import('./selection/select-people.js'),
  ]);
  checkRegions(config.faceSelectorRegions, image, config.target);
  checkReferenceFrame(config, { start: 0, end: 1 });
  const losses = stillLosses(image, stillFormatOf(config.output));
  return {
    schema: 1,
    config,
    kind: 'image',
    plan: null,
    estimate: {
      frames: 1,
      segments: 1,
      seconds: estimateSeconds({ frames: 1, widthPx, heightPx }),
      frameBufferBytes: 3 * widthPx * heightPx * (image.rgb instanceof Uint16Array ? 2 : 1),
      frameBufferLimitBytes: null,
    },
    workers: null,
    encoder: null,
    keptStreams: [],
    droppedStreams: [],
    warnings: losses.map((loss): RunWarning => ({ ...loss, file: config.target })),
  };
};

/** An animation is planned as the video that it is rendered as; that is made for the plan and deleted. */
const planAnimation = async (
  config: RunConfig,
  options: RunOptions,
  signal: AbortSignal | undefined,
): Promise<PlannedTarget> => {
  const { locateTools } = await import('../media/ffmpeg-tools.js');
  const { animationFormatOf } = await import('../media/animated-image.js');
  const { withAnimationVideo } = await import('./run-animation.js');
  return withAnimationVideo(config, { tools: await locateTools(), signal }, async (video) => {
    const planned = await planVideo(video.config, options, signal);
    const isImageOutput = animationFormatOf(config.output) !== undefined;
    return {
      ...planned,
      config,
      kind: 'animation',
      encoder: isImageOutput ? null : planned.encoder,
      warnings: [...video.warnings, ...planned.warnings],
    };
  });
};

const planVideo = async (
  config: RunConfig,
  options: RunOptions,
  signal: AbortSignal | undefined,
): Promise<PlannedTarget> => {
  const { locateTools } = await import('../media/ffmpeg-tools.js');
  const { prepareVideo } = await import('./video-preparation.js');
  const { planWorkersHere } = await import('./worker-plan.js');
  const prepared = await prepareVideo({ config, tools: await locateTools(), signal, onPhase: () => {} });
  const { plan, mux } = prepared;
  const frames = plan.range.end - plan.range.start;
  const workers = await planWorkersHere(config, options, prepared);
  const { count, reason, threadsPerModel, framesPerWorker } = workers;
  return {
    schema: 1,
    config,
    kind: 'video',
    plan,
    estimate: {
      frames,
      segments: plan.segments.length,
      seconds: estimateSeconds({ frames, ...prepared.target.video.format }),
      frameBufferBytes: Math.min(count * framesPerWorker, frames) * prepared.frameBytes,
      frameBufferLimitBytes: workers.limitBytes,
    },
    workers: { count, reason, threadsPerModel, framesPerWorker },
    encoder: prepared.encoding.encoder,
    keptStreams: mux.kept.map(({ streamIndex, type, codec }) => ({ index: streamIndex, type, codec })),
    droppedStreams: mux.dropped.map(({ streamIndex, type, reason }) => ({
      index: streamIndex,
      type,
      reason,
    })),
    warnings: prepared.warnings,
  };
};

/**
 * Does all checks of a run and makes its plan, without running a model or writing the output.
 *
 * @throws FaceswapError: everything that `run` would refuse before rendering, except what is wrong with the faces on
 * the source photos.
 */
export const dryRun = (options: RunOptions, { signal }: RunContext = {}): Promise<DryRun> =>
  planTarget(options, { signal, folders: 'there' });

/** {@link dryRun} that may find the folders of its output missing. */
export async function planTarget(
  options: RunOptions,
  { signal, folders }: { readonly signal: AbortSignal | undefined; readonly folders: OutputFolders },
): Promise<DryRun> {
  try {
    const config = resolveRunOptions(options);
    throwIfInterrupted(signal);
    const { checkFiles } = await import('./preflight.js');
    const { planPolicy } = await import('./policy/policy-plan.js');
    const { analysers, command, notRun } = planPolicy(config);
    const kind = await checkFiles(config, options, folders);
    const plan = kind === 'animation' ? planAnimation : planVideo;
    const planned = kind === 'image' ? await planImage(config) : await plan(config, options, signal);
    const checks: PolicyCheckName[] = [];
    if (analysers.length > 0) checks.push('content-analyser');
    if (command !== null) checks.push('policy-command');
    return { ...planned, policy: { checks, notRun } };
  } catch (error) {
    throw FaceswapError.from(error);
  }
}
