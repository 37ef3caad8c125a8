import type { ProgressChannel } from './progress-channel.js';
import type { FrameRow } from './run-report.js';

/** `frames` events come at most this often. */
const eventIntervalMs = 100;

/** Counts rendered frames and tells of them, with the speed so far and the time that is left. */
export class RenderProgress {
  readonly #channel: ProgressChannel;
  readonly #total: number;
  readonly #startMs = performance.now();
  #done = 0;
  #facesSwapped = 0;
  #lastEventMs = Number.NEGATIVE_INFINITY;

  /** @param total frames that will be rendered in the whole run. */
  constructor(channel: ProgressChannel, total: number) {
    this.#channel = channel;
    this.#total = total;
  }

  /** Counts one frame. */
  add(row: FrameRow): void {
    this.#done += 1;
    this.#facesSwapped += row.faces.filter((face) => face.outcome !== 'skipped').length;
    const nowMs = performance.now();
    if (this.#done < this.#total && nowMs - this.#lastEventMs < eventIntervalMs) return;
    this.#lastEventMs = nowMs;
    const framesPerSecond = (this.#done * 1000) / Math.max(1, nowMs - this.#startMs);
    this.#channel.emit({
      type: 'frames',
      done: this.#done,
      total: this.#total,
      framesPerSecond,
      etaSeconds: (this.#total - this.#done) / framesPerSecond,
      facesSwapped: this.#facesSwapped,
    });
  }
}
