import { basename } from 'node:path';
import { gateSummary } from '../pipeline/quality-gates.js';
import type {
  Percentiles,
  PersonReport,
  QualityTotals,
  RunPerformance,
  RunReport,
  Spread,
  StageTimes,
} from '../pipeline/run-report.js';
import { policyLines } from './policy-text.js';
import { formatRows, type TableRow } from './table-rows.js';

const missing = 'n/a';

/** Order in which a frame passes the stages. */
const stageOrder = [
  'decode',
  'detect',
  'landmarks',
  'identity',
  'smooth',
  'swap',
  'blend',
  'enhance',
  'monitor',
  'encode',
  'mux',
] as const satisfies readonly (keyof StageTimes)[];

const fixed = (value: number | undefined, digits: number): string =>
  value === undefined || !Number.isFinite(value) ? missing : value.toFixed(digits);

const secondsText = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(2)} s`;

const percentText = (share: number | null): string =>
  share === null ? missing : `${(share * 100).toFixed(1)} %`;

const spreadText = (spread: Spread | null): string =>
  spread === null
    ? missing
    : `mean ${fixed(spread.mean, 2)}  std ${fixed(spread.std, 2)}  min ${fixed(spread.min, 2)}`;

const percentilesText = (percentiles: Percentiles | null): string =>
  percentiles === null
    ? missing
    : `p5 ${fixed(percentiles.p5, 2)}  p50 ${fixed(percentiles.p50, 2)}  p95 ${fixed(percentiles.p95, 2)}`;

/** The spread of tPSNR, with the mean of what is left when the face's movement is taken out. */
const tpsnrText = (spread: Spread | null, aligned: Spread | null): string =>
  aligned === null ? spreadText(spread) : `${spreadText(spread)}  aligned ${fixed(aligned.mean, 2)}`;

/** SSIM outside of the faces is so near to 1 that only its lowest value tells anything. */
const ssimText = ({ ssimInside, ssimOutside }: QualityTotals): string =>
  `inside  p50 ${fixed(ssimInside?.p50, 3)}  outside  min ${fixed(ssimOutside?.min, 5)}`;

const gateLines = ({ gates }: RunReport): readonly TableRow[] =>
  gates.map((gate, index): TableRow => [index === 0 ? 'gates' : '', gateSummary(gate)]);

const pluralText = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** `5` or `5 (too-small 3, turned-away 2)`. */
const skippedText = (skipped: QualityTotals['facesSkipped']): string => {
  const reasons = Object.entries(skipped).filter(([, count]) => count > 0);
  const total = reasons.reduce((sum, [, count]) => sum + count, 0);
  if (reasons.length === 0) return '0';
  return `${total} (${reasons.map(([reason, count]) => `${reason} ${count}`).join(', ')})`;
};

const pictureText = ({ media }: RunReport): string => {
  const size = `${media.widthPx}x${media.heightPx}`;
  if (media.kind === 'image') return size;
  const nominal = media.variableFrameRate ? ' (nominal; the rate varies)' : '';
  const rate =
    media.frameRate === null ? 'delays vary' : `${media.frameRate.replace(/\/1$/, '')} fps${nominal}`;
  return `${size}, ${rate}, ${media.durationSeconds.toFixed(3)} s`;
};

const stageLines = (report: RunReport): readonly TableRow[] =>
  stageOrder.map(
    (stage, index): TableRow => [
      index === 0 ? 'stages' : '',
      `${stage.padEnd(10)}${secondsText(report.stageMs[stage]).padStart(10)}`,
    ],
  );

const analysisTexts = { cached: 'read from the cache', mixed: 'partly read from the cache' } as const;

const halvingsText = (halvings: number): string => {
  if (halvings === 0) return '';
  return `, halved ${halvings === 1 ? 'once' : `${halvings} times`} for want of memory`;
};

/** Where the target was decoded, when hardware had a part in it or was asked for. */
const decodingText = (requested: string, { hwaccel, hwaccelReason }: RunPerformance): string => {
  if (hwaccel !== 'none') return `decoded with ${hwaccel}`;
  return requested === 'none' ? '' : `decoded in ${hwaccelReason}`;
};

/** How the machine was used: workers, the share of the time that models took; batches, hardware and cache where there are any. */
const machineLines = ({ performance, config, media }: RunReport): readonly TableRow[] => {
  if (performance === null) return [];
  const { workers, batch, modelMs, renderMs, firstFrameMs, analysis, retries } = performance;
  const modelShare = modelMs / Math.max(1, renderMs * workers.count);
  const firstFrame = firstFrameMs === null ? '' : `, first frame after ${secondsText(firstFrameMs)}`;
  const notes = [
    `models busy ${percentText(modelShare)} of the rendering${firstFrame}`,
    batch.size > 1 ? `${batch.size} faces at a time (${batch.reason})${halvingsText(batch.halvings)}` : '',
    retries === 0
      ? ''
      : `tried again ${retries === 1 ? 'once' : `${retries} times`} after transient failures`,
    decodingText(config.hwaccel, performance),
    media.deinterlaced === null ? '' : `deinterlaced with ${media.deinterlaced}`,
    analysis === 'computed' ? '' : `analysis of the target ${analysisTexts[analysis]}`,
  ];
  const rows = notes.filter((note) => note !== '').map((note): TableRow => ['', note]);
  return [['workers', `${workers.count}  (${workers.reason})`], ...rows];
};

/** More people than this are summed up in a line. */
const mostPeopleLines = 12;

const photosText = (files: readonly string[]): string => files.map((file) => basename(file)).join(', ');

const personText = ({ id, frames, framesSwapped, sources }: PersonReport): string =>
  sources.length === 0 && framesSwapped === 0
    ? `${id}  left alone, seen in ${pluralText(frames, 'frame')}`
    : `${id}  ${sources.length === 0 ? '' : `${photosText(sources)}, `}swapped in ${framesSwapped} of ${pluralText(frames, 'frame')}`;

/** Who was swapped with what, where the run had to know who is who. */
const peopleLines = ({ people }: RunReport): readonly TableRow[] => {
  if (people === null) return [];
  const lines = people.slice(0, mostPeopleLines).map(personText);
  if (people.length > lines.length) lines.push(`and ${people.length - lines.length} more: see --json`);
  return lines.map((line, index): TableRow => [index === 0 ? 'people' : '', line]);
};

/**
 * The table at the end of a run: plain ASCII, one label column, no colour, ends with a line break. Times per
 * stage are busy times; stages overlap, so their sum is not the wall time. Figures that were not taken read `n/a`.
 */
export const formatRunTable = (report: RunReport): string => {
  const { quality, media } = report;
  const rows: readonly TableRow[] = [
    ['status', report.status === 'copied' ? 'no face found: the target was copied untouched' : 'done'],
    ['frames', `${media.frameCount}  (${pictureText(report)})`],
    ['wall time', `${secondsText(report.wallMs)}  (${fixed(report.framesPerSecond, 1)} frames/s)`],
    ...machineLines(report),
    ...stageLines(report),
    [
      'faces',
      `found ${quality.facesFound}  swapped ${quality.facesSwapped}  filled ${quality.facesFilled}  ` +
        `skipped ${skippedText(quality.facesSkipped)}`,
    ],
    [
      '',
      `${pluralText(quality.framesWithoutFace, 'frame')} without a face, ${pluralText(quality.sceneCuts, 'cut')}`,
    ],
    ...peopleLines(report),
    ['tPSNR dB', `output  ${tpsnrText(quality.tpsnrOutputDb, quality.tpsnrAlignedOutputDb)}`],
    ['', `source  ${tpsnrText(quality.tpsnrSourceDb, quality.tpsnrAlignedSourceDb)}`],
    [
      'jitter',
      `${percentText(quality.jitterShareBefore)} -> ${percentText(quality.jitterShareAfter)} of frames`,
    ],
    ['identity', `to source  ${percentilesText(quality.identityToSource)}`],
    ['', `to target  ${percentilesText(quality.identityToTarget)}`],
    ['seam', percentilesText(quality.seam)],
    ['SSIM', ssimText(quality)],
    ...gateLines(report),
    ...policyLines(report.policy).map((line, index): TableRow => [index === 0 ? 'policy' : '', line]),
  ];
  return formatRows(rows);
};
