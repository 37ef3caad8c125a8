/**
 * Makes `src/processors/face-swapper/face-layout-data.ts`: where each of the 468 mesh points lies on the flattened face, and
 * the triangles between them. Run by hand when the landmark model changes (`npx tsx scripts/build-face-layout.ts`); the
 * result is committed.
 *
 * Nothing is taken from elsewhere: the landmark model reads the two portraits of `test/fixtures` (and their mirror
 * images), the four meshes are brought into one pose and averaged into a symmetrical face in 3-D, which is unrolled as from
 * a cylinder around the vertical axis (so that the sides of the nose and the cheeks do not overlap) and triangulated
 * (Delaunay, by Bowyer and Watson's incremental method).
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import type { PlanarFrame } from '../src/imaging/planar-frame.js';
import { frameFromRgb } from '../src/imaging/rgb-frame.js';
import { createSession } from '../src/inference/session.js';
import { FaceDetector } from '../src/processors/face-detector/face-detector.js';
import { cropFromBox, FaceLandmarker } from '../src/processors/face-landmarker/face-landmarker.js';
import {
  faceOval,
  innerLipRing,
  leftEyeOuter,
  leftEyeRing,
  meshPointCount,
  outerLipRing,
  rightEyeOuter,
  rightEyeRing,
} from '../src/processors/face-landmarker/mesh-indices.js';

type Vec3 = [number, number, number];
type Triangle = [number, number, number];

const root = new URL('../', import.meta.url);
const pathOf = (relative: string): string => fileURLToPath(new URL(relative, root));

async function portrait(file: string, mirrored: boolean): Promise<PlanarFrame> {
  const image = sharp(file).removeAlpha();
  if (mirrored) image.flop();
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  return frameFromRgb({ widthPx: info.width, heightPx: info.height, rgb: data });
}

/** Brings a mesh into the standard pose: centred, eye line along +x, chin along +y, inter-ocular distance 1. */
function standardPose(points: Float32Array): Vec3[] {
  const at = (i: number): Vec3 => [points[3 * i], points[3 * i + 1], points[3 * i + 2]] as Vec3;
  const right = at(rightEyeOuter);
  const left = at(leftEyeOuter);
  const scale = 1 / Math.hypot(...minus(left, right));
  const x = unit(minus(left, right));
  const down = minus(at(152), at(10));
  const y = unit(minus(down, scaled(x, dot(down, x))));
  const z = cross(x, y);
  const middle = scaled(plus(left, right), 0.5);
  return Array.from({ length: meshPointCount }, (_, i) => {
    const p = scaled(minus(at(i), middle), scale);
    return [dot(p, x), dot(p, y), dot(p, z)] as Vec3;
  });
}

const minus = (a: Vec3, b: Vec3): Vec3 => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const plus = (a: Vec3, b: Vec3): Vec3 => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const scaled = (a: Vec3, k: number): Vec3 => [a[0] * k, a[1] * k, a[2] * k];
const dot = (a: Vec3, b: Vec3): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a: Vec3, b: Vec3): Vec3 => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
const unit = (a: Vec3): Vec3 => scaled(a, 1 / Math.hypot(...a));

/** Point i of a mirrored face is the other side's point: pairs by mutual nearness in the mean mesh. */
function mirrorPairs(mean: readonly Vec3[]): number[] {
  const pairs = mean.map((p) => {
    let best = 0;
    let bestDistance = Infinity;
    mean.forEach((q, j) => {
      const distance = Math.hypot(p[0] + q[0], p[1] - q[1], p[2] - q[2]);
      if (distance < bestDistance) {
        best = j;
        bestDistance = distance;
      }
    });
    return best;
  });
  pairs.forEach((j, i) => {
    if (pairs[j] !== i) throw new Error(`Points ${i} and ${j} are not each other's mirror image`);
  });
  return pairs;
}

function delaunay(points: readonly (readonly [number, number])[]): Triangle[] {
  const all = [...points, [-50, -50], [50, -50], [0, 80]] as [number, number][];
  const n = points.length;
  let triangles: Triangle[] = [[n, n + 1, n + 2]];
  const insideCircle = ([a, b, c]: Triangle, p: readonly [number, number]): boolean => {
    const [ax, ay] = all[a] as [number, number];
    const [bx, by] = all[b] as [number, number];
    const [cx, cy] = all[c] as [number, number];
    const orientation = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay);
    const row = (x: number, y: number): Vec3 => [x - p[0], y - p[1], (x - p[0]) ** 2 + (y - p[1]) ** 2];
    const determinant = dot(row(ax, ay), cross(row(bx, by), row(cx, cy)));
    return determinant * Math.sign(orientation) > 0;
  };
  points.forEach((p, i) => {
    const bad = triangles.filter((t) => insideCircle(t, p));
    const edges = new Map<string, [number, number]>();
    for (const [a, b, c] of bad) {
      for (const edge of [
        [a, b],
        [b, c],
        [c, a],
      ] as [number, number][]) {
        const back = `${edge[1]},${edge[0]}`;
        if (edges.has(back)) edges.delete(back);
        else edges.set(`${edge[0]},${edge[1]}`, edge);
      }
    }
    const removed = new Set(bad);
    triangles = triangles.filter((t) => !removed.has(t));
    for (const [a, b] of edges.values()) triangles.push([a, b, i]);
  });
  return triangles.filter((t) => t.every((i) => i < n));
}

/**
 * Both portraits keep their lips together, so that the inner lip line of the mean is folded on itself: parts it by a
 * little, in place, dying out over the thickness of the lips.
 */
function openMouth(points: [number, number][]): void {
  const [right, left] = [78, 308].map((i) => points[i] as [number, number]) as [
    [number, number],
    [number, number],
  ];
  const halfWidth = (left[0] - right[0]) / 2;
  const middleU = (left[0] + right[0]) / 2;
  const upper = new Set<number>([191, 80, 81, 82, 13, 312, 311, 310, 415]);
  const lower = new Set<number>([95, 88, 178, 87, 14, 317, 402, 318, 324]);
  const line = (u: number): number => {
    const pairsOnLine = [...upper].map(
      (i, k) => [i, [95, 88, 178, 87, 14, 317, 402, 318, 324][k] as number] as const,
    );
    let nearest = right[1];
    let distance = Infinity;
    for (const [i, j] of pairsOnLine) {
      const away = Math.abs((points[i] as [number, number])[0] - u);
      if (away < distance) {
        distance = away;
        nearest = ((points[i] as [number, number])[1] + (points[j] as [number, number])[1]) / 2;
      }
    }
    return nearest;
  };
  const shifts = points.map(([u, v], i) => {
    const across = (u - middleU) / halfWidth;
    if (Math.abs(across) >= 1) return 0;
    const away = v - line(u);
    const side = upper.has(i) ? -1 : lower.has(i) ? 1 : Math.sign(away);
    const fade = Math.max(0, 1 - Math.abs(away) / 0.16);
    return side * 0.015 * fade * (1 - across * across) ** 0.5;
  });
  for (const [i, shift] of shifts.entries()) (points[i] as [number, number])[1] += shift;
}

const session = { providers: ['cpu'], intraOpThreads: 1 };
const detector = new FaceDetector(
  await createSession(pathOf('models/embedded/blazeface.onnx'), session),
  0.5,
);
const landmarker = new FaceLandmarker(await createSession(pathOf('models/embedded/facemesh.onnx'), session));
const meshes: Vec3[][] = [];
for (const file of ['test/fixtures/astronaut.png', 'test/fixtures/grace_hopper.jpg']) {
  for (const mirrored of [false, true]) {
    const frame = await portrait(pathOf(file), mirrored);
    const [face] = await detector.detectLarge(frame);
    if (face === undefined) throw new Error(`No face in ${file}`);
    const { points } = await landmarker.refine(frame, cropFromBox(face.box, face.rollRadians));
    meshes.push(standardPose(points));
  }
}
const mean = Array.from({ length: meshPointCount }, (_, i) =>
  scaled(
    meshes.reduce<Vec3>((sum, mesh) => plus(sum, mesh[i] as Vec3), [0, 0, 0]),
    1 / meshes.length,
  ),
);
const pairs = mirrorPairs(mean);
const symmetric = mean.map((p, i): Vec3 => {
  const q = mean[pairs[i] as number] as Vec3;
  return [(p[0] - q[0]) / 2, (p[1] + q[1]) / 2, (p[2] + q[2]) / 2];
});

// The cylinder's axis lies behind the face, level with its rim; heights are stretched a little where the forehead and the
// chin lean away, by walking along the surface instead of straight down.
const rimDepth = Math.max(...symmetric.map((p) => p[2]));
const axisDepth = rimDepth + 0.15;
const unrolled = symmetric.map(([x, y, z]): [number, number] => {
  const radius = Math.hypot(x, axisDepth - z);
  const angle = Math.atan2(x, axisDepth - z);
  return [angle * 0.55, y + 0.12 * Math.sign(y) * Math.max(0, axisDepth - radius)];
});
openMouth(unrolled);
const us = unrolled.map((p) => p[0]);
const vs = unrolled.map((p) => p[1]);
const margin = 0.04;
const width = Math.max(...us) - Math.min(...us);
const height = Math.max(...vs) - Math.min(...vs);
const side = Math.max(width, height) / (1 - 2 * margin);
const uMiddle = (Math.max(...us) + Math.min(...us)) / 2;
const vMiddle = (Math.max(...vs) + Math.min(...vs)) / 2;
const uv = unrolled.map(([u, v]): [number, number] => [
  0.5 + (u - uMiddle) / side,
  0.5 + (v - vMiddle) / side,
]);

const insideOval = (x: number, y: number): boolean => {
  let inside = false;
  for (let i = 0, j = faceOval.length - 1; i < faceOval.length; j = i++) {
    const [xi, yi] = uv[faceOval[i] as number] as [number, number];
    const [xj, yj] = uv[faceOval[j] as number] as [number, number];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
};
const centroid = (t: Triangle): [number, number] => {
  const [a, b, c] = t.map((i) => uv[i] as [number, number]) as [
    [number, number],
    [number, number],
    [number, number],
  ];
  return [(a[0] + b[0] + c[0]) / 3, (a[1] + b[1] + c[1]) / 3];
};
// A hair's breadth of skew breaks the ties of the symmetrical point set the same way every time.
const mesh = delaunay(uv.map(([u, v], i) => [u + 1e-7 * Math.sin(i), v + 1e-7 * Math.cos(i)])).map(
  woundAlike,
);
for (const ring of [faceOval, rightEyeRing, leftEyeRing, outerLipRing, innerLipRing]) {
  ring.forEach((point, i) => {
    forceEdge(mesh, point, ring[(i + 1) % ring.length] as number);
  });
}
const triangles = mesh.filter((t) => insideOval(...centroid(t)));

function signedArea(a: number, b: number, c: number): number {
  const [ax, ay] = uv[a] as [number, number];
  const [bx, by] = uv[b] as [number, number];
  const [cx, cy] = uv[c] as [number, number];
  return (bx - ax) * (cy - ay) - (cx - ax) * (by - ay);
}

function woundAlike([a, b, c]: Triangle): Triangle {
  return signedArea(a, b, c) > 0 ? [a, b, c] : [a, c, b];
}

/** Flips diagonals that cross the segment from–to until it is an edge (Sloan, 1993: edge recovery by swapping). */
function forceEdge(faces: Triangle[], from: number, to: number): void {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (faces.some((t) => t.includes(from) && t.includes(to))) return;
    const crossing = faces.flatMap((t, index) =>
      [0, 1, 2]
        .map((k) => [t[k] as number, t[(k + 1) % 3] as number, t[(k + 2) % 3] as number] as const)
        .filter(([p, q]) => crosses(from, to, p, q))
        .map(([p, q, apex]) => ({ index, p, q, apex })),
    );
    const flip = crossing
      .map((side) => ({
        side,
        other: crossing.find((candidate) => candidate.p === side.q && candidate.q === side.p),
      }))
      .find(({ side, other }) => other !== undefined && crosses(side.apex, other.apex, side.p, side.q));
    if (flip?.other === undefined) break;
    const { side, other } = flip;
    faces[side.index] = woundAlike([side.apex, other.apex, side.p]);
    faces[other.index] = woundAlike([side.apex, other.apex, side.q]);
    // A pair of crossing diagonals can trade places for ever; starting from another one each time ends that.
    faces.push(...faces.splice(0, 1 + (attempt % 3)));
  }
  throw new Error(`Edge ${from}-${to} cannot be put into the triangulation`);
}

function crosses(a: number, b: number, p: number, q: number): boolean {
  if (a === p || a === q || b === p || b === q) return false;
  return signedArea(a, b, p) * signedArea(a, b, q) < 0 && signedArea(p, q, a) * signedArea(p, q, b) < 0;
}

const numbers = (values: readonly number[], digits: number): string =>
  values.map((value) => Number(value.toFixed(digits))).join(', ');
writeFileSync(
  pathOf('src/processors/face-swapper/face-layout-data.ts'),
  `// Generated by scripts/build-face-layout.ts from the landmark model's reading of the two portraits in test/fixtures.

/** 468 × (u, v): the flattened face, 0..1, u along the person's right-to-left, v downwards. */
export const layoutUv: readonly number[] = [${numbers(uv.flat(), 5)}];

/** 468 × (x, y, z): the mean face upright and frontal; unit: distance of the outer eye corners; z grows away from the viewer. */
export const layoutShape: readonly number[] = [${numbers(symmetric.flat(), 4)}];

/** Triangles as index triples, all wound alike (positive area in u, v). */
export const layoutTriangles: readonly number[] = [${triangles.flat().join(', ')}];

/** For each point the index of its mirror image. */
export const layoutMirror: readonly number[] = [${pairs.join(', ')}];
`,
);
console.error(`${triangles.length} triangles`);
