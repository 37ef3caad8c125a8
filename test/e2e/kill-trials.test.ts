import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { killTrial, mappedSource, prepareTrials, type TrialSetting } from '../kill-trials.js';

const skip = existsSync('/proc/self/environ') ? {} : { skip: 'the children can be found on Linux only' };
const folder = mkdtempSync(join(tmpdir(), 'faceswap-kill-test-'));
let setting: TrialSetting | undefined;

before(async () => {
  if (skip.skip === undefined) setting = await prepareTrials(folder, mappedSource);
});
after(() => rmSync(folder, { recursive: true, force: true }));

test(
  'a run whose whole tree is killed between two segments is continued to the same bytes',
  skip,
  async () => {
    assert.ok(setting);
    const trial = await killTrial(setting, {
      moment: { atText: /"index":1,"total":6,"state":"done"/, afterMs: 0 },
      reach: 'tree',
      workers: 1,
      workersAfter: 3,
    });
    assert.equal(trial.left, 'job');
    assert.ok(trial.segmentsKept >= 2 && trial.segmentsKept < 6, String(trial.segmentsKept));
  },
);

test('a run that is killed while its output is joined is continued to the same bytes', skip, async () => {
  assert.ok(setting);
  const trial = await killTrial(setting, {
    moment: { atText: /"phase":"mux"/, afterMs: 0 },
    reach: 'command',
    workers: 2,
  });
  assert.ok(trial.left === 'output' || trial.segmentsKept === 6, JSON.stringify(trial));
});
