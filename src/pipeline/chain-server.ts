import type { MessagePort } from 'node:worker_threads';
import { FaceswapError } from '../errors.js';
import type { SourceFace } from '../processors/face-swapper/source-face.js';
import { readFindings } from './cast/segment-findings.js';
import type { ChainModelFiles } from './chain-models.js';
import type { FrameComparer } from './compare/frame-comparer.js';
import type { ChainMachine, ChainOutput, ChainSettings, FaceChain } from './face-chain.js';
import type { SampleInspector } from './policy/sample-inspector.js';
import type { SourcePhoto } from './source-preparation.js';
import type {
  PreparedSources,
  WorkerCommand,
  WorkerReply,
  WorkerRequest,
  WorkerResults,
} from './worker-protocol.js';

/** The part of {@link FaceChain} that a worker drives. */
export type ServedChain = Pick<FaceChain, 'batch' | 'begin' | 'push' | 'finish' | 'takeFigures' | 'dispose'>;

/** The part of {@link FrameComparer} that a worker drives. */
export type ServedComparer = Pick<FrameComparer, 'begin' | 'push' | 'finish'>;

/** The part of {@link SampleInspector} that a worker drives. */
export type ServedInspector = Pick<SampleInspector, 'begin' | 'inspect' | 'finish'>;

/** Where the server gets its chain from; tests give their own. */
export type ChainFactory = {
  readonly createChain: (
    settings: ChainSettings,
    sources: readonly SourceFace[],
    machine: ChainMachine,
  ) => Promise<ServedChain>;
  readonly prepareSources: (
    photos: readonly SourcePhoto[],
    settings: ChainSettings,
    models: ChainModelFiles | null,
  ) => Promise<PreparedSources>;
  readonly createComparer: () => ServedComparer;
  readonly createInspector: () => ServedInspector;
  /** Frees the models that `prepareSources` loaded: without a chain nobody else does. */
  readonly releaseModels: () => Promise<void>;
};

/** The stage that a failure without one belongs to. */
const stageOf = ({ name }: WorkerCommand): string => {
  if (name === 'prepareSources') return 'sources';
  return name === 'beginInspection' || name === 'inspectFrame' ? 'policy' : 'swap';
};

const buffersOf = (outputs: readonly ChainOutput[]): readonly ArrayBuffer[] =>
  outputs.map((output) => output.buffer);

const transferList = (result: WorkerResults[keyof WorkerResults]): readonly ArrayBuffer[] => {
  if (result === null) return [];
  if ('spent' in result) return result.spent.flat();
  if ('frameBuffer' in result) {
    const { frameBuffer, picture } = result;
    return picture === null ? [frameBuffer] : [frameBuffer, picture.rgb.buffer];
  }
  if (!('outputs' in result)) return [];
  const buffers = buffersOf(result.outputs);
  return 'analysis' in result && result.analysis !== null ? [...buffers, result.analysis] : buffers;
};

/**
 * Answers the commands that arrive at a worker's port, one after the other. Model runs block this thread, so a
 * `dispose` is noticed between two of them; all that still waits is then refused instead of computed.
 */
export function serveChain(port: MessagePort, factory: ChainFactory): void {
  let chain: ServedChain | undefined;
  let disposing = false;
  let tail: Promise<void> = Promise.resolve();

  const liveChain = (): ServedChain => {
    if (chain !== undefined) return chain;
    throw new FaceswapError('bug', 'A worker was given frames before its chain was made');
  };

  let onlyComparer: ServedComparer | undefined;
  const comparer = (): ServedComparer => {
    onlyComparer ??= factory.createComparer();
    return onlyComparer;
  };

  let onlyInspector: ServedInspector | undefined;
  const inspector = (): ServedInspector => {
    onlyInspector ??= factory.createInspector();
    return onlyInspector;
  };

  const perform = async (command: WorkerCommand): Promise<WorkerResults[keyof WorkerResults]> => {
    switch (command.name) {
      case 'prepareSources':
        return factory.prepareSources(command.photos, command.settings, command.models);
      case 'init':
        // The next chain most likely uses the same models; `createChain` frees them where it does not.
        await chain?.dispose({ keepsModels: true });
        chain = undefined;
        chain = await factory.createChain(command.settings, command.sources, command.machine);
        return chain.batch;
      case 'beginSegment':
        liveChain().begin(command.segment, command.analysis);
        return null;
      case 'readFindings':
        return readFindings(command.analysis, command.decode);
      case 'frame':
        return { outputs: await liveChain().push(command.frame) };
      case 'endSegment': {
        const outputs = await liveChain().finish();
        return { outputs, ...liveChain().takeFigures() };
      }
      case 'beginComparison':
        await comparer().begin(command.setup);
        return null;
      case 'compareFrames':
        return comparer().push(command.frames);
      case 'endComparison':
        return comparer().finish();
      case 'beginInspection':
        await inspector().begin(command.setup);
        return null;
      case 'inspectFrame':
        return inspector().inspect(command.frame);
      case 'endInspection':
        await inspector().finish();
        return null;
      case 'dispose':
        await onlyInspector?.finish();
        await chain?.dispose();
        chain = undefined;
        await factory.releaseModels();
        return null;
    }
  };

  const answer = async ({ id, command }: WorkerRequest): Promise<void> => {
    try {
      if (disposing && command.name !== 'dispose') {
        throw new FaceswapError('interrupted', 'The worker is being stopped');
      }
      const result = await perform(command);
      port.postMessage({ id, ok: true, result } satisfies WorkerReply, transferList(result));
    } catch (error) {
      const failure = FaceswapError.from(error, stageOf(command));
      const stack = error instanceof Error ? error.stack : undefined;
      port.postMessage({ id, ok: false, error: failure.toRecord(), stack } satisfies WorkerReply);
    }
  };

  port.on('message', (request: WorkerRequest) => {
    if (request.command.name === 'dispose') disposing = true;
    tail = tail.then(() => answer(request));
  });
}
