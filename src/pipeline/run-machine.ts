import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { onnxruntimeVersion } from '../inference/onnxruntime-version.js';

/** Where a run was made, and with which versions. */
export type RunMachine = {
  readonly system: string;
  readonly cpuModel: string;
  /** Cores that the process could use. */
  readonly cores: number;
  readonly memoryBytes: number;
  readonly nodeVersion: string;
  readonly onnxruntimeVersion: string;
  /** Null for an image, which needs none. */
  readonly ffmpegVersion: string | null;
};

/**
 * Describes this machine as far as it costs no time.
 *
 * @throws FaceswapError (unavailable) when onnxruntime is not installed.
 */
export const runMachine = (ffmpegVersion: string | null): RunMachine => ({
  system: `${platform()} ${arch()} ${release()}`,
  cpuModel: cpus()[0]?.model.trim() ?? 'unknown',
  cores: availableParallelism(),
  memoryBytes: totalmem(),
  nodeVersion: process.versions.node,
  onnxruntimeVersion: onnxruntimeVersion(),
  ffmpegVersion,
});
