import { kernels } from '../../src/imaging/kernels/kernels.js';
import { Scratch } from '../../src/imaging/scratch.js';
import { plainBlock, plainGrain } from '../../test/support/reference/grain.js';
import { seededRandom } from '../../test/support/unit-random.js';
import type { KernelEntry } from './kernel-entry.js';

const side = 320;
const strengths = [3, 4, 4, 3, 2, 2, 2, 2] as const;

/** A square of 8-bit luma around a face, in kernel memory. */
const band = (scratch: Scratch): Uint8Array => {
  const random = seededRandom(4);
  return scratch
    .bytes('band', side * side + 16)
    .fill(0)
    .map(() => random.integer(60, 200));
};

const adding = (): KernelEntry => {
  const scratch = new Scratch();
  let samples: Uint8Array;
  return {
    name: `add grain to ${side}x${side} samples`,
    prepare: () => {
      kernels().memory.reserve(2 ** 24);
      samples = band(scratch);
      scratch.bytes('band', side * side + 16).set(samples);
      scratch.floats('mask', side * side + 16).fill(0.9);
      scratch.floats('strengths', 8).set(strengths);
      scratch.floats('row', 2 * side + 32);
    },
    plain: () => {
      const list = Float32Array.from(strengths);
      return samples.map((value, i) =>
        Math.round(value + 0.9 * plainGrain(value, i % side, Math.floor(i / side), list, 9)),
      );
    },
    kernel: () => {
      const at = (name: string, length: number): number => scratch.floats(name, length).byteOffset;
      const plane = scratch.bytes('band', side * side + 16).byteOffset;
      kernels().call.addGrain8(
        ...([plane, side, side, side, 0, 0, at('mask', side * side + 16), side, 0, 0] as const),
        ...([at('strengths', 8), 9, 1, 255, at('row', 2 * side + 32)] as const),
      );
    },
  };
};

const measuring = (): KernelEntry => {
  const scratch = new Scratch();
  const count = side / 8;
  let samples: Uint8Array;
  return {
    name: `measure the grain of ${count}x${count} blocks`,
    prepare: () => {
      kernels().memory.reserve(2 ** 24);
      samples = band(scratch);
      scratch.bytes('band', side * side + 16).set(samples);
      scratch.floats('block', 80);
      scratch.floats('out', 3 * count * count);
    },
    plain: () => {
      for (let i = 0; i < count * count; i++) {
        const corner = 8 * (Math.floor(i / count) * side + (i % count));
        plainBlock((x, y) => samples[corner + y * side + x] as number);
      }
    },
    kernel: () => {
      const plane = scratch.bytes('band', side * side + 16).byteOffset;
      const block = scratch.floats('block', 80).byteOffset;
      const out = scratch.floats('out', 3 * count * count).byteOffset;
      kernels().call.grainBlocks8(plane, side, count, count, 8, 1, block, out);
    },
  };
};

export const grainEntries: readonly KernelEntry[] = [adding(), measuring()];
