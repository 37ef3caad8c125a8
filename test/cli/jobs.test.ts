import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readAge } from '../../src/cli/jobs-action.js';
import { runCommand } from './command.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-jobs-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('an age is a number with a unit', () => {
  assert.deepEqual(['90s', '30m', '12h', '7d', '2w'].map(readAge), [90, 1800, 43_200, 604_800, 1_209_600]);
  for (const text of ['7', 'd', '-1d', '1.5h', '7 d', '9999999999d']) {
    assert.throws(() => readAge(text), /--older-than must be an age such as 12h or 7d, got /);
  }
});

test('a folder without jobs has an empty list, for people and for programs', async () => {
  const [text, json] = await Promise.all([
    runCommand(['jobs', 'list', folder]),
    runCommand(['jobs', 'list', folder, '--json']),
  ]);
  assert.deepEqual([text.exitCode, text.stdout, text.stderr], [0, 'No unfinished jobs.\n', '']);
  assert.deepEqual(JSON.parse(json.stdout), { ok: true, jobs: [] });
});

test('wrong usage of jobs is one line and exit code 2', async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['clean'], /^error: Give a job, --all or --older-than, one of them\. See faceswap jobs clean --help\n$/],
    [['clean', '--all', '--older-than', '1d'], /one of them/],
    [['clean', '--older-than', 'soon'], /got "soon"/],
    [
      ['show', 'nothing.mp4'],
      /^error: There is no job nothing\.mp4 \(stage jobs\)\. See faceswap jobs list\n$/,
    ],
    [['lists'], /unknown command 'lists'/],
  ];
  for (const [words, line] of cases) {
    const { exitCode, stdout, stderr } = await runCommand(['jobs', ...words]);
    assert.deepEqual([exitCode, stdout], [2, ''], stderr);
    assert.match(stderr, line);
  }
  const missing = await runCommand(['jobs', 'list', `${folder}/nowhere`, '--json']);
  assert.equal(missing.exitCode, 3);
  assert.equal((JSON.parse(missing.stdout) as { ok: boolean }).ok, false);
});
