import type { ModelFile } from '../inference/model-store.js';
import type { ModelSession } from '../inference/session.js';
import { type FetchedModelPlace, openFetchedModel } from './fetched-model.js';
import { sessionOptions } from './session-options.js';

let loaded: { readonly key: string; readonly session: Promise<ModelSession> } | null = null;

/**
 * The recogniser's session, loaded once per thread: sources use it, and the chain where a weight asks for the targets' embeddings.
 *
 * @throws FaceswapError as `openFetchedModel`
 */
export async function loadArcface(
  model: ModelFile<'arcface'>,
  place: FetchedModelPlace,
): Promise<ModelSession> {
  const key = JSON.stringify([model.file, model.halve ?? false, sessionOptions(place.settings)]);
  if (loaded?.key === key) return loaded.session;
  await releaseArcface();
  const session = openFetchedModel(model, place);
  loaded = { key, session };
  session.catch(() => {
    if (loaded?.session === session) loaded = null;
  });
  return session;
}

/** Frees what {@link loadArcface} has loaded in this thread; does nothing when there is nothing. */
export async function releaseArcface(): Promise<void> {
  const earlier = loaded;
  loaded = null;
  await earlier?.session.then((session) => session.dispose());
}
