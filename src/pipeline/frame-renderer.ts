import type { Box } from '../imaging/affine.js';
import type { PlanarFormat, PlanarFrame } from '../imaging/planar-frame.js';
import { boundsOf } from '../processors/face-landmarker/mesh-bounds.js';
import { cosine } from '../processors/face-recognizer/face-recognizer.js';
import {
  matchColour,
  matchDetail,
  meshFeatureLift,
  unmatched,
} from '../processors/face-swapper/colour-match.js';
import type { CropSwapper } from '../processors/face-swapper/crop-swapper.js';
import type { FaceZones } from '../processors/face-swapper/face-layout.js';
import { type HeadPose, headPose } from '../processors/face-swapper/head-pose.js';
import { type FacePatch, MeshSwapper } from '../processors/face-swapper/mesh-swapper.js';
import type { SourceFace } from '../processors/face-swapper/source-face.js';
import { SourceChooser } from '../processors/face-swapper/source-chooser.js';
import { FaceBlender } from '../processors/multiband-blender/face-blender.js';
import {
  boxPsnrDb,
  boxSsim,
  LumaHistory,
  meshJitter,
} from '../processors/quality-monitor/frame-comparison.js';
import type { ChainSettings } from './face-chain.js';
import type { ChainModels } from './chain-models.js';
import { edgeOpacity, smallestSwapPx, turnedAwayRadians } from './edge-opacity.js';
import type { FaceRow, FrameRow, SkipReason } from './run-report.js';
import type { ShotWindow, SteadyFace } from './shot-window.js';
import type { StageSamples } from './stage-samples.js';

/** Identity is scored on every sixth frame (by frame index): two descriptor runs a face cost more than its landmarks. */
const identityEveryFrames = 6;

/** A frame whose look-ahead is complete. */
export type ReadyFrame = {
  readonly index: number;
  /** Changed in place. */
  readonly picture: PlanarFrame;
  readonly sceneCut: boolean;
};

/** A face of a frame and what is to become of it: swapped when there is no reason to skip it. */
type SelectedFace = {
  readonly trackId: number;
  readonly face: SteadyFace;
  readonly pose: HeadPose;
  readonly skipReason: SkipReason | undefined;
  /** Set where it is swapped. */
  readonly source: SourceFace | undefined;
  /** Descriptor of the target's own face, on the frames where identity is scored. */
  readonly before: Float32Array | null;
  /** Number of its crop in the running batch; −1 where no model swaps it. */
  readonly crop: number;
};

/** What a renderer works with. */
export type RendererParts = {
  readonly settings: Pick<ChainSettings, 'faceSelectorMode' | 'colorMatch' | 'blend'>;
  readonly models: Pick<ChainModels, 'recognizer'>;
  readonly zones: FaceZones;
  /** At least one. */
  readonly sources: readonly SourceFace[];
  /** Null: the mesh swapper. */
  readonly cropSwapper: CropSwapper | null;
  readonly samples: StageSamples;
};

/**
 * select → swap → blend → monitor for frames that are analysed. Frames come in groups, so that the faces of several frames can
 * go through a swapper's model together; what a frame becomes does not depend on the grouping. One per thread.
 */
export class FrameRenderer {
  readonly #parts: RendererParts;
  readonly #meshSwapper: MeshSwapper;
  readonly #blender = new FaceBlender();
  readonly #chooser: SourceChooser;
  readonly #outputLuma = new LumaHistory();
  readonly #sourceLuma = new LumaHistory();
  #window: ShotWindow;
  /** Time of the group's model runs that each of its faces stands for. */
  #sharedSwapMs = 0;

  constructor(parts: RendererParts, window: ShotWindow) {
    this.#parts = parts;
    this.#meshSwapper = new MeshSwapper(parts.zones);
    this.#chooser = new SourceChooser(parts.sources);
    this.#window = window;
  }

  /** Forgets everything of earlier segments; frames are looked up in this window from now on. */
  begin(window: ShotWindow): void {
    this.#window = window;
    this.#chooser.reset();
    this.#outputLuma.forget();
    this.#sourceLuma.forget();
  }

  /** Gives the kernel memory back. */
  dispose(): void {
    this.#meshSwapper.dispose();
  }

  /** Renders consecutive frames in place. The window must still hold all that they look at. */
  async render(frames: readonly ReadyFrame[]): Promise<FrameRow[]> {
    const { cropSwapper, samples } = this.#parts;
    const selections: SelectedFace[][] = [];
    for (const frame of frames) selections.push(await this.#select(frame));
    if (cropSwapper !== null && cropSwapper.count > 0) {
      const startMs = performance.now();
      await cropSwapper.run();
      // Shared out evenly, so that a frame's sample does not depend on its place in the group.
      this.#sharedSwapMs = (performance.now() - startMs) / cropSwapper.count;
    }
    const rows: FrameRow[] = [];
    for (const [at, frame] of frames.entries()) {
      rows.push(await this.#finish(frame, selections[at] as SelectedFace[]));
      samples.endFrame(['smooth', 'identity', 'swap', 'blend', 'monitor']);
    }
    cropSwapper?.clear();
    return rows;
  }

  /** The faces of a frame with what is to become of each; small ones first, so that nearer faces are drawn over them. */
  async #select({ index, picture, sceneCut }: ReadyFrame): Promise<SelectedFace[]> {
    const { settings, samples } = this.#parts;
    const startMs = performance.now();
    if (sceneCut) this.#chooser.reset();
    const faces = this.#window.tracksAt(index).flatMap((trackId) => {
      const face = this.#window.steadyFace(trackId, index);
      return face === null ? [] : [{ trackId, face, box: boundsOf(face.points) }];
    });
    faces.sort((first, second) => first.box.width * first.box.height - second.box.width * second.box.height);
    const largest = faces.at(-1)?.trackId;
    const { widthPx, heightPx } = picture.format;
    const selected = faces.map(({ trackId, face, box }) => {
      const pose = headPose(face.points);
      let skipReason: SkipReason | undefined;
      const middleX = box.x + box.width / 2;
      const middleY = box.y + box.height / 2;
      if (middleX < 0 || middleY < 0 || middleX > widthPx || middleY > heightPx) skipReason = 'outside-frame';
      else if (box.width < smallestSwapPx) skipReason = 'too-small';
      else if (Math.abs(pose.yaw) > turnedAwayRadians) skipReason = 'turned-away';
      else if (settings.faceSelectorMode === 'one' && trackId !== largest) skipReason = 'not-selected';
      return { trackId, face, pose, skipReason };
    });
    samples.add('smooth', performance.now() - startMs);
    const result: SelectedFace[] = [];
    for (const face of selected) {
      if (face.skipReason !== undefined) {
        result.push({ ...face, source: undefined, before: null, crop: -1 });
        continue;
      }
      const source = this.#chooser.choose(face.trackId, face.pose, face.face.appearance);
      const before =
        index % identityEveryFrames === 0 ? await this.#describe(picture, face.face.points) : null;
      result.push({ ...face, source, before, crop: this.#cutCrop(picture, face.face.points, source) });
    }
    return result;
  }

  #cutCrop(picture: PlanarFrame, points: Float32Array, source: SourceFace): number {
    const { cropSwapper, samples } = this.#parts;
    if (cropSwapper === null) return -1;
    const startMs = performance.now();
    const crop = cropSwapper.add(picture, points, source.descriptor);
    samples.add('swap', performance.now() - startMs);
    return crop;
  }

  async #finish(
    { index, picture, sceneCut }: ReadyFrame,
    selected: readonly SelectedFace[],
  ): Promise<FrameRow> {
    const { samples } = this.#parts;
    let startMs = performance.now();
    if (sceneCut) {
      this.#outputLuma.forget();
      this.#sourceLuma.forget();
    }
    this.#sourceLuma.push(picture);
    samples.add('monitor', performance.now() - startMs);
    const drawn = selected.map((face) => this.#swap(picture, face));
    startMs = performance.now();
    this.#outputLuma.push(picture);
    samples.add('monitor', performance.now() - startMs);
    const faces: FaceRow[] = [];
    for (const [at, face] of selected.entries()) {
      const swapped = drawn[at] === true;
      const after = swapped && face.before !== null ? await this.#describe(picture, face.face.points) : null;
      faces.push(this.#row(picture, index, face, swapped, after));
    }
    return { frame: index, sceneCut, faces };
  }

  /** @returns whether there was anything to draw */
  #swap(picture: PlanarFrame, { face, pose, source, crop }: SelectedFace): boolean {
    const opacity = face.opacity * edgeOpacity(boundsOf(face.points), pose, picture.format);
    if (source === undefined || opacity === 0) return false;
    const { settings, samples, cropSwapper } = this.#parts;
    const startMs = performance.now();
    const colour =
      settings.colorMatch === 'lab' ? matchColour(source.appearance, face.appearance) : unmatched;
    let patch: FacePatch | null;
    if (cropSwapper === null) {
      patch = this.#meshSwapper.draw(picture.format, {
        source,
        points: face.points,
        shape: face.shape,
        colour,
        open: face.appearance.open,
      });
    } else {
      patch = cropSwapper.patch(picture.format, crop);
      samples.add('swap', this.#sharedSwapMs);
    }
    const drawnMs = performance.now();
    samples.add('swap', drawnMs - startMs);
    if (patch === null) return false;
    this.#blender.blend(picture, patch, {
      mode: settings.blend,
      detailGain: matchDetail(source.appearance, face.appearance, colour.gain[0] as number),
      featureLift: cropSwapper === null ? meshFeatureLift : 0,
      opacity,
    });
    samples.add('blend', performance.now() - drawnMs);
    return true;
  }

  #ssim({ widthPx, heightPx, bitDepth }: PlanarFormat, box: Box): number | null {
    const { latest: source } = this.#sourceLuma;
    const { latest: output } = this.#outputLuma;
    return source === null || output === null
      ? null
      : boxSsim(source, output, widthPx, heightPx, box, bitDepth);
  }

  async #describe(picture: PlanarFrame, points: Float32Array): Promise<Float32Array> {
    const startMs = performance.now();
    const { descriptor } = await this.#parts.models.recognizer.identify(picture, points);
    this.#parts.samples.add('identity', performance.now() - startMs);
    return descriptor;
  }

  #row(
    picture: PlanarFrame,
    index: number,
    selected: SelectedFace,
    swapped: boolean,
    after: Float32Array | null,
  ): FaceRow {
    const startMs = performance.now();
    const { trackId, face, source, before } = selected;
    const skipReason = selected.skipReason ?? (swapped ? undefined : 'masked');
    const box = boundsOf(face.points);
    const { widthPx, heightPx, bitDepth } = picture.format;
    const compare = ({ before: past, latest }: LumaHistory): number | null =>
      past === null || latest === null ? null : boxPsnrDb(past, latest, widthPx, heightPx, box, bitDepth);
    const jitterOf = (points: (at: number) => Float32Array | null): number | null => {
      const [past, here, next] = [points(index - 1), points(index), points(index + 1)];
      if (past === null || here === null || next === null) return null;
      // Against the picture: what the face itself moved is no jitter.
      const before = this.#window.carriedPoints(past, trackId, index - 1, index);
      return meshJitter(before, here, this.#window.carriedPoints(next, trackId, index + 1, index));
    };
    const row: FaceRow = {
      trackId,
      outcome: skipReason !== undefined ? 'skipped' : face.filled ? 'filled' : 'swapped',
      ...(skipReason === undefined ? {} : { skipReason }),
      box,
      ...(swapped && source !== undefined ? { sourceIndex: source.index } : {}),
      tpsnrOutputDb: compare(this.#outputLuma),
      tpsnrSourceDb: compare(this.#sourceLuma),
      ssimToSource: swapped ? this.#ssim(picture.format, box) : null,
      jitterBefore: jitterOf((at) => this.#window.rawPoints(trackId, at)),
      jitterAfter: jitterOf((at) => this.#window.steadyPoints(trackId, at)),
      identityToSource: after === null || source === undefined ? null : cosine(after, source.descriptor),
      identityToTarget: after === null || before === null ? null : cosine(after, before),
    };
    this.#parts.samples.add('monitor', performance.now() - startMs);
    return row;
  }
}
