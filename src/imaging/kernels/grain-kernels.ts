type GrainBlocks = (
  plane: number,
  planeStride: number,
  columns: number,
  rows: number,
  step: number,
  scale: number,
  work: number,
  out: number,
) => void;

type AddGrain = (
  plane: number,
  planeStride: number,
  width: number,
  height: number,
  left: number,
  top: number,
  mask: number,
  maskStride: number,
  shiftX: number,
  shiftY: number,
  strengths: number,
  seed: number,
  scale: number,
  highest: number,
  work: number,
) => void;

/** The kernels of `assembly/grain.ts`, which documents them. */
export type GrainKernels = {
  readonly grainBlocks8: GrainBlocks;
  readonly grainBlocks16: GrainBlocks;
  readonly addGrain8: AddGrain;
  readonly addGrain16: AddGrain;
};
