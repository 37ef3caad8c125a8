import { addressOf, kernels } from '../../src/imaging/kernels/kernels.js';
import { Scratch } from '../../src/imaging/scratch.js';
import type { Rgb } from './unit-frames.js';
import { at } from './unit-values.js';

const scratch = new Scratch();

/** Sends colours through one of the kernels that convert planes: four at a time, the last ones padded. */
const throughKernel = (name: 'srgbToLabPlanes' | 'labToSrgbPlanes', colours: readonly Rgb[]): Rgb[] => {
  const length = (colours.length + 3) & ~3;
  const planes = [0, 1, 2].map((c) => {
    const plane = scratch.floats(`plane ${c}`, length);
    colours.forEach((colour, i) => {
      plane[i] = at(colour, c);
    });
    return plane;
  });
  const [first, second, third] = planes.map(addressOf) as [number, number, number];
  kernels().call[name](first, second, third, length);
  return colours.map((_, i) => planes.map((plane) => at(plane, i)) as unknown as Rgb);
};

/** L, a, b of sRGB colours (0..1). */
export const labOf = (colours: readonly Rgb[]): Rgb[] => throughKernel('srgbToLabPlanes', colours);

/** sRGB (0..1) of colours L, a, b. */
export const rgbOf = (colours: readonly Rgb[]): Rgb[] => throughKernel('labToSrgbPlanes', colours);
