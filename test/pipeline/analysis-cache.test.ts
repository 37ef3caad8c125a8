import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { ImageInputContract } from '../../src/inference/model-contracts.js';
import { AnalysisCache } from '../../src/pipeline/analysis-cache.js';
import { type ChainModelFiles, embeddedModelFiles } from '../../src/pipeline/chain-models.js';
import { chainSettings, type PlanSegment } from '../../src/pipeline/plan.js';
import { resolveRunOptions } from '../../src/pipeline/resolve-run-options.js';
import { silentLogger } from '../../src/pipeline/run-logger.js';
import type { RunOptions } from '../../src/pipeline/run-options.js';
import { syntheticTarget } from './synthetic-target.js';

let root = '';
let folder = '';
let film = '';
const filmBytes = Buffer.alloc(500_000, 'film');

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'faceswap-analysis-'));
  film = join(root, 'film.mp4');
  writeFileSync(film, filmBytes);
});
after(() => rm(root, { recursive: true, force: true }));
beforeEach(() => {
  folder = join(root, Math.random().toString(36).slice(2));
});

const segmentOf = (start: number): PlanSegment => ({
  index: 0,
  render: { start, end: start + 50 },
  decode: { start, end: start + 58 },
  outputFrames: 50,
});

type Opening = {
  file?: string;
  options?: Partial<RunOptions>;
  ffmpeg?: string;
  needsCast?: boolean;
  models?: ChainModelFiles | null;
};

const openCache = async ({
  file = film,
  options = {},
  ffmpeg = '5.1',
  needsCast = false,
  models = null,
}: Opening = {}): Promise<AnalysisCache> => {
  const config = resolveRunOptions({ source: 'a', target: 'b', output: 'c', ...options });
  const cache = await AnalysisCache.open({
    target: {
      ...syntheticTarget({ frameCount: 100, frameRate: { num: 25, den: 1 } }),
      file,
      sizeBytes: filmBytes.length,
    },
    settings: { ...chainSettings(config), needsCast },
    models,
    decoding: { ffmpeg },
    logger: silentLogger,
    folder,
  });
  assert.ok(cache);
  return cache;
};

/** What a run finds for a segment; it keeps nothing itself. */
const found = async (opening: Opening = {}, start = 0): Promise<Uint8Array | null> => {
  const cache = await openCache(opening);
  const packed = await cache.load(segmentOf(start));
  await cache.close();
  return packed === null ? null : new Uint8Array(packed);
};

const packed = Uint8Array.of(1, 2, 3);

const keep = async (opening: Opening = {}): Promise<void> => {
  const cache = await openCache(opening);
  assert.equal(await cache.load(segmentOf(0)), null);
  cache.save(segmentOf(0), packed.slice().buffer);
  // A run awaits its other work before it closes; here the hash must be given the time.
  while (!existsSync(folder) || !readdirSync(folder).some((name) => !name.endsWith('.part'))) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  await cache.close();
};

test('what one run kept, another finds by content, wherever the target lies', async () => {
  assert.equal(await found(), null);
  await keep();
  assert.deepEqual(await found(), packed);
  const moved = join(root, 'moved.mp4');
  copyFileSync(film, moved);
  assert.deepEqual(await found({ file: moved }), packed);
});

test('another content, segment, setting or decoder is not taken for the same', async () => {
  await keep();
  assert.equal(await found({}, 50), null);
  // The middle alone differs: the ends and the size are those of the film.
  const other = join(root, 'other.mp4');
  writeFileSync(other, Buffer.from(filmBytes).fill('x', 250_000, 250_001));
  assert.equal(await found({ file: other }), null);
  assert.equal(await found({ options: { faceDetectorScore: 0.4 } }), null);
  assert.equal(await found({ options: { faceMaskBlur: 0.3 } }), null);
  assert.equal(await found({ options: { matchGrain: true } }), null);
  assert.equal(await found({ options: { executionProvider: 'cuda' } }), null);
  assert.equal(await found({ ffmpeg: '7.1' }), null);
});

test('models that were fetched count by what is in their files, and only those that look at the target', async () => {
  const file = join(root, 'yolo.onnx');
  const other = join(root, 'swapper.onnx');
  writeFileSync(file, 'first');
  writeFileSync(other, 'first');
  const image = {
    name: 'input',
    layout: 'NCHW',
    colourOrder: 'BGR',
    mean: [0, 0, 0],
    std: [255, 255, 255],
  } as const satisfies ImageInputContract;
  const none = {
    imageLandmarkers: [],
    fiveToSixtyEight: null,
    classifier: null,
    recognizer: null,
    converter: null,
    swapper: null,
    deepSwapper: null,
    enhancer: null,
    occluders: [],
    parser: null,
  };
  const models: ChainModelFiles = {
    ...embeddedModelFiles(),
    neural: {
      ...none,
      detectors: [
        { id: 'yolo', file, contract: { kind: 'yolo-face', image, sizesPx: [640], candidates: 8400 } },
      ],
      occluders: [{ id: 'xseg', file: other, contract: { kind: 'xseg', image, sizePx: 256 } }],
    },
  };
  await keep({ models });
  assert.equal(await found(), null, 'the models of the package find something else');
  writeFileSync(other, 'second');
  assert.deepEqual(await found({ models }), packed, 'a mask comes later');
  assert.deepEqual(await found({ models, options: { faceMaskTypes: ['occlusion'] } }), packed);
  writeFileSync(file, 'second');
  assert.equal(await found({ models }), null, 'another detector under the same name');
});

test('an analysis for a cast serves every run, and one without does not serve a cast', async () => {
  await keep({ needsCast: true });
  assert.deepEqual(await found({ needsCast: true }), packed);
  assert.deepEqual(await found(), packed);
  folder = join(root, 'plain');
  await keep();
  assert.equal(await found({ needsCast: true }), null);
});

test('what a run has saved it finds itself', async () => {
  const cache = await openCache({ needsCast: true });
  assert.equal(await cache.load(segmentOf(0)), null);
  cache.save(segmentOf(0), packed.slice().buffer);
  const again = await cache.load(segmentOf(0));
  assert.deepEqual(again === null ? null : new Uint8Array(again), packed);
  await cache.close();
});

test('what comes after the analysis does not matter', async () => {
  await keep();
  const options = {
    faceSelectorMode: 'one',
    landmarkSmoother: 'none',
    blend: 'basic',
    colorMatch: 'none',
    occlusion: 'none',
    executionThreadCount: 7,
  } as const;
  assert.deepEqual(await found({ options }), packed);
});

test('a target whose hash is not there when the run is over leaves nothing and costs no waiting', async () => {
  const cache = await openCache();
  assert.equal(await cache.load(segmentOf(0)), null);
  cache.save(segmentOf(0), packed.slice().buffer);
  await cache.close();
  assert.equal(await found(), null);
});

test('a target that cannot be read has no cache', async () => {
  const cache = await AnalysisCache.open({
    target: {
      ...syntheticTarget({ frameCount: 1, frameRate: { num: 25, den: 1 } }),
      file: join(root, 'gone'),
    },
    settings: chainSettings(resolveRunOptions({ source: 'a', target: 'b', output: 'c' })),
    models: null,
    decoding: {},
    logger: silentLogger,
    folder,
  });
  assert.equal(cache, null);
});
