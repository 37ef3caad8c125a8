import { endianness } from 'node:os';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { FaceswapError } from '../errors.js';

/**
 * Writes and inspects ONNX model files. Only the parts of the format that we produce are modelled; reading skips
 * everything else. Field numbers are those of `onnx.proto` (ONNX 1.16, which our IR version 8 predates).
 */

/** Element types that we write, with the number that TensorProto.DataType gives them. */
const elementTypeCodes = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
} as const;

export type OnnxElementType = keyof typeof elementTypeCodes;

/** One axis: a fixed length, or the name of a length that is free until the model runs (such as `batch`). */
export type OnnxDim = number | string;

/** A graph input or output. */
export type OnnxValueInfo = { name: string; elementType: OnnxElementType; dims: readonly OnnxDim[] };

/** Numbers of a constant. The array tells the element type: a Uint16Array holds the bits of float16, a Uint8Array uint8. */
export type OnnxNumbers = Float32Array | Float64Array | Uint16Array | BigInt64Array | Int32Array | Uint8Array;

/** A constant of the graph. Row-major. */
export type OnnxTensor = { name: string; dims: readonly number[]; data: OnnxNumbers };

export type OnnxAttribute =
  | { type: 'int'; value: number }
  | { type: 'float'; value: number }
  | { type: 'string'; value: string }
  | { type: 'ints'; value: readonly number[] };

export type OnnxNode = {
  opType: string;
  name: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes?: Readonly<Record<string, OnnxAttribute>>;
};

/** A whole model with one graph in the default operator domain. Nodes must be in an order in which they can run. */
export type OnnxModel = {
  graphName: string;
  inputs: readonly OnnxValueInfo[];
  outputs: readonly OnnxValueInfo[];
  initializers: readonly OnnxTensor[];
  nodes: readonly OnnxNode[];
  /** Version of the default operator set. */
  opset: number;
  producer: { name: string; version: string };
  /** Free text kept in the file: origin and licence. */
  docString?: string;
};

/** What {@link inspectModel} finds; tensor contents are not decoded. */
export type OnnxModelSummary = {
  graphName: string;
  irVersion: number;
  opset: number;
  producer: { name: string; version: string };
  docString: string;
  inputs: OnnxValueSummary[];
  outputs: OnnxValueSummary[];
  initializers: { name: string; dims: number[]; elementTypeCode: number }[];
  nodes: { opType: string; name: string; inputs: string[]; outputs: string[] }[];
};

/** A graph input or output as the file states it; `elementTypeCode` is a TensorProto.DataType (1 = float32). */
export type OnnxValueSummary = { name: string; elementTypeCode: number; dims: OnnxDim[] };

/** IR version 8 came with ONNX 1.13: old enough for every onnxruntime since 1.14, new enough for opset 17. */
const irVersion = 8;

/** AttributeProto.AttributeType. */
const attributeTypeCodes = { float: 1, int: 2, string: 3, ints: 7 } as const;

/**
 * Encodes a model as the bytes of an `.onnx` file. The same model always gives the same bytes: fields are written in
 * the order of their numbers and lists in the order given.
 *
 * @throws FaceswapError `bug` when a tensor's length does not match its dims.
 */
export function encodeModel(model: OnnxModel): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Varint).int64(irVersion);
  writer.tag(2, WireType.LengthDelimited).string(model.producer.name);
  writer.tag(3, WireType.LengthDelimited).string(model.producer.version);
  if (model.docString !== undefined) writer.tag(6, WireType.LengthDelimited).string(model.docString);
  writeMessage(writer, 7, () => writeGraph(writer, model));
  writeMessage(writer, 8, () => {
    writer.tag(1, WireType.LengthDelimited).string('');
    writer.tag(2, WireType.Varint).int64(model.opset);
  });
  return writer.finish();
}

/**
 * Reads the signature and structure of an ONNX file without decoding its tensors.
 *
 * @throws FaceswapError `model` when the bytes are not an ONNX model.
 */
export function inspectModel(bytes: Uint8Array): OnnxModelSummary {
  const summary: OnnxModelSummary = {
    graphName: '',
    irVersion: 0,
    opset: 0,
    producer: { name: '', version: '' },
    docString: '',
    inputs: [],
    outputs: [],
    initializers: [],
    nodes: [],
  };
  let hasGraph = false;
  try {
    readFields(bytes, {
      1: (reader) => {
        summary.irVersion = Number(reader.int64());
      },
      2: (reader) => {
        summary.producer.name = reader.string();
      },
      3: (reader) => {
        summary.producer.version = reader.string();
      },
      6: (reader) => {
        summary.docString = reader.string();
      },
      7: (reader) => {
        hasGraph = true;
        readGraph(reader.bytes(), summary);
      },
      8: (reader) => {
        const { domain, version } = readOperatorSet(reader.bytes());
        if (domain === '') summary.opset = version;
      },
    });
  } catch (error) {
    throw new FaceswapError('model', 'Not an ONNX model: its protobuf encoding is broken', { cause: error });
  }
  if (!hasGraph) throw new FaceswapError('model', 'Not an ONNX model: it has no graph');
  return summary;
}

const writeMessage = (writer: BinaryWriter, fieldNumber: number, writeBody: () => void): void => {
  writer.tag(fieldNumber, WireType.LengthDelimited).fork();
  writeBody();
  writer.join();
};

const writeGraph = (writer: BinaryWriter, model: OnnxModel): void => {
  for (const node of model.nodes) writeMessage(writer, 1, () => writeNode(writer, node));
  writer.tag(2, WireType.LengthDelimited).string(model.graphName);
  for (const tensor of model.initializers) writeMessage(writer, 5, () => writeTensor(writer, tensor));
  for (const value of model.inputs) writeMessage(writer, 11, () => writeValueInfo(writer, value));
  for (const value of model.outputs) writeMessage(writer, 12, () => writeValueInfo(writer, value));
};

const writeNode = (writer: BinaryWriter, node: OnnxNode): void => {
  for (const input of node.inputs) writer.tag(1, WireType.LengthDelimited).string(input);
  for (const output of node.outputs) writer.tag(2, WireType.LengthDelimited).string(output);
  writer.tag(3, WireType.LengthDelimited).string(node.name);
  writer.tag(4, WireType.LengthDelimited).string(node.opType);
  for (const [name, attribute] of Object.entries(node.attributes ?? {})) {
    writeMessage(writer, 5, () => writeAttribute(writer, name, attribute));
  }
};

const writeAttribute = (writer: BinaryWriter, name: string, attribute: OnnxAttribute): void => {
  writer.tag(1, WireType.LengthDelimited).string(name);
  switch (attribute.type) {
    case 'float':
      writer.tag(2, WireType.Bit32).float(attribute.value);
      break;
    case 'int':
      writer.tag(3, WireType.Varint).int64(attribute.value);
      break;
    case 'string':
      writer.tag(4, WireType.LengthDelimited).string(attribute.value);
      break;
    case 'ints':
      for (const value of attribute.value) writer.tag(8, WireType.Varint).int64(value);
      break;
  }
  writer.tag(20, WireType.Varint).int32(attributeTypeCodes[attribute.type]);
};

const writeTensor = (writer: BinaryWriter, tensor: OnnxTensor): void => {
  const { name, dims, data } = tensor;
  const expectedLength = dims.reduce((product, dim) => product * dim, 1);
  if (data.length !== expectedLength) {
    throw new FaceswapError(
      'bug',
      `ONNX tensor "${name}" has ${data.length} elements, but its dims [${dims.join(', ')}] need ${expectedLength}`,
    );
  }
  for (const dim of dims) writer.tag(1, WireType.Varint).int64(dim);
  writer.tag(2, WireType.Varint).int32(elementTypeCodes[elementTypeOf(data)]);
  writer.tag(8, WireType.LengthDelimited).string(name);
  writer.tag(9, WireType.LengthDelimited).bytes(littleEndianBytes(data));
};

const elementTypeOf = (data: OnnxNumbers): OnnxElementType => {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof BigInt64Array) return 'int64';
  if (data instanceof Uint16Array) return 'float16';
  if (data instanceof Float64Array) return 'float64';
  return data instanceof Int32Array ? 'int32' : 'uint8';
};

/** raw_data is little-endian by definition; typed arrays have the byte order of the machine, so most need no copy. */
const littleEndianBytes = (data: OnnxNumbers): Uint8Array => {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (endianness() === 'LE') return bytes;
  const swapped = Buffer.from(bytes);
  if (data.BYTES_PER_ELEMENT === 8) return swapped.swap64();
  if (data.BYTES_PER_ELEMENT === 4) return swapped.swap32();
  return data.BYTES_PER_ELEMENT === 2 ? swapped.swap16() : swapped;
};

const writeValueInfo = (writer: BinaryWriter, value: OnnxValueInfo): void => {
  writer.tag(1, WireType.LengthDelimited).string(value.name);
  writeMessage(writer, 2, () => {
    writeMessage(writer, 1, () => {
      writer.tag(1, WireType.Varint).int32(elementTypeCodes[value.elementType]);
      writeMessage(writer, 2, () => {
        for (const dim of value.dims) {
          writeMessage(writer, 1, () => {
            if (typeof dim === 'number') writer.tag(1, WireType.Varint).int64(dim);
            else writer.tag(2, WireType.LengthDelimited).string(dim);
          });
        }
      });
    });
  });
};

/** Calls the handler of each field that has one, in file order, and skips the others. */
const readFields = (bytes: Uint8Array, handlers: Record<number, (reader: BinaryReader) => void>): void => {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [fieldNumber, wireType] = reader.tag();
    const handler = handlers[fieldNumber];
    if (handler === undefined) reader.skip(wireType, fieldNumber);
    else handler(reader);
  }
};

const readOperatorSet = (bytes: Uint8Array): { domain: string; version: number } => {
  const operatorSet = { domain: '', version: 0 };
  readFields(bytes, {
    1: (reader) => {
      operatorSet.domain = reader.string();
    },
    2: (reader) => {
      operatorSet.version = Number(reader.int64());
    },
  });
  return operatorSet;
};

const readGraph = (bytes: Uint8Array, summary: OnnxModelSummary): void => {
  readFields(bytes, {
    1: (reader) => {
      summary.nodes.push(readNode(reader.bytes()));
    },
    2: (reader) => {
      summary.graphName = reader.string();
    },
    5: (reader) => {
      summary.initializers.push(readTensorHeader(reader.bytes()));
    },
    11: (reader) => {
      summary.inputs.push(readValueInfo(reader.bytes()));
    },
    12: (reader) => {
      summary.outputs.push(readValueInfo(reader.bytes()));
    },
  });
};

const readNode = (bytes: Uint8Array): OnnxModelSummary['nodes'][number] => {
  const node: OnnxModelSummary['nodes'][number] = { opType: '', name: '', inputs: [], outputs: [] };
  readFields(bytes, {
    1: (reader) => {
      node.inputs.push(reader.string());
    },
    2: (reader) => {
      node.outputs.push(reader.string());
    },
    3: (reader) => {
      node.name = reader.string();
    },
    4: (reader) => {
      node.opType = reader.string();
    },
  });
  return node;
};

const readTensorHeader = (bytes: Uint8Array): OnnxModelSummary['initializers'][number] => {
  const tensor: OnnxModelSummary['initializers'][number] = { name: '', dims: [], elementTypeCode: 0 };
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [fieldNumber, wireType] = reader.tag();
    if (fieldNumber === 1 && wireType === WireType.Varint) tensor.dims.push(Number(reader.int64()));
    else if (fieldNumber === 1) {
      // Writers other than ours may pack repeated integers.
      const packed = new BinaryReader(reader.bytes());
      while (packed.pos < packed.len) tensor.dims.push(Number(packed.int64()));
    } else if (fieldNumber === 2) tensor.elementTypeCode = reader.int32();
    else if (fieldNumber === 8) tensor.name = reader.string();
    else reader.skip(wireType, fieldNumber);
  }
  return tensor;
};

const readValueInfo = (bytes: Uint8Array): OnnxValueSummary => {
  const value: OnnxValueSummary = { name: '', elementTypeCode: 0, dims: [] };
  const readDim = (reader: BinaryReader): void => {
    let dim: OnnxDim = '';
    readFields(reader.bytes(), {
      1: (inner) => {
        dim = Number(inner.int64());
      },
      2: (inner) => {
        dim = inner.string();
      },
    });
    value.dims.push(dim);
  };
  const readTensorType = (reader: BinaryReader): void => {
    readFields(reader.bytes(), {
      1: (inner) => {
        value.elementTypeCode = inner.int32();
      },
      2: (inner) => readFields(inner.bytes(), { 1: readDim }),
    });
  };
  readFields(bytes, {
    1: (reader) => {
      value.name = reader.string();
    },
    2: (reader) => readFields(reader.bytes(), { 1: readTensorType }),
  });
  return value;
};
