import { type Affine, applyAffine, invertAffine } from '../../src/imaging/affine.js';
import { allocateFrame, type PlanarFrame } from '../../src/imaging/planar-frame.js';
import type { StillImage } from '../../src/media/still-image.js';
import { encodeColour, formatOf } from './unit-frames.js';
import { type PortraitName, portraits } from './unit-portraits.js';
import { seededRandom } from './unit-random.js';
import { at } from './unit-values.js';

/** How the portrait moves; all at 25 frames a second. */
export const motionNames = ['rest', 'shake', 'pan', 'zoom', 'roll', 'stop'] as const;
export type MotionName = (typeof motionNames)[number];

/** Size of the frames, with an even number of rows and columns. */
export const movingSize = { widthPx: 400, heightPx: 300 } as const;

/** The frame in which `stop` has come to rest. */
export const stopFrame = 20;

/** Where the face is in one frame. */
type Place = { readonly x: number; readonly y: number; readonly scale: number; readonly roll: number };

const movingFormat = formatOf(movingSize.widthPx, movingSize.heightPx);

/**
 * A movement as a function of the frame, the same for the same seed.
 *
 * `shake` is a hand-held camera: three oscillations for each direction and for the roll, of 0.4 to 4 Hz and a few pixels, the faster the
 * smaller. `stop` is a pan that ends from one frame to the next.
 */
export const movement = (name: MotionName, seed: number): ((t: number) => Place) => {
  const random = seededRandom(seed);
  const middle = {
    x: movingSize.widthPx / 2 + random.between(-8, 8),
    y: movingSize.heightPx / 2 + random.between(-8, 8),
  };
  const scale = random.between(1.2, 1.4);
  const roll = random.between(-0.1, 0.1);
  const rest = { ...middle, scale, roll };
  const direction = random.between(0, 2 * Math.PI);
  const sign = random.next() < 0.5 ? -1 : 1;
  switch (name) {
    case 'rest':
      return () => rest;
    case 'shake': {
      const waves = [0, 1, 2].map(() =>
        [0.6, 1.6, 3.2].map((hertz) => {
          const frequency = hertz * random.between(0.7, 1.25);
          const phase = random.between(0, 2 * Math.PI);
          const size = 1 / (0.5 + frequency);
          return (t: number) => size * Math.sin((2 * Math.PI * frequency * t) / 25 + phase);
        }),
      );
      const sum = (axis: number, t: number): number =>
        waves[axis]!.reduce((total, wave) => total + wave(t), 0);
      return (t) => ({
        x: middle.x + 5 * sum(0, t),
        y: middle.y + 5 * sum(1, t),
        scale,
        roll: roll + 0.02 * sum(2, t),
      });
    }
    case 'pan':
    case 'stop': {
      const speed = name === 'pan' ? random.between(1, 2) : random.between(2, 3);
      const dx = speed * Math.cos(direction);
      const dy = 0.5 * speed * Math.sin(direction);
      return (t) => {
        const since = name === 'pan' ? t - 30 : Math.min(0, t - stopFrame);
        return { ...rest, x: middle.x + dx * since, y: middle.y + dy * since };
      };
    }
    case 'zoom':
      return (t) => ({ ...rest, scale: scale * Math.exp(sign * 0.006 * (t - 30)) });
    case 'roll':
      return (t) => ({ ...rest, roll: roll + sign * 0.012 * (t - 30) });
  }
};

/** The map from pixels of the portrait to pixels of a frame. */
export const placeMap = (portrait: PortraitName, { x, y, scale, roll }: Place): Affine => {
  const face = portraits[portrait];
  const [cos, sin] = [scale * Math.cos(roll), scale * Math.sin(roll)];
  return {
    a: cos,
    b: -sin,
    c: x - cos * face.x + sin * face.y,
    d: sin,
    e: cos,
    f: y - sin * face.x - cos * face.y,
  };
};

/** A mesh in pixels of the portrait, carried to a frame by the map. */
export const carriedMesh = (points: Float32Array, map: Affine): Float32Array => {
  const scale = Math.hypot(map.a, map.d);
  const out = new Float32Array(points.length);
  for (let i = 0; i < points.length; i += 3) {
    const { x, y } = applyAffine(map, at(points, i), at(points, i + 1));
    out[i] = x;
    out[i + 1] = y;
    out[i + 2] = at(points, i + 2) * scale;
  }
  return out;
};

/** Weights of four neighbouring samples for a place `f` between the middle two: cubic convolution (Keys, 1981, a = −1/2). */
const cubicWeights = (f: number): readonly [number, number, number, number] => [
  0.5 * (-(f ** 3) + 2 * f * f - f),
  0.5 * (3 * f ** 3 - 5 * f * f + 2),
  0.5 * (-3 * f ** 3 + 4 * f * f + f),
  0.5 * (f ** 3 - f * f),
];

/** Draws a still at any place of 8-bit 4:2:0 frames, to a small part of a pixel; about 10 ms a frame. */
export class PortraitCamera {
  readonly #planes: readonly Float32Array[];
  readonly #width: number;
  readonly #height: number;
  readonly #portrait: PortraitName;

  constructor(portrait: PortraitName, { rgb, widthPx, heightPx }: StillImage<Uint8Array>) {
    this.#portrait = portrait;
    this.#width = widthPx;
    this.#height = heightPx;
    const planes = [0, 1, 2].map(() => new Float32Array(widthPx * heightPx));
    for (let i = 0; i < widthPx * heightPx; i++) {
      const values = encodeColour(
        [at(rgb, 3 * i) / 255, at(rgb, 3 * i + 1) / 255, at(rgb, 3 * i + 2) / 255],
        movingFormat,
      );
      planes.forEach((plane, c) => {
        plane[i] = at(values, c);
      });
    }
    this.#planes = planes;
  }

  /** The frame at a place, with noise of that standard deviation (8-bit levels) in luma. */
  frame(place: Place, { noiseLevels = 0, seed = 0 } = {}): PlanarFrame {
    const random = seededRandom(seed);
    const frame = allocateFrame(movingFormat);
    const back = invertAffine(placeMap(this.#portrait, place));
    frame.layout.planes.forEach((plane, index) => {
      const step = index === 0 ? 1 : 2;
      for (let row = 0; row < plane.heightPx; row++) {
        for (let column = 0; column < plane.widthPx; column++) {
          const from = applyAffine(back, column * step, row * step + (step - 1) / 2);
          const noise = index === 0 && noiseLevels > 0 ? noiseLevels * random.normal() : 0;
          const value = this.#sample(this.#planes[index]!, from.x, from.y) + noise;
          frame.data[plane.offset + row * plane.widthPx + column] = Math.min(
            255,
            Math.max(0, Math.round(value)),
          );
        }
      }
    });
    return frame;
  }

  #sample(plane: Float32Array, x: number, y: number): number {
    const [x0, y0] = [Math.floor(x), Math.floor(y)];
    const across = cubicWeights(x - x0);
    const down = cubicWeights(y - y0);
    let sum = 0;
    for (let j = 0; j < 4; j++) {
      const row = Math.min(this.#height - 1, Math.max(0, y0 + j - 1)) * this.#width;
      for (let i = 0; i < 4; i++) {
        const column = Math.min(this.#width - 1, Math.max(0, x0 + i - 1));
        sum += (down[j] as number) * (across[i] as number) * (plane[row + column] as number);
      }
    }
    return sum;
  }
}
