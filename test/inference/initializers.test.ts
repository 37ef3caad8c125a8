import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { FaceswapError } from '../../src/errors.js';
import { readInitializer, readLastInitializer } from '../../src/inference/initializers.js';
import { encodeModel, type OnnxTensor } from '../../src/inference/onnx-file.js';

/** Bytes of a model whose graph has nothing but these constants, each an encoded TensorProto. */
const modelOfTensors = (...tensors: readonly Uint8Array[]): Uint8Array => {
  const graph = new BinaryWriter();
  for (const tensor of tensors) graph.tag(5, WireType.LengthDelimited).bytes(tensor);
  return new BinaryWriter().tag(7, WireType.LengthDelimited).bytes(graph.finish()).finish();
};

/** A TensorProto of one axis of two numbers, with its contents to be written by the test. */
const tensorOfTwo = (name: string, typeCode: number): BinaryWriter =>
  new BinaryWriter()
    .tag(1, WireType.Varint)
    .int64(2)
    .tag(2, WireType.Varint)
    .int32(typeCode)
    .tag(8, WireType.LengthDelimited)
    .string(name);

describe('constants of model files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'faceswap-initializers-'));
  after(() => rmSync(folder, { recursive: true }));

  let files = 0;
  const write = (bytes: Uint8Array): string => {
    files += 1;
    const path = join(folder, `${files}.onnx`);
    writeFileSync(path, bytes);
    return path;
  };
  const withConstants = (...initializers: readonly OnnxTensor[]): string =>
    write(
      encodeModel({
        graphName: 'constants',
        opset: 17,
        producer: { name: 'initializer test', version: '1' },
        inputs: [{ name: 'input', elementType: 'float32', dims: [1] }],
        outputs: [{ name: 'output', elementType: 'float32', dims: [1] }],
        initializers,
        nodes: [{ opType: 'Identity', name: 'node', inputs: ['input'], outputs: ['output'] }],
      }),
    );
  const refuses = (path: string, message: RegExp, name?: string): void => {
    assert.throws(
      () => (name === undefined ? readLastInitializer(path) : readInitializer(path, name)),
      (error) => {
        assert.ok(error instanceof FaceswapError && error.kind === 'model', String(error));
        assert.equal(error.context.file, path);
        assert.match(error.message, message);
        return true;
      },
    );
  };

  it('the last constant is found behind others that are larger than a window of the file', () => {
    const path = withConstants(
      { name: 'large', dims: [300, 300], data: new Float32Array(90_000).fill(7) },
      { name: 'matrix', dims: [2, 3], data: Float32Array.of(1, -2, 0.5, 4, 5, 6) },
    );
    assert.deepEqual(readLastInitializer(path), {
      name: 'matrix',
      dims: [2, 3],
      data: Float32Array.of(1, -2, 0.5, 4, 5, 6),
    });
  });

  it('a constant is found by its name', () => {
    const path = withConstants(
      { name: 'first', dims: [1], data: Float32Array.of(3) },
      { name: 'second', dims: [2], data: Float32Array.of(4, 5) },
    );
    assert.deepEqual(readInitializer(path, 'first').data, Float32Array.of(3));
    assert.deepEqual(readInitializer(path, 'second').data, Float32Array.of(4, 5));
    refuses(path, /no constant "third"/, 'third');
  });

  it('halves are widened, from raw bytes and from a list of numbers', () => {
    const raw = withConstants({ name: 'half', dims: [2], data: Uint16Array.of(0x3c00, 0xc400) });
    assert.deepEqual(readLastInitializer(raw).data, Float32Array.of(1, -4));
    const listed = tensorOfTwo('half', 10).tag(5, WireType.LengthDelimited).fork();
    listed.int32(0x3800).int32(0xfbff).join();
    assert.deepEqual(
      readLastInitializer(write(modelOfTensors(listed.finish()))).data,
      Float32Array.of(0.5, -65504),
    );
  });

  it('floats that are listed one by one are read, packed and not', () => {
    const packed = tensorOfTwo('packed', 1).tag(4, WireType.LengthDelimited).fork();
    packed.float(1.25).float(-8).join();
    const loose = tensorOfTwo('loose', 1).tag(4, WireType.Bit32).float(3).tag(4, WireType.Bit32).float(0.75);
    const path = write(modelOfTensors(packed.finish(), loose.finish()));
    assert.deepEqual(readInitializer(path, 'packed').data, Float32Array.of(1.25, -8));
    assert.deepEqual(readLastInitializer(path).data, Float32Array.of(3, 0.75));
  });

  it('what cannot be read is refused, and says what it is', () => {
    refuses(join(folder, 'missing.onnx'), /missing or unreadable/);
    refuses(write(Buffer.from('not a model at all')), /no whole ONNX file/);
    refuses(withConstants(), /has no constants/);
    refuses(
      withConstants({ name: 'shape', dims: [1], data: BigInt64Array.of(4n) }),
      /"shape" has element type 7; 1 \(float32\) or 10 \(float16\)/,
    );
    const short = tensorOfTwo('short', 1).tag(9, WireType.LengthDelimited).bytes(new Uint8Array(4));
    refuses(write(modelOfTensors(short.finish())), /"short" does not fill its shape \[2\]/);
    const odd = tensorOfTwo('odd', 1).tag(9, WireType.LengthDelimited).bytes(new Uint8Array(7));
    refuses(write(modelOfTensors(odd.finish())), /"odd" does not fill its shape/);
    const elsewhere = tensorOfTwo('elsewhere', 1).tag(14, WireType.Varint).int32(1);
    refuses(write(modelOfTensors(elsewhere.finish())), /"elsewhere" lies in another file/);
    const negative = new BinaryWriter().tag(1, WireType.Varint).int64(-2).tag(2, WireType.Varint).int32(1);
    refuses(write(modelOfTensors(negative.finish())), /impossible shape \[-2\]/);
  });

  it('a constant that is larger than any matrix is refused before it is read', () => {
    const path = write(
      modelOfTensors(
        tensorOfTwo('huge', 1)
          .tag(9, WireType.LengthDelimited)
          .bytes(new Uint8Array(64 * 2 ** 20))
          .finish(),
      ),
    );
    refuses(path, /"huge" takes \d+ bytes; 67108864 are the most/);
  });
});
