import { endianness } from 'node:os';
import { FaceswapError } from '../errors.js';
import { widenHalves } from './float16.js';
import { BrokenEncoding, type ModelWindow, withModelWindow } from './model-window.js';
import {
  delimited,
  isExternal,
  numberField,
  numberFields,
  textField,
  type WireField,
  wireFields,
} from './onnx-wire.js';

/** A constant of a model's graph, row-major. */
export type Initializer = {
  readonly name: string;
  readonly dims: readonly number[];
  readonly data: Float32Array;
};

// Field numbers of ModelProto, GraphProto and TensorProto.
const modelGraph = 7;
const graphInitializer = 5;
const tensorType = 2;
const tensorFloats = 4;
const tensorInt32s = 5;
const tensorName = 8;
const tensorRaw = 9;

/** TensorProto.DataType. */
const float32Code = 1;
const float16Code = 10;

/** Most that one constant may take in the file: sixteen times a matrix of 1024 × 1024. */
const maxTensorBytes = 64 * 2 ** 20;

/** Large models have some thousands; a file of nothing but empty ones would fill the memory. */
const maxConstants = 2 ** 20;

type Place = { readonly start: number; readonly end: number };

/**
 * Reads the last constant of a model's graph. INSwapper keeps its 512 × 512 embedding matrix there, under a name that says nothing.
 * The file is walked by the lengths of its fields, and only this one constant is read: milliseconds, whatever the file's size.
 *
 * @throws FaceswapError `model` for a file that is missing, broken or without constants, and for a constant that is not float32 or
 *   float16, larger than 64 MiB, or kept in another file.
 */
export function readLastInitializer(path: string): Initializer {
  return readFirstOf(path, 'The model has no constants', (_, places) => places.at(-1));
}

/**
 * Reads the constant of this name out of a model's graph.
 *
 * @throws FaceswapError as {@link readLastInitializer}, and when there is none of this name.
 */
export function readInitializer(path: string, name: string): Initializer {
  return readFirstOf(path, `The model has no constant ${JSON.stringify(name)}`, (window, places) =>
    places.find(({ start, end }) => nameAt(window, start, end) === name),
  );
}

const readFirstOf = (
  path: string,
  missing: string,
  choose: (window: ModelWindow, places: readonly Place[]) => Place | undefined,
): Initializer =>
  withModelWindow(path, path, (window) => {
    const places: Place[] = [];
    window.eachField(0, window.size, (modelField, graphStart, graphEnd) => {
      if (modelField !== modelGraph) return;
      window.eachField(graphStart, graphEnd, (field, start, end) => {
        if (field !== graphInitializer) return;
        if (places.length === maxConstants) throw new BrokenEncoding('it has too many constants');
        places.push({ start, end });
      });
    });
    const place = choose(window, places);
    if (place === undefined) throw new FaceswapError('model', missing, { file: path });
    const { start, end } = place;
    if (end - start > maxTensorBytes) {
      const name = nameAt(window, start, end);
      throw new FaceswapError(
        'model',
        `The model's constant ${JSON.stringify(name)} takes ${end - start} bytes; ${maxTensorBytes} are the most`,
        { file: path },
      );
    }
    return decode(window.bytes(start, end, maxTensorBytes), path);
  });

const maxNameBytes = 4096;

const nameAt = (window: ModelWindow, start: number, end: number): string => {
  let name = '';
  window.eachField(start, end, (field, bodyStart, bodyEnd) => {
    if (field === tensorName) name = window.bytes(bodyStart, bodyEnd, maxNameBytes).toString('utf8');
  });
  return name;
};

const decode = (bytes: Uint8Array, path: string): Initializer => {
  let name: string;
  let fields: WireField[];
  let dims: number[];
  let code: number | undefined;
  let external: boolean;
  try {
    fields = wireFields(bytes);
    name = textField(fields, tensorName);
    dims = numberFields(fields, 1);
    code = numberField(fields, tensorType);
    external = isExternal(bytes);
  } catch (error) {
    throw new BrokenEncoding('a constant is broken', { cause: error });
  }
  const refuse = (what: string): FaceswapError =>
    new FaceswapError('model', `The model's constant ${JSON.stringify(name)} ${what}`, { file: path });
  if (external) throw refuse('lies in another file, which is not read');
  if (code !== float32Code && code !== float16Code) {
    throw refuse(`has element type ${code ?? 'none'}; 1 (float32) or 10 (float16) was expected`);
  }
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (dims.some((dim) => dim < 0) || !Number.isSafeInteger(count)) {
    throw refuse(`has the impossible shape [${dims.join(', ')}]`);
  }
  const raw = delimited(fields, tensorRaw).at(-1);
  const data =
    code === float32Code ? singles(raw ?? floatField(fields)) : halves(raw ?? halfField(fields, refuse));
  if (data === null || data.length !== count) {
    throw refuse(`does not fill its shape [${dims.join(', ')}]`);
  }
  return { name, dims, data };
};

/** `float_data`, packed or not, as little-endian bytes. */
const floatField = (fields: readonly WireField[]): Uint8Array =>
  Buffer.concat(fields.filter(({ number }) => number === tensorFloats).map(({ body }) => body));

/** `int32_data`, which holds the bits of one half in each number, as little-endian bytes. */
const halfField = (fields: readonly WireField[], refuse: (what: string) => FaceswapError): Uint8Array => {
  let bits: number[];
  try {
    bits = numberFields(fields, tensorInt32s);
  } catch (error) {
    if (error instanceof RangeError) throw refuse(`cannot be read: ${error.message}`);
    throw error;
  }
  const bytes = Buffer.alloc(bits.length * 2);
  for (const [index, value] of bits.entries()) bytes.writeUInt16LE(value & 0xffff, index * 2);
  return bytes;
};

const singles = (bytes: Uint8Array): Float32Array | null => {
  if (bytes.length % 4 !== 0) return null;
  const data = new Float32Array(bytes.length / 4);
  const own = Buffer.from(data.buffer);
  own.set(bytes);
  if (endianness() === 'BE') own.swap32();
  return data;
};

const halves = (bytes: Uint8Array): Float32Array | null => {
  if (bytes.length % 2 !== 0) return null;
  const bits = new Uint16Array(bytes.length / 2);
  const own = Buffer.from(bits.buffer);
  own.set(bytes);
  if (endianness() === 'BE') own.swap16();
  const data = new Float32Array(bits.length);
  widenHalves(bits, data);
  return data;
};
