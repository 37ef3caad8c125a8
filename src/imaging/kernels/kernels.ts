import { readFileSync } from 'node:fs';
import { FaceswapError } from '../../errors.js';
import type { BlendingKernels } from './blending-kernels.js';
import type { ComparisonKernels } from './comparison-kernels.js';
import type { DetailKernels } from './detail-kernels.js';
import type { DrawingKernels } from './drawing-kernels.js';
import type { GradientKernels } from './gradient-kernels.js';
import type { GrainKernels } from './grain-kernels.js';
import { KernelMemory } from './kernel-memory.js';
import type { MaskKernels } from './mask-kernels.js';
import type { PlaneKernels } from './plane-kernels.js';
import type { SamplingKernels } from './sampling-kernels.js';
import type { ToneKernels } from './tone-kernels.js';

/**
 * What the WebAssembly module exports; addresses are those of typed arrays in the thread's {@link KernelMemory}. Each
 * function is documented at its source in `assembly/`, and called only by the one wrapper that checks its arguments.
 */
export type KernelExports = BlendingKernels &
  ComparisonKernels &
  DetailKernels &
  DrawingKernels &
  GradientKernels &
  GrainKernels &
  MaskKernels &
  PlaneKernels &
  SamplingKernels &
  ToneKernels & {
    readonly heapStart: () => number;
  };

/** One thread's kernels and the memory that they work in. */
export type Kernels = { readonly memory: KernelMemory; readonly call: KernelExports };

let loaded: Kernels | undefined;

/**
 * The kernels of this thread, loaded at the first call (some milliseconds).
 *
 * @throws FaceswapError (bug) when the package was built without them
 */
export function kernels(): Kernels {
  loaded ??= load();
  return loaded;
}

/**
 * The address of a typed array.
 *
 * @throws FaceswapError (bug) when it does not lie in kernel memory, or the memory has grown since it was made
 */
export function addressOf(view: Float32Array | Uint8Array | Uint16Array | Int32Array): number {
  if (view.buffer !== kernels().memory.buffer) {
    throw new FaceswapError('bug', 'A kernel was given memory that is not its own, or that has moved');
  }
  return view.byteOffset;
}

const load = (): Kernels => {
  const file = new URL('./kernels.wasm', import.meta.url);
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new FaceswapError('bug', 'The pixel kernels are missing from this installation', {
      cause,
      hint: 'Install the package again, or in a clone run: npm run build',
    });
  }
  const memory = new KernelMemory();
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    env: { memory: memory.memory },
  });
  const call = instance.exports as unknown as KernelExports;
  memory.begin(call.heapStart());
  return { memory, call };
};
