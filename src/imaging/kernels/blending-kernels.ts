/** The kernels that blend: `assembly/pyramid.ts`, `assembly/blend.ts` and `assembly/paste.ts`, where each is documented. */
export type BlendingKernels = {
  readonly reducePlane: (
    source: number,
    sourceStride: number,
    width: number,
    height: number,
    out: number,
    outStride: number,
    left: number,
    right: number,
    top: number,
    bottom: number,
    work: number,
  ) => void;
  readonly expandAddPlane: (
    coarse: number,
    coarseStride: number,
    width: number,
    height: number,
    out: number,
    outStride: number,
    factor: number,
    work: number,
  ) => void;
  readonly nonZeroBounds: (first: number, second: number, width: number, height: number, out: number) => void;
  readonly padPlane: (
    source: number,
    width: number,
    out: number,
    outStride: number,
    left: number,
    right: number,
    top: number,
    bottom: number,
  ) => void;
  readonly halvePlane: (
    source: number,
    width: number,
    height: number,
    shiftY: number,
    out: number,
    outStride: number,
    left: number,
    right: number,
    top: number,
    bottom: number,
    work: number,
  ) => void;
  readonly loadPlane8: LoadPlane;
  readonly loadPlane16: LoadPlane;
  readonly loadPlane12: LoadPlane;
  readonly drawFace8: DrawFace;
  readonly drawFace16: DrawFace;
  readonly drawFace12: DrawFace;
  readonly clearMemory: (at: number, bytes: number) => void;
  readonly weighPlanes: (
    difference: number,
    target: number,
    gain: number,
    out: number,
    stride: number,
    left: number,
    right: number,
    top: number,
    bottom: number,
  ) => void;
  readonly multiplyPlanes: (
    first: number,
    second: number,
    factor: number,
    out: number,
    stride: number,
    height: number,
    left: number,
    right: number,
    top: number,
    bottom: number,
  ) => void;
  readonly mixLevel: (
    mask: number,
    difference: number,
    target: number,
    weighed: number,
    result: number,
    coarseStride: number,
    width: number,
    height: number,
    out: number,
    stride: number,
    gain: number,
    share: number,
    left: number,
    right: number,
    top: number,
    bottom: number,
    work: number,
  ) => void;
  readonly writeBands8: WriteBands;
  readonly writeBands16: WriteBands;
  readonly writeBands12: WriteBands;
  readonly writeBasic8: WriteBasic;
  readonly writeBasic16: WriteBasic;
  readonly writeBasic12: WriteBasic;
  readonly packCrop: (
    crop: number,
    mask: number,
    sizePx: number,
    block: number,
    colour: number,
    out: number,
    reducedPx: number,
  ) => void;
  readonly pasteCrop: (
    texture: number,
    sizePx: number,
    map: number,
    width: number,
    height: number,
    shiftX: number,
    shiftY: number,
    first: number,
    second: number,
    third: number,
    coverage: number,
    mask: number,
    work: number,
  ) => number;
};

type LoadPlane = (
  plane: number,
  planeStride: number,
  width: number,
  height: number,
  out: number,
  outStride: number,
) => void;

type DrawFace = (
  plane: number,
  planeStride: number,
  width: number,
  height: number,
  drawn: number,
  covered: number,
  coveredStride: number,
  lumaCovered: number,
  placeX: number,
  placeY: number,
  lumaWidth: number,
  shiftX: number,
  shiftY: number,
  target: number,
  difference: number,
  stride: number,
  left: number,
  right: number,
  top: number,
  bottom: number,
) => void;

type WriteBands = (
  plane: number,
  planeStride: number,
  mask: number,
  difference: number,
  target: number,
  weighed: number,
  result: number,
  coarseStride: number,
  width: number,
  height: number,
  stride: number,
  gain: number,
  share: number,
  left: number,
  right: number,
  top: number,
  bottom: number,
  fadeX: number,
  fadeY: number,
  work: number,
) => void;

type WriteBasic = (
  plane: number,
  planeStride: number,
  mask: number,
  difference: number,
  target: number,
  stride: number,
  left: number,
  right: number,
  top: number,
  bottom: number,
  fadeX: number,
  fadeY: number,
) => void;
