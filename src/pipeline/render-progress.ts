import type { ProgressChannel } from './progress-channel.js';
import type { FrameRow } from './run-report.js';

/** `frames` events come at most this often. */
const eventIntervalMs = 100;

const swappedFaces = (row: FrameRow): number => row.faces.filter((face) => face.outcome !== 'skipped').length;

/** Counts frames that are rendered or looked at and tells of them, with the speed so far and the time that is left. */
export class RenderProgress {
  readonly #channel: ProgressChannel;
  readonly #total: number;
  readonly #startMs = performance.now();
  readonly #doneBefore: number;
  #done: number;
  #facesSwapped: number;
  #lastEventMs = Number.NEGATIVE_INFINITY;

  /**
   * @param total frames of the whole job.
   * @param doneRows of frames that an earlier run has rendered: they count as done, and not for the speed.
   */
  constructor(channel: ProgressChannel, total: number, doneRows: readonly FrameRow[] = []) {
    this.#channel = channel;
    this.#total = total;
    this.#doneBefore = doneRows.length;
    this.#done = doneRows.length;
    this.#facesSwapped = doneRows.reduce((sum, row) => sum + swappedFaces(row), 0);
  }

  /** Counts one frame. */
  add(row: FrameRow): void {
    this.#facesSwapped += swappedFaces(row);
    this.advance(1);
  }

  /** Counts frames in which nothing was swapped. */
  advance(frames: number): void {
    this.#done += frames;
    const nowMs = performance.now();
    if (this.#done < this.#total && nowMs - this.#lastEventMs < eventIntervalMs) return;
    this.#lastEventMs = nowMs;
    const framesPerSecond = ((this.#done - this.#doneBefore) * 1000) / Math.max(1, nowMs - this.#startMs);
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
