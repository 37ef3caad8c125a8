import type { ErrorRecord } from '../errors.js';
import type { SourceFace } from '../processors/face-swapper/source-face.js';
import type { ChainFrame, ChainOutput, ChainSegment, ChainSettings, ChainStageTimes } from './face-chain.js';
import type { RunWarning } from './run-report.js';
import type { SourcePhoto } from './source-preparation.js';

/** Source faces with the remarks that finding them gave. */
export type PreparedSources = {
  readonly faces: readonly SourceFace[];
  readonly warnings: readonly RunWarning[];
};

/** What a worker is asked; commands are carried out in the order in which they arrive. */
export type WorkerCommand =
  | {
      readonly name: 'prepareSources';
      readonly photos: readonly SourcePhoto[];
      readonly settings: ChainSettings;
    }
  | { readonly name: 'init'; readonly settings: ChainSettings; readonly sources: readonly SourceFace[] }
  | { readonly name: 'beginSegment'; readonly segment: ChainSegment }
  /** The frame's buffer is transferred. */
  | { readonly name: 'frame'; readonly frame: ChainFrame }
  | { readonly name: 'endSegment' }
  /** Commands that still wait are refused; the one that runs is finished first. */
  | { readonly name: 'dispose' };

/** What each command answers with; buffers in `outputs` are transferred back. */
export type WorkerResults = {
  readonly prepareSources: PreparedSources;
  readonly init: null;
  readonly beginSegment: null;
  readonly frame: { readonly outputs: readonly ChainOutput[] };
  readonly endSegment: {
    readonly outputs: readonly ChainOutput[];
    readonly stageTimes: ChainStageTimes;
  };
  readonly dispose: null;
};

/** Main thread → worker. `id` comes back with the answer. */
export type WorkerRequest = { readonly id: number; readonly command: WorkerCommand };

/** Worker → main thread: one answer per request. `stack` is for the debug log only. */
export type WorkerReply =
  | { readonly id: number; readonly ok: true; readonly result: WorkerResults[keyof WorkerResults] }
  | {
      readonly id: number;
      readonly ok: false;
      readonly error: ErrorRecord;
      readonly stack: string | undefined;
    };
