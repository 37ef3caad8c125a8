import { FaceswapError } from '../../errors.js';

/** A place that models are fetched from. */
export type ModelHost = {
  readonly name: string;
  /** The URL of a file, with `{file}` and mostly `{base}`, the release that it is in. */
  readonly template: string;
  /** Whether it has DeepFaceLive models. */
  readonly hasDeepFaceLive: boolean;
};

/** Where FaceFusion publishes its models, in the order in which it tries them. */
const knownHosts: readonly ModelHost[] = [
  {
    name: 'github',
    template: 'https://github.com/facefusion/facefusion-assets/releases/download/{base}/{file}',
    hasDeepFaceLive: false,
  },
  {
    name: 'huggingface',
    template: 'https://huggingface.co/facefusion/{base}/resolve/main/{file}',
    hasDeepFaceLive: true,
  },
  {
    name: 'hf-mirror',
    template: 'https://hf-mirror.com/facefusion/{base}/resolve/main/{file}',
    hasDeepFaceLive: true,
  },
];

/** Names that `--host` takes. */
export const modelHostNames = knownHosts.map(({ name }) => name);

const hostOf = (text: string): ModelHost => {
  const known = knownHosts.find(({ name }) => name === text);
  if (known !== undefined) return known;
  const expected = `one of ${modelHostNames.join(', ')}, or a URL with {file} and {base} such as https://models.example/{base}/{file}`;
  const refuse = (): FaceswapError =>
    new FaceswapError('usage', `A model host must be ${expected}, got ${JSON.stringify(text)}`);
  let url: URL;
  try {
    url = new URL(text.replaceAll('{base}', 'base').replaceAll('{file}', 'file'));
  } catch {
    throw refuse();
  }
  const namesFile = /^https?:\/\/[^/{}]+\/.*\{file\}/.test(text);
  if (!namesFile || url.username !== '' || url.password !== '') throw refuse();
  return { name: url.host, template: text, hasDeepFaceLive: true };
};

/**
 * The hosts to try, in their order.
 *
 * @param given names and URLs; empty: those of `FACESWAP_MODEL_HOSTS`, else all that are known
 * @param listed the value of `FACESWAP_MODEL_HOSTS`: names and URLs with commas or blanks between
 * @throws FaceswapError (usage) for what is neither.
 */
export function modelHosts(given: readonly string[], listed: string | undefined): readonly ModelHost[] {
  const texts = given.length > 0 ? given : [listed ?? ''];
  const names = texts.flatMap((text) => text.split(/[\s,]+/)).filter((text) => text !== '');
  return names.length === 0 ? knownHosts : names.map(hostOf);
}

/** Where a host has a file of a release; undefined where it has none of that release. */
export const fileUrl = (host: ModelHost, base: string, file: string): string | undefined => {
  if (base.startsWith('deepfacelive-models-') && !host.hasDeepFaceLive) return undefined;
  return host.template
    .replaceAll('{base}', encodeURIComponent(base))
    .replaceAll('{file}', encodeURIComponent(file));
};
