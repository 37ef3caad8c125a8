import { mkdtemp, rmdir } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

/** A child's stdout, read into memory of the caller's choice. */
export type BytePipe = {
  /** What the child gets as its stdout: the far end, or `pipe` for an ordinary one. */
  readonly childEnd: 'pipe' | Socket;
  /** Call it once, after the child was started, with the stdout that the started child shows. */
  readonly attach: (stdout: Readable | null) => void;
  /**
   * Fills `target` from its start, reads nothing beyond it, and returns how many bytes came before the stream ended.
   * One call at a time.
   */
  readonly fill: (target: Uint8Array) => Promise<number>;
  /** Ends reading; a waiting {@link BytePipe.fill} returns. Safe to call at any time and more than once. */
  readonly close: () => void;
};

/**
 * The near end of a socket pair. The kernel copies straight into the frame, in as large pieces as the socket holds: an
 * ordinary stdout allocates 64 KiB for each piece, copies it again, and leaves tens of megabytes to the garbage collector
 * (at 2160p 195 pieces a frame instead of about 60, and 5 ms of JavaScript's time instead of 1.3).
 */
class NearEnd {
  readonly #socket: Socket;
  #target: Uint8Array | undefined;
  #filled = 0;
  #hasEnded = false;
  #settle: (() => void) | undefined;
  /**
   * Node asks for the memory of the next read when the one before ends, which is before the next frame's buffer is known.
   * One byte goes here then and is put in its place; what follows goes to the frame directly.
   */
  readonly #firstByte = new Uint8Array(1);

  constructor(path: string) {
    this.#socket = connect({
      path,
      onread: { buffer: () => this.#place(), callback: (byteCount) => this.#take(byteCount) },
    });
    this.#socket.pause();
  }

  async connected(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.once('error', reject).once('connect', resolve);
    });
    // A broken connection is an end as any other: the child's exit tells the story.
    this.#socket.on('error', () => undefined);
    this.#socket.on('end', this.#end).on('close', this.#end);
  }

  readonly fill = async (target: Uint8Array): Promise<number> => {
    if (target.length === 0 || this.#hasEnded) return 0;
    this.#target = target;
    this.#filled = 0;
    await new Promise<void>((resolve) => {
      this.#settle = resolve;
      this.#socket.resume();
    });
    this.#target = undefined;
    return this.#filled;
  };

  close(): void {
    this.#socket.destroy();
    this.#end();
  }

  readonly #end = (): void => {
    this.#hasEnded = true;
    this.#settle?.();
    this.#settle = undefined;
  };

  /** Where the next bytes go. */
  #place(): Uint8Array {
    const target = this.#target;
    const goesOn = target !== undefined && this.#filled > 0 && this.#filled < target.length;
    return goesOn ? target.subarray(this.#filled) : this.#firstByte;
  }

  /** Counts what has come; false stops the reading until the next {@link fill}. */
  #take(byteCount: number): boolean {
    const target = this.#target;
    if (target === undefined) return false;
    if (this.#filled === 0) target[0] = this.#firstByte[0] ?? 0;
    this.#filled += byteCount;
    if (this.#filled < target.length) return true;
    this.#settle?.();
    this.#settle = undefined;
    return false;
  }
}

/** Systems cut the name of a socket off without a word at 104 (macOS) or 108 bytes. */
const maxSocketPathBytes = 100;

/** Connects two ends through a socket in a folder that nobody else may enter; socket and folder are gone afterwards. */
const openDirectPipe = async (): Promise<BytePipe> => {
  const folder = await mkdtemp(join(tmpdir(), 'faceswap-'));
  // The child's end must not be read by us.
  const server = createServer({ pauseOnConnect: true });
  try {
    const path = join(folder, 'frames');
    if (Buffer.byteLength(path) > maxSocketPathBytes) throw new Error(`${path} is too long for a socket`);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(path, resolve);
    });
    const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
    const near = new NearEnd(path);
    await near.connected();
    const far = await accepted;
    return {
      childEnd: far,
      attach: () => far.destroy(),
      fill: near.fill,
      close: () => {
        far.destroy();
        near.close();
      },
    };
  } finally {
    // Closing removes the socket's file at once; only its callback waits for the end of the connection.
    server.close();
    await rmdir(folder);
  }
};

/** An ordinary stdout: its pieces are copied into the target. */
class StreamPipe implements BytePipe {
  readonly childEnd = 'pipe';
  #stream: Readable | undefined;
  #pieces: AsyncIterator<Buffer> | undefined;
  #rest: Buffer | undefined;

  readonly attach = (stdout: Readable | null): void => {
    this.#stream = stdout ?? undefined;
    this.#pieces = stdout?.[Symbol.asyncIterator]();
  };

  readonly fill = async (target: Uint8Array): Promise<number> => {
    let filled = 0;
    while (filled < target.length) {
      const piece = this.#rest ?? (await this.#next());
      if (piece === undefined) break;
      const wanted = target.length - filled;
      target.set(piece.length > wanted ? piece.subarray(0, wanted) : piece, filled);
      filled += Math.min(wanted, piece.length);
      this.#rest = piece.length > wanted ? piece.subarray(wanted) : undefined;
    }
    return filled;
  };

  readonly close = (): void => {
    this.#stream?.destroy();
  };

  async #next(): Promise<Buffer | undefined> {
    try {
      const result = await this.#pieces?.next();
      return result === undefined || result.done === true ? undefined : result.value;
    } catch {
      // The stream is destroyed when the child is killed or closed on purpose; the child's exit tells the story.
      return undefined;
    }
  }
}

/**
 * Opens a way for a child's bytes: a socket pair, or an ordinary stdout where there can be none (Windows, a temporary
 * folder that cannot be written or whose name is too long for a socket). The bytes are the same, the second costs more.
 *
 * @param kind what to open; for tests of both.
 */
export async function openBytePipe(
  kind: 'direct' | 'stream' = process.platform === 'win32' ? 'stream' : 'direct',
): Promise<BytePipe> {
  if (kind === 'stream') return new StreamPipe();
  try {
    return await openDirectPipe();
  } catch {
    // Nothing is lost but speed.
    return new StreamPipe();
  }
}
