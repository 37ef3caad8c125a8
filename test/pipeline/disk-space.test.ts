import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { checkSpace, DiskLimit, folderBytes, freeBytes, spaceNeed } from '../../src/pipeline/disk-space.js';
import { makePlan } from '../../src/pipeline/plan.js';
import { resolveRunOptions } from '../../src/pipeline/resolve-run-options.js';
import type { PreparedVideo } from '../../src/pipeline/video-preparation.js';
import { syntheticTarget } from './synthetic-target.js';

let folder = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'faceswap-disk-'));
  mkdirSync(join(folder, 'below'));
  writeFileSync(join(folder, 'one'), Buffer.alloc(1000));
  writeFileSync(join(folder, 'below', 'two'), Buffer.alloc(500));
  symlinkSync(process.execPath, join(folder, 'link'));
});
after(() => rm(folder, { recursive: true, force: true }));

const target = { ...syntheticTarget({ frameCount: 1000, frameRate: { num: 25, den: 1 } }), sizeBytes: 10e6 };
const plan = makePlan({ target, config: resolveRunOptions({ source: 'a', target: 'b', output: 'c.mp4' }) });
const { widthPx, heightPx } = target.video.format;
const frameBytes = (widthPx * heightPx * 3) / 2;

const needOf = (encoder: string, quality: number, doneBytes = 0) => {
  const encoding = { encoder, quality } as PreparedVideo['encoding'];
  return spaceNeed({ target, plan, encoding, frameBytes }, doneBytes);
};

const isFull = (error: unknown): boolean => error instanceof FaceswapError && error.kind === 'resources';

test('the need follows quality and encoder, counts the output twice and leaves out what is there', () => {
  assert.ok(needOf('libx264', 90).likelyBytes > 2 * needOf('libx264', 70).likelyBytes);
  assert.equal(needOf('ffv1', 80).likelyBytes, 1000 * frameBytes);
  assert.ok(needOf('libx264', 100).likelyBytes <= 2 * 1000 * frameBytes);
  const { likelyBytes, leastBytes } = needOf('libx264', 80);
  assert.ok(leastBytes < likelyBytes);
  assert.equal(needOf('libx264', 80, 1000).likelyBytes, likelyBytes - 1000);
  assert.equal(needOf('libx264', 80, 1e12).leastBytes, 0);
});

test('too little space is refused where it is plain, and else warned of', () => {
  const need = { likelyBytes: 2 ** 30, leastBytes: 2 ** 20 };
  assert.throws(() => checkSpace(need, 2 ** 19, '/there'), isFull);
  const warning = checkSpace(need, 2 ** 29, '/there');
  assert.equal(warning?.code, 'disk-space');
  assert.match(warning?.message ?? '', /512 MiB free.*1\.0 GiB/);
  assert.equal(checkSpace(need, 2 ** 30, '/there'), undefined);
});

test('free space and the size of a folder are asked of the file system; links are not followed', async () => {
  assert.ok(((await freeBytes(folder)) ?? 1) > 0);
  assert.equal(await folderBytes(folder), 1500);
  assert.equal(await folderBytes(join(folder, 'nowhere')), 0);
});

test('a folder beyond its limit is told when it is looked at, and by a later frame', async () => {
  await new DiskLimit(folder, 1500).check();
  await assert.rejects(new DiskLimit(folder, 1500).check(1), isFull);
  const limit = new DiskLimit(folder, 1499);
  await assert.rejects(limit.check(), isFull);
  limit.watch();
  const untilTold = async (): Promise<void> => {
    for (;;) {
      await folderBytes(folder);
      limit.watch();
    }
  };
  await assert.rejects(untilTold(), isFull);
});
