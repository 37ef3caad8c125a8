import { FaceswapError } from '../../errors.js';
import { affineBetween, type Box } from '../../imaging/affine.js';
import { kernels } from '../../imaging/kernels/kernels.js';
import type { BitDepth, PlanarFormat, PlanarFrame } from '../../imaging/planar-frame.js';
import { wrapFrame } from '../../imaging/planar-frame.js';
import { Scratch } from '../../imaging/scratch.js';
import { boundsOf } from '../../processors/face-landmarker/mesh-bounds.js';
import { cosine } from '../../processors/face-recognizer/face-recognizer.js';
import { headPose } from '../../processors/face-swapper/head-pose.js';
import { type FrameRegion, regionAround } from '../../processors/face-swapper/mesh-swapper.js';
import { alignedPsnrDb } from '../../processors/quality-monitor/aligned-psnr.js';
import { comparePlanes } from '../../processors/quality-monitor/area-comparison.js';
import { FaceMasks } from '../../processors/quality-monitor/face-masks.js';
import {
  boxPsnrDb,
  LumaHistory,
  meshJitter,
  type PlaneSamples,
} from '../../processors/quality-monitor/frame-comparison.js';
import { writeOutlineMask } from '../../processors/quality-monitor/outline-mask.js';
import { seamError } from '../../processors/quality-monitor/seam-error.js';
import { chainNeighbourFrames } from '../chain-neighbours.js';
import { type ChainModels, loadChainModels } from '../chain-models.js';
import { smallestSwapPx, turnedAwayRadians } from '../edge-opacity.js';
import { identityEveryFrames } from '../frame-renderer.js';
import type { FaceRow, FrameRow } from '../run-report.js';
import type {
  ComparedFrames,
  ComparedInput,
  ComparedPicture,
  ComparedRow,
  ComparisonOutputs,
  ComparisonSetup,
} from './compared-frame.js';
import { smootherSettings } from '../smoother-settings.js';
import type { SmootherSettings } from '../../processors/landmark-smoother/landmark-smoother.js';
import type { CutVerdict } from '../../processors/landmark-smoother/scene-cut-detector.js';
import { FaceFollower } from './face-follower.js';

/** One input with what is remembered of it. */
type Followed = ComparedInput & {
  readonly follower: FaceFollower;
  readonly luma: LumaHistory;
};

/** A face at the place where it is measured. */
type PlacedFace = {
  readonly trackId: number;
  readonly points: Float32Array;
  readonly pointsBefore: Float32Array | null;
  readonly box: Box;
  /** What a swap may change; null where the face lies outside of the picture. */
  readonly region: FrameRegion | null;
};

/** The luma of an input beside that of the reference, both as codes of one depth. */
type LumaPair = {
  readonly reference: PlaneSamples;
  readonly own: PlaneSamples;
  readonly bitDepth: BitDepth;
};

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
  readonly #scratch = new Scratch();
  /** One face's outline at a time. */
  readonly #outline = new FaceMasks();
  /** Frames that wait for the verdict whether they are cuts, in order. */
  #unseen: ComparedFrames[] = [];
  /** Frames that wait for their look-ahead, in order. */
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
    this.#unseen = [];
    this.#waiting = [];
    this.#inputs = setup.inputs.map((input, at) => {
      const { num, den } = input.frameRate;
      // A run's report measures at steadied places; what the landmark model itself sees is what jitters.
      const own = smootherSettings(setup.settings);
      const smoother: SmootherSettings = setup.hasReference && at === 0 ? own : { ...own, mode: 'none' };
      const luma = this.#lumas[at] ?? new LumaHistory();
      this.#lumas[at] = luma;
      luma.forget();
      return { ...input, follower: new FaceFollower(models, num / den, smoother), luma };
    });
    for (const { format } of setup.inputs) kernels().memory.reserveForPicture(format);
  }

  /** Takes the next frame of every input and gives back what is finished. */
  async push(frames: ComparedFrames): Promise<ComparisonOutputs> {
    this.#begun();
    this.#unseen.push(frames);
    const verdicts = this.#inputs.map(({ follower }, at) => follower.look(this.#picture(frames, at)));
    return this.#followNext(verdicts);
  }

  /** Measures what still waits. */
  async finish(): Promise<ComparisonOutputs> {
    const rows: ComparedRow[] = [];
    const spent: (readonly ArrayBuffer[])[] = [];
    while (this.#unseen.length > 0) {
      const outputs = await this.#followNext(this.#inputs.map(({ follower }) => follower.lastLook()));
      rows.push(...outputs.rows);
      spent.push(...outputs.spent);
    }
    const rest = await this.#measureUpTo(Number.POSITIVE_INFINITY);
    return { rows: [...rows, ...rest.rows], spent: [...spent, ...rest.spent] };
  }

  /** Follows the faces of the frame that the verdicts are on; nothing where there are none yet. */
  async #followNext(verdicts: readonly (CutVerdict | null)[]): Promise<ComparisonOutputs> {
    if (verdicts.includes(null)) return { rows: [], spent: [] };
    const frames = this.#unseen.shift() as ComparedFrames;
    for (const [at, { follower }] of this.#inputs.entries()) {
      await follower.follow(this.#picture(frames, at), frames.index, verdicts[at] as CutVerdict);
    }
    const { render } = this.#begun();
    const isMeasured = frames.index >= render.start && frames.index < render.end;
    if (isMeasured) this.#waiting.push(frames);
    const { rows, spent } = await this.#measureUpTo(frames.index - chainNeighbourFrames.after);
    return { rows, spent: isMeasured ? spent : [...spent, frames.buffers] };
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
      const { follower, format } = this.#guide(at);
      const placed = this.#placedFaces(follower, format, index);
      const pair = this.#lumaPair(at);
      const faces: FaceRow[] = [];
      for (const face of placed) faces.push(await this.#placeRow(frames, at, face, { descriptors, pair }));
      pictures.push({
        places: { frame: index, sceneCut: follower.isCut(index), ssimOutside: null, faces },
        own: this.#ownRow(at, index),
        toReference:
          pair === null
            ? null
            : comparePlanes(
                { first: pair.reference, second: pair.own, ...format, bitDepth: pair.bitDepth },
                placed.flatMap(({ region }) => region ?? []),
              ),
      });
    }
    return { index, pictures };
  }

  #placedFaces({ window }: FaceFollower, format: PlanarFormat, index: number): readonly PlacedFace[] {
    return window.tracksAt(index).flatMap((trackId) => {
      const points = window.steadyPoints(trackId, index);
      if (points === null) return [];
      const box = boundsOf(points);
      const pointsBefore = window.steadyPoints(trackId, index - 1);
      return [{ trackId, points, pointsBefore, box, region: regionAround(box, format) }];
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
      const jitterBefore =
        past === null || next === null
          ? null
          : meshJitter(
              window.carriedPoints(past, trackId, index - 1, index),
              here,
              window.carriedPoints(next, trackId, index + 1, index),
            );
      return [{ ...noFigures, trackId, outcome: 'swapped', box: boundsOf(here), jitterBefore }];
    });
    return { frame: index, sceneCut: follower.isCut(index), ssimOutside: null, faces };
  }

  async #placeRow(
    frames: ComparedFrames,
    at: number,
    face: PlacedFace,
    {
      descriptors,
      pair,
    }: { readonly descriptors: Map<string, Float32Array>; readonly pair: LumaPair | null },
  ): Promise<FaceRow> {
    const { trackId, points, box } = face;
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
      ...this.#tpsnr(at, face),
      seam: pair === null ? null : this.#seam(pair, face, (this.#inputs[at] as Followed).format),
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

  #tpsnr(at: number, face: PlacedFace): Pick<FaceRow, 'tpsnrOutputDb' | 'tpsnrAlignedOutputDb'> {
    const { luma, format } = this.#inputs[at] as Followed;
    const { widthPx, heightPx, bitDepth } = format;
    const { before, latest } = luma;
    if (before === null || latest === null) return { tpsnrOutputDb: null, tpsnrAlignedOutputDb: null };
    const { points, pointsBefore, box } = face;
    const toPast = pointsBefore === null ? null : affineBetween(points, pointsBefore, 3);
    return {
      tpsnrOutputDb: boxPsnrDb(before, latest, widthPx, heightPx, box, bitDepth),
      tpsnrAlignedOutputDb:
        toPast === null ? null : alignedPsnrDb(before, latest, widthPx, heightPx, box, toPast, bitDepth),
    };
  }

  /** Error of the gradient in a band along the face's outline. */
  #seam(
    { reference, own, bitDepth }: LumaPair,
    { points, region }: PlacedFace,
    format: PlanarFormat,
  ): number | null {
    if (region === null) return null;
    const mask = this.#scratch.floats('outline', region.width * region.height);
    writeOutlineMask(points, region, mask);
    this.#outline.begin(format);
    this.#outline.mark(0, { region, mask });
    const { x, y, width, height } = region;
    const area = { left: x, top: y, right: x + width, bottom: y + height };
    return seamError(reference, own, this.#outline.plane, format.widthPx, area, bitDepth);
  }

  #lumaPair(at: number): LumaPair | null {
    const input = this.#inputs[at] as Followed;
    const reference = this.#inputs[0] as Followed;
    const [first, second] = [reference.luma.latest, input.luma.latest];
    if (!input.isAligned || first === null || second === null) return null;
    const [depth, ownDepth] = [reference.format.bitDepth, input.format.bitDepth];
    const bitDepth = depth > ownDepth ? depth : ownDepth;
    return {
      reference: this.#atDepth(first, depth, bitDepth),
      own: this.#atDepth(second, ownDepth, bitDepth),
      bitDepth,
    };
  }

  /** The samples as codes of a depth that is not smaller: the same light, so that 8 and 10 bits can be compared. */
  #atDepth(plane: PlaneSamples, from: BitDepth, to: BitDepth): PlaneSamples {
    if (from === to) return plane;
    const lifted = this.#scratch.words('lifted', plane.length);
    const factor = 1 << (to - from);
    for (let k = 0; k < plane.length; k++) lifted[k] = (plane[k] as number) * factor;
    return lifted;
  }
}
