import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorRecord, FaceswapError } from '../../errors.js';
import { bareTranscodeArguments } from '../../media/bare-transcode.js';
import { type MeasuredProcess, measureProcess } from '../../media/benchmark/measured-process.js';
import { childFailure } from '../../media/child-process.js';
import type { FfmpegTools } from '../../media/ffmpeg-tools.js';
import type { HardwareDecoder } from '../../media/hardware-decoder.js';
import type { TargetMedia } from '../../media/target-media.js';
import { segmentExtension, type VideoEncoding } from '../../media/video-encoding.js';
import { fileFailure } from '../file-failure.js';
import type { RunLogger } from '../run-logger.js';
import type { RunReport } from '../run-report.js';
import type { BenchmarkConfig } from './benchmark-options.js';
import type { BenchmarkCycle } from './benchmark-report.js';
import { runnerArguments } from './runner-arguments.js';

/** What all cycles of a resolution share. */
export type CycleContext = {
  readonly config: BenchmarkConfig;
  readonly tools: FfmpegTools;
  /** The clip, and how a run encodes and decodes it. */
  readonly target: TargetMedia;
  readonly encoding: VideoEncoding;
  readonly decoderThreads: number;
  /** Undefined: in software. */
  readonly hardware: HardwareDecoder | undefined;
  /** The photo whose face is put in. */
  readonly source: string;
  /** Folder of generated models; undefined for those of the package. */
  readonly models: string | undefined;
  /** The program that `faceswap` is, and the words before its own. */
  readonly command: readonly [program: string, ...words: string[]];
  /** Where outputs are written; they are deleted at once. */
  readonly folder: string;
  readonly logger: RunLogger;
  readonly signal: AbortSignal | undefined;
};

const stage = 'benchmark';

/** Size of an output, which is deleted. */
const takeOutputBytes = async (file: string): Promise<number> => {
  try {
    const { size } = await stat(file);
    await rm(file);
    return size;
  } catch (error) {
    throw fileFailure(error, file, stage);
  }
};

const measureBare = async (context: CycleContext): Promise<BenchmarkCycle['bare']> => {
  const { tools, target, encoding, decoderThreads, hardware, signal } = context;
  const file = join(context.folder, `bare${segmentExtension(encoding.encoder, encoding.pixelFormat)}`);
  const words = bareTranscodeArguments({ tools, target, encoding, decoderThreads, hardware, file });
  const { cost, exit, stderr } = await measureProcess(tools.ffmpegPath, words, { stage, signal });
  if (exit.code !== 0) throw childFailure('ffmpeg', exit, stderr, { stage, file: target.file });
  return { ...cost, outputBytes: await takeOutputBytes(file) };
};

/** What `faceswap run --json` prints. */
type RunAnswer =
  | { readonly ok: true; readonly report: RunReport }
  | { readonly ok: false; readonly error: ErrorRecord };

const isAnswer = (value: unknown): value is RunAnswer =>
  typeof value === 'object' && value !== null && 'ok' in value && ('report' in value || 'error' in value);

/**
 * The report that a run printed.
 *
 * @throws FaceswapError: what the run failed with; `resources` when it was killed, `bug` when it printed something else.
 */
export function parseRunAnswer({ exit, stdout, stderr }: Omit<MeasuredProcess, 'cost'>): RunReport {
  if (exit.signal !== null) throw childFailure('faceswap run', exit, stderr, { stage });
  let answer: unknown;
  try {
    answer = JSON.parse(stdout);
  } catch (cause) {
    const said = stderr.at(-1) ?? 'nothing';
    throw new FaceswapError('bug', `The measured run printed no JSON; its last words: ${said}`, {
      stage,
      cause,
    });
  }
  if (!isAnswer(answer)) throw new FaceswapError('bug', 'The measured run printed another JSON', { stage });
  if (!answer.ok) throw FaceswapError.fromRecord(answer.error);
  return answer.report;
}

const measureRun = async (
  context: CycleContext,
): Promise<{ readonly run: BenchmarkCycle['run']; readonly report: RunReport }> => {
  const { config, source, models, target, encoding, command, folder, logger, signal } = context;
  const [program, ...before] = command;
  const output = join(folder, `run${segmentExtension(encoding.encoder, encoding.pixelFormat)}`);
  const words = [...before, ...runnerArguments(config, { source, models, target: target.file, output })];
  // It has children and unfinished files of its own, which it ends and deletes when it is asked to stop.
  const measured = await measureProcess(program, words, { stage, signal, abortSignal: 'SIGTERM' });
  for (const line of measured.stderr) logger.debug(line);
  const report = parseRunAnswer(measured);
  const { facesSwapped, facesFilled } = report.quality;
  const run = {
    ...measured.cost,
    outputBytes: await takeOutputBytes(output),
    runMs: report.wallMs,
    facesSwapped: facesSwapped + facesFilled,
    stageMs: report.stageMs,
    performance: report.performance,
  };
  return { run, report };
};

/**
 * One cycle: the bare transcode, then the run.
 *
 * @throws FaceswapError: what one of the two failed with, (interrupted) on abort, when neither is running any more.
 */
export async function measureCycle(
  context: CycleContext,
  isWarmup: boolean,
): Promise<{ readonly cycle: BenchmarkCycle; readonly report: RunReport }> {
  const bare = await measureBare(context);
  const { run, report } = await measureRun(context);
  return { cycle: { isWarmup, bare, run }, report };
}
