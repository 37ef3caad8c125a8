import { createSession, type ModelSession } from '../inference/session.js';
import { type ProviderSettings, sessionOptions } from './session-options.js';

let loaded: { readonly key: string; readonly session: Promise<ModelSession> } | null = null;

/**
 * The recogniser's session, loaded once per thread: sources use it, and the chain where a weight asks for the targets' embeddings.
 *
 * @throws FaceswapError as `createSession`
 */
export async function loadArcface(file: string, settings: ProviderSettings): Promise<ModelSession> {
  const options = sessionOptions(settings);
  const key = JSON.stringify([file, options]);
  if (loaded?.key === key) return loaded.session;
  await releaseArcface();
  const session = createSession(file, options);
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
