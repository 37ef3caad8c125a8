import { kernels } from './kernels/kernels.js';
import type { Scratch } from './scratch.js';

/**
 * Float planes as kernels need them: those that lie in kernel memory as they are, copies of the others. For work that is done once per
 * picture; hot paths keep their planes in kernel memory, and then this neither copies nor grows it.
 *
 * @param name of the scratch memory for the copies
 */
export function kernelCopies(
  planes: readonly Float32Array[],
  scratch: Scratch,
  name: string,
): readonly Float32Array[] {
  const { memory } = kernels();
  if (planes.every((plane) => plane.buffer === memory.buffer)) return planes;
  for (;;) {
    const { buffer } = memory;
    const copies = planes.map((plane, i) =>
      plane.buffer === memory.buffer ? plane : scratch.floats(`${name} ${i}`, plane.length),
    );
    // Growth makes the views from before unusable; the second time everything is there.
    if (memory.buffer !== buffer) continue;
    copies.forEach((copy, i) => {
      if (copy !== planes[i]) copy.set(planes[i] as Float32Array);
    });
    return copies;
  }
}
