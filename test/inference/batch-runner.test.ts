import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { BatchRunner, type BatchSession } from '../../src/inference/batch-runner.js';
import type { OnnxModel } from '../../src/inference/onnx-file.js';
import { createSession, type TensorData } from '../../src/inference/session.js';
import { fixedBatchModel, ints, modelOf, op, randomWeights, weights, writeModel } from './unit-models.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-batch-'));
after(() => rmSync(folder, { recursive: true }));

/** Doubles its input; runs out of memory above `roomFor` items. */
const fakeSession = (roomFor: number) => {
  const runs: number[] = [];
  const session: BatchSession = {
    modelPath: 'fake.onnx',
    inputs: [{ name: 'x', dims: ['batch', 2] }],
    outputs: [{ name: 'y', dims: ['batch', 2] }],
    runInto: async (feeds, outputs) => {
      const x = feeds['x'] as TensorData;
      const y = outputs['y'] as TensorData;
      assert.deepEqual(x.dims, y.dims);
      runs.push(x.dims[0] as number);
      if ((x.dims[0] as number) > roomFor) throw new FaceswapError('resources', 'out of memory');
      x.data.forEach((value, i) => {
        y.data[i] = 2 * value;
      });
    },
  };
  return { session, runs };
};

const laidIn = (runner: BatchRunner, count: number): void => {
  for (let i = 0; i < count; i++) runner.input('x', i).set([i, i + 0.5]);
};

const assertDoubled = (runner: BatchRunner, count: number): void => {
  for (let i = 0; i < count; i++)
    assert.deepEqual([...runner.output('y', i)], [2 * i, 2 * i + 1], `item ${i}`);
};

describe('batch runner', () => {
  it('more items than a batch go in several runs, the last one smaller', async () => {
    const { session, runs } = fakeSession(64);
    const runner = new BatchRunner(session, { batchSize: 4, capacity: 11 });
    laidIn(runner, 11);
    await runner.run(11);
    assert.deepEqual(runs, [4, 4, 3]);
    assertDoubled(runner, 11);
    await runner.run(0);
    assert.equal(runs.length, 3);
  });

  it('the same tensors are given to every run of the same size', async () => {
    const { session } = fakeSession(64);
    const seen = new Set<TensorData>();
    const runner = new BatchRunner(
      {
        ...session,
        runInto: async (feeds) => {
          seen.add(feeds['x'] as TensorData);
        },
      },
      { batchSize: 4, capacity: 8 },
    );
    for (let turn = 0; turn < 5; turn++) await runner.run(8);
    assert.equal(seen.size, 2);
  });

  it('running out of memory halves the batch for good, down to what fits, and no item is lost', async () => {
    const { session, runs } = fakeSession(2);
    const tooLarge: number[] = [];
    const onTooLarge = (size: number): void => {
      tooLarge.push(size);
    };
    const runner = new BatchRunner(session, { batchSize: 8, capacity: 8, onTooLarge });
    laidIn(runner, 8);
    await runner.run(8);
    assert.deepEqual(runs, [8, 4, 2, 2, 2, 2]);
    assert.deepEqual(tooLarge, [8, 4]);
    assert.equal(runner.halvings, 2);
    assert.equal(runner.batchSize, 2);
    assertDoubled(runner, 8);
    await runner.run(3);
    assert.deepEqual(runs.slice(6), [2, 1]);
    assert.equal(runner.halvings, 2);
  });

  it('out of memory with a single item is the end, and so is any other failure', async () => {
    const { session } = fakeSession(0);
    const runner = new BatchRunner(session, { batchSize: 4 });
    await assert.rejects(runner.run(4), /out of memory/);
    assert.equal(runner.halvings, 2);
    const broken = new BatchRunner(
      {
        ...session,
        runInto: async () => {
          throw new FaceswapError('model', 'broken');
        },
      },
      { batchSize: 4 },
    );
    await assert.rejects(broken.run(4), /broken/);
    assert.equal(broken.halvings, 0);
  });

  it('what does not fit is refused as a bug', async () => {
    const { session } = fakeSession(8);
    const runner = new BatchRunner(session, { batchSize: 2, capacity: 3 });
    assert.equal(runner.capacity, 3);
    assert.throws(() => runner.input('z', 0), /no slot 0 of "z"/);
    assert.throws(() => runner.input('x', 3), /no slot 3 of "x"/);
    await assert.rejects(runner.run(4), /4 items do not fit into 3 slots/);
    assert.throws(() => new BatchRunner(session, { batchSize: 0 }), /cannot have 0 items/);
    const fixed = { ...session, inputs: [{ name: 'x', dims: [1, 2] }] };
    assert.throws(() => new BatchRunner(fixed, { batchSize: 2 }), /one item at a time/);
    const open = { ...session, inputs: [{ name: 'x', dims: ['batch', 'length'] }] };
    assert.throws(() => new BatchRunner(open, { batchSize: 1 }), /no fixed size per item/);
  });

  it('an input without a batch axis has one slot for all items', async () => {
    const { session } = fakeSession(8);
    const seen: (readonly number[])[] = [];
    const runner = new BatchRunner(
      {
        ...session,
        inputs: [...session.inputs, { name: 'strength', dims: [1] }],
        runInto: async (feeds) => {
          seen.push((feeds['strength'] as TensorData).dims);
        },
      },
      { batchSize: 2, capacity: 4 },
    );
    assert.equal(runner.input('strength', 0), runner.input('strength', 3));
    await runner.run(4);
    assert.deepEqual(seen, [[1], [1]]);
  });

  it('a model with a fixed batch of 1 takes many items one after the other', async () => {
    const session = await createSession(writeModel(join(folder, 'fixed.onnx'), fixedBatchModel()), {
      providers: ['cpu'],
      intraOpThreads: 1,
    });
    const runner = new BatchRunner(session, { batchSize: 1, capacity: 3, outputs: ['vector'] });
    for (let i = 0; i < 3; i++) {
      runner.input('picture', i).set(randomWeights(192, i));
      runner.input('style', i).set(randomWeights(6, i));
      runner.input('strength', i).fill(1);
    }
    await runner.run(3);
    const { vector } = await session.run({
      picture: { data: randomWeights(192, 2), dims: [1, 3, 8, 8] },
      style: { data: randomWeights(6, 2), dims: [1, 6] },
      strength: { data: Float32Array.of(1), dims: [1] },
    });
    assert.deepEqual(runner.output('vector', 2), vector);
    assert.throws(() => runner.output('changed', 0), /no slot/);
    await session.dispose();
  });
});

/** One layer with a free batch; the layers take different ways through onnxruntime's CPU code. */
const layers: Readonly<Record<string, OnnxModel>> = Object.fromEntries([
  ...(
    [
      [3, 16, 7, 1, 1],
      [16, 16, 3, 1, 1],
      [17, 19, 3, 1, 1],
      [24, 40, 1, 1, 1],
      [16, 32, 3, 2, 1],
      [16, 16, 3, 1, 16],
      [9, 9, 3, 1, 9],
    ] as const
  ).map(([from, to, kernel, stride, group]) => {
    const pad = (kernel - 1) / 2;
    const model = modelOf({
      inputs: { x: ['batch', from, 16, 16] },
      outputs: { y: ['batch', to, 16 / stride, 16 / stride] },
      weights: { w: weights([to, from / group, kernel, kernel], 5) },
      nodes: [
        op('Conv', ['x', 'w'], 'y', {
          pads: ints(pad, pad, pad, pad),
          strides: ints(stride, stride),
          group: { type: 'int', value: group },
        }),
      ],
    });
    return [`Conv ${from} to ${to}, kernel ${kernel}, stride ${stride}, group ${group}`, model] as const;
  }),
  [
    'Gemm',
    modelOf({
      inputs: { x: ['batch', 100] },
      outputs: { y: ['batch', 33] },
      weights: { w: weights([100, 33], 6) },
      nodes: [op('Gemm', ['x', 'w'], 'y')],
    }),
  ],
  [
    'InstanceNormalization',
    modelOf({
      inputs: { x: ['batch', 7, 13, 13] },
      outputs: { y: ['batch', 7, 13, 13] },
      weights: { w: weights([7], 7) },
      nodes: [op('InstanceNormalization', ['x', 'w', 'w'], 'y')],
    }),
  ],
]);

describe('a batch against single runs on the CPU provider', () => {
  const itemCount = 6;
  const outputsOf = async (path: string, threads: number, batchSize: number): Promise<Float32Array[]> => {
    const session = await createSession(path, { providers: ['cpu'], intraOpThreads: threads });
    const runner = new BatchRunner(session, { batchSize, capacity: itemCount });
    for (let i = 0; i < itemCount; i++) {
      const slot = runner.input('x', i);
      slot.set(randomWeights(slot.length, 100 + i));
    }
    await runner.run(itemCount);
    const outputs = Array.from({ length: itemCount }, (_, i) => runner.output('y', i).slice());
    await session.dispose();
    return outputs;
  };

  for (const [name, model] of Object.entries(layers)) {
    it(`${name}: the same bits with one thread, within 1e-6 with four`, async () => {
      const path = writeModel(join(folder, 'layer.onnx'), model);
      const singles = await outputsOf(path, 1, 1);
      for (const batchSize of [2, 3, 6])
        assert.deepEqual(await outputsOf(path, 1, batchSize), singles, `batches of ${batchSize}`);
      // With more threads the sums of a layer whose channels are no multiple of the vector width are cut differently for
      // one item than for several.
      const scale = Math.max(...singles.flatMap((values) => [...values].map(Math.abs)));
      for (const batchSize of [1, 3]) {
        const outputs = await outputsOf(path, 4, batchSize);
        const difference = Math.max(
          ...outputs.flatMap((values, item) =>
            [...values].map((value, i) => Math.abs(value - ((singles[item] as Float32Array)[i] as number))),
          ),
        );
        assert.ok(difference <= 1e-6 * scale, `${difference} of ${scale}`);
      }
    });
  }
});
