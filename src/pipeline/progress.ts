import type { ErrorRecord } from '../errors.js';
import type { RunWarning } from './run-report.js';

/** What a run is doing, in order. */
export type RunPhase =
  | 'probe'
  | 'plan'
  | 'policy'
  | 'sources'
  | 'scenes'
  | 'cast'
  | 'render'
  | 'mux'
  | 'verify'
  | 'done';

/** Events that a run emits; `--progress json` prints each as one line. */
export type ProgressEvent =
  | { readonly type: 'phase'; readonly phase: RunPhase }
  | {
      readonly type: 'frames';
      /** Frames rendered so far, of the whole job; in the phases `scenes` and `cast`, frames that were looked at. */
      readonly done: number;
      readonly total: number;
      readonly framesPerSecond: number;
      /** Estimated seconds to the end of rendering; null before there is an estimate. */
      readonly etaSeconds: number | null;
      readonly facesSwapped: number;
    }
  | {
      readonly type: 'segment';
      readonly index: number;
      readonly total: number;
      /** `kept`: finished by an earlier run. */
      readonly state: 'started' | 'done' | 'failed' | 'kept';
    }
  | {
      /** Work is begun again after a transient failure. */
      readonly type: 'retry';
      /** Null: not a segment but the joining of all. */
      readonly segment: number | null;
      /** Number of the try that follows; 2 is the first. */
      readonly attempt: number;
      /** Tries in all. */
      readonly tries: number;
      /** How long is waited before. */
      readonly delayMs: number;
      readonly error: ErrorRecord;
    }
  | { readonly type: 'warning'; readonly warning: RunWarning };
