type BlockMeans = (
  source: number,
  stride: number,
  columns: number,
  rows: number,
  blockX: number,
  blockY: number,
  out: number,
  outStride: number,
  line: number,
  scale: number,
) => void;

/** The kernels of `assembly/sampling.ts`, which documents them. */
export type SamplingKernels = {
  readonly blockMeans8: BlockMeans;
  readonly blockMeans16: BlockMeans;
  readonly blockMeans12: BlockMeans;
  readonly roundToBytes: (source: number, count: number, out: number) => void;
  readonly fourTaps: (
    source: number,
    sourceStride: number,
    columns: number,
    rows: number,
    out: number,
    outStride: number,
    outColumns: number,
    outRows: number,
    firstX: number,
    firstY: number,
    taps: number,
    line: number,
  ) => void;
  readonly repeatEnds: (picture: number, stride: number, columns: number, rows: number) => void;
  readonly cropToRgb: (
    rows: number,
    parameters: number,
    first: number,
    firstStride: number,
    second: number,
    third: number,
    othersStride: number,
    out: number,
    width: number,
    height: number,
  ) => void;
};
