import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { readDeviceMemory } from '../../inference/device-memory.js';
import { onnxruntimeVersion } from '../../inference/onnxruntime-version.js';
import { runDeviceTool } from '../../media/device-tools.js';
import type { FfmpegTools } from '../../media/ffmpeg-tools.js';
import type { BenchmarkMachine } from './benchmark-report.js';

/** The provider whose devices every vendor's tool is asked for. */
const anyDeviceProvider = 'webgpu';

/**
 * Describes this machine. Takes some tens of milliseconds, a few seconds with a graphics driver that is not loaded yet.
 *
 * @throws FaceswapError (unavailable) when onnxruntime is not installed, (interrupted) on abort.
 */
export async function describeMachine(
  tools: FfmpegTools,
  signal: AbortSignal | undefined,
): Promise<BenchmarkMachine> {
  const reading = await readDeviceMemory(anyDeviceProvider, (tool, args) =>
    runDeviceTool(tool, args, signal),
  );
  const limitBytes = process.constrainedMemory();
  const memoryBytes = totalmem();
  return {
    platform: platform(),
    arch: arch(),
    osRelease: release(),
    cpuModel: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes,
    memoryLimitBytes: limitBytes > 0 && limitBytes < memoryBytes ? limitBytes : null,
    gpus: reading.ok
      ? reading.devices.map(({ name, driver, totalBytes }) => ({ name, driver, memoryBytes: totalBytes }))
      : [],
    nodeVersion: process.versions.node,
    ffmpegVersion: tools.ffmpegVersion,
    onnxruntimeVersion: onnxruntimeVersion(),
  };
}
