/** What is decided about a track before rendering. */
export type TrackSelection = {
  /** Unique within the segment. */
  readonly trackId: number;
  /** Id of the person whom it shows. */
  readonly person: string;
  /** 0..1: how well the person can be recognised where that is best. */
  readonly score: number;
  /** Indexes of the source photos that it may get; empty: it is left alone. */
  readonly photos: readonly number[];
};

/** Who gets which face in one segment, where that depends on who it is. Plain data, so that it can cross threads. */
export type SegmentSelection = {
  readonly tracks: readonly TrackSelection[];
  /** Photos for tracks that are not listed, of whom nothing is known; empty: they are left alone. */
  readonly unknown: readonly number[];
};
