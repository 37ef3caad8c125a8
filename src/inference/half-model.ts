import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { FaceswapError } from '../errors.js';
import { largestHalf, narrowToHalves } from './float16.js';
import { type HalfRule, halfRules } from './half-rules.js';
import {
  delimited,
  delimitedField,
  encodedText,
  isExternal,
  joined,
  numberField,
  numberFields,
  textField,
  textFields,
  type WireField,
  wireFields,
} from './onnx-wire.js';

/** What became of a model. */
export type HalfModel =
  | {
      readonly kind: 'rewritten';
      /** The rewritten file, as parts to be written one behind the other. */
      readonly parts: readonly Uint8Array[];
      /** Operations that compute in half precision now. */
      readonly halvedCount: number;
    }
  /** It has no convolution or matrix product in single precision: nothing can be gained. */
  | { readonly kind: 'unchanged' }
  /** Its graph cannot be converted, for this reason. */
  | { readonly kind: 'refused'; readonly reason: string };

// Field numbers of ModelProto, GraphProto, NodeProto, AttributeProto and TensorProto.
const modelGraph = 7;
const graphNode = 1;
const graphInitializer = 5;
const graphInput = 11;
const graphOutput = 12;
const graphValueInfo = 13;
const graphSparseInitializer = 15;
const nodeInput = 1;
const nodeOutput = 2;
const nodeOpType = 4;
const nodeAttribute = 5;
const nodeDomain = 7;
const tensorType = 2;
const tensorName = 8;

/** TensorProto.DataType. */
const singleCode = 1;
const halfCode = 10;

/** The smallest half with all its digits. */
const smallestNormalHalf = 2 ** -14;

/**
 * Converts a model to half precision: weights of convolutions and matrix products become float16, which halves the file and on a graphics card
 * doubles the speed at best. Inputs and outputs stay float32, and operations for which half precision is not enough stay single
 * ({@link halfRules}); between the two values are converted. An operation whose weights are too large for a half stays single as well.
 *
 * The last constant of the graph is never left out, since there are models whose last constant is data that programs look for.
 *
 * The result follows from rules about operations and is not proof: compare runs before it is used.
 *
 * @throws FaceswapError `model` when the bytes are no ONNX model
 */
export function halfModel(bytes: Uint8Array): HalfModel {
  try {
    const model = wireFields(bytes);
    const graphs = delimited(model, modelGraph);
    const [graph] = graphs;
    if (graph === undefined || graphs.length > 1) {
      throw new FaceswapError('model', `Not an ONNX model: it has ${graphs.length} graphs`);
    }
    const result = new GraphConversion(wireFields(graph)).convert();
    if (result.kind !== 'rewritten') return result;
    const parts = model.flatMap((field) =>
      field.number === modelGraph ? delimitedField(modelGraph, result.parts) : [field.raw],
    );
    return { ...result, parts };
  } catch (error) {
    if (error instanceof FaceswapError) throw error;
    throw new FaceswapError('model', 'Not an ONNX model: its protobuf encoding is broken', { cause: error });
  }
}

type ReadNode = {
  readonly fields: readonly WireField[];
  readonly raw: Uint8Array;
  readonly opType: string;
  /** Whether it is one of ONNX's own operations. */
  readonly isStandard: boolean;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly hasGraph: boolean;
  /** The attribute `to` of Cast. */
  readonly to: number | undefined;
  /** The attribute `value` of Constant and ConstantOfShape. */
  readonly value: Uint8Array | undefined;
  readonly attributeNames: readonly string[];
};

const readNode = ({ raw, body }: WireField): ReadNode => {
  const fields = wireFields(body);
  let hasGraph = false;
  let to: number | undefined;
  let value: Uint8Array | undefined;
  const attributeNames: string[] = [];
  for (const attribute of delimited(fields, nodeAttribute)) {
    // AttributeProto: name 1, i 3, t 5, g 6, graphs 11.
    const parts = wireFields(attribute);
    const name = textField(parts, 1);
    attributeNames.push(name);
    hasGraph ||= delimited(parts, 6).length > 0 || delimited(parts, 11).length > 0;
    if (name === 'to') to = numberField(parts, 3);
    if (name === 'value') value = delimited(parts, 5).at(-1);
  }
  const domain = textField(fields, nodeDomain);
  return {
    fields,
    raw,
    opType: textField(fields, nodeOpType),
    isStandard: domain === '' || domain === 'ai.onnx',
    inputs: textFields(fields, nodeInput),
    outputs: textFields(fields, nodeOutput),
    hasGraph,
    to,
    value,
    attributeNames,
  };
};

/** A constant in single precision. */
type Weights = {
  readonly dims: readonly number[];
  /** Read anew each time: all of a model's weights at once would take as much memory as its file. */
  readonly numbers: () => Float32Array;
  /** Largest and smallest size of its numbers but zero; found when it is first asked for. */
  readonly range: () => { readonly largest: number; readonly smallest: number };
};

class GraphConversion {
  readonly #fields: readonly WireField[];
  /** Names of values that are float32 in the original for certain. */
  readonly #floats = new Set<string>();
  /** Single-precision constants by name; weights and Constant nodes. */
  readonly #weights = new Map<string, Weights>();
  readonly #initializerNames: readonly string[];
  /** The half-precision form of a value, by the name of the value. */
  readonly #halves = new Map<string, string>();
  /** Values that exist in half precision only, so far. */
  readonly #halfOnly = new Set<string>();
  /** Names that are used as they are. */
  readonly #usedAsIs = new Set<string>();
  readonly #newInitializers: Uint8Array[] = [];
  readonly #newNodes: Uint8Array[] = [];
  #halvedCount = 0;

  constructor(fields: readonly WireField[]) {
    this.#fields = fields;
    const tensors = delimited(fields, graphInitializer);
    this.#initializerNames = tensors.map((tensor) => textField(wireFields(tensor), tensorName));
    for (const [index, tensor] of tensors.entries()) {
      this.#addWeights(this.#initializerNames[index] as string, tensor);
    }
    for (const info of delimited(fields, graphInput)) {
      if (elementCode(info) === singleCode) this.#floats.add(textField(wireFields(info), 1));
    }
  }

  convert(): HalfModel {
    const tensors = delimited(this.#fields, graphInitializer);
    if (tensors.some(isExternal)) return refused('its weights lie in another file');
    if (delimited(this.#fields, graphSparseInitializer).length > 0) return refused('it has sparse weights');
    const nodes = this.#fields.filter(({ number }) => number === graphNode).map(readNode);
    for (const node of nodes) {
      if (node.hasGraph) return refused(`${node.opType} has branches or loops`);
      if (node.value !== undefined && isExternal(node.value))
        return refused('its weights lie in another file');
    }
    for (const node of nodes) this.#convertNode(node);
    for (const info of delimited(this.#fields, graphOutput)) {
      this.#needSingle(textField(wireFields(info), 1));
    }
    if (this.#halvedCount === 0) return { kind: 'unchanged' };
    return { kind: 'rewritten', parts: this.#parts(), halvedCount: this.#halvedCount };
  }

  #addWeights(name: string, tensor: Uint8Array): void {
    const fields = wireFields(tensor);
    if (numberField(fields, tensorType) !== singleCode) return;
    this.#floats.add(name);
    const numbers = (): Float32Array => singleNumbers(fields);
    let range: { readonly largest: number; readonly smallest: number } | undefined;
    this.#weights.set(name, {
      dims: numberFields(fields, 1),
      numbers,
      range: () => {
        range ??= rangeOf(numbers());
        return range;
      },
    });
  }

  #convertNode(node: ReadNode): void {
    const rule = node.isStandard ? halfRules.get(node.opType) : undefined;
    const data = rule === undefined ? [] : dataInputs(rule, node.inputs);
    const isKnown = rule !== undefined && data.every((name) => this.#floats.has(name));
    if (isKnown && rule.kind !== 'keep' && this.#wantsHalf(rule, data)) {
      this.#halve(node, rule, data);
      return;
    }
    // A shape is the same in either precision, and taking it needs no conversion.
    const isShape = node.isStandard && (node.opType === 'Shape' || node.opType === 'Size');
    const [input = ''] = node.inputs;
    const half = this.#halves.get(input);
    if (isShape && half !== undefined && this.#halfOnly.has(input)) {
      this.#newNodes.push(...delimitedField(graphNode, [withNames(node, [half], node.outputs)]));
      return;
    }
    for (const name of node.inputs) this.#needSingle(name);
    this.#newNodes.push(node.raw);
    const givesFloats =
      isKnown || isFloatConstant(node) || (node.opType === 'Cast' && node.to === singleCode);
    if (!givesFloats) return;
    for (const name of numberOutputs(node, rule)) this.#floats.add(name);
    const [output] = node.outputs;
    if (node.opType === 'Constant' && node.value !== undefined && output !== undefined) {
      this.#addWeights(output, node.value);
    }
  }

  #wantsHalf(rule: HalfRule, data: readonly string[]): boolean {
    const isAsked =
      rule.kind === 'compute' || data.some((name) => this.#halves.has(name) && !this.#weights.has(name));
    return isAsked && data.every((name) => this.#fitsHalf(name, rule.mindsTiny === true));
  }

  #fitsHalf(name: string, mindsTiny: boolean): boolean {
    const weights = this.#weights.get(name);
    if (weights === undefined) return true;
    const { largest, smallest } = weights.range();
    return largest <= largestHalf && !(mindsTiny && smallest < smallestNormalHalf);
  }

  #halve(node: ReadNode, rule: HalfRule, data: readonly string[]): void {
    const inputs = node.inputs.map((name) => {
      if (name === '') return name;
      if (data.includes(name)) return this.#half(name);
      this.#needSingle(name);
      return name;
    });
    const numbers = numberOutputs(node, rule);
    const outputs = node.outputs.map((name) => {
      if (!numbers.includes(name)) return name;
      this.#floats.add(name);
      this.#halfOnly.add(name);
      const half = halfName(name);
      this.#halves.set(name, half);
      return half;
    });
    this.#newNodes.push(...delimitedField(graphNode, [withNames(node, inputs, outputs)]));
    this.#halvedCount += 1;
  }

  /** The half-precision form of a float32 value, made where it is not there. */
  #half(name: string): string {
    const known = this.#halves.get(name);
    if (known !== undefined) return known;
    const half = halfName(name);
    const weights = this.#weights.get(name);
    if (weights === undefined) {
      this.#usedAsIs.add(name);
      this.#newNodes.push(castNode(name, half, halfCode));
    } else {
      this.#newInitializers.push(...delimitedField(graphInitializer, [halfTensor(half, weights)]));
    }
    this.#halves.set(name, half);
    return half;
  }

  /** Makes sure that a value is there in its own precision. */
  #needSingle(name: string): void {
    this.#usedAsIs.add(name);
    if (!this.#halfOnly.has(name)) return;
    this.#halfOnly.delete(name);
    this.#newNodes.push(castNode(halfName(name), name, singleCode));
  }

  #parts(): Uint8Array[] {
    const last = this.#initializerNames.at(-1);
    const replaced = new Set(
      this.#initializerNames.filter(
        (name) => name !== last && this.#halves.has(name) && !this.#usedAsIs.has(name),
      ),
    );
    const parts = [...this.#newInitializers, ...this.#newNodes];
    for (const field of this.#fields) {
      if (field.number === graphNode || field.number === graphValueInfo) continue;
      // Old files list constants among the inputs as well.
      const nameField = field.number === graphInput ? 1 : field.number === graphInitializer ? tensorName : 0;
      if (nameField > 0 && replaced.has(textField(wireFields(field.body), nameField))) continue;
      parts.push(field.raw);
    }
    return parts;
  }
}

const refused = (reason: string): HalfModel => ({ kind: 'refused', reason });

/** A name that no value of the file can have by accident. */
const halfName = (name: string): string => `${name} faceswap half`;

const dataInputs = (rule: HalfRule, inputs: readonly string[]): readonly string[] =>
  inputs.filter((name, index) => name !== '' && (rule.data === 'all' || rule.data.includes(index)));

const numberOutputs = (node: ReadNode, rule: HalfRule | undefined): readonly string[] =>
  (rule?.outputs === 'all' ? node.outputs : node.outputs.slice(0, 1)).filter((name) => name !== '');

const isFloatConstant = ({ opType, value, attributeNames }: ReadNode): boolean => {
  const code = value === undefined ? undefined : numberField(wireFields(value), tensorType);
  if (opType === 'ConstantOfShape') return value === undefined || code === singleCode;
  if (opType !== 'Constant') return false;
  return (
    code === singleCode || attributeNames.includes('value_float') || attributeNames.includes('value_floats')
  );
};

/** ValueInfoProto: the element type of a tensor. */
const elementCode = (info: Uint8Array): number | undefined => {
  const type = delimited(wireFields(info), 2).at(-1);
  const tensor = type && delimited(wireFields(type), 1).at(-1);
  return tensor && numberField(wireFields(tensor), 1);
};

/** TensorProto of float32: its numbers. */
const singleNumbers = (fields: readonly WireField[]): Float32Array => {
  const raw = delimited(fields, 9).at(-1);
  const bytes = raw ?? joined(fields.filter(({ number }) => number === 4).map(({ body }) => body));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const numbers = new Float32Array(bytes.byteLength >> 2);
  for (let i = 0; i < numbers.length; i++) numbers[i] = view.getFloat32(4 * i, true);
  return numbers;
};

/** A number that is none counts as infinite. */
const rangeOf = (numbers: Float32Array): { readonly largest: number; readonly smallest: number } => {
  let largest = 0;
  let smallest = Infinity;
  for (const number of numbers) {
    const size = Math.abs(number);
    if (!(size <= largest)) largest = Number.isNaN(size) ? Infinity : size;
    if (size < smallest && size > 0) smallest = size;
  }
  return { largest, smallest };
};

const halfTensor = (name: string, { dims, numbers }: Weights): Uint8Array => {
  const singles = numbers();
  const halves = new Uint16Array(singles.length);
  narrowToHalves(singles, halves);
  const bytes = new Uint8Array(2 * halves.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < halves.length; i++) view.setUint16(2 * i, halves[i] as number, true);
  const writer = new BinaryWriter();
  for (const dim of dims) writer.tag(1, WireType.Varint).int64(dim);
  writer.tag(tensorType, WireType.Varint).int32(halfCode);
  writer.tag(tensorName, WireType.LengthDelimited).string(name);
  return joined([writer.finish(), ...delimitedField(9, [bytes])]);
};

const withNames = (node: ReadNode, inputs: readonly string[], outputs: readonly string[]): Uint8Array =>
  joined([
    ...inputs.map((name) => encodedText(nodeInput, name)),
    ...outputs.map((name) => encodedText(nodeOutput, name)),
    ...node.fields
      .filter(({ number }) => number !== nodeInput && number !== nodeOutput)
      .map(({ raw }) => raw),
  ]);

const castNode = (from: string, to: string, code: number): Uint8Array => {
  // AttributeProto: name 1, i 3, type 20 (2 = INT).
  const attribute = new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string('to')
    .tag(3, WireType.Varint)
    .int64(code)
    .tag(20, WireType.Varint)
    .int32(2)
    .finish();
  const node = [
    encodedText(nodeInput, from),
    encodedText(nodeOutput, to),
    encodedText(3, `cast to ${to}`),
    encodedText(nodeOpType, 'Cast'),
    ...delimitedField(nodeAttribute, [attribute]),
  ];
  return joined(delimitedField(graphNode, node));
};
