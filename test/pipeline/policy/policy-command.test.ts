import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FaceswapError } from '../../../src/errors.js';
import { askPolicyCommand, type CommandQuestion } from '../../../src/pipeline/policy/policy-command.js';
import { silentLogger } from '../../../src/pipeline/run-logger.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-command-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const question: CommandQuestion = {
  version: 1,
  point: 'before',
  target: '/clips/a "b".mp4',
  sources: ['/photos/ä.jpg'],
  output: '/clips/out.mp4',
  samples: [{ timeSeconds: 1.5, frame: 37, file: '/tmp/x.png' }],
  configDigest: '0'.repeat(64),
};

let count = 0;

/** A command of one line of JavaScript. */
const commandOf = (script: string): readonly string[] => {
  const file = join(folder, `command-${count++}.cjs`);
  writeFileSync(file, script);
  return [process.execPath, file];
};

const ask = (
  words: readonly string[],
  {
    timeoutMs = 60_000,
    said = [],
    signal,
    asked = question,
  }: { timeoutMs?: number; said?: string[]; signal?: AbortSignal; asked?: CommandQuestion } = {},
) =>
  askPolicyCommand(words, asked, {
    timeoutMs,
    logger: { ...silentLogger, info: (text: unknown) => void said.push(String(text)) },
    signal,
  });

const answering = (text: string, code = 0): readonly string[] =>
  commandOf(
    `process.stdin.resume(); process.stdout.write(${JSON.stringify(text)}); process.exitCode = ${code};`,
  );

test('a command reads one JSON object, and what it answers and logs is passed on', async () => {
  const copy = join(folder, 'question.json');
  const words = commandOf(`
    const text = require('node:fs').readFileSync(0, 'utf8');
    require('node:fs').writeFileSync(${JSON.stringify(copy)}, text);
    console.error('looking\\u0007 at ' + process.argv.slice(2).join('|'));
    console.log(JSON.stringify({ allow: true, reason: 'all\\nis well', details: { seen: 3 }, more: 1 }));`);
  const said: string[] = [];
  const verdict = await ask([...words, 'a b', '$HOME', '*'], { said });
  assert.deepEqual(verdict, { allow: true, said: 'all is well', details: { seen: 3 } });
  const text = readFileSync(copy, 'utf8');
  assert.ok(text.endsWith('}\n') && text.indexOf('\n') === text.length - 1, 'one line');
  assert.deepEqual(JSON.parse(text), question);
  // Nothing is expanded: no shell is involved.
  assert.deepEqual(said, ['policy command: looking\\u0007 at a b|$HOME|*']);
});

test('a bare permission is one', async () => {
  assert.deepEqual(await ask(answering(' {"allow": true}\n\n')), {
    allow: true,
    said: 'allowed',
    details: null,
  });
});

const refusals: readonly (readonly [
  what: string,
  words: () => readonly string[],
  reason: string | RegExp,
])[] = [
  [
    'says no',
    () => answering('{"allow": false, "reason": "a known face\\u001b[2J"}'),
    'a known face\\u001b[2J',
  ],
  ['says no without a reason', () => answering('{"allow": false}'), 'it gave no reason'],
  ['answers with another exit code', () => answering('{"allow": true}', 3), 'it ended with exit code 3'],
  [
    'fails',
    () => commandOf('console.error("no such database"); process.exit(1)'),
    'it ended with exit code 1: no such database',
  ],
  ['ends itself', () => commandOf('process.kill(process.pid, "SIGTERM")'), /^it ended with signal SIGTERM$/],
  ['says nothing', () => answering(''), 'its answer is not one JSON object'],
  ['writes no JSON', () => answering('allow: true'), 'its answer is not one JSON object'],
  [
    'writes two objects',
    () => answering('{"allow":true}\n{"allow":true}'),
    'its answer is not one JSON object',
  ],
  ['answers with a list', () => answering('[true]'), 'its answer is not one JSON object'],
  [
    'permits in other words',
    () => answering('{"allow":"yes"}'),
    'its answer has no "allow" that is true or false',
  ],
  [
    'has a reason that is no text',
    () => answering('{"allow":true,"reason":1}'),
    /"reason" of its answer is no text/,
  ],
  [
    'has details that are no object',
    () => answering('{"allow":true,"details":[]}'),
    /"details" .* are no object/,
  ],
  [
    'never stops writing',
    () => commandOf('const b = " ".repeat(65536); const w = () => process.stdout.write(b, w); w()'),
    'it wrote more than 1048576 bytes and was ended',
  ],
  ['is not there', () => [join(folder, 'nowhere')], /^it could not be started: Cannot start .*nowhere$/],
];

for (const [what, words, reason] of refusals) {
  test(`a command that ${what} refuses`, async () => {
    const verdict = await ask(words());
    assert.equal(verdict.allow, false);
    if (verdict.allow) return;
    assert.equal(verdict.answered, what === 'says no' || what === 'says no without a reason');
    if (typeof reason === 'string') assert.equal(verdict.reason, reason);
    else assert.match(verdict.reason, reason);
  });
}

test('a command that does not read its question may answer', async () => {
  const samples = Array.from({ length: 20_000 }, (_, frame) => ({
    timeSeconds: frame,
    frame,
    file: '/tmp/x.png',
  }));
  const words = commandOf('console.log(JSON.stringify({ allow: true })); process.exit(0)');
  assert.equal((await ask(words, { asked: { ...question, samples } })).allow, true);
});

/** Whether a process is there and has not ended; nobody may have taken note of the end of an orphan. */
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

test('a command that does not answer in time is ended with what it has started, and refuses', async () => {
  const said: string[] = [];
  const words = commandOf(`
    const { spawn } = require('node:child_process');
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'inherit' });
    console.error(process.pid + ' ' + child.pid);
    setInterval(() => {}, 1e6);`);
  const verdict = await ask(words, { timeoutMs: 1000, said });
  assert.deepEqual(verdict, {
    allow: false,
    reason: 'it did not answer within 1 s and was ended',
    answered: false,
  });
  const pids = (said[0] ?? '').match(/\d+/g) ?? [];
  assert.ok(said.length === 0 || pids.length === 2, said.join());
  // It has been killed; the system takes a moment to end it.
  while (pids.some((pid) => isAlive(Number(pid)))) await new Promise(setImmediate);
});

test('an abort ends the command', async () => {
  const stop = new AbortController();
  const marker = join(folder, 'pid');
  const words = commandOf(`
    require('node:fs').writeFileSync(${JSON.stringify(marker)}, String(process.pid));
    console.error('ready');
    setInterval(() => {}, 1e6);`);
  const asking = askPolicyCommand(words, question, {
    timeoutMs: 60_000,
    logger: { ...silentLogger, info: () => stop.abort() },
    signal: stop.signal,
  });
  await assert.rejects(asking, (error) => error instanceof FaceswapError && error.kind === 'interrupted');
  assert.ok(existsSync(marker));
  assert.equal(isAlive(Number(readFileSync(marker, 'utf8'))), false);
});
