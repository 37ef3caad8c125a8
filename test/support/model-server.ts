import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { crc32 } from '../../src/media/crc32.js';

/** What the server does with one request of a path; the last of a list is done with all that follow. */
export type Behaviour =
  /** Sends the file, the asked part of it where a range is asked. */
  | { readonly do: 'send' }
  /** Sends so many bytes of what was asked, until {@link ModelServer.cut} ends the connection. */
  | { readonly do: 'cut'; readonly afterBytes: number }
  /** Sends so many bytes and then nothing more. */
  | { readonly do: 'stall'; readonly afterBytes: number }
  /** Answers any range with the whole file; as `cut` after so many bytes where that is given. */
  | { readonly do: 'whole'; readonly cutAfterBytes?: number }
  /** Sends without saying how long it is. */
  | { readonly do: 'endless' }
  /** Says that it is so long, whatever it is. */
  | { readonly do: 'claim'; readonly totalBytes: number }
  | { readonly do: 'status'; readonly status: number }
  | { readonly do: 'redirect'; readonly to: string };

export type SeenRequest = {
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
};

/** A server on loopback that has files and does what it is told with them. */
export class ModelServer {
  readonly seen: SeenRequest[] = [];
  readonly #files = new Map<string, Buffer>();
  readonly #behaviours = new Map<string, Behaviour[]>();
  readonly #sockets = new Set<Socket>();
  readonly #held = new Set<Socket>();
  readonly #server = createServer((request, response) => this.#answer(request, response));
  #port = 0;

  async start(): Promise<void> {
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  /** `http://127.0.0.1:<port>`. */
  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Puts a model at a path, with its `.hash` beside it unless `hash` is another text or null for none. */
  publish(path: string, bytes: Uint8Array, hash?: string | null): void {
    const sum = crc32(bytes).toString(16).padStart(8, '0');
    this.#files.set(path, Buffer.from(bytes));
    if (hash === null) this.#files.delete(path.replace(/\.[^.]+$/, '.hash'));
    else this.#files.set(path.replace(/\.[^.]+$/, '.hash'), Buffer.from(hash ?? sum));
  }

  /** What is done with the next GET requests of a path, in this order; HEAD is always answered. */
  expect(path: string, ...behaviours: readonly Behaviour[]): void {
    this.#behaviours.set(path, [...behaviours]);
  }

  /** GET requests of a path so far. */
  gets(path: string): readonly SeenRequest[] {
    return this.seen.filter((request) => request.method === 'GET' && request.path === path);
  }

  /** Cuts the connections that wait for it. */
  cut(): void {
    for (const socket of this.#held) socket.destroy();
    this.#held.clear();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    const method = request.method ?? '';
    const range = request.headers.range;
    const ifRange = request.headers['if-range'] as string | undefined;
    this.seen.push({ method, path, range, ifRange });
    const list = this.#behaviours.get(path) ?? [];
    const behaviour = (method === 'HEAD' ? undefined : list.length > 1 ? list.shift() : list[0]) ?? {
      do: 'send',
    };
    const bytes = this.#files.get(path);
    if (behaviour.do === 'status') {
      response.writeHead(behaviour.status).end();
      return;
    }
    if (behaviour.do === 'redirect') {
      response.writeHead(302, { location: behaviour.to }).end();
      return;
    }
    if (bytes === undefined) {
      response.writeHead(404).end();
      return;
    }
    const etag = `"${crc32(bytes).toString(16)}"`;
    if (behaviour.do === 'endless') {
      response.writeHead(200, { etag });
      response.end(bytes);
      return;
    }
    if (behaviour.do === 'claim') {
      response.writeHead(200, { etag, 'content-length': behaviour.totalBytes });
      response.write(bytes);
      return;
    }
    const asked = /^bytes=(\d+)-$/.exec(range ?? '')?.[1];
    const start =
      asked === undefined || behaviour.do === 'whole' || (ifRange !== undefined && ifRange !== etag)
        ? 0
        : Number(asked);
    if (start > 0 && start >= bytes.length) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
      return;
    }
    response.writeHead(start === 0 ? 200 : 206, {
      etag,
      'content-length': bytes.length - start,
      ...(start === 0 ? {} : { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    });
    if (method === 'HEAD') {
      response.end();
      return;
    }
    const stop =
      behaviour.do === 'cut' || behaviour.do === 'stall'
        ? behaviour.afterBytes
        : behaviour.do === 'whole'
          ? behaviour.cutAfterBytes
          : undefined;
    if (stop === undefined) {
      response.end(bytes.subarray(start));
      return;
    }
    if (behaviour.do !== 'stall') this.#held.add(request.socket);
    response.write(bytes.subarray(start, start + stop));
  }
}
