import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { packageVersion } from '../../src/version.js';
import { runCommand, runCommandWithClosedStdout } from './command.js';

const onlyLine = (text: string): string => {
  const lines = text.split('\n').filter((line) => line !== '');
  assert.equal(lines.length, 1, `one line was expected, got: ${text}`);
  return lines[0] ?? '';
};

describe('the faceswap command', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'faceswap-cli-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test('prints its version on stdout', async () => {
    const { exitCode, stdout, stderr } = await runCommand(['--version']);
    assert.deepEqual(
      { exitCode, stdout, stderr },
      { exitCode: 0, stdout: `${packageVersion()}\n`, stderr: '' },
    );
  });

  for (const words of [['--help'], ['run', '--help'], ['doctor', '--help'], ['help', 'run']]) {
    test(`answers "${words.join(' ')}" with examples`, async () => {
      const { exitCode, stdout, stderr } = await runCommand(words);
      assert.equal(exitCode, 0);
      assert.equal(stderr, '');
      assert.match(stdout, /Examples:/);
      assert.match(stdout, /\$ faceswap (run|doctor)/);
    });
  }

  test('prints its help on stderr and exits 2 when no command is given', async () => {
    const { exitCode, stdout, stderr } = await runCommand([]);
    assert.equal(exitCode, 2);
    assert.equal(stdout, '');
    assert.match(stderr, /Usage: faceswap/);
  });

  const mistakes: readonly { name: string; words: readonly string[]; line: RegExp }[] = [
    {
      name: 'an unknown option suggests the nearest',
      words: ['run', '--taget', 'a.mp4'],
      line: /^error: unknown option '--taget'\. Did you mean --target\? See faceswap run --help$/,
    },
    {
      name: 'an unknown command suggests the nearest',
      words: ['doctr'],
      line: /^error: unknown command 'doctr'\. Did you mean doctor\? See faceswap --help$/,
    },
    {
      name: "FaceFusion's headless-run is answered with run",
      words: ['headless-run', '-s', 'a.jpg'],
      line: /^error: unknown command 'headless-run'\. Its name here is "run"\. See faceswap --help$/,
    },
    {
      name: "FaceFusion's force-download is answered with models pull",
      words: ['force-download'],
      line: /^error: unknown command 'force-download'\. Its name here is "models pull"\. See faceswap --help$/,
    },
    {
      name: 'an option without its value is named',
      words: ['run', '--source'],
      line: /^error: option '-s, --source <image\.\.\.>' argument missing\. See faceswap run --help$/,
    },
    {
      name: 'a superfluous word is an error',
      words: ['doctor', 'now'],
      line: /^error: too many arguments for 'doctor'/,
    },
    {
      name: 'missing paths are all named',
      words: ['run', '--target', 'a.mp4'],
      line: /^error: Missing: --source, --output\. See faceswap run --help$/,
    },
    {
      name: 'a number option refuses words',
      words: ['run', '--face-detector-score', 'high'],
      line: /^error: --face-detector-score must be a number, got "high"$/,
    },
    {
      name: 'a choice suggests the nearest',
      words: ['run', '--blend', 'multi-band'],
      line: /^error: --blend must be one of multiband, basic, poisson, seamless, got "multi-band"\. Did you mean multiband\?$/,
    },
    {
      name: 'an option and its alias together are refused',
      words: ['run', '--target', 'a.mp4', '--target-path', 'b.mp4'],
      line: /^error: --target and --target-path are the same option\. Give one of them$/,
    },
    {
      name: 'a range is checked by the library',
      words: ['run', '-s', 'a.jpg', '-t', 'b.mp4', '-o', 'c.mp4', '--face-detector-score', '1.5'],
      line: /^error: --face-detector-score must be a number from 0 to 1, got 1\.5$/,
    },
  ];
  for (const { name, words, line } of mistakes) {
    test(`exits 2 with one line: ${name}`, async () => {
      const { exitCode, stdout, stderr } = await runCommand(words);
      assert.equal(exitCode, 2);
      assert.equal(stdout, '');
      assert.match(onlyLine(stderr), line);
    });
  }

  test('gives the failure as an object on stdout as well with --json', async () => {
    const { exitCode, stdout, stderr } = await runCommand(['run', '--json', '--taget', 'x']);
    assert.equal(exitCode, 2);
    assert.match(onlyLine(stderr), /unknown option/);
    const answer = JSON.parse(onlyLine(stdout)) as { ok: boolean; error: { kind: string; exitCode: number } };
    assert.equal(answer.ok, false);
    assert.equal(answer.error.kind, 'usage');
    assert.equal(answer.error.exitCode, 2);
  });

  test('names a missing target file and exits 3', async () => {
    const source = path.join(import.meta.dirname, '../fixtures/astronaut.png');
    const output = path.join(folder, 'out.mp4');
    const words = ['run', '-s', source, '-t', path.join(folder, 'absent.mp4'), '-o', output];
    const { exitCode, stdout, stderr } = await runCommand(words);
    assert.equal(exitCode, 3);
    assert.equal(stdout, '');
    assert.match(onlyLine(stderr), /^error: .*absent\.mp4/);
  });

  test('takes options from a config file and lets its own json key choose the form of a failure', async () => {
    const config = path.join(folder, 'job.json');
    await writeFile(config, JSON.stringify({ json: true, source: 'a.jpg', target: 'b.mp4' }));
    const { exitCode, stdout } = await runCommand(['run', '--config', config, '--log-level', 'silent']);
    assert.equal(exitCode, 2);
    assert.match(stdout, /^\{"ok":false,.*Missing: --output/);
  });

  test('names the nearest key for an unknown one in a config file', async () => {
    const config = path.join(folder, 'typo.json');
    await writeFile(config, '{"face-mask-blurr": 0.2}');
    const { exitCode, stderr } = await runCommand(['run', '--config', config]);
    assert.equal(exitCode, 2);
    assert.match(onlyLine(stderr), /Unknown key "face-mask-blurr" .*Did you mean "face-mask-blur"\?$/);
  });

  test('does not crash when the reader of stdout has gone', async () => {
    const { exitCode, stderr } = await runCommandWithClosedStdout(['run', '--help']);
    assert.equal(exitCode, 0);
    assert.equal(stderr, '');
  });
});
