import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { Journal, type JournalEntry } from '../../src/pipeline/journal.js';

const entryOf = (index: number): JournalEntry => ({
  index,
  frames: 10 * index,
  bytes: 1000,
  sha256: 'ab'.repeat(32),
  recordSha256: 'cd'.repeat(32),
});

test('the journal gets one line per entry, in the order of the calls', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'faceswap-test-'));
  try {
    const file = join(folder, 'journal.jsonl');
    const entries = [0, 1, 2, 3].map((index) => entryOf(index));
    const journal = new Journal(file);
    await Promise.all(entries.map((entry) => journal.append(entry)));
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line): unknown => JSON.parse(line)),
      entries,
    );
    await new Journal(file).append(entryOf(4));
    assert.equal((await readFile(file, 'utf8')).split('\n').length, 6);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a journal that cannot be written says so', async () => {
  const journal = new Journal(join(tmpdir(), 'faceswap-no-such-folder', 'journal.jsonl'));
  await assert.rejects(
    journal.append(entryOf(0)),
    (error) => error instanceof FaceswapError && error.kind === 'media',
  );
});
