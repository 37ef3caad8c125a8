type SquaredDifferences = (
  first: number,
  firstStride: number,
  second: number,
  secondStride: number,
  width: number,
  height: number,
) => number;

type Ssim = (
  first: number,
  firstStride: number,
  second: number,
  secondStride: number,
  columns: number,
  rows: number,
  c1: number,
  c2: number,
  sums: number,
) => number;

/** The kernels of `assembly/comparison.ts`, which documents them. */
export type ComparisonKernels = {
  readonly squaredDifferences8: SquaredDifferences;
  readonly squaredDifferences16: SquaredDifferences;
  readonly ssim8: Ssim;
  readonly ssim16: Ssim;
};
