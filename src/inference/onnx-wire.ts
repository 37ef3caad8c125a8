import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/**
 * Reads and edits ONNX files as protobuf messages, without decoding what is not asked for: a field is a view of the file's
 * bytes, and an edited message is a list of such views with new bytes in between, so weights are never copied.
 *
 * Everything here throws plain errors on broken bytes (truncated numbers, lengths beyond the end, endless groups); the
 * reader of the file says which file it was. Field numbers are those of `onnx.proto`.
 */

/** One field of a message as it lies in the file. */
export type WireField = {
  readonly number: number;
  readonly wireType: WireType;
  /** The whole field with its tag, for copying. */
  readonly raw: Uint8Array;
  /** What follows tag and length: the message, text or bytes of a length-delimited field, else the encoded number. */
  readonly body: Uint8Array;
};

/** Most parts that one message may have. Large models have some thousands of nodes; a file made of nothing but tiny fields would fill the memory. */
const maxParts = 2 ** 20;

/** The fields of a message in file order. */
export function wireFields(bytes: Uint8Array): WireField[] {
  const reader = new BinaryReader(bytes);
  const fields: WireField[] = [];
  while (reader.pos < reader.len) {
    if (fields.length === maxParts) throw new RangeError('a message has too many fields');
    const start = reader.pos;
    const [number, wireType] = reader.tag();
    const body = wireType === WireType.LengthDelimited ? reader.bytes() : reader.skip(wireType, number);
    fields.push({ number, wireType, raw: bytes.subarray(start, reader.pos), body });
  }
  return fields;
}

/** The length-delimited fields with this number: messages, texts or bytes. */
export function delimited(fields: readonly WireField[], number: number): Uint8Array[] {
  return fields
    .filter((field) => field.number === number && field.wireType === WireType.LengthDelimited)
    .map(({ body }) => body);
}

/** The last text with this number, as protobuf has it for a field that occurs twice; empty when there is none. */
export function textField(fields: readonly WireField[], number: number): string {
  const bytes = delimited(fields, number).at(-1);
  return bytes === undefined ? '' : utf8.decode(bytes);
}

/** All texts with this number. */
export function textFields(fields: readonly WireField[], number: number): string[] {
  return delimited(fields, number).map((bytes) => utf8.decode(bytes));
}

/** All whole numbers with this number, packed or not. Beyond 2^53 they are rounded. */
export function numberFields(fields: readonly WireField[], number: number): number[] {
  const values: number[] = [];
  for (const field of fields) {
    if (field.number !== number) continue;
    if (field.wireType !== WireType.Varint && field.wireType !== WireType.LengthDelimited) continue;
    const reader = new BinaryReader(field.body);
    while (reader.pos < reader.len) {
      if (values.length === maxParts) throw new RangeError('a field has too many numbers');
      values.push(Number(reader.int64()));
    }
  }
  return values;
}

/** The last whole number with this number. */
export function numberField(fields: readonly WireField[], number: number): number | undefined {
  return numberFields(fields, number).at(-1);
}

/** A length-delimited field out of parts that are not copied. */
export function delimitedField(number: number, parts: readonly Uint8Array[]): Uint8Array[] {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = new BinaryWriter().tag(number, WireType.LengthDelimited).uint32(length).finish();
  return [head, ...parts];
}

/** A text field. */
export function encodedText(number: number, text: string): Uint8Array {
  return new BinaryWriter().tag(number, WireType.LengthDelimited).string(text).finish();
}

/** One message out of parts, copied: for the small ones. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

/** ValueInfoProto: the dims of a tensor; undefined for what is no tensor or has no shape. A dim of neither kind is ''. */
export function valueDims(valueInfo: Uint8Array): (number | string)[] | undefined {
  const type = delimited(wireFields(valueInfo), 2).at(-1);
  const tensor = type && delimited(wireFields(type), 1).at(-1);
  const shape = tensor && delimited(wireFields(tensor), 2).at(-1);
  if (shape === undefined) return undefined;
  return delimited(wireFields(shape), 1).map((dim) => {
    const fields = wireFields(dim);
    return numberField(fields, 1) ?? textField(fields, 2);
  });
}

/** ValueInfoProto with its first dim free under this name. */
export function withFreeFirstDim(valueInfo: Uint8Array, name: string): Uint8Array {
  // ValueInfoProto.type (2) → TypeProto.tensor_type (1) → Tensor.shape (2) → TensorShapeProto.dim (1) → dim_param (2).
  return replacedAt(valueInfo, [2, 1, 2, 1], () => encodedText(2, name));
}

/** ValueInfoProto with its first dim fixed to this length. */
export function withFixedFirstDim(valueInfo: Uint8Array, length: number): Uint8Array {
  // As above, to dim_value (1).
  return replacedAt(valueInfo, [2, 1, 2, 1], () =>
    new BinaryWriter().tag(1, WireType.Varint).int64(length).finish(),
  );
}

/** A message in which the first field along a path of numbers has another body. */
function replacedAt(
  message: Uint8Array,
  [number, ...rest]: readonly number[],
  edit: (body: Uint8Array) => Uint8Array,
): Uint8Array {
  if (number === undefined) return edit(message);
  let done = false;
  const parts = wireFields(message).flatMap((field) => {
    if (done || field.number !== number || field.wireType !== WireType.LengthDelimited) return [field.raw];
    done = true;
    return delimitedField(number, [replacedAt(field.body, rest, edit)]);
  });
  return joined(parts);
}

/** Most numbers that {@link smallIntegers} reads: more than any shape has. */
const maxIntegers = 64;

/** TensorProto of int64: its numbers, or undefined when it has another type, is too large for a shape or lies elsewhere. */
export function smallIntegers(tensor: Uint8Array): number[] | undefined {
  const fields = wireFields(tensor);
  const int64Code = 7;
  if (numberField(fields, 2) !== int64Code || isExternal(tensor)) return undefined;
  const count = numberFields(fields, 1).reduce((product, dim) => product * dim, 1);
  if (!(count >= 0 && count <= maxIntegers)) return undefined;
  const raw = delimited(fields, 9).at(-1);
  if (raw === undefined) {
    const values = numberFields(fields, 7);
    return values.length === count ? values : undefined;
  }
  if (raw.length !== count * 8) return undefined;
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  return Array.from({ length: count }, (_, index) => Number(view.getBigInt64(index * 8, true)));
}

/** Whether a TensorProto's numbers lie in another file. */
export function isExternal(tensor: Uint8Array): boolean {
  const fields = wireFields(tensor);
  return numberField(fields, 14) === 1 || delimited(fields, 13).length > 0;
}

/** TensorProto of one axis of int64. */
export function integerTensor(name: string, values: readonly number[]): Uint8Array {
  const raw = new DataView(new ArrayBuffer(values.length * 8));
  values.forEach((value, index) => {
    raw.setBigInt64(index * 8, BigInt(value), true);
  });
  return new BinaryWriter()
    .tag(1, WireType.Varint)
    .int64(values.length)
    .tag(2, WireType.Varint)
    .int32(7)
    .tag(8, WireType.LengthDelimited)
    .string(name)
    .tag(9, WireType.LengthDelimited)
    .bytes(new Uint8Array(raw.buffer))
    .finish();
}

const utf8 = new TextDecoder();
