import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { FaceswapError } from '../../src/errors.js';
import { freeBatch } from '../../src/inference/free-batch.js';
import { encodeModel, inspectModel, type OnnxModel } from '../../src/inference/onnx-file.js';
import { createSession } from '../../src/inference/session.js';
import { forAll } from '../support/unit-random.js';
import { fixedBatchModel, int, integers, ints, modelOf, op, randomWeights, weights } from './unit-models.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-free-batch-'));
after(() => rmSync(folder, { recursive: true }));

const rewritten = (model: OnnxModel | Uint8Array): Uint8Array<ArrayBuffer> => {
  const result = freeBatch(model instanceof Uint8Array ? model : encodeModel(model));
  assert.equal(result.kind, 'rewritten', JSON.stringify(result));
  return Uint8Array.from(Buffer.concat(result.kind === 'rewritten' ? result.parts : []));
};

const refusal = (model: OnnxModel | Uint8Array): string => {
  const result = freeBatch(model instanceof Uint8Array ? model : encodeModel(model));
  assert.equal(result.kind, 'refused', result.kind);
  return result.kind === 'refused' ? result.reason : '';
};

/** A model `x` → nodes → `y` with a fixed batch of 1. */
const chain = (
  nodes: OnnxModel['nodes'],
  constants: Parameters<typeof modelOf>[0]['weights'] = {},
  dims: { x?: readonly number[]; y?: readonly number[] } = {},
): OnnxModel =>
  modelOf({
    inputs: { x: dims.x ?? [1, 4, 4, 4] },
    outputs: { y: dims.y ?? [1, 4, 4, 4] },
    weights: constants,
    nodes,
  });

describe('free batch', () => {
  it('inputs, outputs and shapes are freed, and a batch gives what single runs give', async () => {
    const original = encodeModel(fixedBatchModel());
    const bytes = rewritten(original);
    const summary = inspectModel(bytes);
    assert.deepEqual(
      summary.inputs.map(({ dims }) => dims),
      [['batch', 3, 8, 8], ['batch', 6], [1]],
    );
    assert.deepEqual(
      summary.outputs.map(({ dims }) => dims),
      [
        ['batch', 8, 8, 8],
        ['batch', 10],
      ],
    );
    const paths = { original: join(folder, 'original.onnx'), free: join(folder, 'free.onnx') };
    writeFileSync(paths.original, original);
    writeFileSync(paths.free, bytes);
    const options = { providers: ['cpu'], intraOpThreads: 1 };
    const single = await createSession(paths.original, options);
    const batch = await createSession(paths.free, options);
    const strength = { data: Float32Array.of(0.5), dims: [1] };
    const pictures = [1, 2, 3].map((seed) => randomWeights(192, seed));
    const styles = [4, 5, 6].map((seed) => randomWeights(6, seed));
    const join3 = (parts: readonly Float32Array[]): Float32Array =>
      Float32Array.from(parts.flatMap((part) => [...part]));
    const together = await batch.run({
      picture: { data: join3(pictures), dims: [3, 3, 8, 8] },
      style: { data: join3(styles), dims: [3, 6] },
      strength,
    });
    const alone = [];
    for (const [i, picture] of pictures.entries()) {
      alone.push(
        await single.run({
          picture: { data: picture, dims: [1, 3, 8, 8] },
          style: { data: styles[i]!, dims: [1, 6] },
          strength,
        }),
      );
    }
    for (const name of ['changed', 'vector'])
      assert.deepEqual(together[name], join3(alone.map((outputs) => outputs[name]!)));
    await single.dispose();
    await batch.dispose();
  });

  it('weights are views of the original and stay last, byte for byte', () => {
    const original = encodeModel(fixedBatchModel());
    const result = freeBatch(original);
    assert.ok(result.kind === 'rewritten');
    const copied = result.parts
      .filter(({ buffer }) => buffer !== original.buffer)
      .reduce((sum, { length }) => sum + length, 0);
    assert.ok(copied < 1500, `${copied} bytes are new`);
    const before = inspectModel(original).initializers.map(({ name }) => name);
    const after = inspectModel(rewritten(original)).initializers.map(({ name }) => name);
    assert.deepEqual(after.slice(-before.length), before);
  });

  it('recorded intermediate shapes are left out', () => {
    const bytes = encodeModel(chain([op('Relu', ['x'], 'y')]));
    const info = new BinaryWriter().tag(1, WireType.LengthDelimited).string('inner').finish();
    // GraphProto.value_info is field 13; a graph that occurs twice in a file would be merged, so it is put into the one there is.
    const graph = new BinaryWriter().tag(13, WireType.LengthDelimited).bytes(info).finish();
    const model = withGraphFields(bytes, graph);
    assert.ok(Buffer.from(model).includes('inner'));
    assert.ok(!Buffer.from(rewritten(model)).includes('inner'));
  });

  it('a model whose batch is free already is left alone', () => {
    const model = modelOf({
      inputs: { x: ['n', 4] },
      outputs: { y: ['n', 4] },
      nodes: [op('Relu', ['x'], 'y')],
    });
    assert.deepEqual(freeBatch(encodeModel(model)), { kind: 'free' });
  });

  it('shapes in constant nodes are found, and operations that leave items apart do not stand in the way', () => {
    const model = chain(
      [
        { ...op('Constant', [], 'back'), attributes: { value_ints: ints(1, 4, 4, 4) } },
        op('Split', ['x'], 'half', { axis: int(1) }),
        op('Slice', ['x', 'from', 'to', 'along'], 'part'),
        op('Concat', ['part', 'part'], 'whole', { axis: int(1) }),
        op('ReduceMean', ['whole'], 'mean', { axes: ints(2, 3) }),
        op('Add', ['whole', 'mean'], 'sum'),
        op('Squeeze', ['mean', 'inner axes'], 'vector'),
        op('Flatten', ['sum'], 'flat', { axis: int(1) }),
        op('Reshape', ['flat', 'back'], 'y'),
      ],
      { from: integers(0), to: integers(2), along: integers(1), 'inner axes': integers(2, 3) },
    );
    const bytes = rewritten(model);
    const names = inspectModel(bytes).initializers.map(({ name }) => name);
    assert.equal(names.filter((name) => name.includes('free batch shape')).length, 1);
  });

  const refusals: readonly (readonly [title: string, model: OnnxModel, reason: RegExp])[] = [
    [
      'a shape that mixes items',
      chain([op('Reshape', ['x', 's'], 'r')], { s: integers(4, 16) }),
      /mixes the items/,
    ],
    [
      'a shape that leaves the batch open twice',
      chain([op('Reshape', ['x', 's'], 'r'), op('Reshape', ['r', 't'], 'y')], {
        s: integers(-1, 4),
        t: integers(1, -1, 4, 4),
      }),
      /Reshape "y" to \[1, -1, 4, 4\] leaves the batch open/,
    ],
    [
      'picked items',
      chain([op('Gather', ['x', 'i'], 'y')], { i: integers(0) }),
      /Gather "y" picks single items/,
    ],
    [
      'a cut batch',
      chain([op('Slice', ['x', 'from', 'to'], 'y')], { from: integers(0), to: integers(1) }),
      /Slice "y" cuts the batch/,
    ],
    ['a dropped batch', chain([op('Squeeze', ['x', 'a'], 'y')], { a: integers(0) }), /Squeeze "y" drops/],
    ['a batch that is averaged', chain([op('ReduceMean', ['x'], 'y')]), /reduces all items to one number/],
    [
      'joined constants',
      chain([op('Concat', ['x', 'c'], 'y', { axis: int(1) })], { c: weights([1, 4, 4, 4], 1) }),
      /joins a constant to each item/,
    ],
    [
      'fixed sizes',
      chain([op('Resize', ['x', '', '', 's'], 'y')], { s: integers(1, 4, 8, 8) }),
      /Resize "y" has a fixed size/,
    ],
    [
      'weights out of the input',
      chain([op('Conv', ['x', 'x'], 'y')]),
      /Conv "y" takes its weights from the input/,
    ],
    ['a state per item', chain([op('LSTM', ['x', 'x', 'x'], 'y')]), /LSTM "y" keeps a state per item/],
    [
      'an output without a batch',
      chain([op('Relu', ['x'], 'y')], {}, { y: [4, 16] }),
      /output "y" \[4, 16\] does not begin with a batch/,
    ],
    ['items in one list', chain([op('Reshape', ['x', 's'], 'y')], { s: integers(-1, 4) }), /into one list/],
    [
      'an output that is constant',
      chain([op('Relu', ['c'], 'y')], { c: weights([1, 4, 4, 4], 1) }),
      /does not depend on the input/,
    ],
    [
      'another first axis',
      chain([op('Relu', ['x'], 'y')], {}, { x: [2, 4, 4, 4] }),
      /no input begins with a batch of 1/,
    ],
  ];
  for (const [title, model, reason] of refusals) {
    it(`is refused with the reason: ${title}`, () => {
      assert.match(refusal(model), reason);
    });
  }

  it('branches and loops are refused', () => {
    const node = new BinaryWriter()
      .tag(1, WireType.LengthDelimited)
      .string('x')
      .tag(2, WireType.LengthDelimited)
      .string('z')
      .tag(4, WireType.LengthDelimited)
      .string('If')
      .tag(5, WireType.LengthDelimited)
      .fork()
      .tag(1, WireType.LengthDelimited)
      .string('then_branch')
      .tag(6, WireType.LengthDelimited)
      .bytes(new Uint8Array(0))
      .join()
      .finish();
    const extra = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(node).finish();
    assert.match(
      refusal(withGraphFields(encodeModel(chain([op('Relu', ['x'], 'y')])), extra)),
      /If "z" has branches or loops/,
    );
  });

  it('weights in another file are refused, whatever path they name', () => {
    const tensor = new BinaryWriter()
      .tag(8, WireType.LengthDelimited)
      .string('w')
      .tag(13, WireType.LengthDelimited)
      .fork()
      .tag(1, WireType.LengthDelimited)
      .string('location')
      .tag(2, WireType.LengthDelimited)
      .string('../../../etc/passwd')
      .join()
      .tag(14, WireType.Varint)
      .int32(1)
      .finish();
    const extra = new BinaryWriter().tag(5, WireType.LengthDelimited).bytes(tensor).finish();
    assert.match(
      refusal(withGraphFields(encodeModel(chain([op('Relu', ['x'], 'y')])), extra)),
      /weights lie in another file/,
    );
  });
});

/** Appends encoded fields to the graph of a model. */
const withGraphFields = (bytes: Uint8Array, extra: Uint8Array): Uint8Array => {
  const marker = encodeModel(chain([op('Relu', ['x'], 'y')]));
  assert.deepEqual(bytes, marker, 'made for this one model');
  // The graph is the one field 7 (tag 0x3a) and is followed by the operator set (field 8, tag 0x42, 6 bytes).
  const end = bytes.length - 6;
  assert.equal(bytes[end], 0x42);
  const start = bytes.indexOf(0x3a, 4);
  const lengthBytes = (bytes[start + 1]! & 0x80) === 0 ? 1 : 2;
  const graph = Buffer.concat([bytes.subarray(start + 1 + lengthBytes, end), extra]);
  return Buffer.concat([
    bytes.subarray(0, start),
    new BinaryWriter().tag(7, WireType.LengthDelimited).bytes(graph).finish(),
    bytes.subarray(end),
  ]);
};

describe('free batch of a hostile file', () => {
  const original = encodeModel(fixedBatchModel());
  /** Any answer is fine, as long as it is one. */
  const survive = (bytes: Uint8Array): void => {
    try {
      freeBatch(bytes);
    } catch (error) {
      assert.ok(error instanceof FaceswapError && error.kind === 'model', String(error));
    }
  };

  it('a file that ends anywhere is no crash', () => {
    // Every byte of the structure and some of the weights.
    for (let length = 0; length < original.length; length += length < 3000 ? 1 : 997)
      survive(original.subarray(0, length));
  });

  it('flipped bytes are no crash', () => {
    forAll(300, (random) => {
      const bytes = original.slice();
      const flips = random.integer(1, 6);
      for (let i = 0; i < flips; i++) bytes[random.integer(0, 3000)] = random.integer(0, 256);
      survive(bytes);
    });
  });

  it('endless numbers, huge lengths and groups without end are errors of the model', () => {
    const cases: readonly (readonly number[])[] = [
      [],
      [0x3a],
      [0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f],
      Array.from({ length: 64 }, () => 0xff),
      Array.from({ length: 5000 }, () => 0x3b),
      [0x3a, 0x06, 0x5a, 0xff, 0xff, 0xff, 0xff, 0x0f],
      [0x38, 0x01],
      [0x3a, 0x00, 0x3a, 0x00],
    ];
    for (const bytes of cases) {
      assert.throws(
        () => freeBatch(Uint8Array.from(bytes)),
        (error) =>
          error instanceof FaceswapError && error.kind === 'model' && /Not an ONNX model/.test(error.message),
        bytes.slice(0, 8).join(' '),
      );
    }
  });

  it('a file of nothing but tiny fields is refused before it fills the memory', () => {
    // Three million times an empty node.
    const graph = new Uint8Array(6_000_000);
    for (let i = 0; i < graph.length; i += 2) graph[i] = 0x0a;
    const file = new BinaryWriter().tag(7, WireType.LengthDelimited).bytes(graph).finish();
    assert.throws(
      () => freeBatch(file),
      (error) => error instanceof FaceswapError && /too many fields/.test(String(error.cause)),
    );
  });
});
