import type { Affine, Box } from '../../imaging/affine.js';
import { FrameCropper } from '../../imaging/frame-crop.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import type { ModelSession } from '../../inference/session.js';
import { blazefaceAnchors, decodeBlazeface, detectorInputPx, suppressOverlaps } from './blazeface-decoder.js';
import { type DetectionTile, detectionTiles } from './detection-tiles.js';

/** A face box in frame pixels with the line between its eyes. */
export type FaceDetection = {
  /** 0..1 */
  readonly score: number;
  readonly box: Box;
  /** Tilt of the eye line in radians, clockwise on screen positive. */
  readonly rollRadians: number;
};

/** Overlap above which two detections are the same face (MediaPipe's value for this model). */
const sameFaceOverlap = 0.3;

/** Blazeface on whole frames and on tiles. One per thread; owns its buffers. */
export class FaceDetector {
  readonly #session: ModelSession;
  readonly #scoreThreshold: number;
  readonly #anchors = blazefaceAnchors();
  readonly #cropper = new FrameCropper();
  readonly #input = new Float32Array(3 * detectorInputPx * detectorInputPx);

  /**
   * @param session model `blazeface`: input `[n, 3, 256, 256]` RGB −1..1
   * @param scoreThreshold 0..1, exclusive
   */
  constructor(session: ModelSession, scoreThreshold: number) {
    this.#session = session;
    this.#scoreThreshold = Math.min(0.999, Math.max(0.001, scoreThreshold));
  }

  /** The whole frame in one pass: finds faces above about a twentieth of the frame's longer side. */
  async detectLarge(frame: PlanarFrame): Promise<FaceDetection[]> {
    const { widthPx, heightPx } = frame.format;
    return suppressOverlaps(
      await this.#detectTile(frame, { x: 0, y: 0, sidePx: Math.max(widthPx, heightPx) }),
      sameFaceOverlap,
    );
  }

  /** The whole frame and then tiles, down to `smallestFacePx`. Costs one model run per tile. */
  async detectAll(frame: PlanarFrame): Promise<FaceDetection[]> {
    const found: FaceDetection[] = [];
    for (const tile of detectionTiles(frame.format.widthPx, frame.format.heightPx)) {
      found.push(...(await this.#detectTile(frame, tile)));
    }
    return suppressOverlaps(dropParts(found), sameFaceOverlap);
  }

  /** Around the last known place of a face: a window four times its size. */
  async detectAround(frame: PlanarFrame, box: Box): Promise<FaceDetection[]> {
    const sidePx = Math.max(64, 4 * Math.max(box.width, box.height));
    const tile = {
      x: Math.round(box.x + box.width / 2 - sidePx / 2),
      y: Math.round(box.y + box.height / 2 - sidePx / 2),
      sidePx,
    };
    return this.#detectTile(frame, tile);
  }

  async #detectTile(frame: PlanarFrame, tile: DetectionTile): Promise<FaceDetection[]> {
    const scale = tile.sidePx / detectorInputPx;
    const toFrame: Affine = {
      a: scale,
      b: 0,
      c: tile.x + (scale - 1) / 2,
      d: 0,
      e: scale,
      f: tile.y + (scale - 1) / 2,
    };
    this.#cropper.crop(
      frame,
      toFrame,
      detectorInputPx,
      detectorInputPx,
      this.#input,
      { scale: 2, offset: -1 },
      'black',
    );
    const { scores, boxes } = await this.#session.run({
      input: { data: this.#input, dims: [1, 3, detectorInputPx, detectorInputPx] },
    });
    const raw = decodeBlazeface(
      scores as Float32Array,
      boxes as Float32Array,
      this.#anchors,
      this.#scoreThreshold,
    );
    return suppressOverlaps(raw, sameFaceOverlap).map(({ score, box, rightEye, leftEye }) => ({
      score,
      box: {
        x: tile.x + box.x * scale,
        y: tile.y + box.y * scale,
        width: box.width * scale,
        height: box.height * scale,
      },
      rollRadians: Math.atan2(leftEye[1] - rightEye[1], leftEye[0] - rightEye[0]),
    }));
  }
}

/**
 * A tile that cuts a large face may report a part of it: a box that lies mostly inside another one that is clearly
 * larger is dropped, unless it scored higher by far.
 */
function dropParts(detections: readonly FaceDetection[]): FaceDetection[] {
  return detections.filter(
    (part) =>
      !detections.some(
        (whole) =>
          whole !== part &&
          whole.box.width > part.box.width * 1.6 &&
          insideShare(part.box, whole.box) > 0.6 &&
          part.score < whole.score + 0.2,
      ),
  );
}

function insideShare(inner: Box, outer: Box): number {
  const width = Math.min(inner.x + inner.width, outer.x + outer.width) - Math.max(inner.x, outer.x);
  const height = Math.min(inner.y + inner.height, outer.y + outer.height) - Math.max(inner.y, outer.y);
  return width <= 0 || height <= 0 ? 0 : (width * height) / (inner.width * inner.height);
}
