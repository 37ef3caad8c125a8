import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { FaceswapError } from '../../../src/errors.js';
import type { ContentAnalyserContract } from '../../../src/inference/model-contracts.js';
import { externalModel } from '../../../src/inference/model-store.js';
import type { OnnxModel } from '../../../src/inference/onnx-file.js';
import { createSession, type ModelSession } from '../../../src/inference/session.js';
import {
  type AnalyserModel,
  ContentAnalyser,
  isFlagged,
} from '../../../src/processors/content-analyser/content-analyser.js';
import type { Shrinking } from '../../../src/processors/content-analyser/picture-fit.js';
import { integers, modelOf, op, writeModel } from '../../inference/unit-models.js';
import { formatOf, paintFrame } from '../../support/unit-frames.js';
import { seededRandom } from '../../support/unit-random.js';
import { assertClose, at } from '../../support/unit-values.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-content-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
const open = (model: OnnxModel): Promise<ModelSession> =>
  createSession(writeModel(join(folder, `model-${count++}.onnx`), model), {
    providers: ['cpu'],
    intraOpThreads: 1,
  });

/** Gives its input back as one row of numbers. */
const echo = (dims: readonly (number | string)[], length: number): OnnxModel =>
  modelOf({
    inputs: { input: dims },
    outputs: { output: [1, length] },
    weights: { shape: integers(1, length) },
    nodes: [op('Reshape', ['input', 'shape'], 'output')],
  });

/** Gives the same numbers whatever it sees. */
const says = (sizePx: number, dims: readonly number[], numbers: readonly number[]): OnnxModel =>
  modelOf({
    inputs: { input: [1, 3, sizePx, sizePx] },
    outputs: { output: dims },
    weights: {
      nothing: { dims: [1], data: Float32Array.of(0) },
      numbers: { dims: [numbers.length], data: Float32Array.from(numbers) },
      shape: integers(...dims),
    },
    nodes: [
      op('ReduceMean', ['input'], 'mean', { keepdims: { type: 'int', value: 0 } }),
      op('Mul', ['mean', 'nothing'], 'zero'),
      op('Add', ['numbers', 'zero'], 'sum'),
      op('Reshape', ['sum', 'shape'], 'output'),
    ],
  });

const contractOf = (id: string): ContentAnalyserContract => {
  const { contract } = externalModel(id);
  if (contract.kind !== 'content-analyser') throw new Error(`${id} is of another kind`);
  return contract;
};

/** The whole input that a model of this contract is fed for a frame. */
const inputOf = async (
  contract: ContentAnalyserContract,
  frame: Parameters<ContentAnalyser['read']>[0],
  shrinking: Shrinking = 'averaged',
): Promise<(index: number) => Promise<number>> => {
  const { sizePx, image } = contract;
  const dims = image.layout === 'NCHW' ? [1, 3, sizePx, sizePx] : [1, sizePx, sizePx, 3];
  const session = await open(echo(dims, 3 * sizePx * sizePx));
  return async (index) => {
    const probe: AnalyserModel = {
      id: 'echo',
      session,
      contract: {
        ...contract,
        decision: { kind: 'difference', plus: [index], minus: [index, index], above: 0 },
      },
    };
    const [reading] = await new ContentAnalyser([probe], shrinking).read(frame);
    return -(reading?.score ?? Number.NaN);
  };
};

// The numbers of the contract's section 9: side, mean and standard deviation of samples 0..1.
const numbers = [
  { id: 'nsfw_1', sizePx: 640, mean: [0, 0, 0], std: [1, 1, 1] },
  { id: 'nsfw_2', sizePx: 384, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  {
    id: 'nsfw_3',
    sizePx: 448,
    mean: [0.48145466, 0.4578275, 0.40821073],
    std: [0.26862954, 0.26130258, 0.27577711],
  },
] as const;

describe('what each model is fed', () => {
  // Ramps, whose bilinear reading is exact: R grows to the right, G downwards, B stays.
  const [widthPx, heightPx] = [96, 63];
  const ramp = paintFrame(formatOf(widthPx, heightPx, 'rgb'), (x, y) => [(2 * x) / 255, (3 * y) / 255, 0.8]);

  for (const { id, sizePx, mean, std } of numbers) {
    test(`${id}: the whole picture enlarged into the middle of a black square, RGB, normalised`, async () => {
      const contract = contractOf(id);
      assert.equal(contract.sizePx, sizePx);
      const valueAt = await inputOf(contract, ramp);
      const scale = sizePx / widthPx;
      const fitted = Math.floor(heightPx * scale);
      const top = Math.floor((sizePx - fitted) / 2);
      const stepY = heightPx / fitted;
      const clamp = (value: number, highest: number): number => Math.min(highest, Math.max(0, value));
      for (const [x, y] of [
        [0, top],
        [sizePx - 1, top + fitted - 1],
        [Math.round(sizePx / 3), top + Math.round(fitted / 2)],
        [Math.round(sizePx / 2), top - 1],
        [Math.round(sizePx / 2), top + fitted],
        [0, 0],
        [sizePx - 1, sizePx - 1],
      ] as const) {
        const isInside = y >= top && y < top + fitted;
        const fromX = clamp((x + 0.5) / scale - 0.5, widthPx - 1);
        const fromY = clamp((y - top + 0.5) * stepY - 0.5, heightPx - 1);
        const levels = isInside ? [2 * fromX, 3 * fromY, 204] : [0, 0, 0];
        for (let channel = 0; channel < 3; channel++) {
          const expected = (at(levels, channel) / 255 - at(mean, channel)) / at(std, channel);
          const value = await valueAt((channel * sizePx + y) * sizePx + x);
          assertClose(value, expected, 2e-4, `${id} channel ${channel} at ${x}, ${y}`);
        }
      }
    });
  }

  const small = (changes: Partial<ContentAnalyserContract['image']> = {}): ContentAnalyserContract => ({
    ...contractOf('nsfw_1'),
    image: { ...contractOf('nsfw_1').image, ...changes },
    sizePx: 16,
  });

  test('a contract of the other layout and order of colours is kept to as well', async () => {
    const blueish = paintFrame(formatOf(20, 20, 'rgb'), () => [10 / 255, 20 / 255, 200 / 255]);
    const valueAt = await inputOf(
      small({ layout: 'NHWC', colourOrder: 'BGR', mean: [1, 2, 3], std: [1, 2, 4] }),
      blueish,
    );
    const values = [await valueAt(0), await valueAt(1), await valueAt(2)];
    for (const [channel, expected] of [199, 9, 7 / 4].entries()) {
      assertClose(at(values, channel), expected, 1e-3, `channel ${channel}`);
    }
  });

  test('a picture finer than the model sees is averaged, and read between four samples where that is asked for', async () => {
    const random = seededRandom(5);
    const [width, height] = [53, 37];
    const samples = Uint8Array.from({ length: 3 * width * height }, () => random.integer(0, 256));
    const noise = paintFrame(formatOf(width, height, 'rgb'), (x, y) => {
      const place = 3 * (y * width + x);
      return [at(samples, place) / 255, at(samples, place + 1) / 255, at(samples, place + 2) / 255];
    });
    const bilinear = await inputOf(small(), noise, 'bilinear');
    const averaged = await inputOf(small(), noise);
    // 16 × 11 pixels, two lines of black above; cv2.resize reads at (x + 0.5) · step − 0.5 and rounds.
    const [fitted, top] = [11, 2];
    let difference = 0;
    for (const [x, y] of [
      [0, 0],
      [15, 10],
      [4, 3],
      [9, 7],
      [12, 5],
    ] as const) {
      const fromX = Math.min(width - 1, Math.max(0, ((x + 0.5) * width) / 16 - 0.5));
      const fromY = Math.min(height - 1, Math.max(0, ((y + 0.5) * height) / fitted - 0.5));
      const [left, above] = [Math.floor(fromX), Math.floor(fromY)];
      const [shareX, shareY] = [fromX - left, fromY - above];
      const sample = (column: number, row: number, channel: number): number =>
        at(samples, 3 * (Math.min(row, height - 1) * width + Math.min(column, width - 1)) + channel);
      for (let channel = 0; channel < 3; channel++) {
        const upper = (1 - shareX) * sample(left, above, channel) + shareX * sample(left + 1, above, channel);
        const lower =
          (1 - shareX) * sample(left, above + 1, channel) + shareX * sample(left + 1, above + 1, channel);
        const expected = Math.round((1 - shareY) * upper + shareY * lower) / 255;
        const index = (channel * 16 + top + y) * 16 + x;
        assertClose(await bilinear(index), expected, 1e-5, `channel ${channel} at ${x}, ${y}`);
        difference = Math.max(difference, Math.abs((await averaged(index)) - expected));
      }
    }
    assertClose(await bilinear(0), 0, 0);
    assert.ok(difference > 0.05, `averaging made a difference of ${difference}`);
  });
});

describe('how the models decide', () => {
  const grey = paintFrame(formatOf(8, 8, 'rgb'), () => [0.5, 0.5, 0.5]);

  const scoreOf = async (id: string, dims: readonly number[], values: readonly number[]): Promise<number> => {
    const contract = contractOf(id);
    const session = await open(says(contract.sizePx, dims, values));
    try {
      const [reading] = await new ContentAnalyser([{ id, contract, session }], 'averaged').read(grey);
      return reading?.score ?? Number.NaN;
    } finally {
      await session.dispose();
    }
  };

  test('nsfw_1: the largest of all rows from the fifth on', async () => {
    const boxes = [9, 9, 9, 9, 9, 9, 9, 9];
    assertClose(await scoreOf('nsfw_1', [1, 6, 2], [...boxes, 0.1, -0.3, 0.4, 0.2]), 0.4, 1e-6);
    assertClose(await scoreOf('nsfw_1', [1, 5, 2], [...boxes, -0.7, -0.3]), -0.3, 1e-6);
    assert.equal(contractOf('nsfw_1').decision.above, 0.2);
  });

  test('nsfw_1 without lengths in its signature: rows of the 8400 cells that three grids of 640 pixels have', async () => {
    const values = new Float32Array(6 * 8400).fill(9, 0, 4 * 8400);
    values[4 * 8400] = 0.3;
    values[6 * 8400 - 1] = 0.5;
    const model = says(640, [1, 6, 8400], [...values]);
    const nodes = model.nodes.flatMap((node) =>
      node.name === 'output'
        ? [
            op('Cast', ['zero'], 'whole zero', { to: { type: 'int', value: 7 } }),
            op('Add', ['shape', 'whole zero'], 'late shape'),
            op('Reshape', ['sum', 'late shape'], 'output'),
          ]
        : [node],
    );
    const outputs = [{ name: 'output', elementType: 'float32' as const, dims: ['n', 'rows', 'places'] }];
    const free = { ...model, nodes, outputs };
    const contract = contractOf('nsfw_1');
    const session = await open(free);
    assert.ok(
      session.outputs[0]?.dims.every((dim) => typeof dim === 'string'),
      'no length is known',
    );
    const [reading] = await new ContentAnalyser([{ id: 'nsfw_1', contract, session }], 'averaged').read(grey);
    assertClose(reading?.score ?? Number.NaN, 0.5, 1e-6);
  });

  test('nsfw_2: the first less the second', async () => {
    assertClose(await scoreOf('nsfw_2', [1, 2], [0.75, 0.25]), 0.5, 1e-6);
    assert.equal(contractOf('nsfw_2').decision.above, 0.25);
  });

  test('nsfw_3: the third and fourth less the first and second', async () => {
    assertClose(await scoreOf('nsfw_3', [1, 4], [1, 2, 30, 400]), 427, 1e-3);
    assert.equal(contractOf('nsfw_3').decision.above, 10.5);
  });

  test('two of three must object, and a score must be above its limit', () => {
    const readings = (...scores: readonly number[]) =>
      scores.map((score, k) => ({ model: `m${k}`, score, above: 0.25 }));
    assert.equal(isFlagged(readings(0.3, 0.3, 0)), true);
    assert.equal(isFlagged(readings(0.3, 0.25, 0.25)), false);
    assert.equal(isFlagged(readings(1, 1, 1)), true);
    assert.equal(isFlagged([]), false);
  });

  test('a model that does not fit its contract is named with what it has', async () => {
    const refuses = async (id: string, model: OnnxModel, message: RegExp): Promise<void> => {
      const contract = contractOf(id);
      const session = await open(model);
      const attempt = async () => new ContentAnalyser([{ id, contract, session }], 'averaged').read(grey);
      await assert.rejects(attempt, (error) => {
        assert.ok(error instanceof FaceswapError && error.kind === 'model', String(error));
        assert.match(error.message, message);
        assert.equal(error.context.file, session.modelPath);
        return true;
      });
    };
    await refuses(
      'nsfw_2',
      echo([1, 3, 16, 16], 768),
      /"nsfw_2" .*"input" \[1, 3, 384, 384\], it is \[1, 3, 16, 16\]/,
    );
    await refuses('nsfw_2', echo([1, 384, 384], 384 * 384), /it is \[1, 384, 384\]/);
    await refuses('nsfw_2', says(384, [1, 2], [Number.NaN, 0]), /gives no number/);
    await refuses('nsfw_3', says(448, [1, 3], [1, 2, 3]), /gives no number for a picture \(3 values\)/);
    await refuses('nsfw_1', says(640, [1, 5, 2], [0, 0, 0, 0, 0, 0, 0, 0, Number.NaN, 1]), /gives no number/);
    await refuses(
      'nsfw_1',
      says(640, [1, 4, 2], [1, 2, 3, 4, 5, 6, 7, 8]),
      /with more than 4 rows, it is \[1, 4, 2\]/,
    );
    await refuses(
      'nsfw_1',
      says(640, [10], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
      /must be \[1, rows, candidates\]/,
    );
  });
});
