import type { FrameRange } from '../../media/decoder.js';
import type { RunWarning } from '../run-report.js';

/** Frames between two cuts. */
export type Scene = {
  readonly startFrame: number;
  /** One past the last frame. */
  readonly endFrame: number;
  /** When the first frame is shown, counted from the start of the file. */
  readonly startSeconds: number;
  /** How long its frames are shown. */
  readonly seconds: number;
};

/** What `scenes()` gives, and what `--json` holds. */
export type ScenesReport = {
  readonly schema: 1;
  readonly version: string;
  /** Absolute path. */
  readonly target: string;
  /** The frames that were looked at. */
  readonly range: FrameRange;
  /** In order; every one but the first begins with a cut. */
  readonly scenes: readonly Scene[];
  /** Where the list of cuts was written; null when none was asked for. Absolute path. */
  readonly output: string | null;
  readonly wallMs: number;
  readonly warnings: readonly RunWarning[];
};
