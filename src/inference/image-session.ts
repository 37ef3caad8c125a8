import type { BatchSession } from './batch-runner.js';
import { imageDims } from './image-input.js';
import { withKnownDims } from './known-dims.js';
import type { ImageInputContract } from './model-contracts.js';
import { refuseOtherInputs, requireFirstOutput, requireInput, type WantedDims } from './session-signature.js';

/** A model that makes something of square pictures, with all lengths known but that of the batch. */
export type ImageSession = {
  readonly session: BatchSession;
  /** Name of its first output. */
  readonly output: string;
};

/**
 * Makes sure that a model takes a square picture, and nothing else but `others`, and gives what its contract says. Axes that the file leaves open
 * get the contract's lengths.
 *
 * @param outputDims shape of the first output; null is the batch
 * @param others shapes of other inputs by their names
 * @throws FaceswapError `model` naming what was expected and what the file has
 */
export function imageSession(
  session: BatchSession,
  { image, sizePx }: { readonly image: ImageInputContract; readonly sizePx: number },
  outputDims: WantedDims,
  others: Readonly<Record<string, WantedDims>> = {},
): ImageSession {
  const inputs: Readonly<Record<string, WantedDims>> = {
    [image.name]: imageDims(image.layout, sizePx),
    ...others,
  };
  const first = session.outputs[0];
  const known = withKnownDims(session, {
    ...inputs,
    ...(first === undefined ? {} : { [first.name]: outputDims }),
  });
  for (const [name, dims] of Object.entries(inputs)) requireInput(known, name, dims);
  refuseOtherInputs(known, Object.keys(inputs));
  return { session: known, output: requireFirstOutput(known, outputDims) };
}
