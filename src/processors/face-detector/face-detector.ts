import type { Affine, Box } from '../../imaging/affine.js';
import { FrameCropper } from '../../imaging/frame-crop.js';
import { FrameReducer } from '../../imaging/frame-reducer.js';
import type { PlanarFormat, PlanarFrame } from '../../imaging/planar-frame.js';
import { Scratch } from '../../imaging/scratch.js';
import type { ModelSession } from '../../inference/session.js';
import { blazefaceAnchors, decodeBlazeface, detectorInputPx, suppressOverlaps } from './blazeface-decoder.js';
import { type DetectionTile, detectionTiles } from './detection-tiles.js';
import { type FaceDetection, type TargetDetector, windowAround } from './target-detector.js';

/** Overlap above which two detections are the same face (MediaPipe's value for this model). */
const sameFaceOverlap = 0.3;

const inputScaling = { scale: 2, offset: -1 };
const inputDims = [1, 3, detectorInputPx, detectorInputPx];
const inputLength = 3 * detectorInputPx * detectorInputPx;

/** Pixels of a frame's shorter side on which a full scan works; larger frames are reduced once for all of its windows. */
const scanSidePx = 1080;

/** Largest factor that the frame reducer takes; more than 69,000 pixels on the shorter side. */
const largestReduction = 64;

/** Blazeface on whole frames and on tiles. One per thread; owns its buffers. */
export class FaceDetector implements TargetDetector {
  readonly #session: ModelSession;
  readonly #scoreThreshold: number;
  readonly #anchors = blazefaceAnchors();
  readonly #cropper = new FrameCropper();
  readonly #reducer = new FrameReducer();
  readonly #scratch = new Scratch();

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

  /**
   * The whole frame and then tiles, down to `smallestFacePx`. Costs one model run per tile; a frame larger than 1080 lines
   * is read once and its windows are cut out of the reduced copy.
   */
  async detectAll(frame: PlanarFrame): Promise<FaceDetection[]> {
    const tiles = detectionTiles(frame.format.widthPx, frame.format.heightPx);
    const reduction = scanReduction(frame.format, tiles);
    const scanned = reduction === 1 ? frame : this.#reducer.reduce(frame, reduction);
    const found: FaceDetection[] = [];
    for (const tile of tiles) found.push(...(await this.#detectTile(scanned, tile, reduction)));
    return suppressOverlaps(dropParts(found), sameFaceOverlap);
  }

  /** Around the last known place of a face: a window four times its size. */
  async detectAround(frame: PlanarFrame, box: Box): Promise<FaceDetection[]> {
    return this.#detectTile(frame, windowAround(box));
  }

  /** @param frame the picture, reduced by the factor `reduction`; `tile` is in pixels of the full one */
  async #detectTile(frame: PlanarFrame, tile: DetectionTile, reduction = 1): Promise<FaceDetection[]> {
    const scale = tile.sidePx / detectorInputPx;
    const toFrame: Affine = {
      a: scale / reduction,
      b: 0,
      c: (tile.x + scale / 2) / reduction - 0.5,
      d: 0,
      e: scale / reduction,
      f: (tile.y + scale / 2) / reduction - 0.5,
    };
    const input = this.#scratch.floats('input', inputLength);
    this.#cropper.crop(frame, toFrame, detectorInputPx, detectorInputPx, input, inputScaling, 'black');
    const { scores, boxes } = await this.#session.run({
      input: { data: input, dims: inputDims },
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

/** The factor by which a full scan reduces the frame: whole, and never so large that a window would be enlarged. */
function scanReduction({ widthPx, heightPx }: PlanarFormat, tiles: readonly DetectionTile[]): number {
  let smallestPx = Infinity;
  for (const { sidePx } of tiles) smallestPx = Math.min(smallestPx, sidePx);
  const wanted = Math.ceil(Math.min(widthPx, heightPx) / scanSidePx);
  return Math.max(1, Math.min(wanted, Math.floor(smallestPx / detectorInputPx), largestReduction));
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
