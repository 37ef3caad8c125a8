import type { FaceAppearance } from './appearance.js';
import type { HeadPose } from './head-pose.js';
import type { SourceFace } from './source-face.js';

/** Another photo must fit better by this much before a track changes to it: no flicker between two equal ones. */
const changeMargin = 0.12;

/**
 * Picks, per track, the source photo that is nearest to the target in pose and light. Pose counts most: a texture seen from
 * the same side needs the least made up. Light counts through lightness and contrast of the skin, 40 L units weighing like
 * half a radian of turn.
 */
export class SourceChooser {
  readonly #sources: readonly SourceFace[];
  readonly #chosen = new Map<number, SourceFace>();

  constructor(sources: readonly SourceFace[]) {
    this.#sources = sources;
  }

  /** Forgets earlier choices, at a cut. */
  reset(): void {
    this.#chosen.clear();
  }

  /** @returns null where there are no photos */
  choose(
    trackId: number,
    pose: HeadPose,
    appearance: Pick<FaceAppearance, 'mean' | 'std'>,
  ): SourceFace | null {
    const [first] = this.#sources;
    if (first === undefined) return null;
    const cost = (source: SourceFace): number =>
      Math.abs(source.pose.yaw - pose.yaw) +
      0.7 * Math.abs(source.pose.pitch - pose.pitch) +
      Math.abs((source.appearance.mean[0] as number) - (appearance.mean[0] as number)) / 80 +
      Math.abs((source.appearance.std[0] as number) - (appearance.std[0] as number)) / 80;
    const current = this.#chosen.get(trackId);
    let best = current ?? first;
    let bestCost = cost(best) - (current === undefined ? 0 : changeMargin);
    for (const source of this.#sources) {
      const candidate = cost(source);
      if (candidate < bestCost) {
        best = source;
        bestCost = candidate;
      }
    }
    this.#chosen.set(trackId, best);
    return best;
  }
}
