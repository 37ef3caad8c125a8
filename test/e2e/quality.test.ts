import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RowsLine, RunReport } from '../../src/index.js';
import { makeClip } from './clips.js';
import { faceswap, fixture, temporaryFolder } from './command-run.js';

const folder = temporaryFolder('quality');
const clip = join(folder, 'clip.mp4');
makeClip({
  shots: [
    { photo: 'astronaut.png', frames: 7 },
    { photo: 'grace_hopper.jpg', frames: 5 },
  ],
  rate: { num: 25, den: 1 },
  output: ['-c:v', 'libx264', '-preset', 'veryfast', clip],
});
const words = ['run', '-s', fixture('grace_hopper.jpg'), '-t', clip, '--output-video-preset', 'ultrafast'];

test('a run below its gates writes the output, tells each on a line, and exits with 7', async () => {
  const output = join(folder, 'gates.mp4');
  const rows = join(folder, 'rows.jsonl');
  const limits = [
    '--min-identity',
    '0.999',
    '--max-jitter',
    '100%',
    '--min-tpsnr',
    '99',
    '--max-unswapped',
    '0',
  ];
  const { exitCode, stdout, stderr } = await faceswap([...words, '-o', output, '--report', rows, ...limits]);
  assert.equal(exitCode, 7, stderr);
  assert.ok(existsSync(output));
  const lines = stderr.trimEnd().split('\n');
  assert.equal(lines.length, 2, stderr);
  assert.match(
    lines[0] ?? '',
    /^error: --min-identity 0\.999 is missed: the median identity .* is 0\.\d{3}: \d frames? \(/,
  );
  assert.match(
    lines[1] ?? '',
    /^error: --min-tpsnr 99\.00 dB is missed: the mean tPSNR is \d+\.\d\d dB: \d+ frames? \([\d, -]+\)$/,
  );
  assert.match(stdout, /^seam {2,}p5 /m);
  assert.match(stdout, /^gates +min-identity 0\.999: 0\.\d{3}, missed$/m);
  assert.match(stdout, /^ +max-unswapped 0 %: 0 %, passed$/m);
  for (const line of stdout.split('\n')) if (!line.startsWith('Output: ')) assert.ok(line.length <= 80, line);

  const read = readFileSync(rows, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as RowsLine);
  const frames = read.flatMap((line) => (line.type === 'frame' ? [line] : []));
  assert.equal(frames.length, 12);
  for (const { frame, faces, ssimOutside } of frames) {
    const [face] = faces;
    assert.ok(face);
    assert.ok(ssimOutside !== null && ssimOutside > 0.99 && ssimOutside <= 1);
    assert.ok(face.ssimInside !== null && face.ssimInside < 1);
    assert.ok(face.seam !== null && face.seam > 0);
    // A shot's first frame has none before it.
    assert.equal(face.tpsnrAlignedOutputDb === null, frame === 0 || frame === 7);
    assert.equal(face.trackId, frame < 7 ? 0 : 1);
  }
  const end = read.at(-1);
  assert.ok(end?.type === 'totals');
  assert.deepEqual(
    end.shots.map(({ start, end: last }) => [start, last]),
    [
      [0, 7],
      [7, 12],
    ],
  );
  assert.deepEqual(
    end.tracks.map(({ trackId, shot, frames: count }) => [trackId, shot, count]),
    [
      [0, 0, 7],
      [1, 1, 5],
    ],
  );
});

test('with --json a run below a gate has its report and the failure; basic blending leaves the rest as it is', async () => {
  const output = join(folder, 'json.mp4');
  const { exitCode, stdout, stderr } = await faceswap([
    ...[...words, '-o', output, '--json', '--blend', 'basic', '--trim-frame-end', '4'],
    ...['--min-tpsnr', '99'],
  ]);
  assert.equal(exitCode, 7, stderr);
  const answer = JSON.parse(stdout) as {
    ok: boolean;
    report: RunReport;
    error: { kind: string; exitCode: number };
  };
  assert.equal(answer.ok, false);
  assert.deepEqual([answer.error.kind, answer.error.exitCode], ['qualityGate', 7]);
  assert.equal(answer.report.gates[0]?.passed, false);
  assert.deepEqual(answer.report.quality.ssimOutside, { mean: 1, std: 0, min: 1 });
});
