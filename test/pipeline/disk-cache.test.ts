import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { cacheFolder } from '../../src/pipeline/cache-folder.js';
import { DiskCache } from '../../src/pipeline/disk-cache.js';
import { type RunLogger, silentLogger } from '../../src/pipeline/run-logger.js';

let root = '';
let folder = '';

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'faceswap-cache-'));
});
after(() => rm(root, { recursive: true, force: true }));
beforeEach(() => {
  folder = join(root, Math.random().toString(36).slice(2));
});

const bytesOf = (length: number, value = 7): Uint8Array => new Uint8Array(length).fill(value);
const makeCache = (limitBytes?: number): DiskCache =>
  new DiskCache({ folder, logger: silentLogger, ...(limitBytes === undefined ? {} : { limitBytes }) });
const read = async (cache: DiskCache, key: string): Promise<Uint8Array | null> => {
  const found = await cache.read(key);
  return found === null ? null : new Uint8Array(found);
};

/** An entry's age: tests do not wait for the clock. */
const age = (key: string, seconds: number): void => {
  const time = new Date(Date.now() - 1000 * seconds);
  utimesSync(join(folder, key), time, time);
};

describe('the cache on disk', () => {
  test('gives back what was kept, to another process as well, and nothing else', async () => {
    const cache = makeCache();
    assert.equal(await read(cache, 'a-1'), null);
    assert.equal(await cache.hasPrefix('a'), false);
    await cache.write('a-1', bytesOf(1000));
    await cache.write('empty', bytesOf(0));
    const other = makeCache();
    assert.deepEqual(await read(other, 'a-1'), bytesOf(1000));
    assert.deepEqual(await read(other, 'empty'), bytesOf(0));
    assert.deepEqual([await other.hasPrefix('a-'), await other.hasPrefix('b')], [true, false]);
    assert.deepEqual(readdirSync(folder).sort(), ['a-1', 'empty']);
  });

  test('takes no memory for an entry that is larger than any it would write, and waits for no pipe', async () => {
    mkdirSync(folder);
    writeFileSync(join(folder, 'huge'), 'faceswap cache 1');
    truncateSync(join(folder, 'huge'), 2 ** 40);
    assert.equal(await read(makeCache(), 'huge'), null);
    if (spawnSync('mkfifo', [join(folder, 'pipe')]).status === 0) {
      assert.equal(await read(makeCache(), 'pipe'), null);
    }
    assert.deepEqual(readdirSync(folder), []);
  });

  test('takes a damaged entry for a missing one and deletes it', async () => {
    const cache = makeCache();
    const damages: ((file: string) => void)[] = [
      (file) => truncateSync(file, 500),
      (file) => truncateSync(file, 10),
      (file) => truncateSync(file, 0),
      (file) => {
        const bytes = readFileSync(file);
        bytes[100] = (bytes[100] ?? 0) ^ 1;
        writeFileSync(file, bytes);
      },
      (file) => writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.from('x')])),
      (file) => writeFileSync(file, 'faceswap cache 2'.padEnd(1048)),
    ];
    for (const damage of damages) {
      await cache.write('key', bytesOf(1000));
      damage(join(folder, 'key'));
      assert.equal(await read(cache, 'key'), null);
      assert.equal(existsSync(join(folder, 'key')), false);
    }
    await cache.write('key', bytesOf(1000));
    assert.deepEqual(await read(cache, 'key'), bytesOf(1000));
  });

  test('deletes what was not used for longest when it grows too large', async () => {
    // An entry of 952 bytes takes 1,000 with its header: four fit.
    const cache = makeCache(4000);
    for (const [at, key] of ['a', 'b', 'c', 'd'].entries()) {
      await cache.write(key, bytesOf(952));
      age(key, 100 - at);
    }
    assert.deepEqual(readdirSync(folder).sort(), ['a', 'b', 'c', 'd']);
    await cache.read('a');
    await cache.write('e', bytesOf(952));
    assert.deepEqual(readdirSync(folder).sort(), ['a', 'c', 'd', 'e']);
  });

  test('keeps no entry that would throw out most of the others', async () => {
    const cache = makeCache(4000);
    await cache.write('large', bytesOf(953));
    assert.equal(await read(cache, 'large'), null);
  });

  test('may be used by several at the same time', async () => {
    const caches = Array.from({ length: 4 }, () => makeCache(40_000));
    const keys = Array.from({ length: 12 }, (_, at) => `key-${at}`);
    await Promise.all(
      caches.flatMap((cache, who) =>
        keys.map(async (key, at) => {
          const value = 10 * at;
          if ((who + at) % 2 === 0) await cache.write(key, bytesOf(5000, value));
          const found = await read(cache, key);
          assert.ok(found === null || (found.length === 5000 && found.every((byte) => byte === value)));
        }),
      ),
    );
    const left = readdirSync(folder);
    assert.ok(left.length >= 1 && left.length <= 7, `${left.length} entries`);
    assert.ok(left.every((name) => /^key-\d+$/.test(name)));
  });

  test('clears away what a killed run left unfinished, and leaves foreign files alone', async () => {
    mkdirSync(folder, { recursive: true });
    for (const name of ['old.1-00.part', 'new.2-00.part', 'README.TXT'])
      writeFileSync(join(folder, name), 'x');
    age('old.1-00.part', 7200);
    await makeCache().write('key', bytesOf(1));
    assert.deepEqual(readdirSync(folder).sort(), ['README.TXT', 'key', 'new.2-00.part']);
  });

  test('that cannot be used has nothing, says so once in the debug log, and is no failure', async () => {
    writeFileSync(folder, 'a file where the folder should be');
    const notes: unknown[] = [];
    const logger: RunLogger = { ...silentLogger, debug: (...words: unknown[]) => notes.push(words[1]) };
    const cache = new DiskCache({ folder, logger });
    await cache.write('key', bytesOf(1));
    await cache.write('key', bytesOf(1));
    assert.equal(await read(cache, 'key'), null);
    assert.equal(await cache.hasPrefix('key'), false);
    assert.deepEqual(notes, ['the cache cannot be used']);
  });

  test('refuses keys that are no plain file names', async () => {
    for (const key of ['../up', 'a/b', 'A', '', '.part']) {
      await assert.rejects(async () => makeCache().read(key), /cache key/);
    }
  });
});

describe('the place of the cache', () => {
  const homeFolder = '/home/me';

  test("is the system's own, or what the environment names", { skip: process.platform === 'win32' }, () => {
    const place = (platform: NodeJS.Platform, environment: NodeJS.ProcessEnv = {}): string =>
      cacheFolder({ platform, environment, homeFolder });
    assert.equal(place('linux'), '/home/me/.cache/faceswap');
    assert.equal(place('darwin'), '/home/me/Library/Caches/faceswap');
    assert.equal(place('linux', { XDG_CACHE_HOME: '/var/cache/me' }), '/var/cache/me/faceswap');
    assert.equal(place('linux', { XDG_CACHE_HOME: '' }), '/home/me/.cache/faceswap');
    assert.equal(place('win32', { LOCALAPPDATA: '/local' }), '/local/faceswap/Cache');
    const both = { FACESWAP_CACHE_DIR: 'here', XDG_CACHE_HOME: '/var/cache/me' };
    assert.equal(place('darwin', both), resolve('here'));
  });
});
