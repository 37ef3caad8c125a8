import { boundsOf } from '../../processors/face-landmarker/mesh-bounds.js';
import { SegmentAnalysisReader } from '../segment-analysis.js';
import type { AnalysedFrame } from '../shot-window.js';
import type { IdentitySample } from './identity-sample.js';

/** An identity sample and the frame that it was taken in. */
export type TrackSample = IdentitySample & { readonly frame: number };

/** Where and how one face was seen in a segment, neighbours of the segment included. Plain data, so that it can cross threads. */
export type SegmentTrack = {
  /** Unique within the segment. */
  readonly trackId: number;
  /** Number of its shot, counted from the first frame that the segment decodes. */
  readonly shot: number;
  /** Indexes of the frames that show it, ascending; at least one. */
  readonly frames: Uint32Array;
  /** Boxes of its mesh in those frames, in pixels: x, y, width, height of each. */
  readonly boxes: Float32Array;
  readonly samples: readonly TrackSample[];
};

/** What an analysis without rendering finds out about a segment and the frames around it. Plain data. */
export type SegmentFindings = {
  readonly tracks: readonly SegmentTrack[];
  /** Frames that begin a shot, ascending. */
  readonly cuts: readonly number[];
};

/**
 * What a packed analysis says of a segment.
 *
 * @param decode the frames that it must be of
 * @returns null when it is not theirs or cannot be read
 */
export const readFindings = (
  analysis: ArrayBuffer,
  decode: { readonly start: number; readonly end: number },
): SegmentFindings | null => {
  const reader = SegmentAnalysisReader.openFor(analysis, decode);
  if (reader === null) return null;
  const collector = new FindingsCollector();
  for (let index = decode.start; index < decode.end; index += 1) collector.add(reader.next());
  return collector.finish();
};

/** Collects the tracks and cuts of a segment frame by frame. */
export class FindingsCollector {
  readonly #tracks = new Map<
    number,
    { shot: number; frames: number[]; boxes: number[]; samples: TrackSample[] }
  >();
  #shot = 0;

  readonly #cuts: number[] = [];

  /** Frames come in order; nothing of them is kept but the samples' own arrays. */
  add({ index, sceneCut, faces }: AnalysedFrame): void {
    if (sceneCut) {
      this.#cuts.push(index);
      this.#shot += 1;
    }
    for (const [trackId, { points, identity }] of faces) {
      let track = this.#tracks.get(trackId);
      if (track === undefined) {
        track = { shot: this.#shot, frames: [], boxes: [], samples: [] };
        this.#tracks.set(trackId, track);
      }
      const { x, y, width, height } = boundsOf(points);
      track.frames.push(index);
      track.boxes.push(x, y, width, height);
      if (identity !== undefined && identity !== null) track.samples.push({ ...identity, frame: index });
    }
  }

  /** The tracks are ordered by id. */
  finish(): SegmentFindings {
    const tracks = [...this.#tracks]
      .sort(([first], [second]) => first - second)
      .map(([trackId, { shot, frames, boxes, samples }]) => ({
        trackId,
        shot,
        frames: Uint32Array.from(frames),
        boxes: Float32Array.from(boxes),
        samples,
      }));
    return { tracks, cuts: this.#cuts };
  }
}
