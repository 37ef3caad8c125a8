import { FaceswapError } from '../errors.js';
import { kernels } from '../imaging/kernels/kernels.js';
import { takeModelMs } from '../inference/session.js';
import { type PlanarFormat, wrapFrame } from '../imaging/planar-frame.js';
import { leniencyOf } from '../processors/face-masker/leniency.js';
import type { SourceFace } from '../processors/face-swapper/source-face.js';
import type { CutVerdict } from '../processors/landmark-smoother/scene-cut-detector.js';
import { releaseArcface } from './arcface-session.js';
import { chainNeighbourFrames } from './chain-neighbours.js';
import {
  type ChainModelFiles,
  type ChainModels,
  embeddedModelFiles,
  loadChainModels,
} from './chain-models.js';
import { type MaskModels, openMaskModels, swapMasks } from './crop-masking.js';
import { type OpenedCropSwapper, openCropSwapper } from './crop-swapping.js';
import { FindingsCollector, type SegmentFindings } from './cast/segment-findings.js';
import { FrameRenderer } from './frame-renderer.js';
import { zonesFor } from './mask-zones.js';
import type { NeuralSettings } from './neural-options.js';
import { OcclusionHistory } from './occlusion-history.js';
import { enhancesDetail, type OpenedFaceEnhancer, openFaceEnhancer } from './open-face-enhancer.js';
import type { Rational, RunConfig } from './run-options.js';
import type { FrameRow } from './run-report.js';
import { SegmentAnalyser } from './segment-analyser.js';
import type { SegmentSelection } from './selection/segment-selection.js';
import { SegmentAnalysisReader, SegmentAnalysisWriter } from './segment-analysis.js';
import { smootherSettings } from './smoother-settings.js';
import { type AnalysedFrame, lookBackFrames, ShotWindow } from './shot-window.js';
import { StageSamples } from './stage-samples.js';
import type { ChainBatch, WorkerResults } from './worker-protocol.js';

/** What a chain says about a segment besides its frames. */
export type ChainFigures = Omit<WorkerResults['endSegment'], 'outputs'>;

/** What the chain needs to know of the run; plain data, so that it can cross threads. */
export type ChainSettings = NeuralSettings &
  Pick<
    RunConfig,
    | 'faceSelectorMode'
    | 'faceSelectorOrder'
    | 'faceSelectorRegions'
    | 'faceDetectorScore'
    | 'faceMaskBlur'
    | 'faceMaskPadding'
    | 'landmarkSmoother'
    | 'smootherWindow'
    | 'smootherAlpha'
    | 'blend'
    | 'colorMatch'
    | 'matchGrain'
    | 'occlusion'
    | 'executionProviders'
    | 'deviceId'
    | 'executionThreadCount'
    | 'needsCast'
  >;

/** How a chain may use the machine; nothing of it changes the pictures. Plain data, so that it can cross threads. */
export type ChainMachine = {
  /** Faces that go through the swapper's model in one run. */
  readonly batchSize: number | 'auto';
  /** Most device memory; undefined: what the device has free. */
  readonly vramLimitBytes: number | undefined;
  /** Frames that may wait together for a batch, at least 1: what the frame pool can spare. */
  readonly batchFrames: number;
  /** Folder for what was measured and made of models in earlier runs; null: nothing is kept. */
  readonly cacheFolder: string | null;
  /** Whether to pack what is found out about each segment, for later runs. */
  readonly keepsAnalysis: boolean;
  /** Null: the embedded models. */
  readonly models: ChainModelFiles | null;
};

/** No batches, nothing kept, embedded models. */
export const plainMachine: ChainMachine = {
  batchSize: 1,
  vramLimitBytes: undefined,
  batchFrames: 1,
  cacheFolder: null,
  keepsAnalysis: false,
  models: null,
};

/** One run of consecutive frames that is rendered without knowing any frame outside `decode`. */
export type ChainSegment = {
  readonly format: PlanarFormat;
  readonly frameRate: Rational;
  /** Frames that will be pushed, half-open: the segment with its neighbours before and after. */
  readonly decode: { readonly start: number; readonly end: number };
  /** Frames that are rendered, half-open, inside `decode`; where it is empty, the segment is only analysed, and its figures have its findings. */
  readonly render: { readonly start: number; readonly end: number };
  /** Frames that begin a shot, ascending; null or left out where they are to be found. */
  readonly sceneCuts?: readonly number[] | null;
  /** Who gets which face, where that depends on who it is; absent: all faces are alike. */
  readonly selection?: SegmentSelection | undefined;
};

/** A frame handed to the chain; the chain owns the buffer until it gives it back in a {@link ChainOutput}. */
export type ChainFrame = { readonly index: number; readonly buffer: ArrayBuffer };

/** A frame that the chain gives back: rendered with its row, or (`row: null`) a neighbour to be recycled. */
export type ChainOutput = {
  readonly index: number;
  readonly buffer: ArrayBuffer;
  readonly row: FrameRow | null;
};

/** Models that make new faces, and what belongs to them. */
type FaceModels = {
  readonly swapper: OpenedCropSwapper | null;
  readonly enhancer: OpenedFaceEnhancer | null;
  readonly maskModels: MaskModels | null;
};

/** What one segment carries from frame to frame. */
type SegmentState = {
  readonly segment: ChainSegment;
  readonly window: ShotWindow;
  /** The frames' analysis from an earlier run; null: they are analysed here. */
  readonly known: SegmentAnalysisReader | null;
  /** Frames that wait for the verdict whether they are cuts, in order. */
  readonly unanalysed: ChainFrame[];
  /** Frames that wait for their look-ahead or for their group, in order. */
  readonly waiting: ChainFrame[];
  readonly cutFrames: Set<number>;
  /** Null where frames are rendered. */
  readonly findings: FindingsCollector | null;
  lastIndex: number;
};

/** @throws FaceswapError (usage) where FaceFusion's arithmetic has no meaning. */
const checkCompatibility = (
  { compat }: Pick<ChainSettings, 'compat'>,
  { bitDepth, hdr }: PlanarFormat,
): void => {
  if (compat === 'none' || (bitDepth === 8 && hdr === undefined)) return;
  throw new FaceswapError(
    'usage',
    `--compat facefusion works on frames of 8 bits and standard range, not of ${bitDepth} bits${hdr === undefined ? '' : ' and high dynamic range'}`,
    { stage: 'swap', hint: 'Leave --compat out: nothing is lost without it' },
  );
};

/**
 * analyse → smooth → select → swap → blend → enhance → monitor for one thread. One segment at a time; frames go in and come
 * out in index order, later by the look-ahead and by what a group of frames holds.
 */
export class FaceChain {
  readonly #settings: ChainSettings;
  readonly #models: ChainModels;
  readonly #samples = new StageSamples();
  readonly #analyser: SegmentAnalyser;
  readonly #renderer: FrameRenderer;
  readonly #swapper: OpenedCropSwapper | null;
  readonly #enhancer: OpenedFaceEnhancer | null;
  /** Null where no model makes masks. */
  readonly #maskModels: MaskModels | null;
  /** Faces that a group is filled with, and most frames that wait together for them. */
  readonly #groupFaces: number;
  readonly #groupFrames: number;
  readonly #analyses = new SegmentAnalysisWriter();
  readonly #keepsAnalysis: boolean;
  /** For finding what lies over faces; null: it is painted over. */
  readonly #leniency: Float32Array | null;
  /** Whether the running segment's analysis is packed. */
  #packsAnalysis = false;
  /** What was found out about the last segment, where it was only analysed. */
  #findings: SegmentFindings | null = null;
  readonly #canRender: boolean;
  /** Faces that go through the swapper's model in one run, and why so many. */
  readonly batch: ChainBatch;
  #halvingsBefore = 0;
  #state: SegmentState | null = null;

  private constructor(
    settings: ChainSettings,
    sources: readonly SourceFace[],
    models: ChainModels,
    machine: ChainMachine,
    { swapper, enhancer, maskModels }: FaceModels,
  ) {
    this.#settings = settings;
    this.#models = models;
    this.#canRender = sources.length > 0 || !settings.processors.includes('face_swapper');
    this.#keepsAnalysis = machine.keepsAnalysis;
    this.#swapper = swapper;
    this.#enhancer = enhancer;
    this.#maskModels = maskModels;
    const swaps = settings.processors.includes('face_swapper');
    const reason = swaps ? 'the mesh swapper is no model' : 'no face is swapped';
    this.batch = swapper?.batch ?? { size: 1, reason };
    this.#groupFaces = Math.max(swapper?.facesPerBatch ?? 1, enhancer?.batchSize ?? 1);
    this.#groupFrames = Math.max(1, Math.min(this.#groupFaces, machine.batchFrames));
    const zones = zonesFor(settings);
    // A swapper that works on crops lays them in by a mask of their own, in which nothing is closed.
    this.#leniency = settings.occlusion === 'auto' && swapper === null ? leniencyOf(zones) : null;
    this.#analyser = new SegmentAnalyser(models, {
      zones,
      samples: this.#samples,
      needsCast: settings.needsCast,
      matchesGrain: settings.matchGrain || enhancesDetail(settings),
    });
    this.#renderer = new FrameRenderer(
      {
        settings,
        models,
        zones,
        sources,
        cropSwapper: swapper?.cropSwapper ?? null,
        enhancer,
        samples: this.#samples,
      },
      new ShotWindow(smootherSettings(settings)),
    );
  }

  /**
   * Loads the models, and finds out how many faces go through the swapper's at once.
   *
   * @param sources without any, segments can only be analysed, unless the processors need none
   * @throws FaceswapError as `loadChainModels` and `openCropSwapper`
   */
  static async create(
    settings: ChainSettings,
    sources: readonly SourceFace[],
    machine: ChainMachine = plainMachine,
  ): Promise<FaceChain> {
    const files = machine.models ?? embeddedModelFiles();
    const models = await loadChainModels(settings, files);
    let swapper: OpenedCropSwapper | null = null;
    let maskModels: MaskModels | null = null;
    try {
      maskModels = files.neural === null ? null : await openMaskModels(files.neural, settings, machine);
      swapper = await openCropSwapper(files, settings, machine, (sizePx, plainCut) =>
        swapMasks(maskModels, settings, sizePx, plainCut),
      );
      const enhancer = await openFaceEnhancer(files.neural, settings, machine, maskModels);
      return new FaceChain(settings, sources, models, machine, { swapper, enhancer, maskModels });
    } catch (error) {
      await swapper?.session.dispose();
      await maskModels?.dispose();
      throw error;
    }
  }

  /**
   * Forgets everything of earlier segments.
   *
   * @param analysis what an earlier run found out about the segment's frames, or null
   */
  begin(segment: ChainSegment, analysis: ArrayBuffer | null = null): void {
    const { frameRate, decode, render } = segment;
    const isRendered = render.start < render.end;
    if (isRendered && (this.#swapper !== null || this.#enhancer !== null))
      checkCompatibility(this.#settings, segment.format);
    if (isRendered && !this.#canRender) {
      throw new FaceswapError('bug', 'The chain was made without a source face');
    }
    const occlusion = this.#leniency === null ? null : new OcclusionHistory(this.#leniency);
    const window = new ShotWindow(smootherSettings(this.#settings), occlusion);
    const frameCount = decode.end - decode.start;
    const known = analysis === null ? null : SegmentAnalysisReader.openFor(analysis, decode);
    this.#state = {
      segment,
      window,
      known,
      unanalysed: [],
      waiting: [],
      cutFrames: new Set(),
      findings: isRendered ? null : new FindingsCollector(),
      lastIndex: -1,
    };
    this.#findings = null;
    this.#analyses.reset();
    kernels().memory.reserveForPicture(segment.format);
    this.#packsAnalysis = this.#keepsAnalysis && known === null;
    this.#samples.begin(frameCount);
    takeModelMs();
    this.#halvingsBefore = this.#halvings();
    this.#analyser.begin(frameRate.num / frameRate.den, window);
    this.#renderer.begin(window, segment.selection);
  }

  /** Takes one frame and gives back those that are finished. */
  async push(frame: ChainFrame): Promise<readonly ChainOutput[]> {
    const state = this.#current();
    if (state.known !== null) {
      const outputs = this.#keep(state, frame, state.known.next());
      return [...outputs, ...(await this.#renderReady(state, this.#lastReady(state), 'full groups'))];
    }
    state.unanalysed.push(frame);
    const { format, sceneCuts = null } = state.segment;
    const verdict =
      sceneCuts === null
        ? this.#analyser.look(wrapFrame(format, frame.buffer))
        : sceneCuts.includes(frame.index)
          ? 'cut'
          : 'same';
    if (verdict === null) return [];
    const outputs = await this.#analyseNext(state, verdict);
    return [...outputs, ...(await this.#renderReady(state, this.#lastReady(state), 'full groups'))];
  }

  /** Gives back all frames that are still held. */
  async finish(): Promise<readonly ChainOutput[]> {
    const state = this.#current();
    const outputs: ChainOutput[] = [];
    while (state.unanalysed.length > 0) {
      const verdict = this.#analyser.lastLook();
      if (verdict === null) throw new FaceswapError('bug', 'A frame was left without a verdict on cuts');
      outputs.push(...(await this.#analyseNext(state, verdict)));
      outputs.push(...(await this.#renderReady(state, this.#lastReady(state), 'full groups')));
    }
    outputs.push(...(await this.#renderReady(state, Number.POSITIVE_INFINITY, 'all')));
    this.#findings = state.findings?.finish() ?? null;
    this.#state = null;
    return outputs;
  }

  /** What the last segment cost, and what was found out about it. */
  takeFigures(): ChainFigures {
    return {
      stageTimes: this.#samples.totals(),
      stageSamples: this.#samples.samples(),
      modelMs: takeModelMs(),
      halvings: this.#halvings() - this.#halvingsBefore,
      analysis: this.#packsAnalysis ? this.#analyses.finish() : null,
      findings: this.#findings,
    };
  }

  /**
   * Frees the chain's memory and its models.
   *
   * @param keepsModels leaves the detector, landmark and recognition models loaded for the next chain of this thread.
   */
  async dispose({ keepsModels = false }: { readonly keepsModels?: boolean } = {}): Promise<void> {
    this.#analyser.dispose();
    this.#renderer.dispose();
    if (!keepsModels) {
      await this.#models.dispose();
      await releaseArcface();
    }
    await this.#swapper?.cropSwapper.dispose();
    await this.#swapper?.session.dispose();
    await this.#enhancer?.enhancer.dispose();
    await this.#maskModels?.dispose();
  }

  /** How often a batch of the swapper or the enhancer was halved so far. */
  #halvings(): number {
    return (this.#swapper?.cropSwapper.halvings ?? 0) + (this.#enhancer?.enhancer.halvings ?? 0);
  }

  #current(): SegmentState {
    if (this.#state === null) throw new FaceswapError('bug', 'The chain got a frame outside of a segment');
    return this.#state;
  }

  async #analyseNext(state: SegmentState, verdict: CutVerdict): Promise<ChainOutput[]> {
    const frame = state.unanalysed.shift() as ChainFrame;
    const picture = wrapFrame(state.segment.format, frame.buffer);
    const analysed = await this.#analyser.analyse(picture, frame.index, verdict);
    this.#samples.endFrame(['detect', 'landmarks']);
    if (this.#packsAnalysis) this.#analyses.add(analysed);
    return this.#keep(state, frame, analysed);
  }

  /** Takes an analysed frame into the window; one that is not rendered goes back at once. */
  #keep(state: SegmentState, frame: ChainFrame, analysed: AnalysedFrame): ChainOutput[] {
    const { render } = state.segment;
    if (analysed.sceneCut) state.cutFrames.add(frame.index);
    state.findings?.add(analysed);
    state.window.push(analysed);
    // Nothing looks back where nothing is rendered.
    if (state.findings !== null) state.window.dropBefore(frame.index);
    state.lastIndex = frame.index;
    if (frame.index < render.start || frame.index >= render.end) return [{ ...frame, row: null }];
    state.waiting.push(frame);
    return [];
  }

  /** The last frame whose look-ahead is complete. */
  #lastReady({ lastIndex }: SegmentState): number {
    return lastIndex - chainNeighbourFrames.after;
  }

  /** Renders what waits, up to and with the frame `last`, group by group; the rest waits on. */
  async #renderReady(
    state: SegmentState,
    last: number,
    which: 'full groups' | 'all',
  ): Promise<ChainOutput[]> {
    const { waiting, window, segment, cutFrames } = state;
    const outputs: ChainOutput[] = [];
    for (;;) {
      const count = this.#groupLength(state, last, which);
      if (count === 0) return outputs;
      const group = waiting.splice(0, count);
      const rows = await this.#renderer.render(
        group.map(({ index, buffer }) => ({
          index,
          picture: wrapFrame(segment.format, buffer),
          // The first frame of a run starts a shot, but nothing was cut there.
          sceneCut: cutFrames.has(index),
        })),
      );
      for (const [at, frame] of group.entries()) outputs.push({ ...frame, row: rows[at] as FrameRow });
      window.dropBefore((group.at(-1) as ChainFrame).index - lookBackFrames);
    }
  }

  /** Frames of the next group: as many as fill a batch with faces; 0 when that must wait. */
  #groupLength({ waiting, window }: SegmentState, last: number, which: 'full groups' | 'all'): number {
    let faces = 0;
    let count = 0;
    for (const { index } of waiting) {
      if (index > last) break;
      count += 1;
      faces += window.tracksAt(index).length;
      if (count === this.#groupFrames || faces >= this.#groupFaces) return count;
    }
    return which === 'all' ? count : 0;
  }
}
