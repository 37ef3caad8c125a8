import type { Box } from '../../imaging/affine.js';
import type { FrameRange } from '../../media/decoder.js';
import type { FaceRace } from '../../processors/face-recognizer/face-races.js';

/** Where somebody was seen. */
export type CastFace = {
  /** Index into the target's frames. */
  readonly frame: number;
  /** In pixels of that frame. */
  readonly box: Box;
  /** 0..1: how well the face can be recognised there, by size, pose and sharpness; 0 where no sample could be taken. */
  readonly score: number;
};

/** A face that was followed within one segment of the plan. */
export type CastTrack = {
  /** Index of the segment. */
  readonly segment: number;
  /** Unique within the segment. */
  readonly trackId: number;
  /** First frame that shows it, among all that the segment decodes. */
  readonly start: number;
  /** One past the last frame that shows it. */
  readonly end: number;
  /** Index into the persons. */
  readonly person: number;
};

/** Somebody who is in the clip. */
export type CastPerson = {
  /** `person1`, `person2`, …: by screen time, longest first; of two alike, who appears first. */
  readonly id: string;
  /** Frames of the range in which this person is seen. */
  readonly frames: number;
  readonly firstFrame: number;
  /** Those frames, as ranges without gaps. */
  readonly seen: readonly FrameRange[];
  /** Where the person is seen best. */
  readonly best: CastFace;
  /** Mean of the samples, L2-normalised; of length zero when no sample could be taken. */
  readonly descriptor: Float32Array;
  /** Null when no sample could be taken. */
  readonly ageYears: number | null;
  /** Probability that the person reads as male, 0..1; null when no sample could be taken. */
  readonly male: number | null;
  /** What most of the samples say by weight; left out where no classifier tells it. */
  readonly race?: FaceRace;
};

/** Who is in a clip, and which tracks show whom. */
export type Cast = { readonly persons: readonly CastPerson[]; readonly tracks: readonly CastTrack[] };

/** The person that a track shows; null for a track that the cast does not know, such as one of a segment's run-up alone. */
export const personOf = (cast: Cast, segment: number, trackId: number): CastPerson | null => {
  const track = cast.tracks.find((known) => known.segment === segment && known.trackId === trackId);
  return track === undefined ? null : (cast.persons[track.person] ?? null);
};
