import type { Box } from '../../imaging/affine.js';
import type { FrameRange } from '../../media/decoder.js';
import type { FaceRace } from '../../processors/face-recognizer/face-races.js';
import type { RunWarning } from '../run-report.js';
import type { CastFace } from './cast.js';

/** A frame and when it is shown; `seconds` is null in a picture that does not move. */
export type FacesMoment = { readonly frame: number; readonly seconds: number | null };

/** Somebody whom `faces()` has found. */
export type FacesPerson = {
  /** `person1` is seen longest. It names the person for other options as long as target, trims and detector score are the same. */
  readonly id: string;
  /** Frames in which the person is seen. */
  readonly frames: number;
  /** How long those are shown; null in a picture that does not move. */
  readonly seconds: number | null;
  /** Share of all frames that were looked at, 0..1. */
  readonly share: number;
  readonly first: FacesMoment;
  /** Where the person is seen best: the place, and how well the face can be recognised there. */
  readonly best: FacesMoment & { readonly box: Box; readonly score: CastFace['score'] };
  /** By vote over all samples; null where the face was never large or frontal enough for one. */
  readonly ageYears: number | null;
  /** What the face reads as; null like `ageYears`. */
  readonly gender: 'female' | 'male' | null;
  /** Probability of `male`, 0..1; null like `ageYears`. */
  readonly male: number | null;
  /** What the face reads as to fairface; null with another classifier, and like `ageYears`. */
  readonly race: FaceRace | null;
  /** The frames in which the person is seen, half-open. */
  readonly seen: readonly FrameRange[];
};

/** A face that was followed within one segment of the run's plan. */
export type FacesTrack = {
  readonly segment: number;
  readonly trackId: number;
  readonly start: number;
  readonly end: number;
  readonly person: string;
};

/** What `faces()` gives, and what `--output` and `--json` hold. */
export type FacesReport = {
  readonly schema: 1;
  readonly version: string;
  /** Absolute path. */
  readonly target: string;
  readonly kind: 'video' | 'image' | 'animation';
  readonly widthPx: number;
  readonly heightPx: number;
  /** The frames that were looked at. */
  readonly range: FrameRange;
  /** How long those are shown; null in a picture that does not move. */
  readonly seconds: number | null;
  /** By screen time, longest first; at least one. */
  readonly persons: readonly FacesPerson[];
  readonly tracks: readonly FacesTrack[];
  /** Null when none was asked for. Absolute path. */
  readonly contactSheet: string | null;
  readonly wallMs: number;
  readonly warnings: readonly RunWarning[];
};
