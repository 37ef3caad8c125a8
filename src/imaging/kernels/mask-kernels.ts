/** The kernels of `assembly/mask.ts`, which documents them. */
export type MaskKernels = {
  readonly softenMask: (
    mask: number,
    stride: number,
    size: number,
    weights: number,
    radius: number,
    rows: number,
    line: number,
    offsets: number,
  ) => void;
};
