import type { ComparedPicture, ComparedRow } from '../pipeline/compare/compared-frame.js';
import type { ComparedVideo } from '../pipeline/compare/comparison-report.js';
import type { Comparison } from '../pipeline/compare/compare-videos.js';
import type { FaceRow } from '../pipeline/run-report.js';
import { figureRows, type NamedVideo, namedVideos } from './comparison-figures.js';
import { missing, plural } from './html/format.js';
import { html, type Markup, noMarkup } from './html/markup.js';
import { htmlPage } from './html/page.js';
import { type Plot, plotFigure } from './html/plot.js';
import type { Series } from './html/series.js';
import { definitions, folded, table } from './html/table.js';
import { identityGapFrames } from './run-page.js';

type Reading = (picture: ComparedPicture) => readonly (number | null)[];

const faces =
  (figure: (face: FaceRow) => number | null, where: 'places' | 'own' = 'places'): Reading =>
  (picture) =>
    picture[where].faces.map(figure);

/** What is drawn, for each of the videos a curve. */
const plots: readonly (Omit<Plot, 'series'> & { readonly read: Reading; readonly bridgesFrames?: number })[] =
  [
    {
      title: 'tPSNR',
      unit: 'dB',
      digits: 2,
      meaning:
        'How like a face is to itself one frame before, inside its box: higher is steadier. Movement lowers it.',
      read: faces((face) => face.tpsnrOutputDb),
    },
    {
      title: 'Aligned tPSNR',
      unit: 'dB',
      digits: 2,
      meaning: 'The same with the frame before first moved as the landmarks moved: what is left is flicker.',
      read: faces((face) => face.tpsnrAlignedOutputDb),
    },
    {
      title: 'Jitter',
      unit: 'share of the distance between the eyes',
      digits: 4,
      meaning: 'How far the landmarks jump from a steady movement, as the landmark model sees each video.',
      read: faces((face) => face.jitterBefore, 'own'),
      range: [0, 0.02],
    },
    {
      title: 'Identity to the source',
      unit: 'cosine',
      digits: 3,
      meaning:
        'How like each face is to the source person, by the recognition model. Sampled every few frames.',
      read: faces((face) => face.identityToSource),
      bridgesFrames: identityGapFrames,
    },
    {
      title: 'Identity to the reference',
      unit: 'cosine',
      digits: 3,
      meaning: 'How much of the reference’s own face is left. Sampled every few frames.',
      read: faces((face) => face.identityToTarget),
      bridgesFrames: identityGapFrames,
    },
    {
      title: 'PSNR to the reference outside of the faces',
      unit: 'dB',
      digits: 2,
      meaning: 'What was lost where nothing was to change: 100 where not one bit of luma differs.',
      read: ({ toReference }) => [toReference?.outside.psnrDb ?? null],
    },
    {
      title: 'SSIM to the reference inside of the faces',
      unit: '',
      digits: 4,
      meaning: 'How much of the reference’s own picture is left where the faces are.',
      read: ({ toReference }) => [toReference?.inside.ssim ?? null],
    },
    {
      title: 'Seam',
      unit: '8-bit levels per pixel',
      digits: 3,
      meaning:
        'Error of the gradient against the reference in a band along each face’s outline: lower is cleaner.',
      read: faces((face) => face.seam),
      range: [0, 0.5],
    },
  ];

/** Colours: a, b, then the reference, whatever its place among the inputs. */
const seriesOf = (
  rows: readonly ComparedRow[],
  columns: readonly NamedVideo[],
  { read, bridgesFrames = 0 }: (typeof plots)[number],
): readonly Series[] => {
  const hasReference = columns.length === 3;
  return columns.map(({ name }, column) => {
    const input = hasReference ? (column + 1) % 3 : column;
    return {
      name,
      bridgesFrames,
      values: rows.map(({ pictures }) => {
        const picture = pictures[input];
        return picture === undefined ? [] : read(picture).filter((value) => value !== null);
      }),
    };
  });
};

const differencesSection = ({ name, video }: NamedVideo, against: string): Markup => {
  if (name === against) return noMarkup;
  const { differences } = video;
  return folded(
    `${name}: ${plural(differences.length, 'difference')} from ${against}`,
    table(
      ['part', 'what', against, name],
      differences.map(({ part, name: what, expected, found }) => [
        part,
        what,
        expected ?? 'not there',
        found ?? 'not there',
      ]),
    ),
  );
};

const fileText = ({ file, notAlignedReason }: ComparedVideo): Markup =>
  html`${file}${notAlignedReason === null ? noMarkup : html`<br><span class="bad">not compared with the reference picture by picture: ${notAlignedReason}</span>`}`;

/** A comparison as one HTML file without scripts. */
export const comparisonPage = ({ report, rows, secondsAt }: Comparison): string => {
  const columns = namedVideos(report);
  const against = report.reference === null ? 'a' : 'reference';
  const time = {
    frameCount: rows.length,
    secondsAt,
    cuts: rows.flatMap(({ pictures }, position) => (pictures[0]?.places.sceneCut === true ? [position] : [])),
    marks: [],
  };
  return htmlPage(
    'faceswap: comparison',
    html`<header><h1>Comparison</h1>
${definitions(columns.map(({ name, video }) => [name, fileText(video)] as const))}
<p class="quiet">${plural(report.frames, 'frame')} compared; source photos: ${report.sources.length === 0 ? missing : report.sources.join(', ')}</p></header>
<main>
<h2>Figures</h2>
${table(
  ['', ...columns.map(({ name }) => name)],
  figureRows.map(({ label, text }) => [label, ...columns.map(({ video }) => text(video))]),
)}
<p class="quiet">Means with the smallest value, or medians with the 5th and 95th percentile, over faces and frames.</p>
<h2>Over time</h2>
${plots.map((plot) => plotFigure({ ...plot, series: seriesOf(rows, columns, plot) }, time))}
<h2>Streams</h2>
${columns.map((column) => differencesSection(column, against))}
<h2>Warnings</h2>
${report.warnings.length === 0 ? html`<p>None.</p>` : html`<ul>${report.warnings.map(({ message, file }) => html`<li>${message} <span class="quiet">${file ?? ''}</span></li>`)}</ul>`}
<h2>Machine</h2>
<p>faceswap ${report.version}</p>
${definitions(Object.entries(report.machine).map(([name, value]) => [name, value === null ? missing : String(value)] as const))}
</main>`,
  );
};
