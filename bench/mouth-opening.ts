/**
 * How much of a speaking mouth the smoother leaves: at each peak of the mouth's opening (the distance of the inner lips, as a share of that of the
 * outer eye corners) the steadied opening against the landmark model's own reading. What the model reads is noisy itself, so that
 * the highest readings are partly chance: the mean over the peak and its two neighbours is compared as well.
 *
 * Run: `npx tsx bench/mouth-opening.ts CLIP [FRAMES]`
 */
import { execFileSync } from 'node:child_process';
import { wrapFrame } from '../src/imaging/planar-frame.js';
import { loadChainModels } from '../src/pipeline/chain-models.js';
import { SegmentAnalyser } from '../src/pipeline/segment-analyser.js';
import { analysedFrames } from '../test/support/analysed-frames.js';
import { ShotWindow } from '../src/pipeline/shot-window.js';
import { StageSamples } from '../src/pipeline/stage-samples.js';
import { paintZones } from '../src/processors/face-swapper/face-layout.js';
import { interOcular } from '../src/processors/landmark-smoother/landmark-smoother.js';

const [clip, frames = '150'] = process.argv.slice(2);
if (clip === undefined) throw new Error('give a clip');
const upperLip = 13;
const lowerLip = 14;
/** Openings below this share of the eye distance are no speech. */
const smallestPeak = 0.08;

const sizeText = execFileSync('ffprobe', [
  ...[
    '-v',
    'error',
    '-select_streams',
    'v:0',
    '-show_entries',
    'stream=width,height',
    '-of',
    'csv=p=0',
    clip,
  ],
]).toString();
const [widthPx, heightPx] = sizeText.trim().split(',').map(Number) as [number, number];
const raw = execFileSync(
  'ffmpeg',
  ['-v', 'error', '-i', clip, '-frames:v', frames, '-pix_fmt', 'yuv420p', '-f', 'rawvideo', 'pipe:1'],
  { maxBuffer: 2 ** 31 - 1 },
);
const format = {
  widthPx,
  heightPx,
  bitDepth: 8,
  chromaShiftX: 1,
  chromaShiftY: 1,
  matrix: 'bt601',
  range: 'limited',
} as const;
const frameBytes = widthPx * heightPx + 2 * Math.ceil(widthPx / 2) * Math.ceil(heightPx / 2);
const models = await loadChainModels({
  executionProviders: ['cpu'],
  executionThreadCount: 2,
  faceDetectorScore: 0.5,
});
const window = new ShotWindow({ mode: 'window', windowFrames: 7, alpha: 0.25 });
const analyser = new SegmentAnalyser(models, {
  zones: paintZones(0.2, { top: 0, right: 0, bottom: 0, left: 0 }),
  samples: new StageSamples(),
  needsCast: false,
  matchesGrain: false,
});
analyser.begin(25, window);
const count = Math.floor(raw.length / frameBytes);
const pictures = Array.from({ length: count }, (_, t) =>
  wrapFrame(format, Uint8Array.from(raw.subarray(t * frameBytes, (t + 1) * frameBytes)).buffer),
);
for await (const analysed of analysedFrames(analyser, pictures)) window.push(analysed);
const opening = (points: Float32Array | null): number => {
  if (points === null) return Number.NaN;
  let square = 0;
  for (const c of [0, 1]) {
    square += ((points[3 * upperLip + c] as number) - (points[3 * lowerLip + c] as number)) ** 2;
  }
  return Math.sqrt(square) / interOcular(points);
};
const before = Array.from({ length: count }, (_, t) => opening(window.rawPoints(1, t)));
const after = Array.from({ length: count }, (_, t) => opening(window.steadyPoints(1, t)));
const around = (list: readonly number[], t: number, reach: number): number => {
  const part = list.slice(t - reach, t + reach + 1);
  return part.reduce((sum, value) => sum + value, 0) / part.length;
};
const peaks = before
  .map((_, t) => t)
  .filter((t) => t >= 3 && t < count - 3 && (before[t] as number) > smallestPeak)
  .filter((t) => before.slice(t - 3, t + 4).every((value) => value <= (before[t] as number)));
const kept = (reach: number): number =>
  peaks.reduce((sum, t) => sum + around(after, t, reach), 0) /
  peaks.reduce((sum, t) => sum + around(before, t, reach), 0);
console.log(
  `${peaks.length} peaks in ${count} frames: ${(100 * kept(0)).toFixed(1)} % of the opening are kept at the peak, ` +
    `${(100 * kept(1)).toFixed(1)} % over the peak and its neighbours`,
);
await models.dispose();
