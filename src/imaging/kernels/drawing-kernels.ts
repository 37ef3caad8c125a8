/** The kernels that draw and measure faces: `assembly/mesh.ts`, `lab.ts` and `appearance.ts`, where each is documented. */
export type DrawingKernels = {
  readonly triangleRecordBytes: () => number;
  readonly rasterizeTriangles: (
    points: number,
    uv: number,
    weights: number,
    places: number,
    triangles: number,
    count: number,
    left: number,
    top: number,
    right: number,
    bottom: number,
    depth: number,
    nearest: number,
    records: number,
  ) => number;
  readonly resolveTriangles: (
    nearest: number,
    width: number,
    height: number,
    left: number,
    top: number,
    depth: number,
    u: number,
    v: number,
    weight: number,
    placeX: number,
    placeY: number,
    footprint: number,
  ) => void;
  readonly chooseTextureLevels: (records: number, count: number, levels: number, levelCount: number) => void;
  readonly gatherCorners: (map: number, side: number, out: number) => void;
  readonly shadingRowBytes: (width: number) => number;
  readonly shadeTriangles: (
    nearest: number,
    left: number,
    top: number,
    right: number,
    bottom: number,
    regionWidth: number,
    chromaWidth: number,
    chromaShiftX: number,
    chromaShiftY: number,
    open: number,
    openSide: number,
    interior: number,
    interiorSide: number,
    colour: number,
    field: number,
    fieldSide: number,
    tone: number,
    first: number,
    second: number,
    third: number,
    coverage: number,
    mask: number,
    outline: number,
    placeX: number,
    placeY: number,
    rows: number,
  ) => number;
  readonly srgbToLabPlanes: (first: number, second: number, third: number, count: number) => void;
  readonly labToSrgbPlanes: (first: number, second: number, third: number, count: number) => void;
  readonly interleavePlanes: (planes: number, area: number, out: number) => void;
  readonly flattenFace: (
    crop: number,
    sidePx: number,
    vertices: number,
    texels: number,
    groups: number,
    groupCount: number,
    first: number,
    second: number,
    third: number,
    seen: number,
  ) => void;
  readonly multiplyMaps: (first: number, second: number, out: number, count: number) => void;
  readonly robustSpread: (values: number, count: number, out: number) => void;
  readonly measureSkin: (
    first: number,
    second: number,
    third: number,
    seen: number,
    skin: number,
    guard: number,
    model: number,
    open: number,
    sums: number,
    count: number,
    rowLength: number,
  ) => void;
  readonly skinBlocks: (
    first: number,
    second: number,
    third: number,
    weight: number,
    model: number,
    side: number,
    out: number,
  ) => void;
  readonly ridgesAt: (
    first: number,
    second: number,
    third: number,
    side: number,
    places: number,
    count: number,
    near: number,
    nearDiagonal: number,
    far: number,
    farDiagonal: number,
    out: number,
  ) => void;
  readonly drawThinLines: (
    first: number,
    second: number,
    third: number,
    side: number,
    zone: number,
    dark: number,
    near: number,
    nearDiagonal: number,
    far: number,
    farDiagonal: number,
    out: number,
  ) => void;
  readonly fillOutside: (plane: number, inside: number, value: number, out: number, count: number) => void;
  readonly bandEnergy: (band: number, side: number, level: number, weight: number) => number;
};
