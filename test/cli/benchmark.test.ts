import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readBenchmarkRequest } from '../../src/cli/benchmark-action.js';
import { benchmarkOptionEntries } from '../../src/cli/benchmark-option-table.js';
import { createProgram } from '../../src/cli/main.js';
import { camelCase, defaultTextOf, flagOf } from '../../src/cli/run-option-table.js';
import { FaceswapError } from '../../src/errors.js';
import {
  benchmarkOptionNames,
  resolveBenchmarkOptions,
} from '../../src/pipeline/benchmark/resolve-benchmark-options.js';
import { runCommand } from './command.js';

const benchmarkCommand = () => {
  const command = createProgram(() => {}).commands.find((candidate) => candidate.name() === 'benchmark');
  assert.ok(command);
  return command;
};

/** What the command would ask of the library for a command line. */
const requestFor = (...words: string[]) => {
  const command = benchmarkCommand();
  command.action(() => {});
  command.parse(words, { from: 'user' });
  return readBenchmarkRequest(command.opts());
};

describe('the options of faceswap benchmark', () => {
  test('are those of the library besides the switches of the command', () => {
    const fields = benchmarkOptionEntries.map(({ name }) => camelCase(name));
    assert.deepEqual([...fields].sort(), [...benchmarkOptionNames, 'json', 'logLevel'].sort());
  });

  test('stand in the documentation with every flag, choice and default', () => {
    const page = readFileSync(new URL('../../docs/benchmark.md', import.meta.url), 'utf8');
    const rows = page.split('\n').filter((line) => line.startsWith('|'));
    for (const entry of benchmarkOptionEntries) {
      const row = rows.find((line) => line.split('|')[1]?.includes(`\`${flagOf(entry)}\``));
      assert.ok(row, `${flagOf(entry)} is missing in docs/benchmark.md`);
      const words = [entry.short === undefined ? [] : `-${entry.short}`, entry.choices ?? []].flat();
      for (const word of [...words, defaultTextOf(entry) ?? '']) {
        assert.ok(row.includes(word), `${flagOf(entry)}: ${word} is missing in docs/benchmark.md`);
      }
    }
  });

  test('stand in the help with every flag', () => {
    const help = benchmarkCommand().helpInformation();
    for (const entry of benchmarkOptionEntries) assert.ok(help.includes(flagOf(entry)), flagOf(entry));
  });

  test('become the options of the library', () => {
    const words = [
      '--resolutions',
      '240p,1080p',
      '480p',
      '--faces',
      '2',
      '--models',
      'null',
      '--duration',
      '0.5',
    ];
    const machine = [
      '--workers',
      'auto',
      '--batch-size',
      '4',
      '--max-memory',
      '1G',
      '--output-video-quality',
      '70',
    ];
    const { options, json, logLevel } = requestFor(...words, ...machine, '--json', '--log-level', 'debug');
    assert.deepEqual(options, {
      resolutions: ['240p', '1080p', '480p'],
      faces: 2,
      models: 'null',
      duration: 0.5,
      workers: 'auto',
      batchSize: 4,
      maxMemory: '1G',
      outputVideoQuality: 70,
    });
    assert.deepEqual([json, logLevel], [true, 'debug']);
    assert.doesNotThrow(() => resolveBenchmarkOptions(options));
  });

  test('are all left to the library when none is given', () => {
    assert.deepEqual(requestFor(), { options: {}, json: false, logLevel: 'info' });
  });

  test('refuse words where numbers belong', () => {
    assert.throws(
      () => requestFor('--faces', 'two'),
      (error) => error instanceof FaceswapError && /--faces must be a number, got "two"/.test(String(error)),
    );
  });
});

describe('the command faceswap benchmark', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'faceswap-cli-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test('answers --help with examples', async () => {
    const { exitCode, stdout, stderr } = await runCommand(['benchmark', '--help']);
    assert.equal(exitCode, 0);
    assert.equal(stderr, '');
    assert.match(stdout, /\$ faceswap benchmark --models null/);
  });

  test('exits 2 with one line for a wrong value, before any work', async () => {
    const { exitCode, stdout, stderr } = await runCommand(['benchmark', '--resolutions', '1080']);
    assert.equal(exitCode, 2);
    assert.equal(stdout, '');
    assert.match(stderr, /^error: --resolutions must be a list of .*got "1080"\. Did you mean 1080p\?\n$/);
  });

  test('tells a failure as an object with --json', async () => {
    const file = path.join(folder, 'other.json');
    await writeFile(file, '{"schema":1}');
    const { exitCode, stdout } = await runCommand(['benchmark', '--json', '--baseline', file]);
    assert.equal(exitCode, 2);
    const answer = JSON.parse(stdout) as { ok: boolean; error: { kind: string; message: string } };
    assert.deepEqual([answer.ok, answer.error.kind], [false, 'usage']);
    assert.match(answer.error.message, /--baseline is no report of a benchmark/);
  });
});
