import { FaceswapError } from '../../errors.js';
import type { Box } from '../../imaging/affine.js';
import { kernels } from '../../imaging/kernels/kernels.js';
import type { BitDepth, PlanarFrame } from '../../imaging/planar-frame.js';
import { wrapFrame } from '../../imaging/planar-frame.js';
import { Scratch } from '../../imaging/scratch.js';
import { boundsOf } from '../../processors/face-landmarker/mesh-bounds.js';
import { cosine } from '../../processors/face-recognizer/face-recognizer.js';
import { headPose } from '../../processors/face-swapper/head-pose.js';
import { regionMargin } from '../../processors/face-swapper/mesh-swapper.js';
import { comparePlanes, type PlaneFigures } from '../../processors/quality-monitor/area-comparison.js';
import {
  boxPsnrDb,
  LumaHistory,
  meshJitter,
  type PlaneSamples,
} from '../../processors/quality-monitor/frame-comparison.js';
import { chainNeighbourFrames } from '../chain-neighbours.js';
import { type ChainModels, loadChainModels } from '../chain-models.js';
import { identityEveryFrames, smallestSwapPx, turnedAwayRadians } from '../frame-renderer.js';
import type { FaceRow, FrameRow } from '../run-report.js';
import type {
  ComparedFrames,
  ComparedInput,
  ComparedPicture,
  ComparedRow,
  ComparisonOutputs,
  ComparisonSetup,
} from './compared-frame.js';
import { FaceFollower } from './face-follower.js';

/** One input with what is remembered of it. */
type Followed = ComparedInput & {
  readonly follower: FaceFollower;
  readonly luma: LumaHistory;
};

/** A face at the place where it is measured. */
type PlacedFace = { readonly trackId: number; readonly points: Float32Array; readonly box: Box };

const widened = ({ x, y, width, height }: Box): Box => ({
  x: x - regionMargin * width,
  y: y - regionMargin * height,
  width: (1 + 2 * regionMargin) * width,
  height: (1 + 2 * regionMargin) * height,
});

const noFigures = {
  tpsnrOutputDb: null,
  tpsnrSourceDb: null,
  tpsnrAlignedOutputDb: null,
  tpsnrAlignedSourceDb: null,
  seam: null,
  ssimInside: null,
  jitterBefore: null,
  jitterAfter: null,
  identityToSource: null,
  identityToTarget: null,
} as const;

/**
 * Looks at the same frames of several videos side by side, one segment at a time: finds and follows the faces of each, and measures. One per
 * thread.
 */
export class FrameComparer {
  /** Kept from segment to segment, since they own kernel memory. */
  readonly #lumas: LumaHistory[] = [];
  readonly #lifted = new Scratch();
  #waiting: ComparedFrames[] = [];
  #inputs: readonly Followed[] = [];
  #setup: ComparisonSetup | null = null;
  #models: ChainModels | null = null;

  /**
   * Forgets all earlier frames and loads the models.
   *
   * @throws FaceswapError as `loadChainModels`
   */
  async begin(setup: ComparisonSetup): Promise<void> {
    const models = await loadChainModels(setup.settings);
    this.#setup = setup;
    this.#models = models;
    this.#waiting = [];
    this.#inputs = setup.inputs.map((input, at) => {
      const { num, den } = input.frameRate;
      // A run's report measures at steadied places; what the landmark model itself sees is what jitters.
      const smoother = setup.hasReference && at === 0 ? setup.settings.landmarkSmoother : 'none';
      const luma = this.#lumas[at] ?? new LumaHistory();
      this.#lumas[at] = luma;
      luma.forget();
      return { ...input, follower: new FaceFollower(models, num / den, smoother), luma };
    });
    for (const { format } of setup.inputs) kernels().memory.reserveForPicture(format);
  }

  /** Takes the next frame of every input and gives back what is finished. */
  async push(frames: ComparedFrames): Promise<ComparisonOutputs> {
    const { render } = this.#begun();
    for (const [at, input] of this.#inputs.entries()) {
      await input.follower.follow(this.#picture(frames, at), frames.index);
    }
    if (frames.index < render.start || frames.index >= render.end) {
      const { rows, spent } = await this.#measureUpTo(frames.index - chainNeighbourFrames.after);
      return { rows, spent: [...spent, frames.buffers] };
    }
    this.#waiting.push(frames);
    return this.#measureUpTo(frames.index - chainNeighbourFrames.after);
  }

  /** Measures what still waits. */
  finish(): Promise<ComparisonOutputs> {
    return this.#measureUpTo(Number.POSITIVE_INFINITY);
  }

  #begun(): ComparisonSetup {
    if (this.#setup !== null) return this.#setup;
    throw new FaceswapError('bug', 'A comparer was given frames before it was told which');
  }

  #picture({ buffers }: ComparedFrames, at: number): PlanarFrame {
    return wrapFrame((this.#inputs[at] as Followed).format, buffers[at] as ArrayBuffer);
  }

  async #measureUpTo(last: number): Promise<ComparisonOutputs> {
    const rows: ComparedRow[] = [];
    const spent: (readonly ArrayBuffer[])[] = [];
    while (this.#waiting[0] !== undefined && this.#waiting[0].index <= last) {
      const frames = this.#waiting.shift() as ComparedFrames;
      rows.push(await this.#measure(frames));
      spent.push(frames.buffers);
      for (const { follower } of this.#inputs) {
        follower.dropBefore(frames.index - chainNeighbourFrames.after - 1);
      }
    }
    return { rows, spent };
  }

  /** The input at whose faces this one is measured: the reference where it is aligned to it. */
  #guide(at: number): Followed {
    return (this.#inputs[at]?.isAligned === true ? this.#inputs[0] : this.#inputs[at]) as Followed;
  }

  async #measure(frames: ComparedFrames): Promise<ComparedRow> {
    const { index } = frames;
    for (const [at, { luma }] of this.#inputs.entries()) {
      if (this.#guide(at).follower.isCut(index)) luma.forget();
      luma.push(this.#picture(frames, at));
    }
    const descriptors = new Map<string, Float32Array>();
    const pictures: ComparedPicture[] = [];
    for (const at of this.#inputs.keys()) {
      const { follower } = this.#guide(at);
      const placed = this.#placedFaces(follower, index);
      const faces: FaceRow[] = [];
      for (const face of placed) faces.push(await this.#placeRow(frames, at, face, descriptors));
      pictures.push({
        places: { frame: index, sceneCut: follower.isCut(index), ssimOutside: null, faces },
        own: this.#ownRow(at, index),
        toReference: this.#toReference(
          at,
          placed.map(({ box }) => widened(box)),
        ),
      });
    }
    return { index, pictures };
  }

  #placedFaces({ window }: FaceFollower, index: number): readonly PlacedFace[] {
    return window.tracksAt(index).flatMap((trackId) => {
      const points = window.steadyPoints(trackId, index);
      return points === null ? [] : [{ trackId, points, box: boundsOf(points) }];
    });
  }

  /** The faces that are seen in an input itself. */
  #ownRow(at: number, index: number): FrameRow {
    const { follower } = this.#inputs[at] as Followed;
    const { window } = follower;
    const faces = window.tracksAt(index).flatMap((trackId): FaceRow[] => {
      const here = window.rawPoints(trackId, index);
      if (here === null) return [];
      const past = window.rawPoints(trackId, index - 1);
      const next = window.rawPoints(trackId, index + 1);
      const jitterBefore = past === null || next === null ? null : meshJitter(past, here, next);
      return [{ ...noFigures, trackId, outcome: 'swapped', box: boundsOf(here), jitterBefore }];
    });
    return { frame: index, sceneCut: follower.isCut(index), ssimOutside: null, faces };
  }

  async #placeRow(
    frames: ComparedFrames,
    at: number,
    { trackId, points, box }: PlacedFace,
    descriptors: Map<string, Float32Array>,
  ): Promise<FaceRow> {
    const { descriptors: sources, hasReference } = this.#begun();
    const isMeasured = frames.index % identityEveryFrames === 0 && this.#isSwappable(at, points, box);
    const describe = async (of: number): Promise<Float32Array> => {
      // Tracks of different guides are different faces at different places.
      const key = `${of} ${this.#inputs.indexOf(this.#guide(at))} ${trackId}`;
      const known = descriptors.get(key);
      if (known !== undefined) return known;
      const { descriptor } = await (this.#models as ChainModels).recognizer.identify(
        this.#picture(frames, of),
        points,
      );
      descriptors.set(key, descriptor);
      return descriptor;
    };
    const isAgainst = hasReference && this.#inputs[at]?.isAligned === true;
    const own = isMeasured && (sources.length > 0 || isAgainst) ? await describe(at) : null;
    const reference = own !== null && isAgainst ? await describe(0) : null;
    return {
      ...noFigures,
      trackId,
      outcome: 'swapped',
      box,
      tpsnrOutputDb: this.#tpsnr(at, box),
      tpsnrSourceDb: isAgainst ? this.#tpsnr(0, box) : null,
      identityToSource:
        own === null || sources.length === 0
          ? null
          : Math.max(...sources.map((source) => cosine(own, source))),
      identityToTarget: own === null || reference === null ? null : cosine(own, reference),
    };
  }

  /** Whether a run would put a face there. */
  #isSwappable(at: number, points: Float32Array, box: Box): boolean {
    const { widthPx, heightPx } = (this.#inputs[at] as Followed).format;
    const middleX = box.x + box.width / 2;
    const middleY = box.y + box.height / 2;
    const isInside = middleX >= 0 && middleY >= 0 && middleX <= widthPx && middleY <= heightPx;
    return isInside && box.width >= smallestSwapPx && Math.abs(headPose(points).yaw) <= turnedAwayRadians;
  }

  #tpsnr(at: number, box: Box): number | null {
    const { luma, format } = this.#inputs[at] as Followed;
    const { before, latest } = luma;
    return before === null || latest === null
      ? null
      : boxPsnrDb(before, latest, format.widthPx, format.heightPx, box, format.bitDepth);
  }

  #toReference(at: number, boxes: readonly Box[]): PlaneFigures | null {
    const input = this.#inputs[at] as Followed;
    const reference = this.#inputs[0] as Followed;
    const [first, second] = [reference.luma.latest, input.luma.latest];
    if (!input.isAligned || first === null || second === null) return null;
    const { widthPx, heightPx } = reference.format;
    const [depth, ownDepth] = [reference.format.bitDepth, input.format.bitDepth];
    const bitDepth = depth > ownDepth ? depth : ownDepth;
    return comparePlanes(
      {
        first: this.#atDepth(first, depth, bitDepth),
        second: this.#atDepth(second, ownDepth, bitDepth),
        widthPx,
        heightPx,
        bitDepth,
      },
      boxes,
    );
  }

  /** The samples as codes of a depth that is not smaller: the same light, so that 8 and 10 bits can be compared. */
  #atDepth(plane: PlaneSamples, from: BitDepth, to: BitDepth): PlaneSamples {
    if (from === to) return plane;
    const lifted = this.#lifted.words('lifted', plane.length);
    const factor = 1 << (to - from);
    for (let k = 0; k < plane.length; k++) lifted[k] = (plane[k] as number) * factor;
    return lifted;
  }
}
