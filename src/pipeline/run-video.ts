import { copyFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { contentHash } from '../media/content-hash.js';
import type { FfmpegTools } from '../media/ffmpeg-tools.js';
import { muxOutput, type SegmentFile } from '../media/muxer.js';
import { verifyOutput } from '../media/output-verification.js';
import { hasOwnLastDuration, slotCount, type TargetMedia } from '../media/target-media.js';
import { slotsToSeconds } from '../media/timeline.js';
import { carriesLight } from '../media/video-encoders.js';
import { segmentExtension } from '../media/video-encoding.js';
import { formatRational, rationalToNumber } from '../media/rational.js';
import { AnalysisCache } from './analysis-cache.js';
import { cacheFolder } from './cache-folder.js';
import { chainNeighbourFrames } from './chain-neighbours.js';
import type { ChainMachine } from './face-chain.js';
import { checkSpace, DiskLimit, freeBytes, spaceNeed } from './disk-space.js';
import { fileFailure } from './file-failure.js';
import { batchFramesOf, frameNeed } from './frame-budget.js';
import { FramePool } from './frame-pool.js';
import { throwIfInterrupted, untilInterrupted } from './interruption.js';
import type { Job } from './job.js';
import { jobComponents } from './job-components.js';
import { noFaceFailure, noFaceReason } from './no-face.js';
import { chainSettings, type PlanSegment, type RenderPlan } from './plan.js';
import { qualityTotals } from './quality-totals.js';
import { RenderProgress } from './render-progress.js';
import { type RenderContext, type RenderedSegment, segmentSlots } from './render-segment.js';
import { renderSegments } from './render-segments.js';
import { withRetries } from './retry.js';
import { addStageTimes, noStageTimes, type RunParts, type RunResult } from './run-parts.js';
import type { Rational } from './run-options.js';
import { runPerformance } from './run-performance.js';
import type { QualityTotals, RunPerformance, StageTimes } from './run-report.js';
import { loadSourceFaces } from './source-faces.js';
import { FrameTimes } from './stall-watch.js';
import { type PreparedVideo, prepareVideo } from './video-preparation.js';
import { planWorkersHere, type WorkerPlan } from './worker-plan.js';
import type { WorkerClient } from './worker-client.js';
import type { ChainBatch, PreparedSources } from './worker-protocol.js';
import { type StartedWorker, TeamMember, type WorkerRestart, WorkerTeam } from './worker-team.js';

/** Models that are not those of the package have no place in the analysis cache's keys. */
const keepsAnalysis = ({ config, models }: RunParts): boolean => config.cache && models === null;

/** The workers of a run, their frame buffers, and the group size that their chains have chosen. */
type StartedTeam = {
  readonly team: WorkerTeam;
  readonly pool: FramePool;
  readonly batch: ChainBatch;
  /** Frame buffers without which a worker cannot go on. */
  readonly leastFrames: number;
};

/**
 * Starts the workers and has each make its chain. Rendering begins when the first is ready; the others join when they are.
 */
const startTeam = async (
  parts: RunParts,
  workerPlan: WorkerPlan,
  { sources, frameBytes }: { readonly sources: PreparedSources; readonly frameBytes: number },
): Promise<StartedTeam> => {
  const { config } = parts;
  const settings = chainSettings({ ...config, executionThreadCount: workerPlan.threadsPerModel });
  const machine: ChainMachine = {
    batchSize: config.batchSize,
    // The limit is that of the whole run, and every worker has models of its own.
    vramLimitBytes:
      config.vramLimitBytes === undefined
        ? undefined
        : Math.max(1, Math.floor(config.vramLimitBytes / workerPlan.count)),
    batchFrames: workerPlan.batchFrames,
    cacheFolder: config.cache ? join(cacheFolder(), 'models') : null,
    keepsAnalysis: keepsAnalysis(parts),
    models: parts.models,
  };
  const initialise = (worker: WorkerClient, chainMachine: ChainMachine) => {
    const ready = worker.init(settings, sources.faces, chainMachine);
    // Its next segment awaits it and fails with it; until then it must not count as unhandled.
    ready.catch(() => {});
    return { worker, ready };
  };
  const starts = Array.from({ length: workerPlan.count }, (_, number) =>
    initialise(parts.openWorker(number), machine),
  );
  const batch = await untilInterrupted(Promise.race(starts.map(({ ready }) => ready)), parts.signal);
  // A chain that found out that it works best with smaller batches needs no more frames than those.
  const { leastFrames, mostFrames } = frameNeed(frameBytes, {
    lookAheadFrames: chainNeighbourFrames.after,
    batchFrames: Math.min(batch.size, workerPlan.batchFrames),
  });
  const framesPerLane = Math.min(workerPlan.framesPerWorker, mostFrames);
  const pool = new FramePool({ lanes: workerPlan.count, framesPerLane, frameBytes });
  const restart = ({ number, worker, divisor, frames }: WorkerRestart): StartedWorker => {
    const part = (whole: number): number => Math.max(1, Math.floor(whole / divisor));
    return initialise(
      worker.failure === undefined ? worker : parts.replaceWorker(number),
      divisor === 1
        ? machine
        : {
            ...machine,
            batchSize: part(batch.size),
            batchFrames: batchFramesOf(frames, {
              lookAheadFrames: chainNeighbourFrames.after,
              batchFrames: part(workerPlan.batchFrames),
            }),
          },
    );
  };
  const members = pool.lanes.flatMap((lane, number) => {
    const started = starts[number];
    return started === undefined ? [] : [new TeamMember(number, { lane, started, restart })];
  });
  return { team: new WorkerTeam(members), pool, batch, leastFrames };
};

/** Whether a copy of the target's bytes is what was asked for, apart from the faces. */
const isPlainCopy = ({ config }: RunParts): boolean =>
  config.deinterlace === 'off' &&
  extname(config.target).toLowerCase() === extname(config.output).toLowerCase() &&
  config.trimStart === undefined &&
  config.trimEnd === undefined &&
  config.outputVideoFps === undefined;

const copyTarget = async (parts: RunParts, temporary: string, quality: QualityTotals): Promise<void> => {
  const { config } = parts;
  try {
    await copyFile(config.target, temporary);
  } catch (error) {
    throw fileFailure(error, config.output, 'mux');
  }
  parts.warnings.add({
    code: 'no-face-copied',
    message: `${noFaceReason(quality)}: the output is an untouched copy of it`,
    file: config.target,
  });
};

/** Length of the output's video: that of the source range, or of the new number of frames at a new rate. */
const outputDuration = (
  { video }: TargetMedia,
  { range, keepsTimes, outputFrameRate, outputFrameCount }: RenderPlan,
): Rational =>
  keepsTimes
    ? slotsToSeconds(slotCount(video, range), video.clock)
    : slotsToSeconds(outputFrameCount, outputFrameRate);

/** Where each output frame lies on the clock of the encoding. */
const outputSlots = (
  { video }: TargetMedia,
  { range, keepsTimes, outputFrameCount }: RenderPlan,
): Float64Array =>
  keepsTimes
    ? video.slots.subarray(range.start, range.end)
    : Float64Array.from({ length: outputFrameCount }, (_, slot) => slot);

const muxSegments = async (
  parts: RunParts,
  { target, plan, encoding, mux }: PreparedVideo,
  output: {
    readonly tools: FfmpegTools;
    readonly segments: readonly SegmentFile[];
    readonly temporary: string;
    /** Whether any face was replaced: the file's metadata says so. */
    readonly edited: boolean;
  },
): Promise<void> => {
  const { progress, signal } = parts;
  progress.emit({ type: 'phase', phase: 'mux' });
  await muxOutput({
    tools: output.tools,
    target,
    plan: mux,
    segments: output.segments,
    range: plan.range,
    frameRate: encoding.frameRate,
    clock: encoding.clock,
    keepsLastDuration: plan.keepsTimes && hasOwnLastDuration(target, plan.range),
    temporaryFile: output.temporary,
    edited: output.edited,
    signal,
  });
  progress.emit({ type: 'phase', phase: 'verify' });
  const { missingLight } = await verifyOutput(
    output.tools,
    output.temporary,
    {
      frameRate: encoding.frameRate,
      clock: encoding.clock,
      keepsTimes: plan.keepsTimes,
      widthPx: encoding.widthPx,
      heightPx: encoding.heightPx,
      sampleAspectRatio: encoding.sampleAspectRatio,
      colour: encoding.colour,
      light: carriesLight(encoding.encoder, mux.container) ? encoding.light : undefined,
      slots: outputSlots(target, plan),
      plan: mux,
      target,
      range: plan.range,
    },
    { signal },
  );
  if (missingLight.length > 0) {
    parts.warnings.add({
      code: 'hdr-metadata-missing',
      message: `This ffmpeg finds no ${missingLight.join(' and no ')} in the output, which the target has`,
      file: target.file,
    });
  }
};

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
  const extension = segmentExtension(encoding.encoder);
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
const openAnalyses = (
  { config, logger }: RunParts,
  { target, decoder }: PreparedVideo,
  { tools, hashes }: { readonly tools: FfmpegTools; readonly hashes: InputHashes },
): Promise<AnalysisCache | null> =>
  AnalysisCache.open({
    target,
    settings: chainSettings(config),
    decoding: {
      ffmpeg: tools.ffmpegVersion,
      hwaccel: decoder.hwaccel,
      filters: target.video.decoding?.pictureFilters.join(',') ?? '',
    },
    logger,
    targetSha256: hashes.target,
  });

/** Makes one file of the rendered segments, or a copy of the target when there was no face, and the run's result. */
const finishVideo = async (
  parts: RunParts,
  prepared: PreparedVideo,
  rendered: {
    readonly tools: FfmpegTools;
    readonly job: Job;
    readonly segments: readonly RenderedSegment[];
    readonly performance: RunPerformance;
  },
): Promise<RunResult> => {
  const { config } = parts;
  const { target, plan, encoding, mux } = prepared;
  const { tools, job, segments } = rendered;
  const rows = segments.flatMap((segment) => segment.rows);
  const quality = qualityTotals(rows);
  const swapped = quality.facesSwapped + quality.facesFilled > 0;
  if (!swapped && config.onNoFace === 'fail') {
    // The same command would come to the same end.
    job.abandon();
    throw noFaceFailure(config.target, quality);
  }

  const copied = !swapped && isPlainCopy(parts);
  const temporary = join(job.folder, `output${extname(config.output)}`);
  const muxStartMs = performance.now();
  let muxRetries = 0;
  if (copied) {
    await copyTarget(parts, temporary, quality);
  } else {
    await withRetries(() => muxSegments(parts, prepared, { tools, segments, temporary, edited: swapped }), {
      policy: parts.retryPolicy,
      clock: parts.clock,
      signal: parts.signal ?? new AbortController().signal,
      stage: 'mux',
      onRetry: ({ failure, ...retry }) => {
        muxRetries += 1;
        parts.progress.emit({ type: 'retry', segment: null, ...retry, error: failure.toRecord() });
        parts.warnings.add(
          {
            code: 'mux-retried',
            message: `The segments are joined again (try ${retry.attempt} of ${retry.tries}): ${failure.message}`,
          },
          String(retry.attempt),
        );
      },
    });
    if (!swapped) {
      parts.warnings.add({
        code: 'no-face-encoded',
        message: `${noFaceReason(quality)}: the output shows the same pictures, encoded once more because another container, range, frame rate or deinterlacing was asked for`,
        file: config.target,
      });
    }
  }
  const renderMs = segments.reduce<StageTimes>(
    (sum, { stageTimes }) => addStageTimes(sum, stageTimes),
    noStageTimes,
  );
  return {
    status: swapped ? 'swapped' : 'copied',
    temporary,
    media: {
      kind: 'video',
      widthPx: target.video.format.widthPx,
      heightPx: target.video.format.heightPx,
      frameCount: plan.outputFrameCount,
      frameRate: formatRational(encoding.frameRate),
      variableFrameRate: plan.keepsTimes && target.video.isVariable,
      durationSeconds: rationalToNumber(outputDuration(target, plan)),
      segments: segments.length,
      videoEncoder: copied ? null : encoding.encoder,
      deinterlaced: copied ? null : (target.video.decoding?.deinterlacer ?? null),
      streamsCopied: copied ? target.streams.length : mux.kept.length,
      streamsDropped: copied
        ? []
        : mux.dropped.map(({ streamIndex, type, reason }) => ({ index: streamIndex, type, reason })),
    },
    stageMs: addStageTimes(renderMs, { mux: performance.now() - muxStartMs }),
    performance: { ...rendered.performance, retries: rendered.performance.retries + muxRetries },
    quality,
    rows,
  };
};
