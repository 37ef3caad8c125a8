import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { runTool, startTool } from '../../src/media/child-process.js';

const stage = 'decode';
const onPosix = process.platform === 'win32' ? { skip: 'there is no shell here' } : {};

/** Ids of the processes whose command line has this word. */
const processesWith = (word: string): readonly string[] =>
  !existsSync('/proc/self/cmdline')
    ? []
    : readdirSync('/proc').filter((pid) => {
        try {
          return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(word);
        } catch {
          // It ended while we looked.
          return false;
        }
      });

test('a tool that says nothing is ended with all that it started', onPosix, async () => {
  // A length of sleep that nobody else has, to find it by.
  const length = `${100_000 + process.pid}.25`;
  await assert.rejects(
    runTool('/bin/sh', ['-c', `sleep ${length}; true`], { stage, silenceMs: 100 }),
    (error) =>
      error instanceof FaceswapError &&
      error.isTransient &&
      /^sh said nothing for 0 s and was ended$/.test(error.message),
  );
  assert.deepEqual(processesWith(length), []);
});

test('killing a script ends what it runs, also when it is stopped', onPosix, async () => {
  const length = `${200_000 + process.pid}.25`;
  const tool = startTool('/bin/sh', ['-c', `sleep ${length} & echo started; kill -STOP $$; wait`], {
    stdin: 'ignore',
    stdout: 'pipe',
    stage,
  });
  await new Promise((resolve) => tool.process.stdout?.once('data', resolve));
  assert.equal(await tool.kill(), true);
  assert.deepEqual(await tool.exited, { code: null, signal: 'SIGKILL' });
  assert.deepEqual(processesWith(length), []);
});

test('what a tool says is kept to its last lines, however much it is', onPosix, async () => {
  const { exit, stderr } = await runTool(
    '/bin/sh',
    ['-c', 'head -c 20000000 /dev/zero | tr "\\0" x >&2; echo >&2; echo last >&2'],
    { stage },
  );
  assert.equal(exit.code, 0);
  assert.ok(stderr.length <= 20 && stderr.every((line) => line.length <= 4000));
  assert.equal(stderr.at(-1), 'last');
});

test('a program that is not there is no passing failure', async () => {
  await assert.rejects(
    runTool('/no/such/program', [], { stage }),
    (error) => error instanceof FaceswapError && error.kind === 'unavailable' && !error.isTransient,
  );
});
