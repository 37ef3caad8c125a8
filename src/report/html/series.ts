/** One curve: for each frame of the plot the values that it shows there, one for each face. */
export type Series = {
  readonly name: string;
  /** By position of the frame, from 0 on; a frame without a value has an empty list. */
  readonly values: readonly (readonly number[])[];
  /** Frames without a value over which the curve is drawn all the same: figures that are sampled. */
  readonly bridgesFrames: number;
};

/** What a stretch of frames shows. */
export type Span = {
  /** Frames `[start, end)`, by position. */
  readonly start: number;
  readonly end: number;
  readonly low: number;
  readonly high: number;
  readonly mean: number;
};

/** The smallest, largest and mean value of the frames `[start, end)`; null where they have none. */
export const spanOf = ({ values }: Series, start: number, end: number): Span | null => {
  let low = Infinity;
  let high = -Infinity;
  let sum = 0;
  let count = 0;
  for (let at = start; at < end; at++) {
    for (const value of values[at] ?? []) {
      low = Math.min(low, value);
      high = Math.max(high, value);
      sum += value;
      count++;
    }
  }
  return count === 0 ? null : { start, end, low, high, mean: sum / count };
};

/**
 * Cuts the frames of a series into at most `count` stretches of nearly the same length. Each keeps its smallest and largest
 * value, so that no single bad frame of a long film can hide.
 */
export const spansOf = (series: Series, count: number): readonly Span[] => {
  const { length } = series.values;
  const stretches = Math.min(count, length);
  const spans: Span[] = [];
  for (let k = 0; k < stretches; k++) {
    const start = Math.floor((k * length) / stretches);
    const span = spanOf(series, start, Math.floor(((k + 1) * length) / stretches));
    if (span !== null) spans.push(span);
  }
  return spans;
};

/** Four to eight round numbers that lie in `[low, high]`: multiples of 1, 2 or 5 times a power of ten. */
export const ticksBetween = (low: number, high: number): readonly number[] => {
  const raw = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((size) => size >= raw) ?? 10 * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, k) =>
    Number(((first + k) * step).toPrecision(12)),
  );
};
