/** For each place of a line: where its first sample lies, and how much each of the samples from there on counts. */
type LineTaps = { readonly first: Int32Array; readonly weights: Float32Array; readonly tapCount: number };

/**
 * Brings square planes of floats to another size. Between samples it interpolates linearly, with the centres of pixels at halves as
 * OpenCV's `resize` has them, and the border repeated. Where it shrinks, `smooth` spreads each weight over as many samples as one of
 * the new ones covers, so that none is skipped; `plain` reads two samples all the same, as OpenCV's default does. Owns its buffers.
 */
export class PlaneResizer {
  readonly fromPx: number;
  readonly toPx: number;
  readonly #taps: LineTaps;
  readonly #rows: Float32Array;

  /** @param fromPx side of the planes that come in; @param toPx of those that go out */
  constructor(fromPx: number, toPx: number, filter: 'smooth' | 'plain') {
    this.fromPx = fromPx;
    this.toPx = toPx;
    this.#taps = lineTaps(fromPx, toPx, filter);
    this.#rows = new Float32Array(fromPx * toPx);
  }

  /** @param plane fromPx × fromPx; @param out toPx × toPx, another array */
  resize(plane: Float32Array, out: Float32Array): void {
    const { fromPx, toPx } = this;
    if (fromPx === toPx) {
      out.set(plane);
      return;
    }
    const { first, weights, tapCount } = this.#taps;
    const rows = this.#rows;
    for (let y = 0; y < fromPx; y++) {
      const from = y * fromPx;
      for (let x = 0; x < toPx; x++) {
        const at = from + (first[x] as number);
        let sum = 0;
        for (let k = 0; k < tapCount; k++) {
          sum += (weights[x * tapCount + k] as number) * (plane[at + k] as number);
        }
        rows[y * toPx + x] = sum;
      }
    }
    for (let y = 0; y < toPx; y++) {
      const to = y * toPx;
      const top = (first[y] as number) * toPx;
      const firstWeight = weights[y * tapCount] as number;
      for (let x = 0; x < toPx; x++) out[to + x] = firstWeight * (rows[top + x] as number);
      for (let k = 1; k < tapCount; k++) {
        const weight = weights[y * tapCount + k] as number;
        if (weight === 0) continue;
        const from = top + k * toPx;
        for (let x = 0; x < toPx; x++)
          out[to + x] = (out[to + x] as number) + weight * (rows[from + x] as number);
      }
    }
  }
}

function lineTaps(fromPx: number, toPx: number, filter: 'smooth' | 'plain'): LineTaps {
  const step = fromPx / toPx;
  const reach = filter === 'smooth' ? Math.max(1, step) : 1;
  const tapCount = Math.min(fromPx, 2 * Math.ceil(reach) + 1);
  const first = new Int32Array(toPx);
  const weights = new Float32Array(toPx * tapCount);
  for (let i = 0; i < toPx; i++) {
    const place = (i + 0.5) * step - 0.5;
    const start = Math.min(fromPx - tapCount, Math.max(0, Math.ceil(place - reach)));
    first[i] = start;
    let total = 0;
    const low = Math.ceil(place - reach);
    const high = Math.floor(place + reach);
    for (let j = low; j <= high; j++) total += Math.max(0, 1 - Math.abs(j - place) / reach);
    for (let j = low; j <= high; j++) {
      const weight = Math.max(0, 1 - Math.abs(j - place) / reach) / total;
      if (weight === 0) continue;
      // Beyond the border its last sample stands for all.
      const at = i * tapCount + Math.min(fromPx - 1, Math.max(0, j)) - start;
      weights[at] = (weights[at] as number) + weight;
    }
  }
  return { first, weights, tapCount };
}
