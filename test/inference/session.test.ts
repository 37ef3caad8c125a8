import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ErrorKind, ExitCode, FaceswapError } from '../../src/errors.js';
import { encodeModel } from '../../src/inference/onnx-file.js';
import {
  availableProviders,
  createSession,
  ModelSession,
  probeProvider,
  takeModelMs,
} from '../../src/inference/session.js';

const cpu = { providers: ['cpu'], intraOpThreads: 1 };

const failsWith = (kind: ErrorKind, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof FaceswapError, String(error));
  assert.equal(error.kind, kind, String(error));
  assert.match(String(error), message);
  return true;
};

describe('model sessions', () => {
  const folder = mkdtempSync(join(tmpdir(), 'faceswap-session-'));
  const modelPath = join(folder, 'two-outputs.onnx');
  let session: ModelSession;

  before(async () => {
    writeFileSync(
      modelPath,
      encodeModel({
        graphName: 'two outputs',
        opset: 17,
        producer: { name: 'session test', version: '1' },
        inputs: [{ name: 'input', elementType: 'float32', dims: ['batch', 2] }],
        outputs: [
          { name: 'positive', elementType: 'float32', dims: ['batch', 2] },
          { name: 'negated', elementType: 'float32', dims: ['batch', 2] },
        ],
        initializers: [],
        nodes: [
          { opType: 'Relu', name: 'relu', inputs: ['input'], outputs: ['positive'] },
          { opType: 'Neg', name: 'neg', inputs: ['input'], outputs: ['negated'] },
        ],
      }),
    );
    session = await createSession(modelPath, cpu);
  });

  after(async () => {
    await session.dispose();
    rmSync(folder, { recursive: true });
  });

  it('a session tells the names and shapes of its tensors', () => {
    assert.deepEqual(session.inputs, [{ name: 'input', dims: ['batch', 2], elementType: 'float32' }]);
    assert.deepEqual(session.outputs, [
      { name: 'positive', dims: ['batch', 2], elementType: 'float32' },
      { name: 'negated', dims: ['batch', 2], elementType: 'float32' },
    ]);
  });

  it('preallocated outputs are filled in place, run after run', async () => {
    const outputs = session.allocateOutputs(2);
    const { positive, negated } = outputs;
    assert.ok(positive !== undefined && negated !== undefined);
    await session.runInto({ input: { data: Float32Array.of(1, -2, 3, -4), dims: [2, 2] } }, outputs);
    assert.deepEqual(positive.data, Float32Array.of(1, 0, 3, 0));
    assert.deepEqual(negated.data, Float32Array.of(-1, 2, -3, 4));
    await session.runInto({ input: { data: Float32Array.of(5, 6, 7, 8), dims: [2, 2] } }, outputs);
    assert.deepEqual(positive.data, Float32Array.of(5, 6, 7, 8));
  });

  it('only the outputs that were asked for are fetched', async () => {
    const outputs = session.allocateOutputs(1, ['negated']);
    assert.deepEqual(Object.keys(outputs), ['negated']);
    await session.runInto({ input: { data: Float32Array.of(1, 2), dims: [1, 2] } }, outputs);
    assert.deepEqual(outputs.negated?.data, Float32Array.of(-1, -2));
  });

  it('values that do not fit the model are refused before it runs', async () => {
    const run = (data: Float32Array, dims: number[]) => session.run({ input: { data, dims } });
    await assert.rejects(
      run(new Float32Array(3), [1, 3]),
      failsWith('bug', /"input" is \[batch, 2\].*got \[1, 3\]/),
    );
    await assert.rejects(run(new Float32Array(3), [1, 2]), failsWith('bug', /"input" \[1, 2\] got 3 values/));
    await assert.rejects(session.run({}), failsWith('bug', /without its input input/));
    await assert.rejects(
      run(new Float32Array(new SharedArrayBuffer(8)), [1, 2]),
      failsWith('bug', /lies in shared memory/),
    );
    const input = { data: new Float32Array(2), dims: [1, 2] };
    await assert.rejects(
      session.runInto({ input }, session.allocateOutputs(2)),
      failsWith('bug', /"positive" is \[batch, 2\], batch = 1; got \[2, 2\]/),
    );
    assert.throws(() => session.allocateOutputs(1, ['none']), failsWith('bug', /no output "none"/));
  });

  it('runs that use the same arrays again wrap each of them once', async () => {
    type Runtime = ConstructorParameters<typeof ModelSession>[0];
    type Native = ConstructorParameters<typeof ModelSession>[1];
    let wrapped = 0;
    class CountingTensor {
      constructor(
        readonly type: string,
        readonly data: Float32Array,
        readonly dims: readonly number[],
      ) {
        wrapped += 1;
      }
    }
    const metadata = [{ name: 'input', isTensor: true, type: 'float32', shape: ['batch', 2] }];
    const given: unknown[] = [];
    const native = {
      inputMetadata: metadata,
      outputMetadata: [{ ...metadata[0], name: 'output' }],
      run: async (feeds: Record<string, unknown>, fetches: Record<string, unknown>) => {
        given.push(feeds['input'], fetches['output']);
        return {};
      },
    };
    const counting = new ModelSession(
      { Tensor: CountingTensor } as unknown as Runtime,
      native as unknown as Native,
      'counted.onnx',
      ['cpu'],
    );
    const input = { data: new Float32Array(4), dims: [2, 2] };
    const outputs = counting.allocateOutputs(2);
    for (let turn = 0; turn < 50; turn++) await counting.runInto({ input }, outputs);
    assert.equal(wrapped, 2);
    assert.equal(new Set(given).size, 2);
    // Equal dims in another list are the same shape; another shape over the same array is another tensor.
    await counting.runInto({ input: { ...input, dims: [2, 2] } }, outputs);
    assert.equal(wrapped, 2);
    const single = { data: input.data.subarray(0, 2), dims: [1, 2] };
    await counting.runInto({ input: single }, counting.allocateOutputs(1));
    assert.equal(wrapped, 4);
  });

  it('runs of one session at the same time do not mix up their arrays', async () => {
    const results = await Promise.all(
      [1, 2, 3, 4].map(async (value) => {
        const outputs = session.allocateOutputs(1, value % 2 === 0 ? ['positive'] : ['negated']);
        await session.runInto({ input: { data: Float32Array.of(value, value), dims: [1, 2] } }, outputs);
        return Object.values(outputs).map(({ data }) => data[0]);
      }),
    );
    assert.deepEqual(results, [[-1], [2], [-3], [4]]);
  });

  it('arrays in WebAssembly memory work until the memory grows, and are then refused', async () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2 });
    const input = { data: new Float32Array(memory.buffer, 64, 2), dims: [1, 2] };
    const outputs = session.allocateOutputs(1);
    input.data.set([3, -4]);
    await session.runInto({ input }, outputs);
    assert.deepEqual(outputs['positive']?.data, Float32Array.of(3, 0));
    memory.grow(1);
    await assert.rejects(session.runInto({ input }, outputs), failsWith('bug', /got 0 values/));
    input.data = new Float32Array(memory.buffer, 64, 2);
    await session.runInto({ input }, outputs);
    assert.deepEqual(outputs['negated']?.data, Float32Array.of(-3, 4));
  });

  it('an axis without a name is free on its own', async () => {
    const path = join(folder, 'nameless.onnx');
    writeFileSync(
      path,
      encodeModel({
        graphName: 'nameless axes',
        opset: 17,
        producer: { name: 'session test', version: '1' },
        inputs: [{ name: 'input', elementType: 'float32', dims: ['', ''] }],
        outputs: [{ name: 'output', elementType: 'float32', dims: ['', ''] }],
        initializers: [],
        nodes: [{ opType: 'Relu', name: 'relu', inputs: ['input'], outputs: ['output'] }],
      }),
    );
    const nameless = await createSession(path, cpu);
    const { output } = await nameless.run({ input: { data: new Float32Array(6).fill(1), dims: [2, 3] } });
    assert.deepEqual(output, new Float32Array(6).fill(1));
    await nameless.dispose();
  });

  it("the thread's time in models is counted run by run and taken once", async () => {
    takeModelMs();
    const started = performance.now();
    const input = { data: Float32Array.of(1, 2), dims: [1, 2] };
    await Promise.all([session.run({ input }), session.runInto({ input }, session.allocateOutputs(1))]);
    const elapsed = performance.now() - started;
    const taken = takeModelMs();
    assert.ok(taken > 0 && taken <= elapsed, `${taken} of ${elapsed} ms`);
    assert.equal(takeModelMs(), 0);
  });

  it('a rewritten copy is loaded under the name of its original', async () => {
    const original = join(folder, 'original.onnx');
    const copy = await createSession(original, { ...cpu, rewrittenPath: modelPath });
    assert.equal(copy.modelPath, original);
    assert.equal(copy.inputs[0]?.name, 'input');
    await copy.dispose();
  });

  it('a disposed session refuses to run and may be disposed again', async () => {
    const other = await createSession(modelPath, cpu);
    await other.dispose();
    await other.dispose();
    await assert.rejects(
      other.run({ input: { data: new Float32Array(2), dims: [1, 2] } }),
      failsWith('bug', /dispose/),
    );
  });

  it('a missing, an empty and a corrupt model file end with the exit code for models', async () => {
    const missing = join(folder, 'missing.onnx');
    const empty = join(folder, 'empty.onnx');
    const corrupt = join(folder, 'corrupt.onnx');
    writeFileSync(empty, '');
    writeFileSync(corrupt, 'not a model');
    await assert.rejects(
      createSession(missing, cpu),
      failsWith('model', /missing\.onnx.*npm run build:models/),
    );
    await assert.rejects(createSession(empty, cpu), failsWith('model', /cannot be loaded.*empty\.onnx/));
    await assert.rejects(createSession(corrupt, cpu), failsWith('model', /cannot be loaded.*corrupt\.onnx/));
    assert.equal(ExitCode.model, 4);
  });

  it('an unknown provider is refused with the known ones named', async () => {
    const options = { providers: ['quantum', 'cpu'], intraOpThreads: 1 };
    await assert.rejects(
      createSession(modelPath, options),
      failsWith('unavailable', /"quantum".*knows only cpu/),
    );
    assert.equal(ExitCode.unavailable, 9);
  });

  it('a provider that is known but cannot be loaded is an error, never a fallback to the CPU', async (context) => {
    const probes = [];
    for (const { name } of await availableProviders()) probes.push(await probeProvider(name));
    const broken = probes.find(({ ok }) => !ok);
    if (broken === undefined) {
      context.skip('every provider works on this machine');
      return;
    }
    const options = { providers: [broken.name, 'cpu'], intraOpThreads: 1 };
    await assert.rejects(
      createSession(modelPath, options),
      failsWith('unavailable', new RegExp(`provider "${broken.name}" cannot be used`)),
    );
  });

  it('the CPU provider is bundled and works; an unknown one is reported, not thrown', async () => {
    assert.ok((await availableProviders()).some(({ name, bundled }) => name === 'cpu' && bundled));
    assert.deepEqual(await probeProvider('cpu'), { name: 'cpu', ok: true });
    const probe = await probeProvider('quantum');
    assert.ok(!probe.ok);
    assert.match(probe.reason, /knows only cpu/);
  });

  it('a failed load writes nothing to stderr: the one error line is for the command to print', () => {
    const sessionUrl = new URL('../../src/inference/session.ts', import.meta.url).href;
    const program = `
      import { createSession } from ${JSON.stringify(sessionUrl)};
      for (const provider of ['cpu', 'cuda']) {
        await createSession(process.argv[1], { providers: [provider], intraOpThreads: 1 }).catch((error) => {
          console.log(error.kind);
        });
      }`;
    const corrupt = join(folder, 'corrupt-too.onnx');
    writeFileSync(corrupt, 'not a model');
    const child = spawnSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', program, corrupt],
      { cwd: fileURLToPath(new URL('../../', import.meta.url)), encoding: 'utf8' },
    );
    assert.equal(child.stderr, '');
    assert.match(child.stdout, /^model\n(unavailable|model)\n$/);
  });

  it('importing the module does not load onnxruntime', () => {
    const sessionUrl = new URL('../../src/inference/session.ts', import.meta.url).href;
    const program = `
      await import(${JSON.stringify(sessionUrl)});
      console.log(process.report.getReport().sharedObjects.some((path) => path.includes('onnxruntime')));`;
    const child = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
      cwd: fileURLToPath(new URL('../../', import.meta.url)),
      encoding: 'utf8',
    });
    assert.equal(child.stdout, 'false\n', child.stderr);
  });
});
