import { contentHash } from '../media/content-hash.js';
import type { FfmpegTools } from '../media/ffmpeg-tools.js';
import { segmentExtension } from '../media/video-encoding.js';
import { AnalysisCache } from './analysis-cache.js';
import { checkSpace, DiskLimit, freeBytes, spaceNeed } from './disk-space.js';
import { finishVideo } from './finish-video.js';
import { throwIfInterrupted, untilInterrupted } from './interruption.js';
import type { Job } from './job.js';
import { jobComponents } from './job-components.js';
import { chainSettings, type PlanSegment } from './plan.js';
import { RenderProgress } from './render-progress.js';
import { type RenderContext, type RenderedSegment, segmentSlots } from './render-segment.js';
import { renderSegments } from './render-segments.js';
import { keepsAnalysis, type RunParts, type RunResult } from './run-parts.js';
import { runPerformance } from './run-performance.js';
import { loadSourceFaces } from './source-faces.js';
import { type StartedTeam, startTeam } from './start-team.js';
import { FrameTimes } from './stall-watch.js';
import { type PreparedVideo, prepareVideo } from './video-preparation.js';
import { planWorkersHere, type WorkerPlan } from './worker-plan.js';

/**
 * Renders a video: plan, source faces, segments by one or several workers, then one file of them with the
 * target's other streams, checked against the target before it gets the output's name. The source photos are read beside the
 * probing of the target, which needs no worker.
 *
 * A target without any face ends with `noFace`, or with `onNoFace: 'copy'` as a byte copy. Where a copy cannot be what
 * was asked for (another container, trims, another rate) the rendered segments are used, in which every picture is
 * the target's own, encoded once more; a warning says so.
 *
 * @throws FaceswapError of the stage that failed.
 */
export async function runVideo(parts: RunParts, tools: FfmpegTools): Promise<RunResult> {
  const ended = new AbortController();
  try {
    return await runWithHashes(parts, tools, hashInputs(parts, ended.signal));
  } finally {
    // A run that fails early does not wait until a large target is read.
    ended.abort();
  }
}

const runWithHashes = async (
  parts: RunParts,
  tools: FfmpegTools,
  hashes: InputHashes,
): Promise<RunResult> => {
  const { config, progress, signal, logger } = parts;
  const loadingSources = loadSourceFaces(config.sources, chainSettings(config), {
    worker: parts.openWorker(),
    cache: config.cache,
    memory: parts.sourceMemory,
    signal,
  });
  // A target that cannot be used is told first; what is wrong with the photos as well is then of no interest.
  loadingSources.catch(() => {});
  const prepared = await prepareVideo({
    config,
    tools,
    signal,
    onPhase: (phase) => progress.emit({ type: 'phase', phase }),
  });
  for (const warning of prepared.warnings) parts.warnings.add(warning, warning.message);
  throwIfInterrupted(signal);
  const job = await openJob(parts, prepared, { tools, hashes });
  const workerPlan = await planWorkersHere(config, parts.options, {
    ...prepared,
    swapperIsModel: (parts.models?.swapper ?? null) !== null,
  });
  logger.debug(workerPlan, 'workers');

  progress.emit({ type: 'phase', phase: 'sources' });
  const openingAnalyses = keepsAnalysis(parts)
    ? openAnalyses(parts, prepared, { tools, hashes })
    : Promise.resolve(null);
  try {
    const sources = await untilInterrupted(loadingSources, signal);
    for (const warning of sources.warnings) parts.warnings.add(warning);
    const started = await startTeam(parts, workerPlan, { sources, frameBytes: prepared.frameBytes });
    const analyses = await openingAnalyses;
    return await renderVideo(parts, prepared, { ...started, tools, job, workerPlan, analyses });
  } finally {
    await (await openingAnalyses)?.close();
  }
};

/** sha256 of the input files' contents, which are read while other things are done. */
type InputHashes = { readonly target: Promise<string>; readonly sources: Promise<readonly string[]> };

const hashInputs = ({ config, signal: asked }: RunParts, ended: AbortSignal): InputHashes => {
  const signal = asked === undefined ? ended : AbortSignal.any([asked, ended]);
  const target = contentHash(config.target, { signal });
  const sources = Promise.all(config.sources.map((file) => contentHash(file, { signal })));
  // They are awaited when the target is known to be usable.
  target.catch(() => {});
  sources.catch(() => {});
  return { target, sources };
};

/** Finds or begins the job of this run, and looks whether the disk has room for it. */
const openJob = async (
  parts: RunParts,
  prepared: PreparedVideo,
  { tools, hashes }: { readonly tools: FfmpegTools; readonly hashes: InputHashes },
): Promise<Job> => {
  const { config, logger, signal, models } = parts;
  const components = await jobComponents({
    config,
    prepared,
    tools,
    targetSha256: await untilInterrupted(hashes.target, signal),
    sourceSha256s: await untilInterrupted(hashes.sources, signal),
    models,
  });
  const { plan, encoding } = prepared;
  const extension = segmentExtension(encoding.encoder, encoding.pixelFormat);
  const job = await parts.openJob({ config, components, plan, extension, logger, signal });
  const free = await freeBytes(job.folder);
  const doneBytes = job.restored.reduce((sum, { bytes }) => sum + bytes, 0);
  const warning =
    free === undefined ? undefined : checkSpace(spaceNeed(prepared, doneBytes), free, job.folder);
  if (warning !== undefined) parts.warnings.add(warning);
  return job;
};

/** What renders: everything that a run has started and opened. */
type VideoRenderer = StartedTeam & {
  readonly tools: FfmpegTools;
  readonly job: Job;
  readonly workerPlan: WorkerPlan;
  readonly analyses: AnalysisCache | null;
};

const renderVideo = async (
  parts: RunParts,
  prepared: PreparedVideo,
  { team, pool, batch, leastFrames, tools, job, workerPlan, analyses }: VideoRenderer,
): Promise<RunResult> => {
  const { config, progress, logger, signal } = parts;
  const { target, plan, encoding, decoder } = prepared;
  const jobFolder = job.folder;
  progress.emit({ type: 'phase', phase: 'render' });
  const { count, frameBytes } = pool;
  logger.debug(
    { framesInFlight: count, bytesPerFrame: frameBytes, bytesInFlight: count * frameBytes },
    'frame pool',
  );
  const restored = job.restored.map(
    (segment): RenderedSegment => ({
      ...segment,
      slotCount: segmentSlots(prepared, plan.segments[segment.index] as PlanSegment),
      clock: null,
    }),
  );
  const restoredRows = restored.flatMap(({ rows }) => rows);
  const isRestored = new Set(restored.map(({ index }) => index));
  for (const index of isRestored) {
    progress.emit({ type: 'segment', index, total: plan.segments.length, state: 'kept' });
  }
  const renderProgress = new RenderProgress(progress, plan.range.end - plan.range.start, restoredRows);
  const limit = config.maxDiskBytes === undefined ? undefined : new DiskLimit(jobFolder, config.maxDiskBytes);
  await limit?.check();
  const context: RenderContext = {
    tools,
    target,
    plan,
    encoding,
    hardware: decoder.hardware,
    decoderThreads: workerPlan.decoderThreads,
    jobFolder,
    journal: job.journal,
    analyses,
    logger,
    signal,
    patience: {
      clock: parts.clock,
      limits: parts.stallLimits,
      times: new FrameTimes(),
      framesPerRun: Math.min(batch.size, workerPlan.batchFrames),
      timeoutMs: config.timeoutMs,
    },
    onRow: (row) => {
      renderProgress.add(row);
      limit?.watch();
    },
  };
  const pending = plan.segments.filter(({ index }) => !isRestored.has(index));
  const { segments: rendered, retries } = await parts.stop.finishing(() =>
    renderSegments(parts, pending, { team, context, leastFrames, limit }),
  );
  const segments = [...restored, ...rendered].sort((a, b) => a.index - b.index);
  await limit?.check(segments.reduce((sum, { bytes }) => sum + bytes, 0));
  const figures = runPerformance({
    startMs: parts.startMs,
    segments,
    workers: workerPlan,
    batch,
    pool,
    decoder,
    retries,
  });
  const resumed = restored.length === 0 ? null : { segments: restored.length, frames: restoredRows.length };
  return { ...(await finishVideo(parts, prepared, { tools, job, segments, performance: figures })), resumed };
};

/** The cache of what earlier runs found out about the target. */
export const openAnalyses = (
  { config, logger }: Pick<RunParts, 'config' | 'logger'>,
  { target, decoder, plan }: Pick<PreparedVideo, 'target' | 'decoder' | 'plan'>,
  { tools, hashes }: { readonly tools: FfmpegTools; readonly hashes: Pick<InputHashes, 'target'> },
): Promise<AnalysisCache | null> =>
  AnalysisCache.open({
    target,
    settings: chainSettings(config),
    decoding: {
      ffmpeg: tools.ffmpegVersion,
      hwaccel: decoder.hwaccel,
      filters: target.video.decoding?.pictureFilters.join(',') ?? '',
      cuts: plan.sceneCuts === null ? 'found' : plan.sceneCuts.join(' '),
    },
    logger,
    targetSha256: hashes.target,
  });
