/** The kernels of `assembly/planes.ts`, which documents them. */
export type PlaneKernels = {
  readonly boxBlurPlane: (
    plane: number,
    width: number,
    height: number,
    radius: number,
    line: number,
    kept: number,
    sums: number,
  ) => void;
  readonly inpaintPlanes: (
    planes: number,
    channels: number,
    weight: number,
    width: number,
    height: number,
    work: number,
  ) => void;
  readonly stretchMap: (map: number, fromSize: number, out: number, toSize: number) => void;
  readonly raiseToPolygon: (
    corners: number,
    count: number,
    work: number,
    left: number,
    top: number,
    right: number,
    bottom: number,
    size: number,
    out: number,
  ) => void;
  readonly mixZones: (distances: number, lines: number, size: number, out: number) => void;
};
