import type { ErrorRecord } from '../errors.js';
import type { SourceFace } from '../processors/face-swapper/source-face.js';
import type { ChainModelFiles } from './chain-models.js';
import type { ChainFrame, ChainMachine, ChainOutput, ChainSegment, ChainSettings } from './face-chain.js';
import type { SegmentFindings } from './cast/segment-findings.js';
import type { ComparedFrames, ComparisonOutputs, ComparisonSetup } from './compare/compared-frame.js';
import type { InspectedFrame, InspectionResult, InspectionSetup } from './policy/sample-inspection.js';
import type { RunWarning } from './run-report.js';
import type { SourcePhoto } from './source-preparation.js';
import type { ChainStageSamples, ChainStageTimes } from './stage-samples.js';

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
      /** Null: the embedded models. */
      readonly models: ChainModelFiles | null;
    }
  | {
      readonly name: 'init';
      readonly settings: ChainSettings;
      readonly sources: readonly SourceFace[];
      readonly machine: ChainMachine;
    }
  /** `analysis` is what an earlier run found out about these frames; its buffer is transferred. */
  | { readonly name: 'beginSegment'; readonly segment: ChainSegment; readonly analysis: ArrayBuffer | null }
  /** Reads tracks and cuts out of what an earlier run found out about these frames; needs no chain. The buffer is transferred. */
  | { readonly name: 'readFindings'; readonly decode: ChainSegment['decode']; readonly analysis: ArrayBuffer }
  /** The frame's buffer is transferred. */
  | { readonly name: 'frame'; readonly frame: ChainFrame }
  | { readonly name: 'endSegment' }
  /** Begins to look at frames of several videos side by side; see `FrameComparer`. */
  | { readonly name: 'beginComparison'; readonly setup: ComparisonSetup }
  /** The frames' buffers are transferred. */
  | { readonly name: 'compareFrames'; readonly frames: ComparedFrames }
  | { readonly name: 'endComparison' }
  /** Begins to look at pictures for policy checks; see `SampleInspector`. */
  | { readonly name: 'beginInspection'; readonly setup: InspectionSetup }
  /** The frame's buffer is transferred. */
  | { readonly name: 'inspectFrame'; readonly frame: InspectedFrame }
  | { readonly name: 'endInspection' }
  /** Commands that still wait are refused; the one that runs is finished first. */
  | { readonly name: 'dispose' };

/** How many faces go through the swapper's model in one run, and why. */
export type ChainBatch = { readonly size: number; readonly reason: string };

/** What each command answers with; buffers in `outputs` are transferred back. */
export type WorkerResults = {
  readonly prepareSources: PreparedSources;
  readonly init: ChainBatch;
  readonly beginSegment: null;
  /** Null when the analysis cannot be used. */
  readonly readFindings: SegmentFindings | null;
  readonly frame: { readonly outputs: readonly ChainOutput[] };
  readonly endSegment: {
    readonly outputs: readonly ChainOutput[];
    readonly stageTimes: ChainStageTimes;
    readonly stageSamples: ChainStageSamples;
    /** Busy time inside model runs. */
    readonly modelMs: number;
    /** How often a batch was halved because memory ran out. */
    readonly halvings: number;
    /** What the chain found out about the segment's frames, for later runs; null where it was given. Transferred. */
    readonly analysis: ArrayBuffer | null;
    /** Of a segment that was only analysed; else null. */
    readonly findings: SegmentFindings | null;
  };
  readonly beginComparison: null;
  readonly compareFrames: ComparisonOutputs;
  readonly endComparison: ComparisonOutputs;
  readonly beginInspection: null;
  /** The buffers are transferred back. */
  readonly inspectFrame: InspectionResult;
  readonly endInspection: null;
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
