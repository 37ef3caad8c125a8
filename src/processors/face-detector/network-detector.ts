import { FaceswapError } from '../../errors.js';
import { type Affine, applyAffine, type Box, composeAffine, invertAffine } from '../../imaging/affine.js';
import { FrameCropper } from '../../imaging/frame-crop.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import { quarterTurn } from '../../imaging/quarter-turn.js';
import { UnfilteredCropper } from '../../imaging/unfiltered-crop.js';
import type { DetectorContract } from '../../inference/model-contracts.js';
import { PositionalModel, type PositionalSignature } from '../../inference/positional-model.js';
import type { ModelSession } from '../../inference/session.js';
import { writePictureTensor } from '../picture-tensor.js';
import { suppressOverlaps } from './blazeface-decoder.js';
import {
  anchorCount,
  decodeAnchorDistances,
  decodeYoloFace,
  decodeYunet,
  type NetworkFace,
  yoloRows,
} from './network-decoders.js';
import { type FaceDetection, type TargetDetector, windowAround } from './target-detector.js';

/** A detector's model, open, with what is known of it. */
export type OpenDetector = { readonly session: ModelSession; readonly contract: DetectorContract };

export type NetworkDetectorOptions = {
  /** 0..1, exclusive. */
  readonly scoreThreshold: number;
  /** Side of the input, one that every model takes. */
  readonly sizePx: number;
  /** Turns of the frame in which faces are looked for, of 0, 90, 180, 270 degrees counter-clockwise. */
  readonly anglesDegrees: readonly number[];
  /** Black border around the frame in percent of half its side, 0..100. */
  readonly marginPercent: {
    readonly top: number;
    readonly right: number;
    readonly bottom: number;
    readonly left: number;
  };
  /** Shrinks frames and drops lone first anchors as FaceFusion does. */
  readonly isCompatible: boolean;
};

/** The largest side that all of some detectors take. */
export function commonSizePx(contracts: readonly DetectorContract[]): number {
  const [first, ...others] = contracts;
  const shared = first?.sizesPx.filter((side) => others.every(({ sizesPx }) => sizesPx.includes(side)));
  if (shared === undefined || shared.length === 0)
    throw new FaceswapError('bug', 'Detectors without a common size were to work together');
  return Math.max(...shared);
}

/** Overlap above which two detections are the same face, by the number of angles from 1 on. */
const overlapByAngles = [0.4, 0.3, 0.2, 0.1];
/** The same where several models look. */
const overlapOfMany = 0.1;

/** No frame is this large; what lies beyond it comes from a broken model. */
const farthestPx = 1e6;

/** A part of the frame that goes through the models: the whole, or a window. */
type Region = {
  readonly x: number;
  readonly y: number;
  readonly widthPx: number;
  readonly heightPx: number;
  /** A window gets no border, and is enlarged to fill the input. */
  readonly isWindow: boolean;
};

/** How the model's input lies over the frame. */
type InputPlacement = {
  /** Places in the input, from its upper left, to places in the frame. */
  readonly toFrame: Affine;
  /** Pixel centres of the unscaled, turned and bordered region to those of the frame. */
  readonly viewToFrame: Affine;
  readonly viewWidthPx: number;
  readonly viewHeightPx: number;
  /** What of the input is covered; the rest is black. */
  readonly widthPx: number;
  readonly heightPx: number;
};

/**
 * Detectors that are fetched, one or several together, on whole frames and on windows. Frames are reduced to the input of the models,
 * never enlarged, and lie at its upper left. One per thread; owns its buffers, not its sessions.
 */
export class NetworkDetector implements TargetDetector {
  readonly #models: readonly { readonly model: PositionalModel; readonly contract: DetectorContract }[];
  readonly #options: NetworkDetectorOptions;
  readonly #overlap: number;
  readonly #cropper = new FrameCropper();
  readonly #unfiltered = new UnfilteredCropper();
  /** What the models are to see, planar RGB in levels. */
  readonly #picture: Float32Array;
  readonly #covered: Float32Array;

  /** @throws FaceswapError `model` for a model with another signature than its contract says */
  constructor(models: readonly OpenDetector[], options: NetworkDetectorOptions) {
    this.#models = models.map(({ session, contract }) => ({
      contract,
      model: new PositionalModel(session, signatureOf(contract, options.sizePx)),
    }));
    this.#options = options;
    this.#picture = new Float32Array(3 * options.sizePx ** 2);
    this.#covered = new Float32Array(options.isCompatible ? this.#picture.length : 0);
    this.#overlap =
      models.length > 1
        ? overlapOfMany
        : (overlapByAngles[options.anglesDegrees.length - 1] ?? overlapOfMany);
  }

  /** The whole frame. */
  async detectLarge(frame: PlanarFrame): Promise<FaceDetection[]> {
    const { widthPx, heightPx } = frame.format;
    return this.#detect(frame, { x: 0, y: 0, widthPx, heightPx, isWindow: false });
  }

  /** The whole frame: these models find small faces in one look. */
  async detectAll(frame: PlanarFrame): Promise<FaceDetection[]> {
    return this.detectLarge(frame);
  }

  /** A window four times as large as the face, at the size of the input. */
  async detectAround(frame: PlanarFrame, box: Box): Promise<FaceDetection[]> {
    const { x, y, sidePx } = windowAround(box);
    return this.#detect(frame, { x, y, widthPx: sidePx, heightPx: sidePx, isWindow: true });
  }

  async #detect(frame: PlanarFrame, region: Region): Promise<FaceDetection[]> {
    const { anglesDegrees, scoreThreshold, isCompatible } = this.#options;
    if (isCompatible && scoreThreshold === 0) return [];
    const found: FaceDetection[] = [];
    for (const { model, contract } of this.#models) {
      for (const angle of anglesDegrees) {
        const placement = this.#place(region, angle);
        this.#write(frame, placement, region.isWindow, contract, model.input);
        for (const face of this.#decode(await model.run(), contract)) {
          const detection = inFrame(face, placement.toFrame);
          if (detection !== null) found.push(detection);
        }
      }
    }
    return suppressOverlaps(
      found.filter(({ score }) => score > scoreThreshold),
      this.#overlap,
    );
  }

  #place(region: Region, angleDegrees: number): InputPlacement {
    const { sizePx, marginPercent } = this.#options;
    const turn = quarterTurn(region.widthPx, region.heightPx, angleDegrees);
    const border = (sidePx: number, percent: number): number =>
      region.isWindow ? 0 : Math.trunc((sidePx * percent) / 200);
    const left = border(turn.widthPx, marginPercent.left);
    const top = border(turn.heightPx, marginPercent.top);
    const viewWidthPx = left + turn.widthPx + border(turn.widthPx, marginPercent.right);
    const viewHeightPx = top + turn.heightPx + border(turn.heightPx, marginPercent.bottom);
    const fit = Math.min(sizePx / viewHeightPx, sizePx / viewWidthPx);
    const scale = region.isWindow ? fit : Math.min(1, fit);
    const widthPx = scale === 1 ? viewWidthPx : Math.max(1, Math.trunc(viewWidthPx * scale));
    const heightPx = scale === 1 ? viewHeightPx : Math.max(1, Math.trunc(viewHeightPx * scale));
    const back = invertAffine(turn.toTurned);
    const viewToFrame = composeAffine(
      { ...back, c: back.c + region.x, f: back.f + region.y },
      { a: 1, b: 0, c: -left, d: 0, e: 1, f: -top },
    );
    const toView = { a: viewWidthPx / widthPx, b: 0, c: 0, d: 0, e: viewHeightPx / heightPx, f: 0 };
    return {
      toFrame: composeAffine(viewToFrame, toView),
      viewToFrame,
      viewWidthPx,
      viewHeightPx,
      widthPx,
      heightPx,
    };
  }

  /** Lays the picture into a model's input. */
  #write(
    frame: PlanarFrame,
    placement: InputPlacement,
    isWindow: boolean,
    { image }: DetectorContract,
    out: Float32Array,
  ): void {
    const { sizePx, isCompatible } = this.#options;
    const { viewToFrame, viewWidthPx, viewHeightPx, widthPx, heightPx } = placement;
    const scaleX = viewWidthPx / widthPx;
    const scaleY = viewHeightPx / heightPx;
    // Pixel centres of the input and of the view have the same edges.
    const map = { scaleX, shiftX: (scaleX - 1) / 2, scaleY, shiftY: (scaleY - 1) / 2 };
    const picture = this.#picture;
    if (isCompatible && !isWindow) {
      const covered = this.#covered.subarray(0, 3 * widthPx * heightPx);
      const view = { toFrame: viewToFrame, widthPx: viewWidthPx, heightPx: viewHeightPx };
      this.#unfiltered.crop(frame, view, map, { widthPx, heightPx }, covered, 'repeat');
      layAtUpperLeft(covered, widthPx, heightPx, picture, sizePx);
    } else {
      const toFrame = composeAffine(viewToFrame, {
        a: scaleX,
        b: 0,
        c: map.shiftX,
        d: 0,
        e: scaleY,
        f: map.shiftY,
      });
      this.#cropper.crop(frame, toFrame, sizePx, sizePx, picture, { scale: 255, offset: 0 }, 'black');
    }
    writePictureTensor(picture, sizePx * sizePx, image, out);
  }

  #decode(outputs: readonly Float32Array[], contract: DetectorContract): NetworkFace[] {
    const { scoreThreshold: threshold, sizePx, isCompatible } = this.#options;
    if (contract.kind === 'yolo-face')
      return decodeYoloFace(outputs[0] as Float32Array, contract.candidates, threshold);
    const { strides, anchorsPerCell } = contract;
    const decoding = { sizePx, strides, anchorsPerCell, threshold, dropsLoneFirst: isCompatible };
    return contract.kind === 'yunet'
      ? decodeYunet(outputs, decoding)
      : decodeAnchorDistances(outputs, decoding);
  }
}

const layAtUpperLeft = (
  part: Float32Array,
  widthPx: number,
  heightPx: number,
  whole: Float32Array,
  sizePx: number,
): void => {
  whole.fill(0);
  for (let channel = 0; channel < 3; channel++) {
    for (let row = 0; row < heightPx; row++) {
      const from = (channel * heightPx + row) * widthPx;
      whole.set(part.subarray(from, from + widthPx), (channel * sizePx + row) * sizePx);
    }
  }
};

/** A found face in frame pixels; null for one that is no place in a frame. */
const inFrame = (
  { score, left, top, right, bottom, five }: NetworkFace,
  toFrame: Affine,
): FaceDetection | null => {
  const first = applyAffine(toFrame, left, top);
  const second = applyAffine(toFrame, right, bottom);
  const points = new Float32Array(five.length);
  let farthest = Math.max(Math.abs(first.x), Math.abs(first.y), Math.abs(second.x), Math.abs(second.y));
  for (let i = 0; i < five.length; i += 2) {
    const { x, y } = applyAffine(toFrame, five[i] as number, five[i + 1] as number);
    points[i] = x;
    points[i + 1] = y;
    farthest = Math.max(farthest, Math.abs(x), Math.abs(y));
  }
  const box = {
    x: Math.min(first.x, second.x),
    y: Math.min(first.y, second.y),
    width: Math.abs(second.x - first.x),
    height: Math.abs(second.y - first.y),
  };
  if (!(farthest < farthestPx) || !(box.width >= 1 && box.height >= 1)) return null;
  const [x0, y0, x1, y1] = points as unknown as [number, number, number, number];
  return { score, box, rollRadians: Math.atan2(y1 - y0, x1 - x0), five: points };
};

const signatureOf = (contract: DetectorContract, sizePx: number): PositionalSignature => {
  const { name, layout } = contract.image;
  const dims = layout === 'NCHW' ? [1, 3, sizePx, sizePx] : [1, sizePx, sizePx, 3];
  const input = { name, dims };
  if (contract.kind === 'yolo-face') {
    const output = { meaning: 'boxes, scores and points', count: yoloRows * contract.candidates };
    return { kind: 'face detector', input, outputs: [output] };
  }
  const { strides, anchorsPerCell } = contract;
  const per = (meaning: string, numbers: number) =>
    strides.map((stride) => ({
      meaning: `${meaning} at stride ${stride}`,
      count: numbers * anchorCount({ sizePx, anchorsPerCell }, stride),
    }));
  const scores =
    contract.kind === 'yunet' ? [...per('class scores', 1), ...per('object scores', 1)] : per('scores', 1);
  return {
    kind: 'face detector',
    input,
    outputs: [...scores, ...per('boxes', 4), ...per('points', 10)],
  };
};
