/**
 * How near the steadied landmarks come to the truth: portraits of `test/fixtures` are moved along known paths (`test/support/moving-portrait.ts`), with
 * noise, and coded by x264; the truth is the landmarks of the still photo, moved along. Definitions of the figures are in
 * `test/support/track-accuracy.ts`.
 *
 * A codec that saves bits moves the picture itself by up to an eighth of a pixel (quarter-pixel vectors whose rest is not coded), which counts as an
 * error here although the face is where the picture is: try `--crf 28`.
 *
 * Run: `npx tsx bench/ground-truth.ts [--seeds 10] [--frames 60] [--crf 16] [--noise 2] [MOTION...]`
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { frameFromRgb } from '../src/imaging/rgb-frame.js';
import { type PlanarFrame, wrapFrame } from '../src/imaging/planar-frame.js';
import { loadChainModels } from '../src/pipeline/chain-models.js';
import { SegmentAnalyser } from '../src/pipeline/segment-analyser.js';
import { analysedFrames } from '../test/support/analysed-frames.js';
import { ShotWindow } from '../src/pipeline/shot-window.js';
import { StageSamples } from '../src/pipeline/stage-samples.js';
import { paintZones } from '../src/processors/face-swapper/face-layout.js';
import {
  carriedMesh,
  type MotionName,
  motionNames,
  movement,
  placeMap,
  PortraitCamera,
  stopFrame,
} from '../test/support/moving-portrait.js';
import { jitterAgainstTruth, lagFrames, overshoot } from '../test/support/track-accuracy.js';
import { type PortraitName, portraits, portraitStill } from '../test/support/unit-portraits.js';
import { stillMesh } from '../test/support/still-mesh.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '10' },
    frames: { type: 'string', default: '60' },
    crf: { type: 'string', default: '16' },
    noise: { type: 'string', default: '2' },
  },
});
const motions = motionNames.filter((name) => positionals.length === 0 || positionals.includes(name));
const frameCount = Number(values.frames);
const models = await loadChainModels({
  executionProviders: ['cpu'],
  executionThreadCount: 2,
  faceDetectorScore: 0.5,
});
const zones = paintZones(0.2, { top: 0, right: 0, bottom: 0, left: 0 });
const folder = await mkdtemp(join(tmpdir(), 'ground-truth-'));

/** The frames after x264, as a clip would have them. */
const coded = (frames: readonly PlanarFrame[]): PlanarFrame[] => {
  const { format, data } = frames[0] as PlanarFrame;
  const size = `${format.widthPx}x${format.heightPx}`;
  const raw = ['-f', 'rawvideo', '-pix_fmt', 'yuv420p'];
  const file = join(folder, 'coded.mkv');
  const quiet = ['-hide_banner', '-loglevel', 'error', '-y'];
  const codec = ['-c:v', 'libx264', '-crf', values.crf, '-preset', 'veryfast', '-threads', '1'];
  execFileSync('ffmpeg', [...quiet, ...raw, '-s', size, '-r', '25', '-i', 'pipe:0', ...codec, file], {
    input: Buffer.concat(frames.map((frame) => frame.data as Uint8Array)),
  });
  const decoded = execFileSync('ffmpeg', [...quiet, '-i', file, ...raw, 'pipe:1'], { maxBuffer: 2 ** 30 });
  return frames.map((_, t) =>
    wrapFrame(format, Uint8Array.from(decoded.subarray(t * data.length, (t + 1) * data.length)).buffer),
  );
};

type Figures = {
  readonly before: number;
  readonly after: number;
  readonly lag: number;
  readonly overshoot: number;
};

const measure = async (portrait: PortraitName, motion: MotionName, seed: number): Promise<Figures> => {
  const still = await portraitStill(portrait);
  const reference = await stillMesh(models, frameFromRgb(still), portraits[portrait]);
  const camera = new PortraitCamera(portrait, still);
  const place = movement(motion, seed);
  const frames = coded(
    Array.from({ length: frameCount }, (_, t) =>
      camera.frame(place(t), { noiseLevels: Number(values.noise), seed: 1000 * seed + t }),
    ),
  );
  const window = new ShotWindow({ mode: 'window', windowFrames: 7, alpha: 0.25 });
  const analyser = new SegmentAnalyser(models, {
    zones: zones,
    samples: new StageSamples(),
    needsCast: false,
    matchesGrain: false,
  });
  analyser.begin(25, window);
  for await (const analysed of analysedFrames(analyser, frames)) window.push(analysed);
  analyser.dispose();
  const truth = frames.map((_, t) => carriedMesh(reference, placeMap(portrait, place(t))));
  const path = (points: (t: number) => Float32Array | null): Float32Array[] =>
    frames.map((_, t) => {
      const found = points(t);
      if (found === null) throw new Error(`${portrait} ${motion} ${seed}: no face in frame ${t}`);
      return found;
    });
  const raw = path((t) => window.rawPoints(1, t));
  const steady = path((t) => window.steadyPoints(1, t));
  // The ends of a clip have neighbours on one side only; they are counted like all others.
  return {
    before: jitterAgainstTruth(raw, truth),
    after: jitterAgainstTruth(steady, truth),
    lag: motion === 'rest' ? 0 : lagFrames(steady, truth),
    overshoot: motion === 'stop' ? overshoot(steady, truth, stopFrame) : 0,
  };
};

const percent = (value: number): string => `${(100 * value).toFixed(2)} %`;
const rms = (list: readonly number[]): number =>
  Math.sqrt(list.reduce((sum, value) => sum + value ** 2, 0) / list.length);

console.log(
  'motion: jitter against truth before -> after (RMS of all seeds, reduction; worst seed), lag, overshoot',
);
try {
  for (const motion of motions) {
    const all: Figures[] = [];
    for (let seed = 0; seed < Number(values.seeds); seed++) {
      all.push(await measure(seed % 2 === 0 ? 'astronaut' : 'hopper', motion, seed));
    }
    const before = rms(all.map((figures) => figures.before));
    const after = rms(all.map((figures) => figures.after));
    const worst = Math.min(...all.map((figures) => 1 - figures.after / figures.before));
    const lag = Math.max(...all.map((figures) => Math.abs(figures.lag)));
    const over = Math.max(...all.map((figures) => figures.overshoot));
    console.log(
      `${motion.padEnd(6)} ${percent(before)} -> ${percent(after)}, ${percent(1 - after / before)} less, worst seed ${percent(worst)}; ` +
        `lag at most ${lag.toFixed(3)} frames${motion === 'stop' ? `; overshoot at most ${percent(over)}` : ''}`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
  await models.dispose();
}
