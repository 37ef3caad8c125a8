import { type Box, boxOverlap } from '../../imaging/affine.js';
import type { FrameRange } from '../../media/decoder.js';
import type { SegmentTrack, TrackSample } from './segment-tracks.js';

/** The tracks of one segment of the plan. */
export type AnalysedSegment = {
  /** Index of the segment. */
  readonly segment: number;
  /** Frames that the segment renders. */
  readonly render: FrameRange;
  readonly tracks: readonly SegmentTrack[];
};

/** A track with its segment. */
export type ChainLink = { readonly segment: number; readonly track: SegmentTrack };

/** A sighting inside of what its segment renders. */
export type Sighting = { readonly frame: number; readonly box: Box };

/** Tracks of consecutive segments that are one face in one shot. */
export type TrackChain = {
  readonly links: readonly ChainLink[];
  /** By frame, ascending; each frame of the range belongs to one segment, so none comes twice. */
  readonly sightings: readonly Sighting[];
  readonly samples: readonly TrackSample[];
};

/** Mean overlap of the boxes of two tracks, over the frames in which both segments saw them, from which they are one. */
const sameTrackOverlap = 0.5;

const boxAt = ({ boxes }: SegmentTrack, at: number): Box => ({
  x: boxes[4 * at] as number,
  y: boxes[4 * at + 1] as number,
  width: boxes[4 * at + 2] as number,
  height: boxes[4 * at + 3] as number,
});

/** Mean overlap of two tracks in the frames that both have; 0 where they have none. */
const trackOverlap = (first: SegmentTrack, second: SegmentTrack): number => {
  let sum = 0;
  let count = 0;
  for (let a = 0, b = 0; a < first.frames.length && b < second.frames.length; ) {
    const frame = first.frames[a] as number;
    const other = second.frames[b] as number;
    if (frame === other) {
      sum += boxOverlap(boxAt(first, a), boxAt(second, b));
      count += 1;
    }
    if (frame <= other) a += 1;
    if (other <= frame) b += 1;
  }
  return count === 0 ? 0 : sum / count;
};

/** Pairs of tracks of two neighbouring segments that are one, the surest first; no track has two partners. */
const joinsBetween = (
  before: readonly SegmentTrack[],
  after: readonly SegmentTrack[],
): ReadonlyMap<SegmentTrack, SegmentTrack> => {
  const pairs = before.flatMap((first) =>
    after.map((second) => ({ first, second, overlap: trackOverlap(first, second) })),
  );
  const joins = new Map<SegmentTrack, SegmentTrack>();
  const taken = new Set<SegmentTrack>();
  for (const { first, second, overlap } of pairs.sort((one, other) => other.overlap - one.overlap)) {
    if (overlap < sameTrackOverlap || joins.has(first) || taken.has(second)) continue;
    joins.set(first, second);
    taken.add(second);
  }
  return joins;
};

const chainOf = (links: readonly ChainLink[], renders: ReadonlyMap<number, FrameRange>): TrackChain => {
  const sightings: Sighting[] = [];
  const samples: TrackSample[] = [];
  for (const { segment, track } of links) {
    const { start, end } = renders.get(segment) as FrameRange;
    for (const [at, frame] of track.frames.entries()) {
      if (frame >= start && frame < end) sightings.push({ frame, box: boxAt(track, at) });
    }
    // Where two segments sampled the same frame, it counts once.
    samples.push(...track.samples.filter(({ frame }) => frame >= start && frame < end));
  }
  return { links, sightings, samples };
};

/**
 * Joins tracks that run on across the borders of segments: a segment is analysed together with frames of its neighbours, and tracks that
 * lie at one place in the frames that both have seen are one. A track that is only seen in such frames of a neighbour is left out:
 * there it is one of the neighbour's own.
 *
 * @param segments in order
 */
export const joinTracks = (segments: readonly AnalysedSegment[]): readonly TrackChain[] => {
  const renders = new Map(segments.map(({ segment, render }) => [segment, render]));
  const open = new Map<SegmentTrack, ChainLink[]>();
  const all: ChainLink[][] = [];
  for (const [at, { segment, tracks }] of segments.entries()) {
    const before = segments[at - 1];
    const joins = before === undefined ? new Map() : joinsBetween(before.tracks, tracks);
    const chained = new Map<SegmentTrack, ChainLink[]>();
    for (const [first, second] of joins) {
      const links = open.get(first);
      if (links === undefined) continue;
      links.push({ segment, track: second });
      chained.set(second, links);
    }
    open.clear();
    for (const track of tracks) {
      let links = chained.get(track);
      if (links === undefined) {
        links = [{ segment, track }];
        all.push(links);
      }
      open.set(track, links);
    }
  }
  return all.map((links) => chainOf(links, renders)).filter(({ sightings }) => sightings.length > 0);
};
