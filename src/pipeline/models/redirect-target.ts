import { HostFailure } from './host-failure.js';

/**
 * Where an answer sends to.
 *
 * @throws HostFailure for what is no URL, is not the web, or leaves https: what comes over http may be anybody's.
 */
export function redirectTarget(from: URL, location: string): URL {
  if (!URL.canParse(location, from.href)) throw new HostFailure('it sends to a place that is no URL', false);
  const to = new URL(location, from);
  const isWeb = to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:');
  if (isWeb) return to;
  throw new HostFailure(`it sends to a place that is not safe (${to.protocol}//${to.host})`, false);
}
