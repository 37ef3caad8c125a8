import { FaceswapError } from '../errors.js';
import { type FlowNode, followBatch } from './batch-flow.js';
import {
  delimited,
  delimitedField,
  encodedText,
  integerTensor,
  isExternal,
  joined,
  numberField,
  numberFields,
  smallIntegers,
  textField,
  textFields,
  valueDims,
  type WireField,
  wireFields,
  withFreeFirstDim,
} from './onnx-wire.js';

/** Name of the axis that is made free. */
export const batchAxis = 'batch';

/** What became of a model. */
export type FreeBatch =
  /** It already takes any number of items. */
  | { readonly kind: 'free' }
  /** The rewritten file, as parts to be written one behind the other; most are views of the original. */
  | { readonly kind: 'rewritten'; readonly parts: readonly Uint8Array[] }
  /** Its graph needs a batch of 1, for this reason. */
  | { readonly kind: 'refused'; readonly reason: string };

// Field numbers of ModelProto, GraphProto, NodeProto and AttributeProto.
const modelGraph = 7;
const graphNode = 1;
const graphInitializer = 5;
const graphInput = 11;
const graphOutput = 12;
const graphValueInfo = 13;
const graphSparseInitializer = 15;
const nodeInput = 1;
const nodeOutput = 2;
const nodeName = 3;
const nodeOpType = 4;
const nodeAttribute = 5;

/**
 * Makes the fixed batch of 1 of a model free: first axes of inputs and outputs become {@link batchAxis}, shapes inside of the graph that
 * count one item count what there is, and recorded intermediate shapes, which would contradict, are left out. Weights stay where they are.
 *
 * An input of one axis, such as a strength, is not an item per face and stays as it is. New constants come before the old ones, since
 * there are models whose last constant is data that programs look for.
 *
 * The result follows from rules about operations and is not proof: compare runs before it is used.
 *
 * @throws FaceswapError `model` when the bytes are no ONNX model
 */
export function freeBatch(bytes: Uint8Array): FreeBatch {
  try {
    const model = wireFields(bytes);
    const graphs = delimited(model, modelGraph);
    const [graph] = graphs;
    if (graph === undefined || graphs.length > 1) {
      throw new FaceswapError('model', `Not an ONNX model: it has ${graphs.length} graphs`);
    }
    const result = rewriteGraph(wireFields(graph));
    if (result.kind !== 'rewritten') return result;
    const parts = model.flatMap((field) =>
      field.number === modelGraph ? delimitedField(modelGraph, result.parts) : [field.raw],
    );
    return { kind: 'rewritten', parts };
  } catch (error) {
    if (error instanceof FaceswapError) throw error;
    throw new FaceswapError('model', 'Not an ONNX model: its protobuf encoding is broken', { cause: error });
  }
}

const rewriteGraph = (fields: readonly WireField[]): FreeBatch => {
  const initializers = delimited(fields, graphInitializer);
  if (initializers.some(isExternal)) return refused('its weights lie in another file');
  if (delimited(fields, graphSparseInitializer).length > 0) return refused('it has sparse weights');
  const constants = new Map<string, Uint8Array>();
  for (const tensor of initializers) constants.set(textField(wireFields(tensor), 8), tensor);

  const inputs = delimited(fields, graphInput).filter((info) => !constants.has(nameOf(info)));
  const outputs = delimited(fields, graphOutput);
  const fixedInputs = inputs.filter((info) => isFixedBatch(info));
  if (fixedInputs.length === 0) {
    if (inputs.some((info) => isFree(valueDims(info)?.[0]))) return { kind: 'free' };
    return refused('no input begins with a batch of 1');
  }
  for (const info of outputs) {
    const dims = valueDims(info);
    if (dims?.[0] !== undefined && dims[0] !== 1 && !isFree(dims[0])) {
      return refused(`output "${nameOf(info)}" [${dims.join(', ')}] does not begin with a batch`);
    }
  }

  const nodes = delimited(fields, graphNode).map(readNode);
  for (const node of nodes) {
    if (node.flow.opType !== 'Constant' || node.value === undefined) continue;
    if (isExternal(node.value)) return refused('its weights lie in another file');
    for (const output of node.flow.outputs) constants.set(output, node.value);
  }
  const flow = followBatch({
    nodes: nodes.map((node) => node.flow),
    batchInputs: inputs
      .filter((info) => isFixedBatch(info) || isFree(valueDims(info)?.[0]))
      .map((info) => nameOf(info)),
    outputs: outputs.map((info) => nameOf(info)),
    constant: (name) => {
      const tensor = constants.get(name);
      return tensor === undefined ? undefined : smallIntegers(tensor);
    },
  });
  if (!flow.ok) return refused(flow.reason);
  return { kind: 'rewritten', parts: rewrittenGraph(fields, flow.shapes, new Set(fixedInputs)) };
};

const rewrittenGraph = (
  fields: readonly WireField[],
  shapes: ReadonlyMap<number, readonly number[]>,
  fixedInputs: ReadonlySet<Uint8Array>,
): Uint8Array[] => {
  const parts: Uint8Array[] = [];
  let nodeIndex = -1;
  // A name that no tensor of the file can have by accident.
  const shapeName = (index: number): string => `faceswap free batch shape ${index}`;
  for (const [index, shape] of shapes) {
    parts.push(...delimitedField(graphInitializer, [integerTensor(shapeName(index), shape)]));
  }
  for (const field of fields) {
    if (field.number === graphValueInfo) continue;
    if (field.number === graphNode) {
      nodeIndex += 1;
      parts.push(
        ...(shapes.has(nodeIndex)
          ? delimitedField(graphNode, [withSecondInput(field.body, shapeName(nodeIndex))])
          : [field.raw]),
      );
    } else if (field.number === graphInput && fixedInputs.has(field.body)) {
      parts.push(...delimitedField(graphInput, [withFreeFirstDim(field.body, batchAxis)]));
    } else if (field.number === graphOutput && valueDims(field.body)?.[0] === 1) {
      parts.push(...delimitedField(graphOutput, [withFreeFirstDim(field.body, batchAxis)]));
    } else {
      parts.push(field.raw);
    }
  }
  return parts;
};

type ReadNode = {
  readonly flow: FlowNode;
  /** The tensor of a Constant node. */
  readonly value: Uint8Array | undefined;
};

const readNode = (bytes: Uint8Array): ReadNode => {
  const fields = wireFields(bytes);
  const integers = new Map<string, readonly number[]>();
  let hasGraph = false;
  let value: Uint8Array | undefined;
  for (const attribute of delimited(fields, nodeAttribute)) {
    // AttributeProto: name 1, i 3, t 5, g 6, ints 8, graphs 11.
    const parts = wireFields(attribute);
    const name = textField(parts, 1);
    const single = numberField(parts, 3);
    const several = numberFields(parts, 8);
    if (several.length > 0) integers.set(name, several);
    else if (single !== undefined) integers.set(name, [single]);
    hasGraph ||= delimited(parts, 6).length > 0 || delimited(parts, 11).length > 0;
    if (name === 'value') value = delimited(parts, 5).at(-1);
    // A Constant node may hold its numbers directly.
    else if (name === 'value_ints') value = integerTensor('', several);
  }
  const flow = {
    opType: textField(fields, nodeOpType),
    name: textField(fields, nodeName),
    inputs: textFields(fields, nodeInput),
    outputs: textFields(fields, nodeOutput),
    integers,
    hasGraph,
  };
  return { flow, value };
};

const withSecondInput = (node: Uint8Array, name: string): Uint8Array => {
  let inputIndex = -1;
  return joined(
    wireFields(node).map((field) => {
      if (field.number !== nodeInput) return field.raw;
      inputIndex += 1;
      return inputIndex === 1 ? encodedText(nodeInput, name) : field.raw;
    }),
  );
};

const refused = (reason: string): FreeBatch => ({ kind: 'refused', reason });

const nameOf = (valueInfo: Uint8Array): string => textField(wireFields(valueInfo), 1);

const isFixedBatch = (valueInfo: Uint8Array): boolean => {
  const dims = valueDims(valueInfo);
  return dims !== undefined && dims.length > 1 && dims[0] === 1;
};

/** Old exporters write 0 or −1 for a length that is not known. */
const isFree = (dim: number | string | undefined): boolean =>
  typeof dim === 'string' || (dim !== undefined && dim <= 0);
