import type { ComparedVideo, ComparisonReport } from '../pipeline/compare/comparison-report.js';
import type { Percentiles, Spread } from '../pipeline/run-report.js';
import { fixed, missing, percent } from './html/format.js';

/** A row of the table that shows videos side by side. */
export type FigureRow = {
  readonly label: string;
  readonly text: (video: ComparedVideo) => string;
};

const spread = (value: Spread | null | undefined, digits: number): string =>
  value === null || value === undefined
    ? missing
    : `${fixed(value.mean, digits)} (min ${fixed(value.min, digits)})`;

const percentiles = (value: Percentiles | null, digits: number): string =>
  value === null
    ? missing
    : `${fixed(value.p50, digits)} (${fixed(value.p5, digits)} to ${fixed(value.p95, digits)})`;

const rateText = ({ frameRate, variableFrameRate }: ComparedVideo): string =>
  `${frameRate.replace(/\/1$/, '')}${variableFrameRate ? ' varying' : ''}`;

/** What is told of every video, short enough for columns. */
export const figureRows: readonly FigureRow[] = [
  { label: 'picture', text: ({ widthPx, heightPx }) => `${widthPx}x${heightPx}` },
  { label: 'frames', text: (video) => `${video.frameCount} at ${rateText(video)} fps` },
  { label: 'duration, s', text: ({ durationSeconds }) => fixed(durationSeconds, 3) },
  { label: 'codec', text: ({ codec, pixelFormat }) => `${codec} ${pixelFormat}` },
  { label: 'size, MB', text: ({ sizeBytes }) => fixed(sizeBytes / 1e6, 2) },
  { label: 'faces found', text: ({ faces }) => String(faces.found) },
  { label: 'tracks', text: ({ faces }) => String(faces.tracks) },
  { label: 'frames without face', text: ({ faces }) => String(faces.framesWithoutFace) },
  { label: 'scene cuts', text: ({ faces }) => String(faces.sceneCuts) },
  { label: 'tPSNR, dB', text: ({ tpsnrDb }) => spread(tpsnrDb, 2) },
  { label: 'aligned tPSNR, dB', text: ({ tpsnrAlignedDb }) => spread(tpsnrAlignedDb, 2) },
  { label: 'jitter frames', text: ({ jitterShare }) => percent(jitterShare) },
  { label: 'jitter, %', text: ({ jitter }) => jitterText(jitter) },
  { label: 'identity to source', text: ({ identityToSource }) => percentiles(identityToSource, 2) },
  { label: 'identity to reference', text: ({ identityToReference }) => percentiles(identityToReference, 2) },
  { label: 'PSNR, dB', text: ({ toReference }) => spread(toReference?.psnrDb.whole, 2) },
  { label: 'PSNR inside of faces', text: ({ toReference }) => spread(toReference?.psnrDb.inside, 2) },
  { label: 'PSNR outside of them', text: ({ toReference }) => spread(toReference?.psnrDb.outside, 2) },
  { label: 'SSIM', text: ({ toReference }) => spread(toReference?.ssim.whole, 4) },
  { label: 'SSIM inside of faces', text: ({ toReference }) => spread(toReference?.ssim.inside, 4) },
  { label: 'SSIM outside of them', text: ({ toReference }) => spread(toReference?.ssim.outside, 4) },
  {
    label: 'frames exact outside',
    text: ({ toReference }) => (toReference === null ? missing : String(toReference.framesExactOutside)),
  },
  { label: 'seam', text: ({ seam }) => percentiles(seam, 2) },
  { label: 'stream differences', text: ({ differences }) => String(differences.length) },
];

/** As a percentage of the distance between the eyes. */
const jitterText = (jitter: Percentiles | null): string =>
  jitter === null
    ? missing
    : `${fixed(100 * jitter.p50, 2)} (${fixed(100 * jitter.p5, 2)} to ${fixed(100 * jitter.p95, 2)})`;

/** A video of a comparison with what it is called in tables and plots. */
export type NamedVideo = { readonly name: string; readonly video: ComparedVideo };

/** The columns: the two videos as `a` and `b`, then the reference if there is one. */
export const namedVideos = ({ videos, reference }: ComparisonReport): readonly NamedVideo[] => [
  ...videos.map((video, at) => ({ name: at === 0 ? 'a' : 'b', video })),
  ...(reference === null ? [] : [{ name: 'reference', video: reference }]),
];
