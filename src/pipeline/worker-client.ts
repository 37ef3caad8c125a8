import { type ResourceLimits, Worker } from 'node:worker_threads';
import { FaceswapError } from '../errors.js';
import { disableTelemetry } from '../inference/telemetry.js';
import type { SourceFace } from '../processors/face-swapper/source-face.js';
import { isAbandonedThread, noteAbandonedThread } from './abandoned-threads.js';
import type { SegmentFindings } from './cast/segment-findings.js';
import type { ComparedFrames, ComparisonOutputs, ComparisonSetup } from './compare/compared-frame.js';
import type { ChainModelFiles } from './chain-models.js';
import type { ChainFrame, ChainMachine, ChainSegment, ChainSettings } from './face-chain.js';
import type { InspectedFrame, InspectionResult, InspectionSetup } from './policy/sample-inspection.js';
import type { RunLogger } from './run-logger.js';
import type { SourcePhoto } from './source-preparation.js';
import type {
  ChainBatch,
  PreparedSources,
  WorkerCommand,
  WorkerReply,
  WorkerResults,
} from './worker-protocol.js';

type Pending = {
  readonly resolve: (result: WorkerResults[keyof WorkerResults]) => void;
  readonly reject: (error: FaceswapError) => void;
};

/** Limits of a thread's heap. */
export type WorkerMemory = ResourceLimits;

/** The worker entry of the built package. */
export const segmentWorkerUrl = new URL('./segment-worker.js', import.meta.url);

const crashError = (error: unknown): FaceswapError => {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return new FaceswapError('resources', 'The worker thread ran out of memory', {
      stage: 'swap',
      cause: error,
      hint: 'Close other programs or lower --execution-thread-count',
      retry: 'smaller',
    });
  }
  // Another thread may do better: what a dead one was given is not known to be at fault.
  return FaceswapError.from(error, 'swap').with({ retry: 'again' });
};

/** How long closing waits for the command that runs: longer than any model run, shorter than for ever. */
const closeGraceMs = 120_000;

/** The main thread's end of one worker: commands as promises. */
export class WorkerClient {
  readonly #worker: Worker;
  readonly #logger: RunLogger;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #failure: FaceswapError | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Starts the worker.
   *
   * @param entry module that the worker runs; another one than {@link segmentWorkerUrl} only in tests.
   * @param memory limits of the thread's own heap; Node's own when left out.
   */
  constructor({
    logger,
    entry = segmentWorkerUrl,
    memory = {},
  }: {
    logger: RunLogger;
    entry?: URL | undefined;
    memory?: WorkerMemory | undefined;
  }) {
    this.#logger = logger;
    disableTelemetry();
    this.#worker = new Worker(entry, {
      name: 'faceswap-segment',
      stdout: true,
      stderr: true,
      resourceLimits: memory,
    });
    for (const stream of [this.#worker.stdout, this.#worker.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => logger.debug({ text: text.trimEnd() }, 'worker output'));
    }
    this.#worker.on('message', (reply: WorkerReply) => this.#settle(reply));
    this.#worker.on('messageerror', (error) => this.#fail(FaceswapError.from(error, 'swap')));
    this.#worker.on('error', (error) => this.#fail(crashError(error)));
    this.#worker.on('exit', (code) =>
      this.#fail(
        new FaceswapError('bug', `The worker thread ended before its work was done (code ${code})`, {
          stage: 'swap',
          hint: 'This is a bug: please report it with the output of --log-level debug',
          retry: 'again',
        }),
      ),
    );
  }

  /** False once the thread has died or is being closed: every command is refused then. */
  get isAlive(): boolean {
    return this.#failure === undefined && this.#closing === undefined;
  }

  /** Finds and prepares the faces of source photos; see `prepareSources`. */
  prepareSources(
    photos: readonly SourcePhoto[],
    settings: ChainSettings,
    models: ChainModelFiles | null = null,
  ): Promise<PreparedSources> {
    return this.#ask<'prepareSources'>({ name: 'prepareSources', photos, settings, models });
  }

  /** Loads the models and makes the chain; gives how many faces go through the swapper's model in one run. */
  init(settings: ChainSettings, sources: readonly SourceFace[], machine: ChainMachine): Promise<ChainBatch> {
    return this.#ask<'init'>({ name: 'init', settings, sources, machine });
  }

  /**
   * Starts a segment: the chain forgets all earlier frames.
   *
   * @param analysis what an earlier run found out about its frames, or null; the buffer is transferred.
   */
  async beginSegment(segment: ChainSegment, analysis: ArrayBuffer | null = null): Promise<void> {
    const transfer = analysis === null ? [] : [analysis];
    await this.#ask<'beginSegment'>({ name: 'beginSegment', segment, analysis }, transfer);
  }

  /**
   * Reads what an analysis without rendering would find about a segment out of what an earlier run found out about its frames.
   *
   * @param analysis is transferred.
   * @returns null when it cannot be used.
   */
  async readFindings(decode: ChainSegment['decode'], analysis: ArrayBuffer): Promise<SegmentFindings | null> {
    return this.#ask<'readFindings'>({ name: 'readFindings', decode, analysis }, [analysis]);
  }

  /** Hands over the next frame (its buffer is transferred) and gives the frames that this finished. */
  push(frame: ChainFrame): Promise<WorkerResults['frame']> {
    return this.#ask<'frame'>({ name: 'frame', frame }, [frame.buffer]);
  }

  /** Gives the frames that the chain still held, with the segment's figures and what was found out about it. */
  endSegment(): Promise<WorkerResults['endSegment']> {
    return this.#ask<'endSegment'>({ name: 'endSegment' });
  }

  /** Loads the models and begins to look at frames of several videos side by side. */
  async beginComparison(setup: ComparisonSetup): Promise<void> {
    await this.#ask<'beginComparison'>({ name: 'beginComparison', setup });
  }

  /** Hands over the next frame of every video (the buffers are transferred) and gives what this finished. */
  compareFrames(frames: ComparedFrames): Promise<ComparisonOutputs> {
    return this.#ask<'compareFrames'>({ name: 'compareFrames', frames }, frames.buffers);
  }

  /** Gives the rows and buffers that the comparer still held. */
  endComparison(): Promise<ComparisonOutputs> {
    return this.#ask<'endComparison'>({ name: 'endComparison' });
  }

  /** Loads the models that look at pictures for policy checks. */
  async beginInspection(setup: InspectionSetup): Promise<void> {
    await this.#ask<'beginInspection'>({ name: 'beginInspection', setup });
  }

  /** Looks at a picture; its buffer is transferred and comes back. */
  inspectFrame(frame: InspectedFrame): Promise<InspectionResult> {
    return this.#ask<'inspectFrame'>({ name: 'inspectFrame', frame }, [frame.buffer]);
  }

  /** Frees those models. */
  async endInspection(): Promise<void> {
    await this.#ask<'endInspection'>({ name: 'endInspection' });
  }

  /** Why the thread can no longer be used; undefined while it can. */
  get failure(): FaceswapError | undefined {
    return this.#failure;
  }

  /**
   * Gives up a thread that hangs: all that waits for it is rejected, and nothing waits for its end. The thread itself stays,
   * because ending it inside a model run would abort the process; see `endAbandonedThreads`.
   */
  abandon(failure: FaceswapError): void {
    this.#fail(failure);
    this.#closing ??= Promise.resolve();
    this.#worker.unref();
    noteAbandonedThread(this.#worker);
  }

  /**
   * Stops the worker; may be called at any time and twice. Ending a thread inside a model run aborts the whole
   * process, so the worker is asked first and ended when it has answered: that can take as long as one model run. One that does not answer is
   * abandoned in the end.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#failure === undefined) {
      const grace = setTimeout(
        () => this.abandon(new FaceswapError('bug', 'The worker does not answer', { stage: 'swap' })),
        closeGraceMs,
      );
      try {
        await this.#ask<'dispose'>({ name: 'dispose' });
      } catch (error) {
        this.#logger.debug({ err: error }, 'the worker could not be stopped in order');
      } finally {
        clearTimeout(grace);
      }
    }
    if (isAbandonedThread(this.#worker)) return;
    this.#failure ??= new FaceswapError('bug', 'The worker is closed', { stage: 'swap' });
    await this.#worker.terminate();
  }

  #ask<Name extends WorkerCommand['name']>(
    command: Extract<WorkerCommand, { name: Name }>,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<WorkerResults[Name]> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#lastId += 1;
      this.#pending.set(this.#lastId, {
        resolve: resolve as Pending['resolve'],
        reject,
      });
      this.#worker.postMessage({ id: this.#lastId, command }, transfer);
    });
  }

  #settle(reply: WorkerReply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (reply.ok) {
      pending?.resolve(reply.result);
      return;
    }
    this.#logger.debug({ error: reply.error, stack: reply.stack }, 'the worker refused a command');
    pending?.reject(FaceswapError.fromRecord(reply.error));
  }

  /** The first failure answers everything that waits or comes later. */
  #fail(failure: FaceswapError): void {
    this.#failure ??= failure;
    for (const { reject } of this.#pending.values()) reject(this.#failure);
    this.#pending.clear();
  }
}
