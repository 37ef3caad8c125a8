import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FileNotRead, readBoundedFile } from '../src/bounded-file.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-bounded-'));
after(() => rmSync(folder, { recursive: true }));

const refusal =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof FileNotRead && error.code === code;

test('a file is read up to its limit and not beyond', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, 'abc');
  assert.equal((await readBoundedFile(file, 3)).toString(), 'abc');
  await assert.rejects(readBoundedFile(file, 2), refusal('ETOOLARGE'));
  writeFileSync(file, '');
  assert.equal((await readBoundedFile(file, 2)).length, 0);
});

test('the size is looked at before memory is taken', async () => {
  const file = join(folder, 'sparse');
  writeFileSync(file, '');
  truncateSync(file, 2 ** 40);
  await assert.rejects(readBoundedFile(file, 2 ** 20), refusal('ETOOLARGE'));
});

test('a file that hides its size is read', { skip: !existsSync('/proc/self/status') }, async () => {
  assert.match((await readBoundedFile('/proc/self/status', 2 ** 20)).toString(), /^Name:/);
  await assert.rejects(readBoundedFile('/proc/self/status', 10), refusal('ETOOLARGE'));
});

test('folders, devices and pipes are refused without waiting', async () => {
  await assert.rejects(readBoundedFile(folder, 10), (error) => error instanceof FileNotRead);
  await assert.rejects(readBoundedFile(join(folder, 'absent'), 10), refusal('ENOENT'));
  if (existsSync('/dev/zero')) await assert.rejects(readBoundedFile('/dev/zero', 10), refusal('ENOTFILE'));
  const pipe = join(folder, 'pipe');
  if (spawnSync('mkfifo', [pipe]).status === 0) {
    await assert.rejects(readBoundedFile(pipe, 10), refusal('ENOTFILE'));
  }
});
