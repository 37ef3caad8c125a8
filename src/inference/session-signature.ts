import { FaceswapError } from '../errors.js';
import type { BatchSession } from './batch-runner.js';
import type { TensorInfo } from './session.js';

/** Lengths of axes that a contract asks for; null: one item at a time, or as many as the caller likes. */
export type WantedDims = readonly (number | null)[];

type Signature = Pick<BatchSession, 'modelPath' | 'inputs' | 'outputs'>;

const shownDims = (dims: readonly (number | string | null)[]): string =>
  `[${dims.map((dim) => (dim === null ? 'n' : dim === '' ? '?' : dim)).join(', ')}]`;

/** An axis of an item must have its length; that of the batch may be free, or 1. */
const fits = (dims: TensorInfo['dims'], wanted: WantedDims): boolean =>
  dims.length === wanted.length &&
  wanted.every((length, axis) => {
    const dim = dims[axis];
    return length === null ? typeof dim === 'string' || dim === 1 : dim === length;
  });

const refuse = ({ modelPath }: Signature, what: string, wanted: WantedDims, found: string): FaceswapError =>
  new FaceswapError('model', `The model should have ${what} ${shownDims(wanted)}, but it has ${found}`, {
    file: modelPath,
    hint: 'Fetch the model again with "faceswap models pull", or give a file that fits its contract',
  });

/**
 * Makes sure that a model has an input of this name and shape.
 *
 * @throws FaceswapError `model` naming what was expected and what the file has
 */
export function requireInput(session: Signature, name: string, wanted: WantedDims): void {
  const input = session.inputs.find((info) => info.name === name);
  if (input !== undefined && fits(input.dims, wanted)) return;
  const all = session.inputs.map((info) => `"${info.name}" ${shownDims(info.dims)}`).join(', ');
  throw refuse(session, `an input "${name}"`, wanted, all === '' ? 'no input' : all);
}

/**
 * The name of a model's first output, which must have this shape.
 *
 * @throws FaceswapError `model` as {@link requireInput}
 */
export function requireFirstOutput(session: Signature, wanted: WantedDims): string {
  const output = session.outputs[0];
  if (output !== undefined && fits(output.dims, wanted)) return output.name;
  const found = output === undefined ? 'no output' : `"${output.name}" ${shownDims(output.dims)}`;
  throw refuse(session, 'a first output', wanted, found);
}

/**
 * Makes sure that a model has no inputs but these: nobody would feed the others.
 *
 * @throws FaceswapError `model` naming the first that is too many
 */
export function refuseOtherInputs(session: Signature, names: readonly string[]): void {
  const other = session.inputs.find(({ name }) => !names.includes(name));
  if (other === undefined) return;
  throw new FaceswapError('model', `The model has an input "${other.name}" that its contract does not know`, {
    file: session.modelPath,
    hint: `Its contract has ${names.map((name) => `"${name}"`).join(', ')}`,
  });
}
