import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { embeddedModelPath } from '../../src/inference/model-registry.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('loading a model starts no telemetry, which would leave its files in the temporary folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'faceswap-test-'));
  try {
    const script = `const { createSession } = await import('./src/inference/session.ts');
      const session = await createSession(${JSON.stringify(embeddedModelPath('blazeface'))}, { providers: ['cpu'], intraOpThreads: 1 });
      await session.dispose();`;
    const { ORT_DISABLE_TELEMETRY: _unset, ...env } = process.env;
    await promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      cwd: root,
      env: { ...env, TMPDIR: folder },
    });
    const left = (await readdir(folder)).filter((name) => !name.startsWith('tsx-'));
    assert.deepEqual(left, []);
  } finally {
    await rm(folder, { recursive: true });
  }
});
