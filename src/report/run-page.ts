import { partTotals, qualityTotals } from '../pipeline/quality-totals.js';
import type { FaceRow, FaceTotals, FrameRow } from '../pipeline/run-report.js';
import { percentilesText, spreadText } from './figure-text.js';
import { fixed, missing, percent, plural, timecode } from './html/format.js';
import { html, type Markup, type MarkupValue, noMarkup } from './html/markup.js';
import { htmlPage } from './html/page.js';
import { type Plot, type PlotTime, plotFigure } from './html/plot.js';
import type { Series } from './html/series.js';
import { definitions, facts, folded, table } from './html/table.js';
import type { StoredReport } from './stored-report.js';
import type { WorstFrame } from './worst-frames.js';
import type { WorstPictures } from './worst-pictures.js';

/** Rows of a table of shots or tracks; a film has thousands. */
const mostParts = 300;

/** Warnings that are shown one by one. */
const mostWarnings = 200;

/** Identity is sampled: its points are joined over so many frames. */
export const identityGapFrames = 12;

type Figure = (face: FaceRow) => number | null;

const seriesOf = (name: string, rows: readonly FrameRow[], figure: Figure, bridgesFrames = 0): Series => ({
  name,
  bridgesFrames,
  values: rows.map(({ faces }) => faces.map(figure).filter((value) => value !== null)),
});

/** Seconds of a row from the target's first frame: its own where it tells them, else by the nominal rate. */
const clockOf = ({ rows, media }: StoredReport): ((position: number) => number) => {
  const [num = 25, den = 1] = (media.frameRate ?? '25/1').split('/').map(Number);
  const nominal = (frame: number): number => (frame * den) / (num || 25);
  return (position) => {
    const row = rows[position];
    if (row !== undefined) return row.timeSeconds ?? nominal(row.frame);
    const last = rows.at(-1);
    return last === undefined ? 0 : (last.timeSeconds ?? nominal(last.frame)) + nominal(1);
  };
};

const plotsOf = (rows: readonly FrameRow[]): readonly Plot[] => [
  {
    title: 'tPSNR',
    unit: 'dB',
    digits: 2,
    meaning:
      'How like a face is to itself one frame before, inside its box: higher is steadier. An output far below the source flickers; movement lowers both.',
    series: [
      seriesOf('output', rows, (face) => face.tpsnrOutputDb),
      seriesOf('source', rows, (face) => face.tpsnrSourceDb),
    ],
  },
  {
    title: 'Aligned tPSNR',
    unit: 'dB',
    digits: 2,
    meaning:
      'The same with the frame before first moved as the landmarks moved, so that what is left is flicker and not movement.',
    series: [
      seriesOf('output', rows, (face) => face.tpsnrAlignedOutputDb),
      seriesOf('source', rows, (face) => face.tpsnrAlignedSourceDb),
    ],
  },
  {
    title: 'Jitter',
    unit: 'share of the distance between the eyes',
    digits: 4,
    meaning:
      'How far the landmarks jump from a steady movement, before and after smoothing: lower is steadier.',
    series: [
      seriesOf('after smoothing', rows, (face) => face.jitterAfter),
      seriesOf('before', rows, (face) => face.jitterBefore),
    ],
    range: [0, 0.02],
  },
  {
    title: 'Identity',
    unit: 'cosine',
    digits: 3,
    meaning:
      'How like the rendered face is to the source person and to the target’s own face, by the recognition model: 1 is the same picture. Sampled every few frames.',
    series: [
      seriesOf('to the source', rows, (face) => face.identityToSource, identityGapFrames),
      seriesOf('to the target', rows, (face) => face.identityToTarget, identityGapFrames),
    ],
  },
  {
    title: 'Seam',
    unit: '8-bit levels per pixel',
    digits: 3,
    meaning: 'Error of the gradient along the border of the mask, output against target: lower is cleaner.',
    series: [seriesOf('seam', rows, (face) => face.seam)],
    range: [0, 0.5],
  },
  {
    title: 'SSIM to the target',
    unit: '',
    digits: 4,
    meaning:
      'Structural similarity of output and target: inside of the mask, where the face was changed, and outside, where nothing may change (1).',
    series: [
      seriesOf('inside', rows, (face) => face.ssimInside),
      {
        name: 'outside',
        bridgesFrames: 0,
        values: rows.map(({ ssimOutside }) => (ssimOutside === null ? [] : [ssimOutside])),
      },
    ],
  },
];

const skippedText = ({ facesSkipped }: FaceTotals): string => {
  const reasons = Object.entries(facesSkipped).filter(([, count]) => count > 0);
  return reasons.length === 0 ? '0' : reasons.map(([reason, count]) => `${reason} ${count}`).join(', ');
};

const totalsSection = (rows: readonly FrameRow[]): Markup => {
  const quality = qualityTotals(rows);
  return html`<h2>Totals</h2>
${facts([
  ['faces found', quality.facesFound],
  ['swapped', quality.facesSwapped],
  ['filled in', quality.facesFilled],
  ['skipped', skippedText(quality)],
  ['frames without a face', quality.framesWithoutFace],
  ['scene cuts', quality.sceneCuts],
])}
${definitions([
  ['tPSNR of the output, dB', spreadText(quality.tpsnrOutputDb)],
  ['tPSNR of the source, dB', spreadText(quality.tpsnrSourceDb)],
  ['aligned tPSNR of the output, dB', spreadText(quality.tpsnrAlignedOutputDb)],
  ['aligned tPSNR of the source, dB', spreadText(quality.tpsnrAlignedSourceDb)],
  [
    'jitter frames',
    `${percent(quality.jitterShareBefore)} before smoothing, ${percent(quality.jitterShareAfter)} after`,
  ],
  ['identity to the source', percentilesText(quality.identityToSource)],
  ['identity to the target', percentilesText(quality.identityToTarget)],
  ['seam, levels per pixel', percentilesText(quality.seam, 3)],
  ['SSIM to the target inside the masks', percentilesText(quality.ssimInside, 4)],
  ['SSIM to the target outside the masks', spreadText(quality.ssimOutside, 4)],
])}`;
};

const partCells = (quality: FaceTotals): readonly string[] => [
  String(quality.facesSwapped + quality.facesFilled),
  skippedText(quality),
  fixed(quality.tpsnrOutputDb?.mean, 2),
  fixed(quality.tpsnrOutputDb?.min, 2),
  fixed(quality.tpsnrSourceDb?.mean, 2),
  percent(quality.jitterShareBefore),
  percent(quality.jitterShareAfter),
  fixed(quality.identityToSource?.p50, 2),
  fixed(quality.seam?.p50, 3),
];

const partHeadings = [
  'swapped',
  'skipped',
  'tPSNR mean',
  'min',
  'source mean',
  'jitter before',
  'after',
  'identity p50',
  'seam p50',
] as const;

/** The first of a list, and a word on how many more there are. */
const first = <Item>(
  items: readonly Item[],
  most: number,
  noun: string,
): readonly [readonly Item[], Markup] => [
  items.slice(0, most),
  items.length > most
    ? html`<p class="quiet">The first ${most} of ${plural(items.length, noun)}; the report file has all.</p>`
    : noMarkup,
];

const partsSection = (report: StoredReport): Markup => {
  const parts = partTotals(report.rows);
  const clock = clockOf(report);
  const positions = new Map(report.rows.map(({ frame }, position) => [frame, position]));
  const timeOf = (frame: number): string => timecode(clock(positions.get(frame) ?? report.rows.length));
  const [shots, moreShots] = first(parts.shots, mostParts, 'shot');
  const [tracks, moreTracks] = first(parts.tracks, mostParts, 'track');
  return html`<h2>Shots and tracks</h2>
${folded(
  `Totals of ${plural(parts.shots.length, 'shot')}`,
  html`${table(
    ['shot', 'from', 'frames', ...partHeadings],
    shots.map(({ shot, start, end, quality }) => [shot, timeOf(start), end - start, ...partCells(quality)]),
  )}${moreShots}`,
)}
${folded(
  `Totals of ${plural(parts.tracks.length, 'track')}`,
  html`${table(
    ['track', 'shot', 'from', 'frames', ...partHeadings],
    tracks.map(({ trackId, shot, start, frames, quality }) => [
      trackId,
      shot,
      timeOf(start),
      frames,
      ...partCells(quality),
    ]),
  )}${moreTracks}`,
)}`;
};

const image = (jpeg: Buffer, text: string): Markup =>
  html`<img src="data:image/jpeg;base64,${jpeg.toString('base64')}" alt="${text}" width="320" height="240">`;

const worstSection = (
  report: StoredReport,
  worst: readonly WorstFrame[],
  { pictures, reason }: WorstPictures,
): Markup => {
  if (worst.length === 0) return html`<h2>Worst frames</h2><p>No frame stands out from the others.</p>`;
  const clock = clockOf(report);
  const items = worst.map(({ position, row, reasons }, at) => {
    const pair = pictures?.[at];
    const shown =
      pair === undefined
        ? noMarkup
        : html`<div class="pair"><div>${image(pair.target, `target, frame ${row.frame}`)}target</div><div>${image(pair.output, `output, frame ${row.frame}`)}output</div></div>`;
    return html`<li>${shown}<p><strong>${timecode(clock(position))}</strong> <span class="quiet">frame ${row.frame}</span></p>
${reasons.map((text) => html`<p>${text}</p>`)}</li>\n`;
  });
  return html`<h2>Worst frames</h2>
<p class="quiet">Those whose faces stand out most from the rest of this run; they are marked red below the plots. A low figure is a hint where to look, not a verdict.</p>
${reason === null ? noMarkup : html`<p class="bad">There are no pictures: ${reason}.</p>`}
<ol class="frames">
${items}</ol>`;
};

const gateText = ({
  gate,
  limit,
  figure,
  passed,
  frameCount,
}: StoredReport['gates'][number]): MarkupValue => {
  const words = `${gate} ${limit}: ${figure === null ? 'could not be taken' : fixed(figure, 4)}, ${passed ? 'passed' : 'missed'}, ${plural(frameCount, 'frame')} beyond it`;
  return html`<p class="${passed ? 'quiet' : 'bad'}">${words}</p>`;
};

const valueText = (value: unknown): string => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'not given');
  return text.length > 2000 ? `${text.slice(0, 2000)}…` : text;
};

/** Names and values of any record, as far as they have a value. */
const recordRows = (record: Readonly<Record<string, unknown>>): readonly (readonly [string, MarkupValue])[] =>
  Object.entries(record)
    .filter(([, value]) => value !== undefined && value !== null)
    .slice(0, 300)
    .map(([name, value]) => [name, valueText(value)]);

const stageRows = (stageMs: Readonly<Record<string, number>>): readonly (readonly [string, MarkupValue])[] =>
  Object.entries(stageMs).map(([stage, ms]) => [stage, `${fixed(ms / 1000, 2)} s`]);

const machineSection = ({
  settings,
  machine,
  performance,
  stageMs,
  version,
}: StoredReport): Markup => html`<h2>Settings and machine</h2>
<p>faceswap ${version ?? 'of an unknown version'}</p>
${folded('Settings', definitions(recordRows(settings)))}
${machine === null ? noMarkup : folded('Machine and versions', definitions(recordRows(machine)))}
${performance === null ? noMarkup : folded('How the machine was used', definitions(recordRows(performance)))}
${Object.keys(stageMs).length === 0 ? noMarkup : folded('Busy time of the stages, which overlap', definitions(stageRows(stageMs)))}`;

const policySection = ({ policy }: StoredReport): Markup => {
  if (policy === null) return noMarkup;
  const { checks, notRun } = policy;
  const missed = notRun.map(
    ({ check, reason }) => html`<p class="quiet">${check} did not run: ${reason}.</p>`,
  );
  if (checks.length === 0) return html`<h2>Policy checks</h2><p>None looked at this run.</p>${missed}`;
  return html`<h2>Policy checks</h2>
${table(
  ['check', 'rendering', 'frames', 'photos', 'said', 'details'],
  checks.map(({ check, point, frames, photos, said, details }) => [
    check,
    point,
    frames,
    photos,
    said,
    details === null ? '' : valueText(details),
  ]),
)}${missed}`;
};

const warningsSection = ({ warnings }: StoredReport): Markup => {
  if (warnings.length === 0) return html`<h2>Warnings</h2><p>None.</p>`;
  const [shown, more] = first(warnings, mostWarnings, 'warning');
  return html`<h2>Warnings</h2>
<ul>${shown.map(({ message, file, frame }) => html`<li>${message}${file === undefined ? noMarkup : html` <span class="quiet">${file}</span>`}${frame === undefined ? noMarkup : html` <span class="quiet">frame ${frame}</span>`}</li>\n`)}</ul>${more}`;
};

const statusText = ({ status, form, rows, frameCount }: StoredReport): string => {
  if (rows.length < frameCount) {
    const what = form === 'job' ? 'An unfinished job' : 'A run that did not come to its end';
    return `${what}: ${rows.length} of ${plural(frameCount, 'frame')} are rendered.`;
  }
  if (status === 'copied') return 'No face was found: the target was copied.';
  return `${plural(frameCount, 'frame')}.`;
};

const sizeFacts = ({ media, wallMs, framesPerSecond }: StoredReport): Markup =>
  facts([
    ['picture', `${media.widthPx}x${media.heightPx}`],
    ['frame rate', media.frameRate ?? missing],
    ['duration', media.durationSeconds === null ? missing : timecode(media.durationSeconds)],
    ['encoder', media.videoEncoder ?? missing],
    ['wall time', wallMs === null ? missing : `${fixed(wallMs / 1000, 1)} s`],
    ['speed', framesPerSecond === null ? missing : `${fixed(framesPerSecond, 1)} frames/s`],
  ]);

/** Which frames of a report begin a shot and which stand out, by position, and when they are shown. */
const plotTime = (report: StoredReport, worst: readonly WorstFrame[]): PlotTime => ({
  frameCount: report.rows.length,
  secondsAt: clockOf(report),
  cuts: report.rows.flatMap(({ sceneCut }, position) => (sceneCut ? [position] : [])),
  marks: worst.map(({ position }) => position),
});

const baseName = (file: string): string => file.split(/[\\/]/).at(-1) ?? file;

/**
 * The report of a run as one HTML file without scripts. Whatever the report says is escaped. Its size follows the width of a screen
 * and not the length of the clip.
 */
export const runPage = (
  report: StoredReport,
  worst: readonly WorstFrame[],
  pictures: WorstPictures,
): string => {
  const time = plotTime(report, worst);
  const name = report.output === null ? report.file : baseName(report.output);
  const plots = plotsOf(report.rows).map((plot) => plotFigure(plot, time));
  return htmlPage(
    `faceswap: ${name}`,
    html`<header><h1>${name}</h1>
<p>${statusText(report)}</p>
<p class="quiet">target ${report.target ?? missing}<br>output ${report.output ?? missing}</p></header>
<main>
${sizeFacts(report)}
${report.gates.map(gateText)}
${totalsSection(report.rows)}
<h2>Over time</h2>
<p class="quiet">Where several faces or frames share a place, a curve reaches from the lowest to the highest.</p>
${plots}
${worstSection(report, worst, pictures)}
${partsSection(report)}
${policySection(report)}
${warningsSection(report)}
${machineSection(report)}
</main>`,
  );
};
