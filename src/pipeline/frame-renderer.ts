import type { PlanarFrame } from '../imaging/planar-frame.js';
import { boundsOf } from '../processors/face-landmarker/mesh-bounds.js';
import { cosine } from '../processors/face-recognizer/face-recognizer.js';
import { ColourMatcher, featureLift, matchDetail } from '../processors/face-swapper/colour-match.js';
import type { FaceCropSwapper } from '../processors/face-swapper/face-crop-swapper.js';
import type { FaceZones } from '../processors/face-swapper/face-layout.js';
import { type HeadPose, headPose } from '../processors/face-swapper/head-pose.js';
import { type FacePatch, MeshSwapper } from '../processors/face-swapper/mesh-swapper.js';
import type { SourceFace } from '../processors/face-swapper/source-face.js';
import { ByteFacePaster } from '../processors/multiband-blender/byte-paster.js';
import { CropPaster } from '../processors/multiband-blender/crop-paster.js';
import { FaceBlender } from '../processors/multiband-blender/face-blender.js';
import { GrainMatcher, pictureSeed } from '../processors/grain-matcher/grain-matcher.js';
import { meshJitter } from '../processors/quality-monitor/frame-comparison.js';
import { FrameMonitor } from '../processors/quality-monitor/frame-monitor.js';
import type { ChainSettings } from './face-chain.js';
import type { ChainModels } from './chain-models.js';
import { edgeOpacity, smallestSwapPx, turnedAwayRadians } from './edge-opacity.js';
import { FaceEnhancing } from './face-enhancing.js';
import type { OpenedFaceEnhancer } from './open-face-enhancer.js';
import type { FaceRow, FrameRow, SkipReason } from './run-report.js';
import { type FaceChoice, FaceSelector } from './selection/face-selector.js';
import type { SegmentSelection } from './selection/segment-selection.js';
import type { ShotWindow, SteadyFace } from './shot-window.js';
import type { StageSamples } from './stage-samples.js';

/** Identity is scored on every sixth frame (by frame index): two descriptor runs a face cost more than its landmarks. */
export const identityEveryFrames = 6;

/** Leaves all octaves of a drawn face as they are. */
const detailGain = Float32Array.of(1, 1, 1);

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
  /** Id of the person, where that is known. */
  readonly person: string | undefined;
  readonly face: SteadyFace;
  readonly pose: HeadPose;
  readonly skipReason: SkipReason | undefined;
  /** The photo that it gets; null where it is skipped, and where there are no photos. */
  readonly source: SourceFace | null;
  /** Descriptor of the target's own face, on the frames where identity is scored. */
  readonly before: Float32Array | null;
  /** Number of its crop in the running batch; −1 where no model swaps it. */
  readonly crop: number;
};

/** What became of a face. */
type DrawnFace = { readonly isSwapped: boolean; readonly isEnhanced: boolean };

/** What is told where faces are drawn. */
type FaceMarks = Pick<FrameMonitor, 'mark'>;

/** What a face is drawn with. */
type SwapWork = { readonly opacity: number; readonly marks: FaceMarks };

/** What a renderer works with. */
export type RendererParts = {
  readonly settings: Pick<
    ChainSettings,
    | 'processors'
    | 'compat'
    | 'faceSelectorMode'
    | 'faceSelectorOrder'
    | 'faceSelectorRegions'
    | 'colorMatch'
    | 'matchGrain'
    | 'blend'
    | 'faceEnhancerBlend'
    | 'faceEnhancerFaces'
  >;
  readonly models: Pick<ChainModels, 'recognizer'>;
  readonly zones: FaceZones;
  /** None where faces are changed without photos. */
  readonly sources: readonly SourceFace[];
  /** Null: the mesh swapper, where faces are swapped at all. */
  readonly cropSwapper: FaceCropSwapper | null;
  /** Null: faces are not enhanced. */
  readonly enhancer: OpenedFaceEnhancer | null;
  readonly samples: StageSamples;
};

/**
 * select → swap → blend → enhance → monitor for frames that are analysed. Frames come in groups, so that the faces of several frames can
 * go through a swapper's model together; what a frame becomes does not depend on the grouping. One per thread.
 */
export class FrameRenderer {
  readonly #parts: RendererParts;
  readonly #meshSwapper: MeshSwapper;
  readonly #blender = new FaceBlender();
  readonly #paster = new CropPaster();
  readonly #bytePaster = new ByteFacePaster();
  readonly #colours: ColourMatcher;
  readonly #grain = new GrainMatcher();
  readonly #selector: FaceSelector;
  readonly #monitor = new FrameMonitor();
  /** Null: faces are not enhanced. */
  readonly #enhancing: FaceEnhancing | null;
  /** Whether faces are swapped at all. */
  readonly #swaps: boolean;
  #window: ShotWindow;
  /** Time of the group's model runs that each of its faces stands for. */
  #sharedSwapMs = 0;

  constructor(parts: RendererParts, window: ShotWindow) {
    this.#parts = parts;
    this.#meshSwapper = new MeshSwapper(parts.zones);
    this.#selector = new FaceSelector(parts.settings, parts.sources);
    this.#colours = new ColourMatcher(parts.settings.colorMatch);
    const { enhancer, settings } = parts;
    this.#swaps = settings.processors.some((name) => name !== 'face_enhancer');
    this.#enhancing = enhancer === null ? null : new FaceEnhancing(enhancer, settings, this.#blender);
    this.#window = window;
  }

  /**
   * Forgets everything of earlier segments; frames are looked up in this window from now on.
   *
   * @param selection who gets which face, where that depends on who it is
   */
  begin(window: ShotWindow, selection: SegmentSelection | undefined): void {
    this.#window = window;
    this.#selector.begin(window, selection);
    this.#monitor.forget();
  }

  /** Gives the kernel memory back. */
  dispose(): void {
    this.#meshSwapper.dispose();
    this.#monitor.dispose();
    this.#grain.dispose();
  }

  /** Renders consecutive frames in place. The window must still hold all that they look at. */
  async render(frames: readonly ReadyFrame[]): Promise<FrameRow[]> {
    const { cropSwapper } = this.#parts;
    const selections: SelectedFace[][] = [];
    for (const frame of frames) selections.push(await this.#select(frame));
    if (cropSwapper !== null && cropSwapper.count > 0) {
      const startMs = performance.now();
      await cropSwapper.run();
      // Shared out evenly, so that a frame's sample does not depend on its place in the group.
      this.#sharedSwapMs = (performance.now() - startMs) / cropSwapper.count;
    }
    const rows =
      this.#enhancing === null
        ? await this.#renderSingly(frames, selections)
        : await this.#renderTogether(frames, selections, this.#enhancing);
    cropSwapper?.clear();
    return rows;
  }

  async #renderSingly(
    frames: readonly ReadyFrame[],
    selections: readonly (readonly SelectedFace[])[],
  ): Promise<FrameRow[]> {
    const rows: FrameRow[] = [];
    for (const [at, frame] of frames.entries()) {
      const selected = selections[at] as readonly SelectedFace[];
      this.#startMonitor(frame, frame.picture);
      const drawn = this.#draw(frame, selected, this.#monitor);
      rows.push(await this.#finish(frame, selected, drawn));
      this.#parts.samples.endFrame(['smooth', 'identity', 'swap', 'blend', 'monitor']);
    }
    return rows;
  }

  /**
   * Draws all frames before any face is enhanced, so that the faces of all go through the enhancer together. The monitor then sees the frames
   * in their order, each with the target's own picture as it was kept.
   */
  async #renderTogether(
    frames: readonly ReadyFrame[],
    selections: readonly (readonly SelectedFace[])[],
    enhancing: FaceEnhancing,
  ): Promise<FrameRow[]> {
    const { samples } = this.#parts;
    const drawn = frames.map((frame, at) => {
      enhancing.hold(at, frame.picture);
      const faces = this.#draw(frame, selections[at] as readonly SelectedFace[], enhancing.marksOf(at));
      samples.endFrame(['smooth', 'swap', 'blend']);
      return faces;
    });
    const startMs = performance.now();
    for (const [at, { picture }] of frames.entries()) {
      for (const [which, face] of (selections[at] as readonly SelectedFace[]).entries()) {
        if (face.skipReason !== undefined) continue;
        const opacity = this.#opacityOf(picture, face);
        const { isSwapped } = (drawn[at] as DrawnFace[])[which] as DrawnFace;
        enhancing.add(at, picture, face, { opacity, isSwapped });
      }
    }
    await enhancing.run();
    const enhanced = frames.map(({ picture }, at) => enhancing.apply(at, picture));
    // Shared out evenly, as with the swapper.
    const frameMs = (performance.now() - startMs) / frames.length;
    const rows: FrameRow[] = [];
    for (const [at, frame] of frames.entries()) {
      const selected = selections[at] as readonly SelectedFace[];
      const faces = (drawn[at] as DrawnFace[]).map(({ isSwapped }, which) => ({
        isSwapped,
        isEnhanced: enhanced[at]?.has((selected[which] as SelectedFace).trackId) === true,
      }));
      this.#startMonitor(frame, enhancing.target(at));
      enhancing.replay(at, this.#monitor);
      rows.push(await this.#finish(frame, selected, faces));
      samples.add('enhance', frameMs);
      samples.endFrame(['identity', 'enhance', 'monitor']);
    }
    enhancing.clear();
    return rows;
  }

  /** The faces of a frame with what is to become of each; small ones first, so that nearer faces are drawn over them. */
  async #select({ index, picture, sceneCut }: ReadyFrame): Promise<SelectedFace[]> {
    const { samples } = this.#parts;
    const startMs = performance.now();
    if (sceneCut) this.#selector.forgetPhotos();
    const faces = this.#window.tracksAt(index).flatMap((trackId) => {
      const face = this.#window.steadyFace(trackId, index);
      return face === null ? [] : [{ trackId, face, box: boundsOf(face.points) }];
    });
    faces.sort((first, second) => first.box.width * first.box.height - second.box.width * second.box.height);
    const { widthPx, heightPx } = picture.format;
    const unusable = faces.map(({ box }): SkipReason | undefined => {
      const middleX = box.x + box.width / 2;
      const middleY = box.y + box.height / 2;
      if (middleX < 0 || middleY < 0 || middleX > widthPx || middleY > heightPx) return 'outside-frame';
      return box.width < smallestSwapPx ? 'too-small' : undefined;
    });
    const candidates = faces.map((face, at) => ({ ...face, isUsable: unusable[at] === undefined }));
    const choices = this.#selector.select(index, candidates, picture.format);
    const selected = faces.map(({ trackId, face }, at) => {
      const { person, chooser } = choices[at] as FaceChoice;
      const pose = headPose(face.points);
      const isTurnedAway = Math.abs(pose.yaw) > turnedAwayRadians;
      const skipReason =
        chooser === null ? 'not-selected' : (unusable[at] ?? (isTurnedAway ? 'turned-away' : undefined));
      return { trackId, person, face, pose, skipReason, chooser };
    });
    samples.add('smooth', performance.now() - startMs);
    const result: SelectedFace[] = [];
    for (const { chooser, ...face } of selected) {
      if (face.skipReason !== undefined || chooser === null) {
        result.push({ ...face, source: null, before: null, crop: -1 });
        continue;
      }
      const source = chooser.choose(face.trackId, face.pose, face.face.appearance);
      const before =
        index % identityEveryFrames === 0 ? await this.#describe(picture, face.face.points) : null;
      result.push({ ...face, source, before, crop: this.#cutCrop(picture, face.face.points, source) });
    }
    return result;
  }

  #cutCrop(picture: PlanarFrame, points: Float32Array, source: SourceFace | null): number {
    const { cropSwapper, samples } = this.#parts;
    if (cropSwapper === null) return -1;
    const startMs = performance.now();
    const crop = cropSwapper.add(picture, points, source);
    samples.add('swap', performance.now() - startMs);
    return crop;
  }

  /** @param target the frame's picture before anything was drawn */
  #startMonitor({ sceneCut }: ReadyFrame, target: PlanarFrame): void {
    const startMs = performance.now();
    if (sceneCut) this.#monitor.forget();
    this.#monitor.startFrame(target);
    this.#parts.samples.add('monitor', performance.now() - startMs);
  }

  /** Swaps the faces of a frame. @param marks is told where each is drawn */
  #draw({ picture }: ReadyFrame, selected: readonly SelectedFace[], marks: FaceMarks): DrawnFace[] {
    if (!this.#swaps) return selected.map(() => ({ isSwapped: false, isEnhanced: false }));
    const seed = this.#parts.settings.matchGrain ? pictureSeed(picture) : 0;
    return selected.map((face) => ({ isSwapped: this.#swap(picture, face, seed, marks), isEnhanced: false }));
  }

  async #finish(
    { index, picture, sceneCut }: ReadyFrame,
    selected: readonly SelectedFace[],
    drawn: readonly DrawnFace[],
  ): Promise<FrameRow> {
    const startMs = performance.now();
    this.#monitor.finishFrame(picture);
    this.#parts.samples.add('monitor', performance.now() - startMs);
    const faces: FaceRow[] = [];
    for (const [at, face] of selected.entries()) {
      const done = drawn[at] as DrawnFace;
      const isChanged = done.isSwapped || done.isEnhanced;
      const after =
        isChanged && face.before !== null ? await this.#describe(picture, face.face.points) : null;
      faces.push(this.#row(index, face, done, after));
    }
    return { frame: index, sceneCut, ssimOutside: this.#monitor.ssimOutside, faces };
  }

  /** How much of a face is drawn at all: less than 1 near the limits of what is. */
  #opacityOf(picture: PlanarFrame, { face, pose }: SelectedFace): number {
    return face.opacity * edgeOpacity(boundsOf(face.points), pose, picture.format);
  }

  /** @returns whether there was anything to draw */
  #swap(picture: PlanarFrame, selected: SelectedFace, seed: number, marks: FaceMarks): boolean {
    const { face, source, skipReason } = selected;
    const opacity = this.#opacityOf(picture, selected);
    if (skipReason !== undefined || opacity === 0) return false;
    const { cropSwapper } = this.#parts;
    const blended =
      cropSwapper !== null
        ? this.#swapCrop(picture, selected, { cropSwapper, opacity, marks })
        : source !== null && this.#parts.settings.processors.includes('face_swapper')
          ? this.#swapMesh(picture, selected, { source, opacity, marks })
          : null;
    if (blended === null) return false;
    const { settings, samples } = this.#parts;
    const startMs = performance.now();
    if (settings.matchGrain) this.#grain.apply(picture, blended, face.points, face.appearance.grain, seed);
    samples.add('blend', performance.now() - startMs);
    return true;
  }

  /** @returns what was laid in; null when there was nothing to draw */
  #swapMesh(
    picture: PlanarFrame,
    { trackId, face }: SelectedFace,
    { source, opacity, marks }: SwapWork & { readonly source: SourceFace },
  ): FacePatch | null {
    const { settings, samples } = this.#parts;
    const startMs = performance.now();
    const colour = this.#colours.match(source, face.appearance);
    const patch = this.#meshSwapper.draw(picture.format, {
      source,
      points: face.points,
      shape: face.shape,
      colour,
      open: face.appearance.open,
    });
    samples.add('swap', performance.now() - startMs);
    if (patch === null) return null;
    this.#mark(marks, trackId, patch);
    const markedMs = performance.now();
    const lightnessGain = colour.gain[0] as number;
    this.#blender.blend(picture, patch, {
      mode: settings.blend,
      detailGain: matchDetail(source.appearance, face.appearance, lightnessGain),
      featureLift: featureLift(source.appearance, lightnessGain),
      opacity,
    });
    samples.add('blend', performance.now() - markedMs);
    return patch;
  }

  /** @returns as {@link #swapMesh} */
  #swapCrop(
    picture: PlanarFrame,
    { trackId, crop }: SelectedFace,
    { cropSwapper, opacity, marks }: SwapWork & { readonly cropSwapper: FaceCropSwapper },
  ): FacePatch | null {
    const { settings, samples } = this.#parts;
    const startMs = performance.now();
    const swapped = cropSwapper.swapped(crop);
    const patch = this.#paster.patch(picture.format, swapped);
    samples.add('swap', this.#sharedSwapMs + performance.now() - startMs);
    if (patch === null) return null;
    this.#mark(marks, trackId, patch);
    const markedMs = performance.now();
    if (settings.compat === 'facefusion') this.#bytePaster.paste(picture, swapped);
    // What a network draws has the sharpness that it was asked to reproduce, and no photo tells of it.
    else this.#blender.blend(picture, patch, { mode: settings.blend, detailGain, featureLift: 0, opacity });
    samples.add('blend', performance.now() - markedMs);
    return patch;
  }

  #mark(marks: FaceMarks, trackId: number, patch: FacePatch): void {
    const startMs = performance.now();
    marks.mark(trackId, patch);
    this.#parts.samples.add('monitor', performance.now() - startMs);
  }

  async #describe(picture: PlanarFrame, points: Float32Array): Promise<Float32Array> {
    const startMs = performance.now();
    const { descriptor } = await this.#parts.models.recognizer.identify(picture, points);
    this.#parts.samples.add('identity', performance.now() - startMs);
    return descriptor;
  }

  #row(index: number, selected: SelectedFace, drawn: DrawnFace, after: Float32Array | null): FaceRow {
    const startMs = performance.now();
    const { trackId, person, face, source, before } = selected;
    const { isSwapped, isEnhanced } = drawn;
    const missing = isSwapped || isEnhanced ? undefined : this.#swaps ? 'masked' : 'no-gain';
    const skipReason = selected.skipReason ?? missing;
    const box = boundsOf(face.points);
    const jitterOf = (points: (at: number) => Float32Array | null): number | null => {
      const [past, here, next] = [points(index - 1), points(index), points(index + 1)];
      if (past === null || here === null || next === null) return null;
      // Against the picture: what the face itself moved is no jitter.
      const before = this.#window.carriedPoints(past, trackId, index - 1, index);
      return meshJitter(before, here, this.#window.carriedPoints(next, trackId, index + 1, index));
    };
    const row: FaceRow = {
      trackId,
      ...(person === undefined ? {} : { person }),
      outcome: skipReason !== undefined ? 'skipped' : face.filled ? 'filled' : 'swapped',
      ...(skipReason === undefined ? {} : { skipReason }),
      box,
      ...(isSwapped && source !== null ? { sourceIndex: source.index } : {}),
      ...(isEnhanced ? { enhanced: true } : {}),
      ...this.#monitor.figuresOf({
        face: trackId,
        box,
        points: face.points,
        pointsBefore: this.#window.steadyPoints(trackId, index - 1),
      }),
      jitterBefore: jitterOf((at) => this.#window.rawPoints(trackId, at)),
      jitterAfter: jitterOf((at) => this.#window.steadyPoints(trackId, at)),
      identityToSource: after === null || source === null ? null : cosine(after, source.descriptor),
      identityToTarget: after === null || before === null ? null : cosine(after, before),
    };
    this.#parts.samples.add('monitor', performance.now() - startMs);
    return row;
  }
}
