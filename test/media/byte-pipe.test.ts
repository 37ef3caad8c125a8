import assert from 'node:assert/strict';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { type BytePipe, openBytePipe } from '../../src/media/byte-pipe.js';
import { type RunningTool, startTool } from '../../src/media/child-process.js';
import { inFolder } from './media-fixtures.js';

const kinds = process.platform === 'win32' ? (['stream'] as const) : (['direct', 'stream'] as const);

/** A child that writes `byteCount` bytes 0, 1, … 250, 0, … and then runs `after`. */
const writer = async (
  kind: 'direct' | 'stream',
  byteCount: number,
  after = '',
): Promise<{ pipe: BytePipe; child: RunningTool }> => {
  const pipe = await openBytePipe(kind);
  const script = `
    const { writeSync } = require('node:fs');
    const bytes = Uint8Array.from({ length: ${byteCount} }, (_, k) => k % 251);
    for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
    ${after}`;
  const child = startTool(process.execPath, ['-e', script], {
    stdin: 'ignore',
    stdout: pipe.childEnd,
    stage: 'test',
  });
  pipe.attach(child.process.stdout);
  return { pipe, child };
};

for (const kind of kinds) {
  test(`${kind}: buffers of any size are filled in order, and the last one tells how much came`, async () => {
    const { pipe, child } = await writer(kind, 1_000_000);
    let at = 0;
    for (const size of [1, 2, 65_536, 7, 300_001, 0, 600_000, 100_000]) {
      const target = new Uint8Array(size).fill(255);
      const filled = await pipe.fill(target);
      assert.equal(filled, Math.min(size, 1_000_000 - at), `after ${at} bytes`);
      assert.ok(
        target.subarray(0, filled).every((byte, k) => byte === (at + k) % 251),
        `after ${at} bytes`,
      );
      assert.ok(
        target.subarray(filled).every((byte) => byte === 255),
        'nothing is written beyond what came',
      );
      at += filled;
    }
    assert.equal(at, 1_000_000);
    assert.equal(await pipe.fill(new Uint8Array(1)), 0, 'the end stays the end');
    pipe.close();
    assert.equal((await child.exited).code, 0);
  });

  test(`${kind}: closing ends a fill that waits`, async () => {
    const { pipe, child } = await writer(kind, 10, 'setInterval(() => undefined, 1000)');
    const filled = pipe.fill(new Uint8Array(100));
    pipe.close();
    assert.ok((await filled) <= 10);
    pipe.close();
    await child.kill();
  });
}

/** Runs `work` while temporary files go to a folder of our choice. */
const withTemporaryFolder = async (folder: string, work: () => Promise<void>): Promise<void> => {
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = folder;
  try {
    await work();
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  }
};

test('a socket pair leaves nothing in the temporary folder', { skip: process.platform === 'win32' }, () =>
  inFolder((folder) =>
    withTemporaryFolder(folder, async () => {
      const pipe = await openBytePipe();
      assert.notEqual(pipe.childEnd, 'pipe');
      assert.deepEqual(await readdir(folder), []);
      pipe.close();
    }),
  ),
);

test('where no socket can be made there is an ordinary pipe', { skip: process.platform === 'win32' }, () =>
  inFolder(async (folder) => {
    const tooLong = join(folder, 'x'.repeat(120));
    await mkdir(tooLong);
    for (const unfit of [tooLong, join(folder, 'absent')]) {
      await withTemporaryFolder(unfit, async () => {
        assert.equal((await openBytePipe()).childEnd, 'pipe');
      });
    }
    assert.deepEqual(await readdir(tooLong), []);
  }),
);
