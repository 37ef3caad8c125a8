/**
 * DeepFaceLive models. There are some hundred and sixty of them, one per person, by six authors; their names are in no list of ours, so that
 * each is known by author and name: `deepfacelive/<scope>/<name>`.
 */

/** Authors whose models are published, and `custom` for models that users bring. */
export const deepFaceLiveScopes = ['druuzil', 'edel', 'iperov', 'jen', 'mats', 'rumateus', 'custom'] as const;

export type DeepFaceLiveScope = (typeof deepFaceLiveScopes)[number];

/** One model by its author and name. */
export type DeepFaceLiveName = { readonly scope: DeepFaceLiveScope; readonly name: string };

const pattern = /^(?:deepfacelive\/)?([a-z]+)\/([A-Za-z0-9][A-Za-z0-9._-]{0,99})$/;

/** Reads `deepfacelive/<scope>/<name>` or `<scope>/<name>`; undefined for anything else. */
export const parseDeepFaceLive = (text: string): DeepFaceLiveName | undefined => {
  const [, author, name] = pattern.exec(text.replace(/\.dfm$/, '')) ?? [];
  const scope = deepFaceLiveScopes.find((known) => known === author);
  return scope === undefined || name === undefined ? undefined : { scope, name };
};

/** The id under which the model is known everywhere else. */
export const deepFaceLiveId = ({ scope, name }: DeepFaceLiveName): string => `deepfacelive/${scope}/${name}`;
