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

type MaskedSsim = (
  first: number,
  firstStride: number,
  second: number,
  secondStride: number,
  mask: number,
  maskStride: number,
  columns: number,
  rows: number,
  c1: number,
  c2: number,
  sums: number,
  kinds: number,
  totals: number,
) => void;

type Seam = (
  first: number,
  firstStride: number,
  second: number,
  secondStride: number,
  mask: number,
  maskStride: number,
  width: number,
  height: number,
  totals: number,
) => void;

type AlignedError = (
  past: number,
  widthPx: number,
  heightPx: number,
  here: number,
  columns: number,
  rows: number,
  step: number,
  fromX: number,
  fromY: number,
  stepXx: number,
  stepXy: number,
  stepYx: number,
  stepYy: number,
  count: number,
) => number;

/** The kernels of `assembly/comparison.ts` and `assembly/monitor.ts`, which document them. */
export type ComparisonKernels = {
  readonly squaredDifferences8: SquaredDifferences;
  readonly squaredDifferences16: SquaredDifferences;
  readonly ssim8: Ssim;
  readonly ssim16: Ssim;
  readonly maskedSsim8: MaskedSsim;
  readonly maskedSsim16: MaskedSsim;
  readonly seam8: Seam;
  readonly seam16: Seam;
  readonly alignedError8: AlignedError;
  readonly alignedError16: AlignedError;
  readonly markMask: (mask: number, plane: number, stride: number, width: number, height: number) => void;
  /** 1 when the boxes hold the same bytes; all lengths in bytes. */
  readonly areEqual: (
    first: number,
    second: number,
    strideBytes: number,
    widthBytes: number,
    height: number,
  ) => 0 | 1;
};
