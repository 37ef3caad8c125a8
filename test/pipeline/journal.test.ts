import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { Journal, type JournalEntry, readJournal } from '../../src/pipeline/journal.js';

let root = '';
let file = '';
let count = 0;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'faceswap-journal-'));
});
after(() => rm(root, { recursive: true, force: true }));
beforeEach(() => {
  count += 1;
  mkdirSync(join(root, String(count)));
  file = join(root, String(count), 'journal.jsonl');
});

const entryOf = (index: number): JournalEntry => ({
  index,
  frames: 10 * index,
  bytes: 1000,
  sha256: 'ab'.repeat(32),
  recordSha256: 'cd'.repeat(32),
});

const lineOf = (index: number): string => `${JSON.stringify(entryOf(index))}\n`;

test('the journal gets one line per entry, in the order of the calls', async () => {
  const entries = [0, 1, 2, 3].map((index) => entryOf(index));
  const journal = new Journal(file);
  await Promise.all(entries.map((entry) => journal.append(entry)));
  assert.equal(journal.count, 4);
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line): unknown => JSON.parse(line)),
    entries,
  );
  await new Journal(file).append(entryOf(4));
  assert.deepEqual(await readJournal(file), {
    entries: new Map([...entries, entryOf(4)].map((entry) => [entry.index, entry])),
    problems: [],
  });
});

test('a journal that cannot be written says so', async () => {
  const journal = new Journal(join(root, 'no-such-folder', 'journal.jsonl'));
  await assert.rejects(
    journal.append(entryOf(0)),
    (error) => error instanceof FaceswapError && error.kind === 'media',
  );
  assert.equal(journal.count, 0);
});

test('a journal that is not there has no entries and no problems', async () => {
  assert.deepEqual(await readJournal(file), { entries: new Map(), problems: [] });
});

test('a torn last line, damaged lines and repeated segments count as not finished, and are told', async () => {
  const foreign = JSON.stringify({ ...entryOf(5), file: '../../etc/passwd' });
  const lines = [lineOf(0), '{"index":1}\n', lineOf(2), lineOf(3), lineOf(2), `${foreign}\n`, '\n'];
  writeFileSync(file, `${lines.join('')}${lineOf(4).slice(0, 50)}`);
  const { entries, problems } = await readJournal(file);
  assert.deepEqual([...entries.keys()], [0, 3]);
  assert.deepEqual(problems, [
    'the last line of the journal is torn',
    'line 2 of the journal is damaged',
    'line 6 of the journal is damaged',
    'line 7 of the journal is damaged',
    'segment 2 stands in the journal more than once',
  ]);
});

test('a last line without its line break is torn even where it can be read', async () => {
  writeFileSync(file, `${lineOf(0)}${lineOf(1).trimEnd()}`);
  const { entries, problems } = await readJournal(file);
  assert.deepEqual([[...entries.keys()], problems.length], [[0], 1]);
});

test('a link or a folder in the place of the journal is not read', async () => {
  const elsewhere = join(root, 'elsewhere');
  writeFileSync(elsewhere, lineOf(0));
  symlinkSync(elsewhere, file);
  assert.equal((await readJournal(file)).entries.size, 0);
  await Journal.begin(file, [entryOf(7)]);
  assert.equal(await readFile(elsewhere, 'utf8'), lineOf(0));
  assert.deepEqual([...(await readJournal(file)).entries.keys()], [7]);
});

test('a journal that is begun anew replaces the old one and goes on after its entries', async () => {
  writeFileSync(file, 'rubbish');
  const journal = await Journal.begin(file, [entryOf(1)]);
  assert.equal(journal.count, 1);
  await journal.append(entryOf(2));
  assert.equal(journal.count, 2);
  assert.deepEqual([...(await readJournal(file)).entries.keys()], [1, 2]);
});
