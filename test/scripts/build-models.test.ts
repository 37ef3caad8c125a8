import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { tfjsModelFolder } from '../../scripts/build-models.js';
import { embeddedModels } from '../../scripts/embedded-models.js';
import { compareWithGolden, goldenInput, readGoldenModels } from '../../scripts/golden-values.js';
import { readTfjsGraph, type TfjsGraph, type TfjsNode, widenHalf } from '../../scripts/tfjs-graph.js';
import { convertToOnnx } from '../../scripts/tfjs-to-onnx.js';
import { embeddedModelPath, modelEntry, sha256Hex } from '../../src/inference/model-registry.js';
import { inspectModel } from '../../src/inference/onnx-file.js';
import { createSession } from '../../src/inference/session.js';

const golden = readGoldenModels(new URL('../fixtures/embedded-golden-raw.json', import.meta.url));

for (const { id, outputs, docString } of embeddedModels) {
  describe(`the converted ${id}`, () => {
    const reference = golden[id];
    assert.ok(reference !== undefined);
    let bytes: Uint8Array;

    before(() => {
      bytes = convertToOnnx(readTfjsGraph(join(tfjsModelFolder(), `${id}.json`)), {
        graphName: id,
        outputs,
        docString,
      });
    });

    it('has the same bytes each time, those of the registry', () => {
      const graph = readTfjsGraph(join(tfjsModelFolder(), `${id}.json`));
      const again = convertToOnnx(graph, { graphName: id, outputs, docString });
      assert.deepEqual(again, bytes);
      assert.equal(sha256Hex(bytes), modelEntry(id).sha256);
    });

    it('gives the recorded reference values', async () => {
      const session = await createSession(embeddedModelPath(id), { providers: ['cpu'], intraOpThreads: 1 });
      assert.deepEqual(await compareWithGolden(session, reference), []);
      await session.dispose();
    });

    it('is found to disagree with a reference that is off by more than the tolerance', async () => {
      const session = await createSession(embeddedModelPath(id), { providers: ['cpu'], intraOpThreads: 1 });
      const [first, ...others] = reference.outputs;
      assert.ok(first !== undefined);
      const wrong = { ...reference, outputs: [{ ...first, l2: first.l2 * 1.002 }, ...others] };
      const problems = await compareWithGolden(session, wrong);
      assert.equal(problems.length, 1);
      assert.match(problems[0] ?? '', /the norm/);
      await session.dispose();
    });

    it('gives for a batch of two the bits of two single runs', async () => {
      const session = await createSession(embeddedModelPath(id), { providers: ['cpu'], intraOpThreads: 1 });
      const { data: first, dims } = goldenInput(reference);
      const second = first.map((value) => value * 0.5);
      const both = new Float32Array(2 * first.length);
      both.set(first);
      both.set(second, first.length);
      const firstResult = await session.run({ input: { data: first, dims } });
      const secondResult = await session.run({ input: { data: second, dims } });
      const bothResult = await session.run({ input: { data: both, dims: [2, ...dims.slice(1)] } });
      for (const { name } of outputs) {
        const expected = [...(firstResult[name] ?? []), ...(secondResult[name] ?? [])];
        assert.ok(expected.length > 0);
        assert.deepEqual(bothResult[name], Float32Array.from(expected));
      }
      await session.dispose();
    });

    it('transposes nothing but the maps that it flattens', () => {
      const transposes = inspectModel(bytes).nodes.filter(({ opType }) => opType === 'Transpose');
      assert.equal(transposes.length, id === 'blazeface' ? 4 : 0);
    });
  });
}

describe('the converter', () => {
  const node = (
    name: string,
    op: string,
    inputs: string[],
    more: Partial<TfjsNode> = {},
  ): [string, TfjsNode] => [
    name,
    { name, op, inputs, strides: [], kernelSize: [], padding: '', fusedOps: [], shape: [], ...more },
  ];
  const graph = (...nodes: [string, TfjsNode][]): TfjsGraph => ({
    nodes: new Map([node('image', 'Placeholder', [], { shape: [1, 4, 4, 3] }), ...nodes]),
    constants: new Map(),
  });
  const convert = (from: TfjsGraph, dims: number[]) =>
    convertToOnnx(from, {
      graphName: 'test',
      docString: '',
      outputs: [{ name: 'result', parts: [{ tensor: 'last', dims }] }],
    });

  it('names the node whose operator it does not know', () => {
    assert.throws(
      () => convert(graph(node('last', 'Cosh', ['image'])), [3, 4, 4]),
      /node "last": operator Cosh/,
    );
  });

  it('refuses an output whose shape is not the expected one', () => {
    assert.throws(
      () => convert(graph(node('last', 'Relu', ['image'])), [3, 4, 5]),
      /is \[3,4,4\], expected \[3,4,5\]/,
    );
  });

  it('leaves out what no output needs', () => {
    const bytes = convert(
      graph(node('unused', 'Cosh', ['image']), node('last', 'Relu', ['image'])),
      [3, 4, 4],
    );
    assert.deepEqual(
      inspectModel(bytes).nodes.map(({ opType }) => opType),
      ['Relu'],
    );
  });

  it('widens half precision exactly: normal, subnormal, zero, infinite', () => {
    // Bit patterns of IEEE 754 binary16 and their values, by the definition of the format.
    assert.equal(widenHalf(0x3c00), 1);
    assert.equal(widenHalf(0xc500), -5);
    assert.equal(widenHalf(0x7bff), 65504);
    assert.equal(widenHalf(0x0001), 2 ** -24);
    assert.equal(widenHalf(0x83ff), -1023 * 2 ** -24);
    assert.ok(Object.is(widenHalf(0x8000), -0));
    assert.equal(widenHalf(0xfc00), Number.NEGATIVE_INFINITY);
    assert.ok(Number.isNaN(widenHalf(0x7e00)));
  });
});
