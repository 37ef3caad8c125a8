import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../scripts/setup-cuda.mjs', import.meta.url));

const setup = (...words: string[]): { code: number | null; stdout: string; stderr: string } => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...words], { encoding: 'utf8' });
  return { code: status, stdout, stderr };
};

describe('the setup of CUDA', () => {
  it('says beforehand what is downloaded, from where, and what else is needed', () => {
    const { code, stdout } = setup('--dry-run', '--platform', 'linux/x64');
    assert.equal(code, 0);
    assert.match(stdout, /^onnxruntime-node [\d.]+, linux\/x64\. To be downloaded/);
    assert.match(stdout, /Microsoft\.ML\.OnnxRuntime\.Gpu\.Linux [\d.]+ from https:/);
    for (const name of ['cuda', 'tensorrt', 'shared']) {
      assert.ok(stdout.includes(`libonnxruntime_providers_${name}.so`), name);
    }
    assert.match(stdout, /CUDA 12: .*\n.*cuDNN 9/);
    assert.match(stdout, /faceswap doctor/);
  });

  it('fails where there is nothing to fetch, and names what serves instead', () => {
    for (const [platform, other] of [
      ['win32/x64', /directml/],
      ['darwin/arm64', /coreml/],
      ['linux/arm64', /only for linux\/x64$/m],
    ] as const) {
      const { code, stderr } = setup('--dry-run', '--platform', platform);
      assert.equal(code, 9, platform);
      assert.match(stderr, new RegExp(`^error: onnxruntime-node .* has no CUDA libraries for ${platform}`));
      assert.match(stderr, other);
    }
  });

  it('refuses what it does not know before it does anything', () => {
    const unknown = setup('--cuda', '11');
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /^error: .*--cuda.*\n[^]*Usage: npm run setup:cuda/);
    const platform = setup('--platform', 'linux/x64');
    assert.equal(platform.code, 2);
    assert.match(platform.stderr, /--platform must come with --dry-run/);
    assert.match(setup('--help').stdout, /^Usage: npm run setup:cuda/);
  });
});
