import type { AnyModelFile } from '../inference/model-store.js';
import { openModel } from '../inference/open-model.js';
import type { ModelSession } from '../inference/session.js';
import { type ProviderSettings, sessionOptions } from './session-options.js';

/** What of a model is needed to load it. */
export type FetchedFile = Pick<AnyModelFile, 'file'> & { readonly halve?: true | undefined };

/** Where and how a fetched model is loaded. */
export type FetchedModelPlace = {
  readonly settings: ProviderSettings;
  /** Where converted and optimised copies are kept between runs; null: nowhere. */
  readonly cacheFolder: string | null;
  /** A rewritten copy to load in place of the model's own file. */
  readonly rewrittenPath?: string | undefined;
};

/**
 * Loads a model that was fetched, in the precision that the run asks for.
 *
 * @throws FaceswapError as `openModel`
 */
export const openFetchedModel = (
  { file, halve }: FetchedFile,
  { settings, cacheFolder, rewrittenPath }: FetchedModelPlace,
): Promise<ModelSession> =>
  openModel(file, { ...sessionOptions(settings), halve, cacheFolder, rewrittenPath });
