import { FaceswapError } from '../../errors.js';

/** A port as URLs leave it out. */
const defaultPorts: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };

const variable = (environment: NodeJS.ProcessEnv, name: string): string | undefined => {
  const value = environment[name.toLowerCase()] ?? environment[name];
  return value === undefined || value.trim() === '' ? undefined : value.trim();
};

/** Whether an entry of NO_PROXY (`host`, `.host`, `*.host`, each also with `:port`, or `*`) means this host. */
const means = (entry: string, host: string, port: string): boolean => {
  if (entry === '*') return true;
  const [, name = '', wanted] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? [];
  if (wanted !== undefined && wanted !== port) return false;
  const suffix = name.replace(/^\*?\./, '');
  return suffix !== '' && (host === suffix || host.endsWith(`.${suffix}`));
};

/**
 * The proxy for a URL by `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, lower-case names first, as curl and others read them; undefined for none.
 *
 * @throws FaceswapError (usage) when the variable holds no URL.
 */
export function proxyFor(url: URL, environment: NodeJS.ProcessEnv): string | undefined {
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const proxy = variable(environment, name);
  if (proxy === undefined) return undefined;
  const host = url.hostname.toLowerCase().replace(/^\[|\]$/g, '');
  const port = url.port === '' ? (defaultPorts[url.protocol] ?? '') : url.port;
  const without = (variable(environment, 'NO_PROXY') ?? '').toLowerCase().split(/[\s,]+/);
  if (without.some((entry) => entry !== '' && means(entry, host, port))) return undefined;
  const text = proxy.includes('://') ? proxy : `http://${proxy}`;
  if (URL.canParse(text) && /^https?:/.test(text)) return text;
  throw new FaceswapError('usage', `${name} must be the URL of a proxy, got ${JSON.stringify(proxy)}`);
}
