import { cutLookAheadFrames } from '../processors/landmark-smoother/scene-cut-detector.js';

/**
 * Frames after (and before) a frame that its rendering looks at; a segment is decoded this much wider on both sides. Before:
 * a second of tracking, so that ids, crops and gaps have settled; after: the smoother's seven and the one frame more that
 * the jitter figure needs, and two more so that a face that goes can begin to fade four frames before it is gone, which takes as long
 * to be told from a gap.
 */
export const chainNeighbourFrames = { before: 24, after: 10 } as const;

/**
 * Frames after a frame that the chain must have taken before it gives that one back: the verdict on a cut waits for some more than
 * the smoother does.
 */
export const chainLookAheadFrames = chainNeighbourFrames.after + cutLookAheadFrames;
