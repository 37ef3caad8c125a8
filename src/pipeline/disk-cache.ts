import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { FaceswapError } from '../errors.js';
import type { RunLogger } from './run-logger.js';

/** Size that a cache may grow to where nothing else is said. */
export const defaultCacheBytes = 2 ** 30;

/** First bytes of every entry; another number when the form of entries changes. */
const magic = Buffer.from('faceswap cache 1', 'ascii');

const checksumBytes = 32;
const headerBytes = magic.length + checksumBytes;

/** Names of entries: they are file names on every system. */
const keyPattern = /^[a-z0-9][a-z0-9-]{0,99}$/;

/** Unfinished files of a run that was killed are deleted when they are older. */
const abandonedAfterMs = 60 * 60 * 1000;

const partPattern = /\.part$/;

type Entry = {
  readonly path: string;
  readonly name: string;
  readonly bytes: number;
  readonly usedMs: number;
};

const checksumOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

/**
 * Byte strings by key in a folder, bounded by size: when it grows too large, the entries that were not used for longest go.
 *
 * Several processes may use one folder. An entry appears whole, by a rename; two that write the same key write the same
 * contents, so either may win; one that is deleted while another reads it is read to its end or missed. Contents
 * are checked: whatever is damaged counts as missing and is deleted. A folder that cannot be used is no failure, because a
 * cache only saves time: it is noted once in the debug log, and from then on everything is missing.
 */
export class DiskCache {
  readonly folder: string;
  readonly #limitBytes: number;
  readonly #logger: RunLogger;
  #isBroken = false;
  #tail: Promise<void> = Promise.resolve();

  /**
   * @param folder is made when something is written.
   * @param limitBytes of all entries together.
   */
  constructor({
    folder,
    logger,
    limitBytes = defaultCacheBytes,
  }: {
    folder: string;
    logger: RunLogger;
    limitBytes?: number;
  }) {
    this.folder = folder;
    this.#limitBytes = limitBytes;
    this.#logger = logger;
  }

  /** Whether there is an entry whose key begins with this. */
  async hasPrefix(prefix: string): Promise<boolean> {
    const names = await this.#guarded(() => readdir(this.folder));
    return names?.some((name) => name.startsWith(prefix) && keyPattern.test(name)) ?? false;
  }

  /** What was kept under a key, in a buffer of its own, or null; counts as use. */
  async read(key: string): Promise<ArrayBuffer | null> {
    const path = this.#pathOf(key);
    const found = await this.#guarded(async () => {
      // Somebody else's pipe in the folder would else be waited for.
      const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
      try {
        const status = await file.stat();
        const { size } = status;
        if (!status.isFile() || size > this.#largestEntryBytes) return null;
        const header = Buffer.alloc(headerBytes);
        const payload = new Uint8Array(Math.max(0, size - headerBytes));
        const headerLength = (await file.read(header, 0, headerBytes, 0)).bytesRead;
        const payloadLength = (await file.read(payload, 0, payload.length, headerBytes)).bytesRead;
        const isWhole =
          headerLength === headerBytes &&
          payloadLength === payload.length &&
          header.subarray(0, magic.length).equals(magic) &&
          header.subarray(magic.length).equals(checksumOf(payload));
        return isWhole ? payload.buffer : null;
      } finally {
        await file.close();
      }
    });
    if (found === null) {
      this.#logger.debug({ file: path }, 'a damaged cache entry is deleted');
      await this.#guarded(() => rm(path, { force: true }));
    }
    if (found === undefined || found === null) return null;
    const now = new Date();
    await this.#guarded(() => utimes(path, now, now));
    return found;
  }

  /** Keeps bytes under a key, then deletes what is too much. Calls at the same time are carried out one after another. */
  write(key: string, bytes: Uint8Array): Promise<void> {
    const path = this.#pathOf(key);
    this.#tail = this.#tail.then(async () => {
      // One entry that fills the cache would throw out all others.
      if (this.#isBroken || bytes.length + headerBytes > this.#largestEntryBytes) return;
      await this.#guarded(() => this.#writeEntry(path, bytes));
      await this.#guarded(() => this.#evict());
    });
    return this.#tail;
  }

  get #largestEntryBytes(): number {
    return this.#limitBytes / 4;
  }

  #pathOf(key: string): string {
    if (!keyPattern.test(key))
      throw new FaceswapError('bug', `A cache key of this form is impossible: ${key}`);
    return join(this.folder, key);
  }

  async #writeEntry(path: string, bytes: Uint8Array): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const part = `${path}.${process.pid}-${randomBytes(4).toString('hex')}.part`;
    try {
      const file = await open(part, 'wx');
      try {
        await file.writev([magic, checksumOf(bytes), bytes]);
      } finally {
        await file.close();
      }
      await rename(part, path);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }

  async #evict(): Promise<void> {
    const entries: Entry[] = [];
    const oldestPartMs = Date.now() - abandonedAfterMs;
    for (const name of await readdir(this.folder)) {
      const path = join(this.folder, name);
      const status = await stat(path).catch(() => null);
      // Another process may have deleted it meanwhile.
      if (status === null || !status.isFile()) continue;
      if (keyPattern.test(name)) entries.push({ path, name, bytes: status.size, usedMs: status.mtimeMs });
      else if (partPattern.test(name) && status.mtimeMs < oldestPartMs) await rm(path, { force: true });
    }
    let bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    entries.sort((a, b) => a.usedMs - b.usedMs || (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      if (bytes <= this.#limitBytes) return;
      await rm(entry.path, { force: true });
      bytes -= entry.bytes;
    }
  }

  /** Undefined when the folder or the file is not there or cannot be used; the latter is noted once. */
  async #guarded<Value>(work: () => Promise<Value>): Promise<Value | undefined> {
    if (this.#isBroken) return undefined;
    try {
      return await work();
    } catch (error) {
      if (isMissing(error)) return undefined;
      this.#isBroken = true;
      this.#logger.debug({ err: error, folder: this.folder }, 'the cache cannot be used');
      return undefined;
    }
  }
}
