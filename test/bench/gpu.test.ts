import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { networkGmac, networkModel, networks } from '../../bench/gpu/network.js';
import { probeProvider } from '../../src/inference/session.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

const measure = (...words: string[]): { code: number | null; stdout: string; stderr: string } => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', 'bench/gpu.ts', ...words],
    { cwd: root, encoding: 'utf8' },
  );
  return { code: status, stdout, stderr };
};

describe('the measurement of graphics cards', () => {
  it('measures every model in both precisions, tiny and on the CPU where that is asked for', () => {
    const { code, stdout, stderr } = measure('--execution-provider', 'cpu', '--quick');
    assert.equal(code, 0, stderr);
    for (const name of ['inswapper', 'retinaface', 'arcface', 'gfpgan']) {
      for (const precision of ['fp32', 'fp16']) {
        for (const batch of [1, 2]) {
          assert.match(
            stdout,
            new RegExp(`^cpu +${name} +${precision}  batch  ${batch} +[\\d.]+ per s  \\?$`, 'm'),
          );
        }
      }
    }
  });

  it('says so and exits 9 on a machine without the card', async (context) => {
    if ((await probeProvider('cuda')).ok) {
      context.skip('CUDA works on this machine');
      return;
    }
    const { code, stdout, stderr } = measure();
    assert.equal(code, 9);
    assert.equal(stdout, '');
    assert.match(stderr, /^error: Provider "cuda" cannot be used here: .*measures graphics cards/m);
  });

  it('the generated networks cost what the real ones are said to cost', () => {
    const costs = Object.fromEntries(networks.map((network) => [network.name, networkGmac(network)]));
    const near = (name: string, gmac: number): void => {
      const cost = costs[name] ?? 0;
      assert.ok(Math.abs(cost / gmac - 1) < 0.15, `${name}: ${cost} against ${gmac}`);
    };
    near('retinaface', 10);
    near('arcface', 6.3);
    near('gfpgan', 120);
    for (const network of networks) {
      assert.deepEqual(networkModel(network).inputs[0]?.dims, ['batch', 3, network.sizePx, network.sizePx]);
    }
  });
});
