import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { seededRandom } from '../support/unit-random.js';
import { fuzzKinds } from './fuzz-kinds.js';
import { fuzz } from './fuzz-run.js';
import { mutated } from './mutation.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-fuzz-test-'));
after(() => rmSync(folder, { recursive: true }));

test('the same seed gives the same mutations, and another seed others', () => {
  const material = {
    seeds: [Buffer.from('some bytes with a name in them'), Buffer.from('and some others')],
    dictionary: [Buffer.from('name')],
  };
  const series = (seed: number): string[] =>
    Array.from({ length: 50 }, (_, index) =>
      mutated(seededRandom(1000 * seed + index), material).toString('hex'),
    );
  assert.deepEqual(series(1), series(1));
  assert.notDeepEqual(series(1), series(2));
  assert.ok(new Set(series(1)).size > 40);
});

test('ten seconds of mutated files of all kinds end with results or structured errors', async () => {
  const summary = await fuzz({
    seed: 1,
    kinds: Object.keys(fuzzKinds),
    forMs: 10_000,
    commandShare: 0,
    keepFolder: join(folder, 'failures'),
    log: () => {},
  });
  assert.ok(summary.cases > 0);
  assert.deepEqual(summary.failures, []);
});
