import { FaceswapError } from '../errors.js';
import { type PlanarFormat, type PlanarFrame, wrapFrame } from '../imaging/planar-frame.js';
import { landmarkInputPx, pointsInCrop } from '../processors/face-landmarker/face-landmarker.js';
import { boundsOf } from '../processors/face-landmarker/mesh-bounds.js';
import { meshPointCount } from '../processors/face-landmarker/mesh-indices.js';
import { cosine } from '../processors/face-recognizer/face-recognizer.js';
import { AppearanceReader } from '../processors/face-swapper/appearance.js';
import { matchColour, matchDetail, unmatched } from '../processors/face-swapper/colour-match.js';
import { faceShape } from '../processors/face-swapper/face-shape.js';
import { type HeadPose, headPose } from '../processors/face-swapper/head-pose.js';
import { MeshSwapper } from '../processors/face-swapper/mesh-swapper.js';
import { facingOf, hideOutside } from '../processors/face-swapper/rectify.js';
import type { SourceFace } from '../processors/face-swapper/source-face.js';
import { SourceChooser } from '../processors/face-swapper/source-chooser.js';
import { FaceTracker } from '../processors/face-tracker/face-tracker.js';
import { SceneCutDetector } from '../processors/landmark-smoother/scene-cut-detector.js';
import { FaceBlender } from '../processors/multiband-blender/face-blender.js';
import { boxPsnrDb, LumaHistory, meshJitter } from '../processors/quality-monitor/frame-comparison.js';
import { type EmbeddedModels, loadEmbeddedModels } from './embedded-models.js';
import { zonesFor } from './mask-zones.js';
import type { Rational, RunConfig } from './run-options.js';
import type { FaceRow, FrameRow, SkipReason, StageTimes } from './run-report.js';
import { type Observation, ShotWindow, type SteadyFace } from './shot-window.js';

/** What the chain needs to know of the run; plain data, so that it can cross threads. */
export type ChainSettings = Pick<
  RunConfig,
  | 'faceSelectorMode'
  | 'faceDetectorScore'
  | 'faceMaskBlur'
  | 'faceMaskPadding'
  | 'landmarkSmoother'
  | 'blend'
  | 'colorMatch'
  | 'executionProvider'
  | 'executionThreadCount'
>;

/** One run of consecutive frames that is rendered without knowing any frame outside `decode`. */
export type ChainSegment = {
  readonly format: PlanarFormat;
  readonly frameRate: Rational;
  /** Frames that will be pushed, half-open: the segment with its neighbours before and after. */
  readonly decode: { readonly start: number; readonly end: number };
  /** Frames that are rendered, half-open, inside `decode`. */
  readonly render: { readonly start: number; readonly end: number };
};

/** A frame handed to the chain; the chain owns the buffer until it gives it back in a {@link ChainOutput}. */
export type ChainFrame = { readonly index: number; readonly buffer: ArrayBuffer };

/** A frame that the chain gives back: rendered with its row, or (`row: null`) a neighbour to be recycled. */
export type ChainOutput = {
  readonly index: number;
  readonly buffer: ArrayBuffer;
  readonly row: FrameRow | null;
};

/** Busy milliseconds of the stages that the chain owns. */
export type ChainStageTimes = Pick<
  StageTimes,
  'detect' | 'landmarks' | 'identity' | 'smooth' | 'swap' | 'blend' | 'monitor'
>;

/**
 * Frames after (and before) a frame that its rendering looks at; a segment is decoded this much wider on both sides. Before:
 * a second of tracking, so that ids, crops and gaps have settled; after: the smoother's reach and the one frame more that
 * the jitter figure needs.
 */
export const chainNeighbourFrames = { before: 24, after: 8 } as const;

/** Identity is scored on every sixth frame (by frame index): two descriptor runs a face cost more than its landmarks. */
const identityEveryFrames = 6;

/** A face narrower than this has no features left to swap. */
const smallestSwapPx = 14;

/** Beyond this yaw less than a third of the face is seen, and the mesh model guesses. */
const turnedAwayRadians = 1.45;

const noTimes = (): Record<keyof ChainStageTimes, number> => ({
  detect: 0,
  landmarks: 0,
  identity: 0,
  smooth: 0,
  swap: 0,
  blend: 0,
  monitor: 0,
});

/** What one segment carries from frame to frame. */
type SegmentState = {
  readonly segment: ChainSegment;
  readonly tracker: FaceTracker;
  readonly cuts: SceneCutDetector;
  readonly window: ShotWindow;
  /** Frames that wait for their look-ahead, in order. */
  readonly waiting: ChainFrame[];
  readonly cutFrames: Set<number>;
  lastIndex: number;
};

/** A face of a frame and what is to become of it: swapped when there is no reason to skip it. */
type SelectedFace = {
  readonly trackId: number;
  readonly face: SteadyFace;
  readonly pose: HeadPose;
  readonly skipReason: SkipReason | undefined;
};

/** A selected face after its frame was rendered, with what the recogniser said where it was asked. */
type RenderedFace = SelectedFace & {
  readonly source: SourceFace | undefined;
  readonly toSource: number | null;
  readonly toTarget: number | null;
};

/**
 * analyse → smooth → select → swap → blend → monitor for one thread. One segment at a time; frames go in and come
 * out in index order, later by the look-ahead.
 */
export class FaceChain {
  readonly #settings: ChainSettings;
  readonly #models: EmbeddedModels;
  readonly #reader: AppearanceReader;
  readonly #swapper: MeshSwapper;
  readonly #blender = new FaceBlender();
  readonly #chooser: SourceChooser;
  readonly #outputLuma = new LumaHistory();
  readonly #sourceLuma = new LumaHistory();
  readonly #facing = new Float32Array(meshPointCount);
  readonly #cropPoints = new Float32Array(3 * meshPointCount);
  #times = noTimes();
  #state: SegmentState | null = null;

  private constructor(settings: ChainSettings, sources: readonly SourceFace[], models: EmbeddedModels) {
    this.#settings = settings;
    this.#models = models;
    const zones = zonesFor(settings);
    this.#reader = new AppearanceReader(zones);
    this.#swapper = new MeshSwapper(zones);
    this.#chooser = new SourceChooser(sources);
  }

  /**
   * Loads the models.
   *
   * @param sources at least one
   * @throws FaceswapError as `loadEmbeddedModels`
   */
  static async create(settings: ChainSettings, sources: readonly SourceFace[]): Promise<FaceChain> {
    if (sources.length === 0) throw new FaceswapError('bug', 'The chain was made without a source face');
    return new FaceChain(settings, sources, await loadEmbeddedModels(settings));
  }

  /** Forgets everything of earlier segments. */
  begin(segment: ChainSegment): void {
    const { num, den } = segment.frameRate;
    this.#state = {
      segment,
      tracker: new FaceTracker(this.#models.detector, this.#models.landmarker, num / den),
      cuts: new SceneCutDetector(),
      window: new ShotWindow(this.#settings.landmarkSmoother),
      waiting: [],
      cutFrames: new Set(),
      lastIndex: -1,
    };
    this.#chooser.reset();
    this.#outputLuma.forget();
    this.#sourceLuma.forget();
  }

  /** Takes one frame and gives back those that are finished. */
  async push(frame: ChainFrame): Promise<readonly ChainOutput[]> {
    const state = this.#current();
    const { segment } = state;
    await this.#analyse(state, frame);
    const outputs: ChainOutput[] = [];
    if (frame.index < segment.render.start || frame.index >= segment.render.end) {
      outputs.push({ ...frame, row: null });
    } else {
      state.waiting.push(frame);
    }
    while (
      state.waiting[0] !== undefined &&
      state.waiting[0].index + chainNeighbourFrames.after <= state.lastIndex
    ) {
      outputs.push(await this.#render(state, state.waiting.shift() as ChainFrame));
    }
    return outputs;
  }

  /** Gives back all frames that are still held. */
  async finish(): Promise<readonly ChainOutput[]> {
    const state = this.#current();
    const outputs: ChainOutput[] = [];
    for (const frame of state.waiting.splice(0)) outputs.push(await this.#render(state, frame));
    this.#state = null;
    return outputs;
  }

  /** Busy time since the last call. */
  takeStageTimes(): ChainStageTimes {
    const times = this.#times;
    this.#times = noTimes();
    return times;
  }

  /** Releases the model sessions. */
  async dispose(): Promise<void> {
    await this.#models.dispose();
  }

  #current(): SegmentState {
    if (this.#state === null) throw new FaceswapError('bug', 'The chain got a frame outside of a segment');
    return this.#state;
  }

  async #analyse(state: SegmentState, { index, buffer }: ChainFrame): Promise<void> {
    const { tracker, cuts, window, segment } = state;
    const frame = wrapFrame(segment.format, buffer);
    const sceneCut = cuts.push(frame);
    if (sceneCut) {
      tracker.startShot();
      state.cutFrames.add(index);
    }
    const faces = new Map<number, Observation>();
    let readingMs = 0;
    const sightings = await tracker.follow(frame, index, ({ trackId, mesh }) => {
      const started = performance.now();
      const appearance = this.#reader.read(
        this.#models.landmarker.input,
        landmarkInputPx,
        pointsInCrop(mesh, this.#cropPoints),
        hideOutside(facingOf(mesh.points, this.#facing), mesh.points, segment.format),
      );
      faces.set(trackId, { points: mesh.points, shape: faceShape(mesh.points), appearance });
      readingMs += performance.now() - started;
    });
    // A track that slid onto another one's face was read before the tracker dropped it.
    for (const trackId of faces.keys()) {
      if (!sightings.some((sighting) => sighting.trackId === trackId)) faces.delete(trackId);
    }
    this.#times.detect += tracker.times.detectMs;
    this.#times.landmarks += tracker.times.landmarksMs;
    this.#times.smooth += readingMs;
    tracker.times.detectMs = 0;
    tracker.times.landmarksMs = 0;
    window.push({ index, sceneCut, faces });
    state.lastIndex = index;
  }

  async #render(state: SegmentState, { index, buffer }: ChainFrame): Promise<ChainOutput> {
    const { window, segment } = state;
    const frame = wrapFrame(segment.format, buffer);
    // The first frame of a run starts a shot, but nothing was cut there.
    const sceneCut = state.cutFrames.has(index);
    if (sceneCut) {
      this.#outputLuma.forget();
      this.#sourceLuma.forget();
      this.#chooser.reset();
    }
    this.#sourceLuma.push(frame);

    const selected = this.#select(state, index);
    const identities = index % identityEveryFrames === 0;
    const before = new Map<number, Float32Array>();
    if (identities) {
      for (const { trackId, face, skipReason } of selected) {
        if (skipReason === undefined) before.set(trackId, await this.#describe(frame, face.points));
      }
    }
    const sourceOf = new Map<number, SourceFace>();
    for (const face of selected) {
      const source = face.skipReason === undefined ? this.#swap(frame, face) : null;
      if (source !== null) sourceOf.set(face.trackId, source);
    }
    this.#outputLuma.push(frame);
    const rows: FaceRow[] = [];
    for (const selectedFace of selected) {
      const { trackId, face } = selectedFace;
      const source = sourceOf.get(trackId);
      const target = before.get(trackId);
      const rendered =
        source === undefined || target === undefined ? null : await this.#describe(frame, face.points);
      rows.push(
        this.#row(state, index, {
          ...selectedFace,
          skipReason: selectedFace.skipReason ?? (source === undefined ? 'masked' : undefined),
          source,
          toSource: rendered === null || source === undefined ? null : cosine(rendered, source.descriptor),
          toTarget: rendered === null || target === undefined ? null : cosine(rendered, target),
        }),
      );
    }
    window.dropBefore(index - chainNeighbourFrames.after - 1);
    return { index, buffer, row: { frame: index, sceneCut, faces: rows } };
  }

  /** The faces of a frame with what is to become of each; small ones first, so that nearer faces are drawn over them. */
  #select({ window, segment }: SegmentState, index: number): SelectedFace[] {
    const started = performance.now();
    const { widthPx, heightPx } = segment.format;
    const faces = window.tracksAt(index).flatMap((trackId) => {
      const face = window.steadyFace(trackId, index);
      return face === null ? [] : [{ trackId, face, box: boundsOf(face.points) }];
    });
    faces.sort((first, second) => first.box.width * first.box.height - second.box.width * second.box.height);
    const largest = faces.at(-1)?.trackId;
    const selected = faces.map(({ trackId, face, box }) => {
      const pose = headPose(face.points);
      let skipReason: SkipReason | undefined;
      const middleX = box.x + box.width / 2;
      const middleY = box.y + box.height / 2;
      if (middleX < 0 || middleY < 0 || middleX > widthPx || middleY > heightPx) skipReason = 'outside-frame';
      else if (box.width < smallestSwapPx) skipReason = 'too-small';
      else if (Math.abs(pose.yaw) > turnedAwayRadians) skipReason = 'turned-away';
      else if (this.#settings.faceSelectorMode === 'one' && trackId !== largest) skipReason = 'not-selected';
      return { trackId, face, pose, skipReason };
    });
    this.#times.smooth += performance.now() - started;
    return selected;
  }

  /** @returns the source that was drawn, or null when the mask left nothing to draw */
  #swap(frame: PlanarFrame, { trackId, face, pose }: SelectedFace): SourceFace | null {
    const started = performance.now();
    const source = this.#chooser.choose(trackId, pose, face.appearance);
    const colour =
      this.#settings.colorMatch === 'lab' ? matchColour(source.appearance, face.appearance) : unmatched;
    const patch = this.#swapper.draw(frame.format, {
      source,
      points: face.points,
      shape: face.shape,
      colour,
      open: face.appearance.open,
    });
    const drawn = performance.now();
    this.#times.swap += drawn - started;
    if (patch !== null) {
      this.#blender.blend(frame, patch, {
        mode: this.#settings.blend,
        detailGain: matchDetail(source.appearance, face.appearance, colour.gain[0] as number),
      });
    }
    this.#times.blend += performance.now() - drawn;
    return patch === null ? null : source;
  }

  async #describe(frame: PlanarFrame, points: Float32Array): Promise<Float32Array> {
    const started = performance.now();
    const { descriptor } = await this.#models.recognizer.identify(frame, points);
    this.#times.identity += performance.now() - started;
    return descriptor;
  }

  #row({ window, segment }: SegmentState, index: number, rendered: RenderedFace): FaceRow {
    const started = performance.now();
    const { trackId, face, skipReason, source, toSource, toTarget } = rendered;
    const box = boundsOf(face.points);
    const { widthPx, heightPx } = segment.format;
    const compare = ({ before, latest }: LumaHistory): number | null =>
      before === null || latest === null ? null : boxPsnrDb(before, latest, widthPx, heightPx, box);
    const jitterOf = (points: (at: number) => Float32Array | null): number | null => {
      const [past, here, next] = [points(index - 1), points(index), points(index + 1)];
      return past === null || here === null || next === null ? null : meshJitter(past, here, next);
    };
    const row: FaceRow = {
      trackId,
      outcome: skipReason !== undefined ? 'skipped' : face.filled ? 'filled' : 'swapped',
      ...(skipReason === undefined ? {} : { skipReason }),
      box,
      ...(source === undefined ? {} : { sourceIndex: source.index }),
      tpsnrOutputDb: compare(this.#outputLuma),
      tpsnrSourceDb: compare(this.#sourceLuma),
      jitterBefore: jitterOf((at) => window.rawPoints(trackId, at)),
      jitterAfter: jitterOf((at) => window.steadyPoints(trackId, at)),
      identityToSource: toSource,
      identityToTarget: toTarget,
    };
    this.#times.monitor += performance.now() - started;
    return row;
  }
}
