import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BenchmarkReport } from '../../src/index.js';
import { runCommand } from '../cli/command.js';

test('a benchmark of the installed command finds the faces of its own clip and takes every figure', async () => {
  const words = ['benchmark', '--json', '--resolutions', '240p', '--faces', '2', '--duration', '0.4'];
  const quick = ['--cycles', '1', '--warmup', '0', '--output-video-preset', 'ultrafast'];
  const { exitCode, stdout, stderr } = await runCommand([...words, ...quick, '--log-level', 'error']);
  assert.equal(exitCode, 0, stderr);
  assert.equal(stderr, '');
  const answer = JSON.parse(stdout) as { ok: boolean; benchmark: BenchmarkReport };
  assert.equal(answer.ok, true);
  const [entry] = answer.benchmark.entries;
  assert.ok(entry);
  const { summary, cycles } = entry;
  assert.equal(entry.clip.frames, 10);
  assert.equal(summary.facesPerFrame, 2);
  assert.equal(cycles.length, 1);
  const { stageLatencyMs, workers, batch, frames, hwaccel, firstFrameMs, modelShareOfWall } = summary;
  for (const stage of ['decode', 'landmarks', 'swap', 'blend', 'encode'] as const) {
    assert.ok(stageLatencyMs[stage], `${stage} was not measured`);
  }
  assert.ok(workers !== null && batch !== null && frames !== null && firstFrameMs !== null);
  assert.equal(hwaccel, 'none');
  assert.ok(modelShareOfWall !== null && modelShareOfWall.median > 0 && modelShareOfWall.median < 1);
  if (process.platform === 'linux') {
    const { ownPeakBytes, treePeakBytes, barePeakBytes } = summary;
    assert.ok(ownPeakBytes !== null && treePeakBytes !== null && barePeakBytes !== null);
    assert.ok(ownPeakBytes > 50e6 && treePeakBytes > ownPeakBytes && barePeakBytes > 5e6);
  }
});
