import { contentHash } from '../media/content-hash.js';
import type { FfmpegTools } from '../media/ffmpeg-tools.js';
import { segmentExtension } from '../media/video-encoding.js';
import { AnalysisCache } from './analysis-cache.js';
import { checkSpace, DiskLimit, freeBytes, spaceNeed } from './disk-space.js';
import { finishVideo } from './finish-video.js';
import { throwIfInterrupted, untilInterrupted } from './interruption.js';
import type { Job } from './job.js';
import { jobComponents } from './job-components.js';
import { findTracks } from './cast/find-cast.js';
import { hasSwapperModel } from './chain-models.js';
import { chainSettings, type PlanSegment, planWithSelection } from './plan.js';
import { RenderProgress } from './render-progress.js';
import { type RenderContext, type RenderedSegment, segmentSlots } from './render-segment.js';
import { renderSegments } from './render-segments.js';
import { keepsAnalysis, type RunParts, type RunResult } from './run-parts.js';
import { runPerformance } from './run-performance.js';
import type { RunConfig } from './run-options.js';
import type { SegmentPatience } from './segment-watch.js';
import { peopleReport } from './selection/people-report.js';
import { loadReferences, type References } from './selection/reference-faces.js';
import type { Selection } from './selection/resolve-selection.js';
import { photosOf } from './selection/run-photos.js';
import { selectPeople } from './selection/select-people.js';
import { loadSourceSets, type SourceSets } from './selection/source-sets.js';
import type { SourceLoading } from './source-faces.js';
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
  const loadingPhotos = loadPhotos(config, {
    worker: parts.openWorker(),
    models: parts.models,
    cache: config.cache,
    memory: parts.sourceMemory,
    signal,
  });
  // A target that cannot be used is told first; what is wrong with the photos as well is then of no interest.
  loadingPhotos.catch(() => {});
  const prepared = await prepareVideo({
    config,
    tools,
    signal,
    onPhase: (phase) => progress.emit({ type: 'phase', phase }),
  });
  for (const warning of prepared.warnings) parts.warnings.add(warning, warning.message);
  throwIfInterrupted(signal);
  await parts.policy.before(async () => {
    const { videoMedia } = await import('./policy/policy-media.js');
    return videoMedia(tools, prepared.target, prepared.plan.range);
  });
  // Who gets which face is a part of what a job is found by.
  const earlyJob = config.needsCast ? null : await openJob(parts, prepared, { tools, hashes });
  const workerPlan = await planWorkersHere(config, parts.options, {
    ...prepared,
    swapperIsModel: hasSwapperModel(parts.models),
  });
  logger.debug(workerPlan, 'workers');

  progress.emit({ type: 'phase', phase: 'sources' });
  const openingAnalyses = keepsAnalysis(parts)
    ? openAnalyses(parts, prepared, { tools, hashes })
    : Promise.resolve(null);
  try {
    const photos = await untilInterrupted(loadingPhotos, signal);
    const { sources, references } = photos;
    for (const warning of [...sources.warnings, ...references.warnings]) parts.warnings.add(warning);
    const started = await startTeam(parts, workerPlan, { sources, frameBytes: prepared.frameBytes });
    const analyses = await openingAnalyses;
    const working = { ...started, tools, workerPlan, analyses };
    if (earlyJob !== null) return await renderVideo(parts, prepared, { ...working, job: earlyJob });
    const selection = await selectInVideo(parts, prepared, { ...working, photos });
    const selected = { ...prepared, plan: planWithSelection(prepared.plan, selection.segments) };
    const job = await openJob(parts, selected, { tools, hashes });
    const result = await renderVideo(parts, selected, { ...working, job });
    return { ...result, people: peopleReport(selection, config, result.rows) };
  } finally {
    await (await openingAnalyses)?.close();
  }
};

/** Source faces, and what is needed of the photos that say who is meant. */
type RunPhotos = { readonly sources: SourceSets; readonly references: References };

const loadPhotos = async (config: RunConfig, loading: SourceLoading): Promise<RunPhotos> => {
  const sources = await loadSourceSets(config, loading);
  return { sources, references: await loadReferences(config, loading) };
};

/** What a stage may take before it counts as stuck; each pass over the target learns its own times. */
const patienceOf = (
  { clock, stallLimits, config }: RunParts,
  { batch, workerPlan }: Pick<VideoRenderer, 'batch' | 'workerPlan'>,
): SegmentPatience => ({
  clock,
  limits: stallLimits,
  times: new FrameTimes(),
  framesPerRun: Math.min(batch.size, workerPlan.batchFrames),
  timeoutMs: config.timeoutMs,
});

/** Looks at the whole target and decides who gets which face. */
const selectInVideo = async (
  parts: RunParts,
  { target, plan, decoder }: PreparedVideo,
  { team, leastFrames, photos, ...working }: Omit<VideoRenderer, 'job'> & { readonly photos: RunPhotos },
): Promise<Selection> => {
  const { tools, workerPlan, analyses } = working;
  const segments = await findTracks(parts, {
    plan,
    team,
    leastFrames,
    context: {
      tools,
      target,
      plan,
      hardware: decoder.hardware,
      decoderThreads: workerPlan.decoderThreads,
      analyses,
      signal: parts.signal,
      patience: patienceOf(parts, working),
    },
  });
  const selection = selectPeople(parts.config, segments, photos);
  if (selection.missing !== null) {
    parts.warnings.add({ code: 'not-in-target', message: selection.missing, file: parts.config.target });
  }
  return selection;
};

/** sha256 of the input files' contents, which are read while other things are done; of photos by their paths. */
type InputHashes = {
  readonly target: Promise<string>;
  readonly photos: Promise<ReadonlyMap<string, string>>;
};

const hashInputs = ({ config, signal: asked }: RunParts, ended: AbortSignal): InputHashes => {
  const signal = asked === undefined ? ended : AbortSignal.any([asked, ended]);
  const target = contentHash(config.target, { signal });
  const hashed = photosOf(config).map(async (file) => [file, await contentHash(file, { signal })] as const);
  const photos = Promise.all(hashed).then((pairs) => new Map(pairs));
  // They are awaited when the target is known to be usable.
  target.catch(() => {});
  photos.catch(() => {});
  return { target, photos };
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
    photoSha256s: await untilInterrupted(hashes.photos, signal),
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
    patience: patienceOf(parts, { batch, workerPlan }),
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
  { config, models, logger }: Pick<RunParts, 'config' | 'models' | 'logger'>,
  { target, decoder, plan }: Pick<PreparedVideo, 'target' | 'decoder' | 'plan'>,
  { tools, hashes }: { readonly tools: FfmpegTools; readonly hashes: Pick<InputHashes, 'target'> },
): Promise<AnalysisCache | null> =>
  AnalysisCache.open({
    target,
    settings: chainSettings(config),
    models,
    decoding: {
      ffmpeg: tools.ffmpegVersion,
      hwaccel: decoder.hwaccel,
      filters: target.video.decoding?.pictureFilters.join(',') ?? '',
      cuts: plan.sceneCuts === null ? 'found' : plan.sceneCuts.join(' '),
    },
    logger,
    targetSha256: hashes.target,
  });
