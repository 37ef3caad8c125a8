import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaceswapError } from '../../../src/errors.js';
import { measureProcess } from '../../../src/media/benchmark/measured-process.js';

const onLinux = process.platform === 'linux' ? false : 'only Linux tells';

const runScript = (script: string, options: Partial<Parameters<typeof measureProcess>[2]> = {}) =>
  measureProcess(process.execPath, ['-e', script], { stage: 'test', ...options });

test('a measured process gives what it said and how it ended', async () => {
  const { exit, stdout, stderr, cost } = await runScript(
    'console.log("result"); console.error("remark"); process.exitCode = 4;',
  );
  assert.deepEqual(exit, { code: 4, signal: null });
  assert.equal(stdout, 'result\n');
  assert.deepEqual(stderr, ['remark']);
  assert.ok(cost.wallMs > 0);
});

test('memory of a process and of its children is told', { skip: onLinux }, async () => {
  const child =
    'const held = Buffer.alloc(96 << 20, 1); process.stdout.write("full"); process.stdin.resume();';
  // The parent takes its child down when it has filled its memory and both have been looked at for a while of processor time.
  const parent = `
    const { spawn } = require('node:child_process');
    const child = spawn(process.execPath, ['-e', ${JSON.stringify(child)}], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdout.once('data', () => {
      while (process.cpuUsage().user < 1.2e6);
      child.stdin.end();
    });`;
  const { cost, exit } = await runScript(parent);
  assert.equal(exit.code, 0);
  assert.ok(cost.ownPeakBytes !== null && cost.ownPeakBytes > 20 << 20 && cost.ownPeakBytes < 96 << 20);
  assert.ok(cost.treePeakBytes !== null && cost.treePeakBytes > cost.ownPeakBytes + (96 << 20));
});

test('processor time of the process and of its children is told', { skip: onLinux }, async () => {
  const burn = 'while (process.cpuUsage().user < 3e5);';
  const script = `require('node:child_process').execFileSync(process.execPath, ['-e', '${burn}']); ${burn}`;
  const { cost } = await runScript(script);
  assert.ok(cost.cpuMs !== null && cost.cpuMs >= 580, `${cost.cpuMs} ms`);
});

test('an abort lets the program end what it began, and rejects when it has', async () => {
  const stop = new AbortController();
  // The program stops us with its first word, by a signal that only its parent can have sent on.
  const script = `
    process.on('SIGTERM', () => process.exit(0));
    setInterval(() => {}, 1000);
    process.kill(process.ppid, 'SIGUSR2');`;
  process.once('SIGUSR2', () => stop.abort());
  await assert.rejects(runScript(script, { signal: stop.signal, abortSignal: 'SIGTERM' }), (error) => {
    return error instanceof FaceswapError && error.kind === 'interrupted';
  });
});

test('a program that cannot be started is unavailable', async () => {
  await assert.rejects(measureProcess('/absent/program', [], { stage: 'test' }), (error) => {
    return error instanceof FaceswapError && error.kind === 'unavailable' && /absent/.test(error.message);
  });
});
