/**
 * Stands for `faceswap run` in tests of the benchmark: copies the target to the output and prints a report. The first
 * word is the mode.
 */
import { copyFileSync, writeFileSync } from 'node:fs';

const [mode, ...words] = process.argv.slice(2);
const valueOf = (flag) => words[words.indexOf(flag) + 1];
const output = valueOf('--output');

const performance = {
  firstFrameMs: 120,
  modelMs: 300,
  renderMs: 600,
  stageLatencyMs: { decode: { p50: 1, p95: 2, p99: 3, count: 5 } },
  workers: { count: 1, reason: 'one core' },
  batch: { size: 1, reason: 'no model', halvings: 0 },
  frames: { bytesPerFrame: 1000, allocated: 5, acquired: 50, peakInFlight: 4, limitBytes: 5000 },
  hwaccel: 'none',
  hwaccelReason: 'software, as hardware was not asked for',
  analysis: 'computed',
};

if (mode === 'hang') {
  // What it leaves behind tells whether it was asked to stop or killed.
  process.on('SIGTERM', () => {
    writeFileSync(process.env.FAKE_FACESWAP_MARK, 'stopped');
    process.exit(130);
  });
  setInterval(() => {}, 1000);
  process.kill(process.ppid, 'SIGUSR2');
} else if (mode === 'fail') {
  const error = { kind: 'model', exitCode: 4, message: 'The model is damaged', hint: 'Build it again' };
  console.log(JSON.stringify({ ok: false, error }));
  process.exitCode = 4;
} else if (mode === 'garble') {
  console.error('something odd');
  console.log('no json');
} else {
  copyFileSync(valueOf('--target'), output);
  const report = {
    wallMs: 1,
    stageMs: { decode: 1 },
    quality: { facesSwapped: mode === 'miss' ? 2 : 9, facesFilled: 1 },
    warnings: [{ code: 'told', message: 'a remark', file: output }],
    performance: mode === 'bare-report' ? null : performance,
    config: words,
  };
  console.log(JSON.stringify({ ok: true, report }));
}
