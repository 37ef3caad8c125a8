/** The kernels of a blend of gradients: `assembly/gradient.ts` and `assembly/membrane.ts`, where each is documented. */
export type GradientKernels = {
  readonly weighedMean: (
    plane: number,
    weights: number,
    stride: number,
    left: number,
    right: number,
    top: number,
    bottom: number,
  ) => number;
  readonly anchorOutline: (
    mask: number,
    outline: number,
    difference: number,
    stride: number,
    width: number,
    height: number,
    left: number,
    right: number,
    top: number,
    bottom: number,
    strength: number,
    usual: number,
    tolerance: number,
    out: number,
  ) => void;
  readonly membraneTerms: (
    anchors: number,
    mask: number,
    difference: number,
    target: number,
    stride: number,
    left: number,
    right: number,
    top: number,
    bottom: number,
    scale: number,
    pull: number,
    isMixed: number,
    noise: number,
    rhs: number,
    diagonal: number,
    outStride: number,
    outWidth: number,
    outHeight: number,
    work: number,
  ) => void;
  readonly subtractMembrane: (
    membrane: number,
    membraneStride: number,
    plane: number,
    stride: number,
    left: number,
    right: number,
    top: number,
    bottom: number,
  ) => void;
  readonly relaxMembrane: (
    values: number,
    rhs: number,
    diagonal: number,
    stride: number,
    width: number,
    height: number,
  ) => void;
  readonly factorMembrane: (
    diagonal: number,
    stride: number,
    width: number,
    height: number,
    lower: number,
  ) => void;
  readonly solveMembrane: (
    lower: number,
    rhs: number,
    values: number,
    stride: number,
    width: number,
    height: number,
    work: number,
  ) => void;
  readonly restrictMembrane: (
    values: number,
    rhs: number,
    diagonal: number,
    stride: number,
    width: number,
    height: number,
    out: number,
    outStride: number,
  ) => void;
  readonly sumBlocks: (
    source: number,
    stride: number,
    width: number,
    height: number,
    offset: number,
    out: number,
    outStride: number,
  ) => void;
  readonly prolongMembrane: (
    coarse: number,
    coarseStride: number,
    values: number,
    stride: number,
    width: number,
    height: number,
  ) => void;
};
