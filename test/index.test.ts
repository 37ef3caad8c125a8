import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as library from '../src/index.js';

test('the library exports what its documentation promises', () => {
  assert.deepEqual(Object.keys(library).sort(), [
    'ExitCode',
    'FaceswapError',
    'batchFailure',
    'benchmark',
    'cleanJobs',
    'compare',
    'dryRun',
    'dryRunBatch',
    'faces',
    'findJob',
    'listJobs',
    'run',
    'runBatch',
    'scenes',
    'writeHtmlReport',
  ]);
});

test('a wrong option rejects with a structured error and ends the progress', async () => {
  const handle = library.run({ source: 'a.png', target: 'b.mp4', output: 'c.mp4', faceDetectorScore: 2 });
  for await (const event of handle.progress) assert.fail(`unexpected ${event.type}`);
  await assert.rejects(handle, (error) => {
    assert.ok(error instanceof library.FaceswapError);
    assert.equal(error.exitCode, library.ExitCode.usage);
    assert.deepEqual(JSON.parse(JSON.stringify(error.toRecord())), {
      kind: 'usage',
      exitCode: 2,
      message: '--face-detector-score must be a number from 0 to 1, got 2',
    });
    return true;
  });
});

test('a failed run that nobody awaits does not end the process', async () => {
  const entry = JSON.stringify(new URL('../src/index.ts', import.meta.url).href);
  const script = `const { run } = await import(${entry}); run({}); await new Promise(setImmediate); console.log('alive');`;
  const output = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('..', import.meta.url)),
  });
  assert.equal(output, 'alive\n');
});

test('importing the library loads no ffmpeg wrapper, no model runtime and no picture library', () => {
  const importWithoutHeavy = (file: string): string => {
    const hook = `const heavy = ['onnxruntime-node', 'sharp', 'fluent-ffmpeg', 'lru-cache', 'p-queue', 'zod', 'pino'];
      export const resolve = async (specifier, context, next) => {
        if (heavy.includes(specifier)) throw new Error('heavy: ' + specifier);
        return next(specifier, context);
      };`;
    const script = `import { register } from 'node:module';
      register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}));
      try { await import(${JSON.stringify(new URL(file, import.meta.url).href)}); console.log('light'); }
      catch (error) { console.log(error.message); }`;
    return execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      encoding: 'utf8',
      cwd: fileURLToPath(new URL('..', import.meta.url)),
    });
  };
  assert.equal(importWithoutHeavy('../src/index.ts'), 'light\n');
  assert.match(importWithoutHeavy('../src/pipeline/run-video.ts'), /^heavy: /);
});
