import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, lstat, open, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FaceswapError } from '../../errors.js';
import { contentHash } from '../../media/content-hash.js';
import { type FfmpegTools, locateTools } from '../../media/ffmpeg-tools.js';
import { clipFrameRate, generateClip } from '../../media/generated-clip.js';
import { encoderCodec } from '../../media/video-encoders.js';
import { segmentExtension } from '../../media/video-encoding.js';
import { packageRootUrl, packageVersion } from '../../version.js';
import { fileFailure } from '../file-failure.js';
import { placeFile } from '../file-placement.js';
import { writeGeneratedChain } from '../generated-chain.js';
import { throwIfInterrupted } from '../interruption.js';
import { createJobFolder } from '../job-folder.js';
import { checkEncoder } from '../preflight.js';
import { probeProviders } from '../provider-probe.js';
import { resolveRunOptions } from '../resolve-run-options.js';
import type { RunContext } from '../run.js';
import { type RunLogger, silentLogger } from '../run-logger.js';
import type { RunWarning } from '../run-report.js';
import { type PreparedVideo, prepareVideo } from '../video-preparation.js';
import { planWorkersHere } from '../worker-plan.js';
import { checkComparable, compareWithBaseline, readBaseline } from './baseline.js';
import {
  type BenchmarkConfig,
  type BenchmarkOptions,
  type ResolutionName,
  resolutions,
} from './benchmark-options.js';
import type {
  BenchmarkCycle,
  BenchmarkEntry,
  BenchmarkReport,
  BenchmarkSettings,
} from './benchmark-report.js';
import { describeMachine } from './machine.js';
import { type CycleContext, measureCycle } from './measure-cycle.js';
import { resolveBenchmarkOptions } from './resolve-benchmark-options.js';
import { summarize } from './summary.js';

/** What tests put in place of the real thing. */
export type BenchmarkInternals = {
  /** The program that is measured as `faceswap`, and the words before its own. */
  readonly command?: CycleContext['command'] | undefined;
};

/** What the whole benchmark shares. */
type Setup = {
  readonly config: BenchmarkConfig;
  readonly tools: FfmpegTools;
  readonly files: PackageFiles;
  /** ffmpeg's name of the encoder that runs use. */
  readonly encoder: string;
  readonly command: CycleContext['command'];
  /** Temporary, deleted at the end. */
  readonly folder: string;
  /** Folder of generated models in it; undefined for those of the package. */
  readonly models: string | undefined;
  readonly logger: RunLogger;
  readonly signal: AbortSignal | undefined;
  readonly warn: (warning: RunWarning) => void;
};

type PackageFiles = { readonly portrait: string; readonly source: string; readonly command: string };

const stage = 'benchmark';

/** Fewer faces than this share of those in the clip make the figures those of less work. */
const expectedFaceShare = 0.95;

/** What a benchmark needs of the installed package. @throws FaceswapError (unavailable) when something is not there */
const packageFiles = async (): Promise<PackageFiles> => {
  const path = (relative: string): string => fileURLToPath(new URL(relative, packageRootUrl));
  const files = {
    portrait: path('test/fixtures/astronaut.png'),
    source: path('test/fixtures/grace_hopper.jpg'),
    command: path('bin/faceswap.js'),
  };
  for (const file of Object.values(files)) {
    try {
      await access(file, constants.R_OK);
    } catch (cause) {
      throw new FaceswapError('unavailable', 'A file of the package is missing', {
        file,
        stage,
        cause,
        hint: 'Reinstall the package',
      });
    }
  }
  return files;
};

/** @throws FaceswapError when the report could not be written in the end: (usage) for its name, (media) for its folder. */
const checkOutput = async ({ output, baseline, overwrite }: BenchmarkConfig): Promise<void> => {
  if (output === undefined) return;
  if (output === baseline) throw new FaceswapError('usage', '--output must be another file than --baseline');
  try {
    await access(dirname(output), constants.W_OK | constants.X_OK);
  } catch (error) {
    throw fileFailure(error, dirname(output), stage);
  }
  const existing = await lstat(output).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw fileFailure(error, output, stage);
  });
  if (existing === undefined || (overwrite && existing.isFile())) return;
  throw new FaceswapError('usage', '--output must be a new file, but it exists already', {
    file: output,
    hint: 'Give --overwrite to replace it',
  });
};

/** A run on another provider than the CPU fails at its first model; that would be after the first clip. */
const checkProvider = async (name: string): Promise<void> => {
  if (name === 'cpu') return;
  const probe = (await probeProviders()).find((candidate) => candidate.name === name);
  if (probe?.ok === true) return;
  const reason = probe?.reason ?? 'this build of onnxruntime does not have it';
  throw new FaceswapError('unavailable', `Execution provider "${name}" cannot be used: ${reason}`, {
    stage,
    hint: 'See "faceswap doctor"',
  });
};

const settingsOf = (config: BenchmarkConfig, encoder: string): BenchmarkSettings => {
  const { runConfig } = config;
  return {
    models: config.models,
    faces: config.faces,
    durationSeconds: config.durationSeconds,
    processors: runConfig.processors,
    faceSwapperModel: runConfig.faceSwapperModel,
    blend: runConfig.blend,
    executionProvider: runConfig.executionProviders.join(' '),
    executionThreadCount: runConfig.executionThreadCount,
    workers: runConfig.workers,
    batchSize: runConfig.batchSize,
    hwaccel: runConfig.hwaccel,
    outputVideoEncoder: encoder,
    outputVideoQuality: runConfig.outputVideoQuality,
    outputVideoPreset: runConfig.outputVideoPreset,
    maxMemoryBytes: runConfig.maxMemoryBytes ?? null,
    vramLimitBytes: runConfig.vramLimitBytes ?? null,
  };
};

const facesText = (count: number): string => `${count} ${count === 1 ? 'face' : 'faces'}`;

/** Makes a clip and decides about a run of it as the run itself will. @throws FaceswapError as the run would */
const prepareClip = async (
  { config, tools, files, encoder, folder, signal }: Setup,
  clip: {
    readonly name: string;
    readonly widthPx: number;
    readonly heightPx: number;
    readonly frames: number;
  },
): Promise<{
  readonly frames: number;
  readonly prepared: PreparedVideo;
  readonly decoderThreads: number;
}> => {
  const { name, ...size } = clip;
  const file = join(folder, name);
  const portrait = files.portrait;
  const frames = await generateClip({ tools, portrait, file, ...size, faces: config.faces, signal });
  const output = join(folder, `run${segmentExtension(encoder)}`);
  const options = { ...config.runOptions, source: files.source, target: file, output };
  const runConfig = resolveRunOptions(options);
  const prepared = await prepareVideo({ config: runConfig, tools, signal, onPhase: () => {} });
  const { decoderThreads } = await planWorkersHere(runConfig, options, prepared);
  return { frames, prepared, decoderThreads };
};

/**
 * Tries the settings on two small frames: whether the encoder takes them and hardware is there shows only with media, and a clip
 * of 4K takes a minute.
 */
const checkSettings = async (setup: Setup): Promise<void> => {
  const { prepared } = await prepareClip(setup, { name: 'trial.mp4', ...resolutions['240p'], frames: 2 });
  await rm(prepared.target.file);
};

/** Makes the clip of a resolution and measures all its cycles. */
const measureResolution = async (setup: Setup, resolution: ResolutionName): Promise<BenchmarkEntry> => {
  const { config, tools, files, command, folder, models, logger, signal, warn } = setup;
  const { faces, cycles: measuredCycles, warmup } = config;
  const size = resolutions[resolution];
  logger.info(`${resolution}: making a clip of ${config.durationSeconds} s with ${facesText(faces)}`);
  const wantedFrames = Math.max(1, Math.round(config.durationSeconds * clipFrameRate));
  const { frames, prepared, decoderThreads } = await prepareClip(setup, {
    name: `${resolution}.mp4`,
    ...size,
    frames: wantedFrames,
  });
  const context: CycleContext = {
    config,
    tools,
    target: prepared.target,
    encoding: prepared.encoding,
    hardware: prepared.decoder.hardware,
    decoderThreads,
    source: files.source,
    models,
    command,
    folder,
    logger,
    signal,
  };
  const cycles: BenchmarkCycle[] = [];
  for (let number = 1 - warmup; number <= measuredCycles; number += 1) {
    const { cycle, report } = await measureCycle(context, number < 1);
    cycles.push(cycle);
    // The clip's name says nothing to a reader, the resolution does.
    for (const { code, message } of report.warnings) warn({ code, message: `${resolution}: ${message}` });
    const label = number < 1 ? 'warm-up' : `cycle ${number} of ${measuredCycles}`;
    logger.info(`${resolution}: ${label}: ${cycleText(cycle, frames)}`);
  }
  const summary = summarize(cycles, frames);
  if (summary.facesPerFrame < expectedFaceShare * faces) {
    warn({
      code: 'benchmark-faces-missed',
      message: `${resolution}: only ${summary.facesPerFrame.toFixed(2)} of ${facesText(faces)} per frame swapped`,
    });
  }
  const { file, sizeBytes } = prepared.target;
  const sha256 = await contentHash(file, { signal });
  await rm(file);
  return { resolution, clip: { ...size, frames, bytes: sizeBytes, sha256 }, cycles, summary };
};

const cycleText = ({ bare, run }: BenchmarkCycle, frames: number): string => {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
  const framesPerSecond = ((1000 * frames) / run.wallMs).toFixed(1);
  return `ffmpeg ${seconds(bare.wallMs)}, faceswap ${seconds(run.wallMs)} (${framesPerSecond} fps), ratio ${(run.wallMs / bare.wallMs).toFixed(2)}`;
};

const writeReport = async (report: BenchmarkReport, file: string, overwrite: boolean): Promise<void> => {
  const temporary = join(dirname(file), `.faceswap-${randomBytes(4).toString('hex')}.benchmark`);
  try {
    const handle = await open(temporary, 'wx');
    try {
      await handle.writeFile(`${JSON.stringify(report, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await placeFile(temporary, file, { overwrite, stage });
  } catch (error) {
    await rm(temporary, { force: true });
    throw fileFailure(error, file, stage);
  }
};

/** Remarks, each once, in the order in which they came. */
class Warnings {
  readonly #logger: RunLogger;
  readonly #seen = new Map<string, RunWarning>();

  constructor(logger: RunLogger) {
    this.#logger = logger;
  }

  readonly add = (warning: RunWarning): void => {
    const key = `${warning.code} ${warning.message}`;
    if (this.#seen.has(key)) return;
    this.#seen.set(key, warning);
    this.#logger.warn(warning.message);
  };

  get all(): readonly RunWarning[] {
    return [...this.#seen.values()];
  }
}

/** The `benchmark` of the library, with internals that tests replace. */
export async function runBenchmark(
  options: BenchmarkOptions,
  { signal, logger = silentLogger }: RunContext,
  internals: BenchmarkInternals,
): Promise<BenchmarkReport> {
  const startedAt = new Date().toISOString();
  const config = resolveBenchmarkOptions(options);
  throwIfInterrupted(signal);
  await checkOutput(config);
  const baseline = config.baseline === undefined ? undefined : await readBaseline(config.baseline);
  const files = await packageFiles();
  const tools = await locateTools();
  const { outputVideoEncoder } = config.runConfig;
  if (outputVideoEncoder !== undefined) encoderCodec(outputVideoEncoder);
  const encoder = await checkEncoder(tools, config.runConfig);
  for (const name of config.runConfig.executionProviders) await checkProvider(name);
  const machine = await describeMachine(tools, signal);
  const settings = settingsOf(config, encoder);
  if (baseline !== undefined && config.baseline !== undefined) {
    checkComparable(baseline, {
      file: config.baseline,
      machine,
      settings,
      resolutions: config.resolutions,
    });
  }
  const warnings = new Warnings(logger);
  const load = loadavg()[0] ?? 0;
  if (load > 0.5 * machine.cores) {
    warnings.add({
      code: 'benchmark-machine-busy',
      message: `The machine is busy (load ${load.toFixed(1)} on ${machine.cores} cores): figures will scatter`,
    });
  }
  const folder = await createJobFolder(join(tmpdir(), 'benchmark'));
  const setup: Setup = {
    config,
    tools,
    files,
    encoder,
    command: internals.command ?? [process.execPath, files.command],
    folder: folder.path,
    models: config.models === 'embedded' ? undefined : join(folder.path, 'models'),
    logger,
    signal,
    warn: warnings.add,
  };
  const entries: BenchmarkEntry[] = [];
  try {
    await checkSettings(setup);
    if (config.models !== 'embedded' && setup.models !== undefined) {
      await writeGeneratedChain(setup.models, { kind: config.models, faces: config.faces });
    }
    for (const resolution of config.resolutions) entries.push(await measureResolution(setup, resolution));
  } catch (error) {
    throwIfInterrupted(signal);
    throw FaceswapError.from(error, stage);
  } finally {
    await folder.remove();
  }
  const report: BenchmarkReport = {
    schema: 1,
    version: packageVersion(),
    startedAt,
    machine,
    settings,
    cycles: config.cycles,
    warmup: config.warmup,
    entries,
    comparison: null,
    warnings: warnings.all,
  };
  const comparison =
    baseline === undefined || config.baseline === undefined
      ? null
      : compareWithBaseline(baseline, report, {
          file: config.baseline,
          maxRegressionPercent: config.maxRegressionPercent,
        });
  const compared = { ...report, comparison };
  if (config.output !== undefined) await writeReport(compared, config.output, config.overwrite);
  return compared;
}
