import { type PlanarFrame, sampleScale } from '../../src/imaging/planar-frame.js';

/** What is laid over a face. */
export type OccluderKind = 'hand' | 'fingers' | 'ball' | 'bar' | 'cup';

/** Where the face of a frame is, and the colour of its cheeks in the frame's own levels. */
export type FacePlace = {
  readonly centreX: number;
  readonly centreY: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly skin: readonly [number, number, number];
};

/** A part of an occluder: a stick with round ends. Places and sizes in face widths from the occluder's middle. */
type Stick = {
  readonly fromX: number;
  readonly fromY: number;
  readonly toX: number;
  readonly toY: number;
  readonly radius: number;
};

const fingers: readonly Stick[] = [-0.21, -0.07, 0.07, 0.21].map((x, i) => ({
  fromX: x,
  fromY: 0.1,
  toX: x * 1.25,
  toY: -0.34 - (i === 1 || i === 2 ? 0.06 : 0),
  radius: 0.068,
}));

const shapes: Record<OccluderKind, readonly Stick[]> = {
  hand: [...fingers, { fromX: 0, fromY: 0.16, toX: 0, toY: 0.3, radius: 0.25 }],
  fingers: fingers.slice(1, 3),
  ball: [
    { fromX: 0, fromY: 0, toX: 0, toY: 0, radius: 0.2 },
    { fromX: 0, fromY: 0.2, toX: 0.1, toY: 0.8, radius: 0.07 },
  ],
  bar: [{ fromX: -0.9, fromY: 0.25, toX: 0.9, toY: -0.25, radius: 0.09 }],
  cup: [{ fromX: -0.08, fromY: 0, toX: 0.08, toY: 0, radius: 0.24 }],
};

/** Luma factor, and what is added to both chroma planes; the cup and the ball have colours of their own. */
const colours: Record<OccluderKind, (skin: FacePlace['skin']) => readonly [number, number, number]> = {
  hand: ([y, u, v]) => [0.93 * y, u - 1, v + 3],
  fingers: ([y, u, v]) => [1.04 * y, u, v + 2],
  ball: () => [38, 128, 128],
  bar: ([y]) => [0.8 * y, 132, 122],
  cup: () => [205, 127, 129],
};

/** Places of the occluder's middle over time, in face sizes from the face's middle; null where it is out of sight. */
const paths: Record<OccluderKind, (frame: number) => readonly [number, number] | null> = {
  hand: (frame) => restingAt(frame, 0.05, 0.28),
  fingers: (frame) => restingAt(frame, -0.25, 0.1),
  ball: (frame) => restingAt(frame, 0.05, 0.33),
  cup: (frame) => restingAt(frame, 0.02, 0.3),
  // Sweeps down over the face once, without a stop.
  bar: (frame) => (frame < 30 || frame >= 62 ? null : [0, -0.8 + (1.6 * (frame - 30)) / 32]),
};

/** Comes up from below from frame 30 on, rests from 40 to 70 with a slight sway, and leaves until 80. */
function restingAt(frame: number, x: number, y: number): readonly [number, number] | null {
  if (frame < 30 || frame >= 80) return null;
  const away = Math.max(0, (40 - frame) / 10, (frame - 70) / 10);
  return [x + 0.02 * Math.sin(frame / 4), y + 1.1 * away * away + 0.01 * Math.cos(frame / 5)];
}

/** Frames that a trial takes. */
export const trialFrames = 96;

/** A repeatable number in −1..1 for a place. */
const grain = (x: number, y: number): number => {
  const mixed = Math.imul(Math.imul(x, 0x27d4eb2d) ^ Math.imul(y, 0x165667b1), 0x9e3779b1);
  return ((mixed >>> 8) & 0xffff) / 32768 - 1;
};

/**
 * Draws an occluder over the face, shaded like a round thing, with grain and an edge of one pixel.
 *
 * @param frame 8-bit, changed in place
 * @returns how much of each luma pixel it covers, 0..1; null where it is out of sight
 */
export function drawOccluder(
  frame: PlanarFrame,
  kind: OccluderKind,
  index: number,
  place: FacePlace,
): Float32Array | null {
  const way = paths[kind](index);
  if (way === null) return null;
  const { format, layout, data } = frame;
  if (sampleScale(format) !== 1) throw new Error('Occluders are drawn on frames of 8 bits');
  const { widthPx, heightPx, chromaShiftX, chromaShiftY } = format;
  const unit = place.widthPx;
  const middleX = place.centreX + way[0] * unit;
  const middleY = place.centreY + way[1] * place.heightPx;
  const colour = colours[kind](place.skin);
  const cover = new Float32Array(widthPx * heightPx);
  const chroma = [1, 2].map((plane) => layout.planes[plane as 1 | 2]);
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      let depth = -1;
      let height = 0;
      let along = 0;
      for (const stick of shapes[kind]) {
        const dx = (stick.toX - stick.fromX) * unit;
        const dy = (stick.toY - stick.fromY) * unit;
        const px = x - middleX - stick.fromX * unit;
        const py = y - middleY - stick.fromY * unit;
        const share = Math.min(1, Math.max(0, (px * dx + py * dy) / (dx * dx + dy * dy || 1)));
        const distance = Math.hypot(px - share * dx, py - share * dy);
        const inside = stick.radius * unit - distance;
        if (inside > depth) {
          depth = inside;
          height = Math.sqrt(Math.max(0, 1 - (distance / (stick.radius * unit)) ** 2));
          along = share;
        }
      }
      const alpha = Math.min(1, Math.max(0, depth + 0.5));
      if (alpha === 0) continue;
      cover[y * widthPx + x] = alpha;
      const crease =
        kind === 'hand' || kind === 'fingers' ? 1 - 0.06 * Number(Math.abs(along - 0.5) < 0.04) : 1;
      const luma = colour[0] * (0.72 + 0.28 * height) * crease + 3 * grain(x, y);
      const at = layout.planes[0].offset + y * widthPx + x;
      data[at] = Math.round((1 - alpha) * (data[at] as number) + alpha * luma);
      if (x % (1 << chromaShiftX) !== 0 || y % (1 << chromaShiftY) !== 0) continue;
      chroma.forEach((plane, c) => {
        if (plane === undefined) return;
        const to = plane.offset + (y >> chromaShiftY) * plane.widthPx + (x >> chromaShiftX);
        data[to] = Math.round((1 - alpha) * (data[to] as number) + alpha * (colour[1 + c] as number));
      });
    }
  }
  return cover;
}
