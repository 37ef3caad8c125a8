import type { BatchSession } from './batch-runner.js';
import type { WantedDims } from './model-signature.js';
import type { TensorInfo } from './session.js';

/**
 * The session with the lengths that its contract gives to axes which the file leaves open; the first axis, that of the batch, stays as it
 * is. What the file says otherwise is not changed.
 *
 * @param dims by the name of an input or output
 */
export function withKnownDims(
  session: BatchSession,
  dims: Readonly<Record<string, WantedDims>>,
): BatchSession {
  const known = (info: TensorInfo): TensorInfo => {
    const wanted = dims[info.name];
    if (wanted === undefined || wanted.length !== info.dims.length) return info;
    const length = (dim: number | string, axis: number): number | string =>
      axis === 0 || typeof dim === 'number' ? dim : (wanted[axis] ?? dim);
    return { ...info, dims: info.dims.map(length) };
  };
  return {
    modelPath: session.modelPath,
    inputs: session.inputs.map(known),
    outputs: session.outputs.map(known),
    runInto: (feeds, outputs) => session.runInto(feeds, outputs),
  };
}
