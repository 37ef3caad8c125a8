import { type ContentReading, isFlagged } from '../../processors/content-analyser/content-analyser.js';
import type { SampledMedia } from './policy-media.js';

/** Of moving pictures more than one in so many must be flagged; of a still one, itself. */
const flaggedOneIn = 10;

/** A flagged picture. */
type FlaggedSample = {
  readonly frame: number;
  readonly timeSeconds: number;
  readonly readings: readonly ContentReading[];
};

const readingText = ({ model, score, above }: ContentReading): string =>
  `${model} ${score.toFixed(3)}${score > above ? ` > ${above}` : ''}`;

/** The scores of a picture in one line, such as `nsfw_1 0.830 > 0.2, nsfw_2 -0.100`. */
export const readingsText = (readings: readonly ContentReading[]): string =>
  readings.map(readingText).join(', ');

/** Counts what the content analyser says of the frames of one target or output. */
export class ContentTally {
  readonly #kind: SampledMedia['kind'];
  readonly #highest = new Map<string, number>();
  #frames = 0;
  #flagged = 0;
  #first: FlaggedSample | undefined;

  constructor(kind: SampledMedia['kind']) {
    this.#kind = kind;
  }

  /** Takes a frame in. */
  add(frame: number, timeSeconds: number, readings: readonly ContentReading[]): void {
    this.#frames += 1;
    for (const { model, score } of readings) {
      this.#highest.set(model, Math.max(score, this.#highest.get(model) ?? Number.NEGATIVE_INFINITY));
    }
    if (!isFlagged(readings)) return;
    this.#flagged += 1;
    this.#first ??= { frame, timeSeconds, readings };
  }

  get frames(): number {
    return this.#frames;
  }

  /** What was seen, in one line. */
  get text(): string {
    return `${this.#flagged} of ${this.#frames} ${this.#frames === 1 ? 'frame' : 'frames'} flagged`;
  }

  /** The highest score of each model, and how many frames were flagged. */
  get details(): Readonly<Record<string, unknown>> {
    return { flaggedFrames: this.#flagged, highestScores: Object.fromEntries(this.#highest) };
  }

  /** Why it is refused, with the first flagged frame of it; undefined when it is not. */
  get objection(): { readonly text: string; readonly frame: number } | undefined {
    if (this.#first === undefined || this.#flagged * flaggedOneIn <= this.#frames) return undefined;
    const { frame, timeSeconds, readings } = this.#first;
    if (this.#kind === 'image') return { text: `it is flagged (${readingsText(readings)})`, frame };
    return {
      text: `${this.text}, more than 10 %, the first at ${timeSeconds.toFixed(3)} s (${readingsText(readings)})`,
      frame,
    };
  }
}
