import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Reads TensorFlow.js graph models (`*.json` with one or more weight files) as far as the embedded models need it. */

/** A constant of the graph, row-major; float16 weights are widened to float32, which is exact. */
export type TfjsTensor = { dims: number[]; data: Float32Array | Int32Array };

export type TfjsNode = {
  name: string;
  op: string;
  /** Names of the producing nodes; output index suffixes (`:0`) are removed. */
  inputs: string[];
  strides: number[];
  kernelSize: number[];
  padding: string;
  /** What a fused operator does after its product, in order: `BiasAdd`, `Relu`, `Prelu`. */
  fusedOps: string[];
  /** NHWC shape of a placeholder, −1 where unknown; empty for other nodes. */
  shape: number[];
};

export type TfjsGraph = {
  /** Every node but the constants, in file order. */
  nodes: Map<string, TfjsNode>;
  constants: Map<string, TfjsTensor>;
};

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

type WeightSpec = { name: string; shape: number[]; dtype: string; quantizedAs: string | undefined };

/**
 * Loads one graph model.
 *
 * @throws Error with the file and what is unsupported in it (data format, dilation, dtype, weight size).
 */
export function readTfjsGraph(modelJsonPath: string): TfjsGraph {
  const fail = (message: string): never => {
    throw new Error(`${modelJsonPath}: ${message}`);
  };
  const root: Json = JSON.parse(readFileSync(modelJsonPath, 'utf8'));
  const constants = new Map<string, TfjsTensor>();
  for (const group of list(get(root, 'weightsManifest'))) {
    const files = list(get(group, 'paths')).map((path) => join(dirname(modelJsonPath), basename(text(path))));
    const bytes = Buffer.concat(files.map((file) => readFileSync(file)));
    const specs = list(get(group, 'weights')).map(readWeightSpec);
    let offset = 0;
    for (const spec of specs) {
      const { tensor, byteLength } = decodeWeight(spec, bytes, offset, fail);
      constants.set(spec.name, tensor);
      offset += byteLength;
    }
    if (offset !== bytes.length) fail(`weights hold ${bytes.length} bytes, the manifest describes ${offset}`);
  }
  const nodes = new Map<string, TfjsNode>();
  for (const json of list(get(root, 'modelTopology', 'node'))) {
    const node = readNode(json, fail);
    if (node.op !== 'Const') nodes.set(node.name, node);
    else if (!constants.has(node.name)) fail(`constant "${node.name}" has no weight`);
  }
  return { nodes, constants };
}

const get = (json: Json | undefined, ...path: string[]): Json | undefined => {
  let value = json;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    value = value[key];
  }
  return value;
};

const list = (json: Json | undefined): Json[] => (Array.isArray(json) ? json : []);

const text = (json: Json | undefined): string => (typeof json === 'string' ? json : '');

/** TensorFlow writes 64-bit integers as JSON strings. */
const numbers = (json: Json | undefined): number[] => list(json).map(Number);

const base64Text = (json: Json | undefined): string => Buffer.from(text(json), 'base64').toString('latin1');

const readWeightSpec = (json: Json): WeightSpec => ({
  name: text(get(json, 'name')),
  shape: numbers(get(json, 'shape')),
  dtype: text(get(json, 'dtype')),
  quantizedAs: get(json, 'quantization') === undefined ? undefined : text(get(json, 'quantization', 'dtype')),
});

const readNode = (json: Json, fail: (message: string) => never): TfjsNode => {
  const name = text(get(json, 'name'));
  const attributes = get(json, 'attr');
  const dataFormat = base64Text(get(attributes, 'data_format', 's'));
  if (dataFormat !== '' && dataFormat !== 'NHWC') fail(`node "${name}" has data format ${dataFormat}`);
  if (numbers(get(attributes, 'dilations', 'list', 'i')).some((dilation) => dilation !== 1)) {
    fail(`node "${name}" is dilated, which is not supported`);
  }
  return {
    name,
    op: text(get(json, 'op')),
    inputs: list(get(json, 'input')).map((input) => text(input).replace(/:\d+$/, '')),
    strides: numbers(get(attributes, 'strides', 'list', 'i')),
    kernelSize: numbers(get(attributes, 'ksize', 'list', 'i')),
    padding: base64Text(get(attributes, 'padding', 's')),
    fusedOps: list(get(attributes, 'fused_ops', 'list', 's')).map(base64Text),
    shape: list(get(attributes, 'shape', 'shape', 'dim')).map((dim) => Number(text(get(dim, 'size')))),
  };
};

const decodeWeight = (
  spec: WeightSpec,
  bytes: Buffer,
  offset: number,
  fail: (message: string) => never,
): { tensor: TfjsTensor; byteLength: number } => {
  const length = spec.shape.reduce((product, dim) => product * dim, 1);
  const stored = spec.quantizedAs ?? spec.dtype;
  const elementBytes = stored === 'float16' ? 2 : 4;
  const byteLength = length * elementBytes;
  if (offset + byteLength > bytes.length)
    fail(`weight "${spec.name}" lies beyond the end of the weight file`);
  const dims = spec.shape;
  const read = <T extends Float32Array | Int32Array>(target: T, at: (byteOffset: number) => number): T => {
    for (let index = 0; index < length; index += 1) target[index] = at(offset + index * elementBytes);
    return target;
  };
  switch (stored) {
    case 'float32':
      return {
        tensor: { dims, data: read(new Float32Array(length), (at) => bytes.readFloatLE(at)) },
        byteLength,
      };
    case 'float16':
      return {
        tensor: { dims, data: read(new Float32Array(length), (at) => widenHalf(bytes.readUInt16LE(at))) },
        byteLength,
      };
    case 'int32':
      return {
        tensor: { dims, data: read(new Int32Array(length), (at) => bytes.readInt32LE(at)) },
        byteLength,
      };
    default:
      return fail(`weight "${spec.name}" has the unsupported type ${stored}`);
  }
};

/** IEEE 754 binary16 to number; exact. */
export function widenHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
