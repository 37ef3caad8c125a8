import { FrameCropper } from '../../imaging/frame-crop.js';
import { kernels } from '../../imaging/kernels/kernels.js';
import { type PlanarFrame, wrapFrame } from '../../imaging/planar-frame.js';
import type { ModelSession } from '../../inference/session.js';
import { type AnalyserModel, ContentAnalyser } from '../../processors/content-analyser/content-analyser.js';
import type {
  InspectedFrame,
  InspectionResult,
  InspectionSetup,
  ReducedPicture,
} from './sample-inspection.js';
import { openFetchedModel } from '../fetched-model.js';

/** The longer side of pictures that a program looks at, at most. */
const reducedSidePx = 640;

/** Kernel memory that cropping takes at most for each pixel of a picture: three planes of words, and the reduced ones. */
const croppingBytesPerPixel = 24;

/** Looks at pictures for policy checks. One per worker thread; holds its models only between `begin` and `finish`. */
export class SampleInspector {
  readonly #cropper = new FrameCropper();
  #sessions: ModelSession[] = [];
  #analyser: ContentAnalyser | null = null;
  #givesPictures = false;

  /**
   * Loads the models.
   *
   * @throws FaceswapError `model` for a damaged file or one that does not fit its contract, `unavailable` for the provider.
   */
  async begin(setup: InspectionSetup): Promise<void> {
    await this.finish();
    this.#givesPictures = setup.givesPictures;
    if (setup.analysers.length === 0) return;
    const models: AnalyserModel[] = [];
    for (const model of setup.analysers) {
      const session = await openFetchedModel(model, { settings: setup, cacheFolder: setup.cacheFolder });
      this.#sessions.push(session);
      models.push({ id: model.id, contract: model.contract, session });
    }
    this.#analyser = new ContentAnalyser(models, setup.compat === 'facefusion' ? 'bilinear' : 'averaged');
  }

  /** @throws FaceswapError (model) when a model fails. */
  async inspect({ format, buffer }: InspectedFrame): Promise<InspectionResult> {
    const frame = wrapFrame(format, buffer);
    const readings = (await this.#analyser?.read(frame)) ?? [];
    return { readings, picture: this.#givesPictures ? this.#reduced(frame) : null, frameBuffer: buffer };
  }

  /** Frees the models; may be called at any time. */
  async finish(): Promise<void> {
    const sessions = this.#sessions;
    this.#sessions = [];
    this.#analyser = null;
    for (const session of sessions) await session.dispose();
  }

  #reduced(frame: PlanarFrame): ReducedPicture {
    const { widthPx: fromX, heightPx: fromY } = frame.format;
    const scale = Math.min(1, reducedSidePx / Math.max(fromX, fromY));
    const widthPx = Math.max(1, Math.round(fromX * scale));
    const heightPx = Math.max(1, Math.round(fromY * scale));
    const area = widthPx * heightPx;
    kernels().memory.reserve(croppingBytesPerPixel * fromX * fromY);
    const [a, e] = [fromX / widthPx, fromY / heightPx];
    const toFrame = { a, b: 0, c: a / 2 - 0.5, d: 0, e, f: e / 2 - 0.5 };
    const planes = new Float32Array(3 * area);
    this.#cropper.crop(frame, toFrame, widthPx, heightPx, planes, { scale: 255, offset: 0 });
    const rgb = new Uint8Array(3 * area);
    for (let channel = 0; channel < 3; channel++) {
      for (let at = 0; at < area; at++) {
        rgb[3 * at + channel] = Math.min(255, Math.max(0, Math.round(planes[channel * area + at] as number)));
      }
    }
    return { widthPx, heightPx, rgb };
  }
}
