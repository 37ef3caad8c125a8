import { fileURLToPath } from 'node:url';
import { type PlanarFormat, type PlanarFrame } from '../../src/imaging/planar-frame.js';
import { readStill, type StillImage } from '../../src/media/still-image.js';
import { paintFrame } from './unit-frames.js';
import { at } from './unit-values.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

/** The two public-domain portraits, with a point near the middle of the face. */
export const portraits = {
  astronaut: { file: fixture('astronaut.png'), x: 225, y: 115 },
  hopper: { file: fixture('grace_hopper.jpg'), x: 255, y: 190 },
} as const;

export type PortraitName = keyof typeof portraits;

const stills = new Map<PortraitName, Promise<StillImage<Uint8Array>>>();

export const portraitStill = (name: PortraitName): Promise<StillImage<Uint8Array>> => {
  const known = stills.get(name) ?? readStill(portraits[name].file);
  stills.set(name, known);
  return known;
};

/** A frame cut out of a portrait at its own scale, the face shifted from the middle by whole or part pixels. */
export const portraitFrame = (
  still: StillImage,
  name: PortraitName,
  format: PlanarFormat,
  { shiftX = 0, shiftY = 0 } = {},
): PlanarFrame => {
  const left = portraits[name].x - format.widthPx / 2 - shiftX;
  const top = portraits[name].y - format.heightPx / 2 - shiftY;
  const clamped = (value: number, length: number): number => Math.min(length - 1, Math.max(0, value));
  return paintFrame(format, (x, y) => {
    const [fromX, fromY] = [x + left, y + top];
    const [x0, y0] = [Math.floor(fromX), Math.floor(fromY)];
    const [fx, fy] = [fromX - x0, fromY - y0];
    const value = (column: number, row: number, c: number): number =>
      at(still.rgb, 3 * (clamped(row, still.heightPx) * still.widthPx + clamped(column, still.widthPx)) + c) /
      255;
    const channel = (c: number): number =>
      (value(x0, y0, c) * (1 - fx) + value(x0 + 1, y0, c) * fx) * (1 - fy) +
      (value(x0, y0 + 1, c) * (1 - fx) + value(x0 + 1, y0 + 1, c) * fx) * fy;
    return [channel(0), channel(1), channel(2)];
  });
};
