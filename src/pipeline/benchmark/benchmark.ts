import type { RunContext } from '../run.js';
import type { BenchmarkOptions } from './benchmark-options.js';
import type { BenchmarkReport } from './benchmark-report.js';

/**
 * Measures this machine: makes clips with moving faces, swaps them, and compares each run with a bare ffmpeg transcode of the same clip. Every
 * measured run is a process of its own. Clips and outputs lie in the system's temporary folder (`TMPDIR`) and are deleted.
 *
 * A regression against `baseline` is no failure here: it stands in `comparison`.
 *
 * @throws (rejects with) FaceswapError: `usage` for options and for a baseline that cannot be compared with, before any work; what a measured
 * run failed with; `interrupted` on abort.
 */
export const benchmark = async (
  options: BenchmarkOptions = {},
  context: RunContext = {},
): Promise<BenchmarkReport> => {
  const { runBenchmark } = await import('./run-benchmark.js');
  return runBenchmark(options, context, {});
};
