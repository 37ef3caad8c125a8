import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { runDeviceTool } from '../../src/media/device-tools.js';

describe('device tools', () => {
  it('what a tool prints comes back', async () => {
    const answer = await runDeviceTool(process.execPath, ['--eval', 'console.log("0, a GPU")']);
    assert.deepEqual(answer, { ok: true, stdout: '0, a GPU\n' });
  });

  it('a tool that is not there is an answer', async () => {
    assert.deepEqual(await runDeviceTool('no-such-smi', []), {
      ok: false,
      reason: 'no-such-smi is not installed',
    });
  });

  it('a tool that fails says why, wherever it says so', async () => {
    const answer = await runDeviceTool(process.execPath, [
      '--eval',
      'console.log("no driver"); process.exit(9)',
    ]);
    assert.ok(!answer.ok);
    assert.match(answer.reason, /failed with exit code 9: no driver/);
  });

  it('an interruption is an error', async () => {
    const controller = new AbortController();
    controller.abort();
    await assert.rejects(
      runDeviceTool(process.execPath, ['--version'], controller.signal),
      (error) => error instanceof FaceswapError && error.kind === 'interrupted',
    );
  });
});
