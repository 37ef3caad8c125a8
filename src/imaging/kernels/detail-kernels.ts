/** The kernels of `assembly/detail.ts`, which documents them. */
export type DetailKernels = {
  readonly smoothApart: (
    plane: number,
    stride: number,
    width: number,
    height: number,
    step: number,
    out: number,
    work: number,
  ) => void;
  readonly gatherDetail: (
    fine: number,
    coarse: number,
    sum: number,
    count: number,
    gain: number,
    noise: number,
    edge: number,
    isFirst: number,
  ) => void;
  readonly limitDetail: (values: number, count: number, limit: number) => void;
};
