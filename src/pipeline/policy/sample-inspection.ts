import type { PlanarFormat } from '../../imaging/planar-frame.js';
import type { ModelFile } from '../../inference/model-store.js';
import type { ContentReading } from '../../processors/content-analyser/content-analyser.js';
import type { Compatibility } from '../neural-options.js';
import type { ProviderSettings } from '../session-options.js';

/** What a worker does with the pictures that policy checks look at; plain data. */
export type InspectionSetup = ProviderSettings & {
  /** Models that read every picture; may be none. */
  readonly analysers: readonly ModelFile<'content-analyser'>[];
  /** Whether pictures are given back, made smaller, for a program to look at. */
  readonly givesPictures: boolean;
  readonly compat: Compatibility;
  /** Where copies of models are kept between runs; null: nowhere. */
  readonly cacheFolder: string | null;
};

/** A picture to be looked at; the buffer is transferred. */
export type InspectedFrame = { readonly format: PlanarFormat; readonly buffer: ArrayBuffer };

/** A picture made smaller: interleaved R, G, B of 8 bits. */
export type ReducedPicture = {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly rgb: Uint8Array<ArrayBuffer>;
};

/** What was found in a picture; the buffers are transferred back. */
export type InspectionResult = {
  readonly readings: readonly ContentReading[];
  /** Null where none was asked for. */
  readonly picture: ReducedPicture | null;
  /** The frame's own. */
  readonly frameBuffer: ArrayBuffer;
};
