import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { chainModelFiles } from '../../src/pipeline/chain-files.js';
import { resolveRunOptions } from '../../src/pipeline/resolve-run-options.js';
import type { RunConfig, RunOptions } from '../../src/pipeline/run-options.js';
import { arcfaceBytes, inswapperBytes, modelBytes } from '../support/unit-signatures.js';

const root = mkdtempSync(join(tmpdir(), 'faceswap-chain-files-'));
after(() => rmSync(root, { recursive: true }));

let folder = '';
let count = 0;
beforeEach(() => {
  count += 1;
  folder = join(root, `models ${count}`);
  mkdirSync(folder);
});

const put = (name: string, bytes: Uint8Array): string => {
  const file = join(folder, ...name.split('/'));
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, bytes);
  return file;
};

const config = (options: Partial<RunOptions>): RunConfig =>
  resolveRunOptions({
    source: 'a.jpg',
    target: 'b.mp4',
    output: join(root, 'c.mp4'),
    modelDir: folder,
    ...options,
  });

const refusal =
  (exitCode: number, line: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof FaceswapError, String(error));
    assert.equal(error.exitCode, exitCode);
    assert.match(String(error), line);
    return true;
  };

describe('the models of a run', () => {
  it('are none where the package has all that it needs', async () => {
    assert.equal(await chainModelFiles(config({})), null);
  });

  it('that are not there are told all at once, with one command that brings them', async () => {
    const options = {
      faceSwapperModel: 'ghost_1_256',
      faceDetectorModel: 'yolo_face',
      faceLandmarkerModel: '2dfan4',
    } as const;
    const all = 'ghost_1_256 yoloface_8n 2dfan4 fan_68_5 arcface_w600k_r50 crossface_ghost';
    await assert.rejects(
      chainModelFiles(config(options)),
      refusal(4, new RegExp(`Fetch them with: faceswap models pull ${all} --model-dir '.*/models \\d+'$`)),
    );
    put('arcface_w600k_r50.onnx', arcfaceBytes());
    await assert.rejects(
      chainModelFiles(config(options)),
      refusal(4, /models pull ghost_1_256 yoloface_8n 2dfan4 fan_68_5 crossface_ghost --model-dir/),
    );
  });

  it('are recorded when they are first seen, and refused when they have changed', async () => {
    put('arcface_w600k_r50.onnx', arcfaceBytes(100, 1));
    const swapper = put('inswapper_128.onnx', inswapperBytes());
    const files = await chainModelFiles(config({ faceSwapperModel: 'inswapper_128' }));
    assert.deepEqual(
      [files?.neural?.swapper?.file, files?.neural?.recognizer?.id],
      [swapper, 'arcface_w600k_r50'],
    );
    assert.ok(existsSync(`${swapper}.json`), 'the bytes are recorded');
    put('arcface_w600k_r50.onnx', arcfaceBytes(100, 2));
    await assert.rejects(
      chainModelFiles(config({ faceSwapperModel: 'inswapper_128' })),
      refusal(4, /The model "arcface_w600k_r50" is not the one that was first seen/),
    );
  });

  it('can be those that a user has added', async () => {
    const entry = {
      id: 'mine',
      role: 'swapper',
      embedded: false,
      file: 'mine.onnx',
      base: null,
      precision: 'fp32',
      needs: [],
      licence: 'Mine',
      use: 'any',
      vendor: 'me',
      year: 2026,
      contract: {
        kind: 'swapper',
        image: { name: 'target', layout: 'NCHW', colourOrder: 'RGB', mean: [0, 0, 0], std: [1, 1, 1] },
        sizePx: 64,
        template: 'arcface_128',
        denormalise: false,
        pixelBoostsPx: [64],
        source: {
          kind: 'image',
          image: { name: 'source', layout: 'NCHW', colourOrder: 'RGB', mean: [0, 0, 0], std: [1, 1, 1] },
          sizePx: 64,
          template: 'arcface_128',
        },
      },
    };
    put('added-models.json', Buffer.from(JSON.stringify({ version: 1, models: [entry] })));
    await assert.rejects(
      chainModelFiles(config({ faceSwapperModel: 'mine' })),
      refusal(4, /The model "mine" is not there.*Bring it with: faceswap models import FILE --as mine/),
    );
    const bytes = modelBytes({ target: [1, 3, 64, 64], source: [1, 3, 64, 64] }, { out: [1, 3, 64, 64] });
    const file = put('mine.onnx', bytes);
    const files = await chainModelFiles(config({ faceSwapperModel: 'mine' }));
    assert.deepEqual([files?.neural?.swapper?.file, files?.neural?.recognizer], [file, null]);
    assert.throws(
      () => config({ faceSwapperModel: 'mine', modelDir: root }),
      refusal(2, /--face-swapper-model must be one of/),
    );
  });

  it('of the deep swapper are known by author and name, or by their path', async () => {
    const deep = (deepSwapperModel: string): RunConfig =>
      config({ processors: ['deep_swapper'], deepSwapperModel });
    await assert.rejects(
      chainModelFiles(deep('iperov/some_one')),
      refusal(4, /is not there.*models pull deepfacelive\/iperov\/some_one --model-dir/),
    );
    const file = put('deepfacelive/iperov/some_one.dfm', Buffer.from('x'));
    const files = await chainModelFiles(deep('deepfacelive/iperov/some_one'));
    assert.deepEqual(files?.neural?.deepSwapper, {
      id: 'deepfacelive/iperov/some_one',
      file,
      contract: { kind: 'dfm', template: 'dfl_whole_face' },
    });
    assert.equal((await chainModelFiles(deep(file)))?.neural?.deepSwapper?.file, file);
    await assert.rejects(
      chainModelFiles(deep(join(folder, 'none.dfm'))),
      refusal(4, /--deep-swapper-model is not there.*none\.dfm/),
    );
    assert.throws(
      () => deep('nobody/some_one'),
      refusal(2, /--deep-swapper-model must be the name of a model/),
    );
  });

  it('must be of the kind that is wanted', async () => {
    put('fan_68_5.onnx', Buffer.from('x'));
    await assert.rejects(
      chainModelFiles(config({ faceLandmarkerModel: 'fan_68_5' })),
      refusal(2, /"fan_68_5" is of the kind five-to-68; here it takes heatmap-68 or points-68/),
    );
  });
});
