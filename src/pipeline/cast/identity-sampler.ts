import type { PlanarFrame } from '../../imaging/planar-frame.js';
import { boundsOf } from '../../processors/face-landmarker/mesh-bounds.js';
import type { FaceClassifier } from '../../processors/face-recognizer/face-classifier.js';
import type { FaceRecognizer } from '../../processors/face-recognizer/face-recognizer.js';
import { headPose } from '../../processors/face-swapper/head-pose.js';
import type { Observation } from '../shot-window.js';
import { type IdentitySample, sampleWeight } from './identity-sample.js';

/** A track is sampled on every fourth frame until it has enough for a vote, then about once a second. By frame index. */
const firstSamples = 6;
const firstEveryFrames = 4;
const laterEveryFrames = 24;

/** Decides in which frames the recogniser looks at a face, and asks it. One segment at a time. */
export class IdentitySampler {
  readonly #recognizer: Pick<FaceRecognizer, 'identify'>;
  readonly #classifier: Pick<FaceClassifier, 'classify'> | null;
  /** Samples taken so far, by track. */
  readonly #taken = new Map<number, number>();

  /** @param classifier says how old a face is and what it reads as; null: the recogniser does */
  constructor(
    recognizer: Pick<FaceRecognizer, 'identify'>,
    classifier: Pick<FaceClassifier, 'classify'> | null = null,
  ) {
    this.#recognizer = recognizer;
    this.#classifier = classifier;
  }

  /** Forgets all tracks: a segment begins. */
  reset(): void {
    this.#taken.clear();
  }

  /** A sample of a track's face in this frame; null where none is due, or where the face says too little. */
  async sample(
    frame: PlanarFrame,
    index: number,
    {
      trackId,
      observation: { points, appearance },
    }: { trackId: number; observation: Pick<Observation, 'points' | 'appearance'> },
  ): Promise<IdentitySample | null> {
    const taken = this.#taken.get(trackId) ?? 0;
    if (index % (taken < firstSamples ? firstEveryFrames : laterEveryFrames) !== 0) return null;
    const { width, height } = boundsOf(points);
    // Kept as a single float, like all the rest of an analysis.
    const weight = Math.fround(sampleWeight(Math.max(width, height), headPose(points), appearance));
    if (weight === 0) return null;
    this.#taken.set(trackId, taken + 1);
    const identity = await this.#recognizer.identify(frame, points);
    const classes = await this.#classifier?.classify(frame, points);
    return { ...identity, ...classes, weight };
  }
}
