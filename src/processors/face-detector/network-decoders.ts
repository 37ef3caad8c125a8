/** What a detector found, in pixels of its input. */
export type NetworkFace = {
  readonly score: number;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  /** 5 × (x, y), as in `five-points.ts`. */
  readonly five: Float32Array;
};

export type LevelDecoding = {
  /** Side of the detector's square input in pixels. */
  readonly sizePx: number;
  readonly strides: readonly number[];
  readonly anchorsPerCell: number;
  /** Lowest score, inclusive. */
  readonly threshold: number;
  /** Leaves out a level on which the first anchor alone reaches the threshold, as FaceFusion does by mistake. */
  readonly dropsLoneFirst: boolean;
};

/** Anchors of one stride: for each, `anchorsPerCell` to a cell, the cells row by row. */
export function anchorCount(
  { sizePx, anchorsPerCell }: Pick<LevelDecoding, 'sizePx' | 'anchorsPerCell'>,
  stride: number,
): number {
  return Math.floor(sizePx / stride) ** 2 * anchorsPerCell;
}

/**
 * Faces out of distances from anchors (retinaface, scrfd). Anchors lie on the corners of the cells: `(column · stride, row · stride)`.
 *
 * @param outputs for each stride the scores (one per anchor), then for each the boxes (distances to left, top, right and bottom in
 *   strides), then for each the points (5 × (x, y) from the anchor in strides)
 */
export function decodeAnchorDistances(
  outputs: readonly Float32Array[],
  decoding: LevelDecoding,
): NetworkFace[] {
  const { strides } = decoding;
  const faces: NetworkFace[] = [];
  for (const [level, stride] of strides.entries()) {
    const scores = outputs[level] as Float32Array;
    const boxes = outputs[strides.length + level] as Float32Array;
    const points = outputs[2 * strides.length + level] as Float32Array;
    for (const i of reaching((anchor) => scores[anchor] as number, stride, decoding)) {
      const [x, y] = anchorAt(i, stride, decoding);
      faces.push({
        score: scores[i] as number,
        left: x - (boxes[4 * i] as number) * stride,
        top: y - (boxes[4 * i + 1] as number) * stride,
        right: x + (boxes[4 * i + 2] as number) * stride,
        bottom: y + (boxes[4 * i + 3] as number) * stride,
        five: pointsFrom(points, 10 * i, { x, y, stride }),
      });
    }
  }
  return faces;
}

/**
 * Faces out of yunet's outputs: the score is the product of two, and a box is a centre relative to the anchor and the logarithms of width
 * and height, all in strides.
 *
 * @param outputs for each stride the class scores, then for each the object scores, the boxes and the points
 */
export function decodeYunet(outputs: readonly Float32Array[], decoding: LevelDecoding): NetworkFace[] {
  const { strides } = decoding;
  const faces: NetworkFace[] = [];
  for (const [level, stride] of strides.entries()) {
    const classes = outputs[level] as Float32Array;
    const objects = outputs[strides.length + level] as Float32Array;
    const boxes = outputs[2 * strides.length + level] as Float32Array;
    const points = outputs[3 * strides.length + level] as Float32Array;
    const scoreOf = (anchor: number): number => (classes[anchor] as number) * (objects[anchor] as number);
    for (const i of reaching(scoreOf, stride, decoding)) {
      const [x, y] = anchorAt(i, stride, decoding);
      const centreX = x + (boxes[4 * i] as number) * stride;
      const centreY = y + (boxes[4 * i + 1] as number) * stride;
      const halfWidth = (Math.exp(boxes[4 * i + 2] as number) * stride) / 2;
      const halfHeight = (Math.exp(boxes[4 * i + 3] as number) * stride) / 2;
      faces.push({
        score: scoreOf(i),
        left: centreX - halfWidth,
        top: centreY - halfHeight,
        right: centreX + halfWidth,
        bottom: centreY + halfHeight,
        five: pointsFrom(points, 10 * i, { x, y, stride }),
      });
    }
  }
  return faces;
}

/** Rows of a yolo face model: centre, size, score, and five points with their certainty, which is not used. */
export const yoloRows = 20;

/**
 * Faces out of yolo's output, which is in pixels of the input.
 *
 * @param output `yoloRows` × `candidates`, row by row
 * @param threshold lowest score, exclusive
 */
export function decodeYoloFace(output: Float32Array, candidates: number, threshold: number): NetworkFace[] {
  const faces: NetworkFace[] = [];
  const value = (row: number, candidate: number): number => output[row * candidates + candidate] as number;
  for (let i = 0; i < candidates; i++) {
    if (!(value(4, i) > threshold)) continue;
    const halfWidth = value(2, i) / 2;
    const halfHeight = value(3, i) / 2;
    const five = new Float32Array(10);
    for (let point = 0; point < 5; point++) {
      five[2 * point] = value(5 + 3 * point, i);
      five[2 * point + 1] = value(6 + 3 * point, i);
    }
    faces.push({
      score: value(4, i),
      left: value(0, i) - halfWidth,
      top: value(1, i) - halfHeight,
      right: value(0, i) + halfWidth,
      bottom: value(1, i) + halfHeight,
      five,
    });
  }
  return faces;
}

/** Anchors of a level that reach the threshold. */
const reaching = (
  scoreOf: (anchor: number) => number,
  stride: number,
  decoding: LevelDecoding,
): readonly number[] => {
  const anchors: number[] = [];
  const count = anchorCount(decoding, stride);
  for (let i = 0; i < count; i++) if (scoreOf(i) >= decoding.threshold) anchors.push(i);
  return decoding.dropsLoneFirst && anchors.length === 1 && anchors[0] === 0 ? [] : anchors;
};

const anchorAt = (
  index: number,
  stride: number,
  { sizePx, anchorsPerCell }: LevelDecoding,
): readonly [x: number, y: number] => {
  const cell = Math.floor(index / anchorsPerCell);
  const columns = Math.floor(sizePx / stride);
  return [(cell % columns) * stride, Math.floor(cell / columns) * stride];
};

const pointsFrom = (
  points: Float32Array,
  at: number,
  { x, y, stride }: { readonly x: number; readonly y: number; readonly stride: number },
): Float32Array => {
  const five = new Float32Array(10);
  for (let i = 0; i < 10; i += 2) {
    five[i] = x + (points[at + i] as number) * stride;
    five[i + 1] = y + (points[at + i + 1] as number) * stride;
  }
  return five;
};
