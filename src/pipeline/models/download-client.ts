import type { Readable } from 'node:stream';
import { Agent, type Dispatcher, ProxyAgent, request } from 'undici';
import { packageVersion } from '../../version.js';
import { HostFailure } from './host-failure.js';
import { proxyFor } from './proxy-choice.js';
import { redirectTarget } from './redirect-target.js';

/** What a host answered; whoever has it reads or destroys the body. */
export type HostAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Readable;
};

export type HostRequest = {
  readonly method: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
};

/** How long a host may take. */
export type ClientLimits = {
  readonly connectTimeoutMs: number;
  /** Longest silence before and inside an answer. */
  readonly stallTimeoutMs: number;
};

export const defaultClientLimits: ClientLimits = { connectTimeoutMs: 10_000, stallTimeoutMs: 30_000 };

/** Hosts send from one place to another a few times at most. */
const maxRedirects = 10;

/** The first text of a header that may stand several times. */
export const headerText = ({ headers }: HostAnswer, name: string): string | undefined => {
  const value = headers[name];
  return typeof value === 'string' ? value : value?.[0];
};

const reasonOf = (error: unknown): string => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'ECONNREFUSED':
      return 'the connection was refused';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'its name was not found';
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'UND_ERR_HEADERS_TIMEOUT':
      return 'it did not answer in time';
    case 'UND_ERR_BODY_TIMEOUT':
      return 'it stopped sending';
    case 'UND_ERR_SOCKET':
    case 'ECONNRESET':
      return 'the connection was cut';
    default:
      return error instanceof Error ? error.message : String(error);
  }
};

/** What the network did to a request, as a failure that may pass; our own errors and an abort stay as they are. */
export const networkFailure = (error: unknown, signal: AbortSignal): unknown =>
  error instanceof HostFailure || signal.aborted ? error : new HostFailure(reasonOf(error), true, error);

/** Asks hosts for files, through the proxies that the environment names. */
export class DownloadClient {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #limits: ClientLimits;
  readonly #direct: Agent;
  readonly #proxies = new Map<string, ProxyAgent>();

  constructor(environment: NodeJS.ProcessEnv, limits: ClientLimits = defaultClientLimits) {
    this.#environment = environment;
    this.#limits = limits;
    this.#direct = new Agent(this.#options());
  }

  /**
   * Sends a request and follows redirects, never from https to http.
   *
   * @throws HostFailure for what the network does; FaceswapError (usage) for a proxy variable that is none.
   */
  async request(address: string, { method, headers = {}, signal }: HostRequest): Promise<HostAnswer> {
    let url = new URL(address);
    for (let turn = 0; turn <= maxRedirects; turn += 1) {
      const dispatcher = this.#dispatcherFor(url);
      const answer = await request(url, {
        method,
        dispatcher,
        signal,
        headers: {
          'user-agent': `faceswap/${packageVersion()}`,
          // A model that is packed on its way could not be resumed.
          'accept-encoding': 'identity',
          ...headers,
        },
      }).catch((error: unknown) => {
        throw networkFailure(error, signal);
      });
      const { statusCode: status, headers: answered, body } = answer;
      // A body that is let go of before its end says so to nobody but us.
      body.on('error', () => {});
      const location = typeof answered.location === 'string' ? answered.location : undefined;
      if (![301, 302, 303, 307, 308].includes(status) || location === undefined) {
        return { status, headers: answered, body };
      }
      body.destroy();
      url = redirectTarget(url, location);
    }
    throw new HostFailure('it sends from place to place without an end', false);
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    await Promise.all([this.#direct, ...this.#proxies.values()].map((agent) => agent.destroy()));
  }

  #options(): Agent.Options {
    const { connectTimeoutMs, stallTimeoutMs } = this.#limits;
    return {
      connect: { timeout: connectTimeoutMs },
      headersTimeout: stallTimeoutMs,
      bodyTimeout: stallTimeoutMs,
    };
  }

  #dispatcherFor(url: URL): Dispatcher {
    const proxy = proxyFor(url, this.#environment);
    if (proxy === undefined) return this.#direct;
    const known = this.#proxies.get(proxy);
    if (known !== undefined) return known;
    const agent = new ProxyAgent({ ...this.#options(), uri: proxy });
    this.#proxies.set(proxy, agent);
    return agent;
  }
}
