import { fixed, missing, timecode } from './format.js';
import { html, Markup, noMarkup } from './markup.js';
import { type Series, type Span, spanOf, spansOf, ticksBetween } from './series.js';
import { folded, table } from './table.js';

/** Stretches into which a curve is cut at most: about the pixels of a wide screen. */
const columns = 960;

/** Rows of the table behind a plot. */
const tableRows = 60;

/** What a plot shows over the frames of a clip. */
export type Plot = {
  readonly title: string;
  /** What it means, in a sentence. */
  readonly meaning: string;
  /** Unit of the values; empty where they have none. */
  readonly unit: string;
  readonly digits: number;
  readonly series: readonly Series[];
  /** What the axis must show at least, `[low, high]`. */
  readonly range?: readonly [low: number, high: number] | undefined;
};

/** The time axis that all plots of a page share. */
export type PlotTime = {
  readonly frameCount: number;
  /** Seconds of a frame, by position; also of the one after the last. */
  readonly secondsAt: (position: number) => number;
  /** Positions of the first frames of shots. */
  readonly cuts: readonly number[];
  /** Positions that are marked at the foot. */
  readonly marks: readonly number[];
};

type Axis = { readonly low: number; readonly high: number };

const axisOf = (spans: readonly Span[], range: Plot['range']): Axis => {
  const low = Math.min(...spans.map((span) => span.low), ...(range === undefined ? [] : [range[0]]));
  const high = Math.max(...spans.map((span) => span.high), ...(range === undefined ? [] : [range[1]]));
  const margin = high > low ? 0.04 * (high - low) : Math.max(1e-3, 0.05 * Math.abs(high));
  const isFloor = range !== undefined && low === range[0];
  return { low: isFloor ? low : low - margin, high: high + margin };
};

/** Short numbers make up most of a page. */
const short = (value: number): string => String(Number(value.toFixed(1)));

/** The curve in a field of 1000 × 100, from the left and from the top. */
const curve = (spans: readonly Span[], { bridgesFrames }: Series, frameCount: number, axis: Axis): string => {
  const place = (span: Span): number => ((span.start + span.end) / 2 / frameCount) * 1000;
  const height = (value: number): string => short(100 * (1 - (value - axis.low) / (axis.high - axis.low)));
  let path = '';
  let endBefore = Number.NEGATIVE_INFINITY;
  for (const span of spans) {
    const x = short(place(span));
    const isJoined = span.start - endBefore <= bridgesFrames;
    const top = height(span.high);
    const foot = height(span.low);
    path += `${isJoined ? 'L' : 'M'}${x} ${top}${top === foot ? (isJoined ? '' : 'h0') : `L${x} ${foot}`}`;
    endBefore = span.end;
  }
  return path;
};

/** Vertical lines at frames, one for each thousandth of the width at most. */
const lines = (positions: readonly number[], frameCount: number, shape: (x: string) => string): string =>
  [...new Set(positions.map((position) => short((position / frameCount) * 1000)))].map(shape).join('');

const spanText = (span: Span | null, digits: number): string => {
  if (span === null) return missing;
  const mean = fixed(span.mean, digits);
  return span.low === span.high
    ? mean
    : `${mean} (${fixed(span.low, digits)} to ${fixed(span.high, digits)})`;
};

const figures = ({ series, digits, title }: Plot, { frameCount, secondsAt }: PlotTime): Markup => {
  const count = Math.min(tableRows, frameCount);
  const rows = Array.from({ length: count }, (_, k) => {
    const start = Math.floor((k * frameCount) / count);
    const end = Math.floor(((k + 1) * frameCount) / count);
    return [
      timecode(secondsAt(start)),
      String(end - start),
      ...series.map((one) => spanText(spanOf(one, start, end), digits)),
    ];
  });
  return folded(
    `Figures: ${title}`,
    table(['from', 'frames', ...series.map(({ name }) => `${name}: mean (lowest to highest)`)], rows),
  );
};

/**
 * A plot over time as inline SVG, with its legend, its cuts, and a table of its figures. Nothing where no series has a value.
 * At most {@link columns} stretches are drawn, each from its lowest to its highest value.
 */
export const plotFigure = (plot: Plot, time: PlotTime): Markup => {
  const { frameCount, cuts, marks, secondsAt } = time;
  const drawn = plot.series
    .map((series, colour) => ({ series, colour, spans: spansOf(series, columns) }))
    .filter(({ spans }) => spans.length > 0);
  if (drawn.length === 0) return noMarkup;
  const axis = axisOf(
    drawn.flatMap(({ spans }) => spans),
    plot.range,
  );
  const share = (value: number): number => (value - axis.low) / (axis.high - axis.low);
  const ticks = ticksBetween(axis.low, axis.high);
  const digits = Math.max(0, ...ticks.map((tick) => (String(tick).split('.')[1] ?? '').length));
  const grid = ticks.map((tick) => `M0 ${short(100 * (1 - share(tick)))}h1000`).join('');
  const path = (name: string, data: string): Markup =>
    data === '' ? noMarkup : html`<path class="${name}" d="${new Markup(data)}"/>`;
  const unit = plot.unit === '' ? '' : `, ${plot.unit}`;
  return html`<figure>
<figcaption>${plot.title}${unit}
<div class="legend">${drawn.map(({ series, colour }) => html`<span><i class="c${colour}"></i>${series.name}</span>`)}${
    cuts.length === 0 ? noMarkup : html`<span><i style="border-color: var(--cut)"></i>scene cut</span>`
  }${marks.length === 0 ? noMarkup : html`<span><i style="border-color: var(--bad)"></i>worst frame</span>`}</div></figcaption>
<div class="plot">
<svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label="${plot.title} over time; its figures are in the table below">
${path('grid', grid)}${path(
  'cuts',
  lines(cuts, frameCount, (x) => `M${x} 0v100`),
)}
${drawn.map(({ series, colour, spans }) => path(`c${colour}`, curve(spans, series, frameCount, axis)))}
${path(
  'worst',
  lines(
    marks.map((mark) => mark + 0.5),
    frameCount,
    (x) => `M${x} 96v4`,
  ),
)}
</svg>
${ticks.map((tick) => html`<span style="bottom: ${(100 * share(tick)).toFixed(2)}%">${tick.toFixed(digits)}</span>`)}
</div>
<div class="times">${[0, 0.25, 0.5, 0.75, 1].map((part) => html`<span>${timecode(secondsAt(Math.round(part * frameCount)))}</span>`)}</div>
<p class="quiet">${plot.meaning}</p>
${figures(plot, time)}
</figure>
`;
};
