/**
 * How well things that come before a face are found, and how often something is found where nothing is: the largest track of a clip is
 * judged as it is, and with drawn occluders of known outline before it (`bench/occlusion/occluder.ts`).
 * Run: `npx tsx bench/occlusion.ts CLIP [FRAMES] [hand|fingers|ball|bar|cup ...]`; takes the clip's first {@link trialFrames} frames for each
 * occluder. Prints shares of the replaceable face: recall and IoU inside, and what is kept wrongly.
 */
import { resolve } from 'node:path';
import type { PlanarFrame } from '../src/imaging/planar-frame.js';
import { zonesFor } from '../src/pipeline/mask-zones.js';
import { OcclusionHistory } from '../src/pipeline/occlusion-history.js';
import { chainSettings } from '../src/pipeline/plan.js';
import { resolveRunOptions } from '../src/pipeline/resolve-run-options.js';
import type { AnalysedFrame } from '../src/pipeline/shot-window.js';
import { boundsOf } from '../src/processors/face-landmarker/mesh-bounds.js';
import { leniencyOf } from '../src/processors/face-masker/leniency.js';
import { appearanceSize } from '../src/processors/face-swapper/appearance.js';
import { faceLayout, zoneSize } from '../src/processors/face-swapper/face-layout.js';
import { analyseClip } from './occlusion/analyse-clip.js';
import { drawOccluder, type FacePlace, type OccluderKind, trialFrames } from './occlusion/occluder.js';

const [file, given, ...asked] = process.argv.slice(2);
if (file === undefined) throw new Error('Usage: occlusion.ts CLIP [FRAMES] [hand|fingers|ball|bar|cup ...]');
const clip = resolve(file);
const kinds = (asked.length > 0 ? asked : ['hand', 'fingers', 'ball', 'bar', 'cup']) as OccluderKind[];

const zones = zonesFor(chainSettings(resolveRunOptions({ source: 'a', target: 'b', output: 'c' })));
const leniency = leniencyOf(zones);
const texels = appearanceSize * appearanceSize;

/** A texel that is replaced where it is open: its corners on the mesh with their weights. */
type FaceTexel = {
  readonly at: number;
  readonly points: readonly number[];
  readonly weights: readonly number[];
};

const faceTexels: FaceTexel[] = [];
const { uv, triangles } = faceLayout;
for (let t = 0; t < triangles.length; t += 3) {
  const points = [...triangles.subarray(t, t + 3)];
  const [x0, y0, x1, y1, x2, y2] = points.flatMap((point) =>
    [0, 1].map((axis) => (uv[2 * point + axis] as number) * appearanceSize - 0.5),
  ) as [number, number, number, number, number, number];
  const area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0);
  for (let y = Math.ceil(Math.min(y0, y1, y2)); y <= Math.max(y0, y1, y2); y++) {
    for (let x = Math.ceil(Math.min(x0, x1, x2)); x <= Math.max(x0, x1, x2); x++) {
      const b = ((x - x0) * (y2 - y0) - (x2 - x0) * (y - y0)) / area;
      const c = ((x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)) / area;
      if (b < 0 || c < 0 || b + c > 1) continue;
      const ratio = zoneSize / appearanceSize;
      const zone = ratio * y * zoneSize + ratio * x;
      if ((zones.interior[zone] as number) < 0.5 || (zones.openings[zone] as number) > 0.5) continue;
      faceTexels.push({ at: y * appearanceSize + x, points, weights: [1 - b - c, b, c] });
    }
  }
}

const largestTrack = (frames: readonly AnalysedFrame[]): number => {
  const counts = new Map<number, number>();
  for (const { faces } of frames) for (const id of faces.keys()) counts.set(id, (counts.get(id) ?? 0) + 1);
  const [first] = [...counts].sort((one, other) => other[1] - one[1]);
  if (first === undefined) throw new Error(`There is no face in ${clip}`);
  return first[0];
};

/** Forehead and cheeks. */
const skinPoints = [151, 50, 280] as const;

function placeOf({ format, layout, data }: PlanarFrame, points: Float32Array): FacePlace {
  const box = boundsOf(points);
  const level = (plane: 0 | 1 | 2): number => {
    const { offset, widthPx } = layout.planes[plane];
    const [shiftX, shiftY] = plane === 0 ? [0, 0] : [format.chromaShiftX, format.chromaShiftY];
    const levels = skinPoints.map((point) => {
      const x = Math.round(points[3 * point] as number) >> shiftX;
      const y = Math.round(points[3 * point + 1] as number) >> shiftY;
      return data[offset + y * widthPx + x] as number;
    });
    return levels.reduce((sum, value) => sum + value, 0) / levels.length;
  };
  return {
    centreX: box.x + box.width / 2,
    centreY: box.y + box.height / 2,
    widthPx: box.width,
    heightPx: box.height,
    skin: [level(0), level(1), level(2)],
  };
}

/** Sums over all frames, in texels: what is covered, what of it is kept, what is kept besides, and all that there is. */
function judge(
  frames: readonly AnalysedFrame[],
  widthPx: number,
  covers: ReadonlyMap<number, Float32Array>,
): { covered: number; kept: number; wrong: number; all: number; worst: number; msPerFace: number } {
  const history = new OcclusionHistory(leniency);
  const open = new Float32Array(texels);
  const track = largestTrack(frames);
  const sums = { covered: 0, kept: 0, wrong: 0, all: 0, worst: 0, msPerFace: 0 };
  let pushed = 0;
  let faces = 0;
  for (const { index, faces: seen } of frames) {
    while (pushed < frames.length && pushed <= index + 8) history.push(frames[pushed++] as AnalysedFrame);
    const face = seen.get(track);
    if (face === undefined) continue;
    open.fill(1);
    const startMs = performance.now();
    history.close(track, index, open);
    sums.msPerFace += performance.now() - startMs;
    faces += 1;
    const cover = covers.get(index);
    let wrong = 0;
    for (const { at, points, weights } of faceTexels) {
      const along = (axis: 0 | 1): number =>
        Math.round(
          points.reduce(
            (sum, p, i) => sum + (weights[i] as number) * (face.points[3 * p + axis] as number),
            0,
          ),
        );
      const truth = cover?.[along(1) * widthPx + along(0)] ?? 0;
      const closed = 1 - (open[at] as number);
      sums.covered += truth;
      sums.kept += truth * closed;
      wrong += (1 - truth) * closed;
    }
    sums.wrong += wrong;
    sums.all += faceTexels.length;
    sums.worst = Math.max(sums.worst, wrong / faceTexels.length);
    history.dropBefore(index - 9);
  }
  sums.msPerFace /= Math.max(1, faces);
  return sums;
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

const clean = await analyseClip(clip, Number(given ?? 250), () => undefined);
const plain = judge(clean.frames, clean.widthPx, new Map());
console.log(
  `as it is: ${percent(plain.wrong / plain.all)} of the face is kept, at most ${percent(plain.worst)} in a frame; ${plain.msPerFace.toFixed(2)} ms a face`,
);
const track = largestTrack(clean.frames);
for (const kind of kinds) {
  const covers = new Map<number, Float32Array>();
  const { frames, widthPx } = await analyseClip(clip, trialFrames, (frame, index) => {
    const points = clean.frames[index]?.faces.get(track)?.points;
    if (points === undefined) return;
    const cover = drawOccluder(frame, kind, index, placeOf(frame, points));
    if (cover !== null) covers.set(index, cover);
  });
  const { covered, kept, wrong, all } = judge(frames, widthPx, covers);
  console.log(
    `${kind}: recall ${percent(kept / covered)}, IoU ${percent(kept / (covered + wrong))}, wrongly kept ${percent(wrong / (all - covered))}`,
  );
}
