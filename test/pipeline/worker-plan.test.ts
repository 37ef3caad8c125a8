import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { batchFramesOf, frameLimitBytes, frameNeed } from '../../src/pipeline/frame-budget.js';
import { planWorkers, type WorkerPlanInput } from '../../src/pipeline/worker-plan.js';
import { seededRandom } from '../support/unit-random.js';

const gibibyte = 2 ** 30;
const fullHdBytes = (1920 * 1080 * 3) / 2;
const uhdBytes = 4 * fullHdBytes;

const input: WorkerPlanInput = {
  requested: 'auto',
  cores: 16,
  memoryBytes: 64 * gibibyte,
  maxMemoryBytes: undefined,
  provider: 'cpu',
  threadsPerModel: 4,
  threadsAreGiven: false,
  segments: 100,
  widthPx: 1920,
  heightPx: 1080,
  frameBytes: fullHdBytes,
  lookAheadFrames: 8,
  batchFrames: 1,
  decoderThreads: 4,
};

const choice = (changes: Partial<WorkerPlanInput>): readonly [number, string] => {
  const { count, reason } = planWorkers({ ...input, ...changes });
  return [count, reason];
};

describe('the number of workers', () => {
  test('grows with the cores, one for every four of them', () => {
    assert.deepEqual(choice({ cores: 1 }), [1, '1 core: one worker and its ffmpeg keep them busy']);
    assert.deepEqual(choice({ cores: 2 }), [1, '2 cores: one worker and its ffmpeg keep them busy']);
    assert.deepEqual(choice({ cores: 7 }), [1, '7 cores: one worker and its ffmpeg keep them busy']);
    assert.deepEqual(choice({ cores: 8 }), [2, '8 cores: 4 for each worker and its ffmpeg']);
    assert.deepEqual(choice({ cores: 64 }), [16, '64 cores: 4 for each worker and its ffmpeg']);
  });

  test('is one on a device, unless another one is asked for', () => {
    assert.deepEqual(choice({ provider: 'cuda' }), [1, 'cuda: models take turns on the device']);
    assert.deepEqual(choice({ provider: 'cuda', requested: 2 }), [2, 'as asked for']);
  });

  test('is never more than there are segments', () => {
    assert.deepEqual(choice({ segments: 1 }), [1, 'there is one segment']);
    assert.deepEqual(choice({ segments: 3 }), [3, 'there are 3 segments']);
    assert.deepEqual(choice({ requested: 5, segments: 3 }), [3, 'there are 3 segments']);
  });

  test('is bounded by the memory of the machine where it is chosen here', () => {
    // A worker at 2160p: 160 MiB, 14 frames of its own and 150 of ffmpeg's of 11.87 MiB each: 2,106 MiB; half of 4 GiB is 2,048.
    assert.deepEqual(choice({ memoryBytes: 4 * gibibyte, frameBytes: uhdBytes }), [
      1,
      'half of 4.0 GiB of memory carries no more',
    ]);
    assert.equal(choice({ memoryBytes: 4 * gibibyte, frameBytes: uhdBytes, requested: 3 })[0], 3);
  });

  test('is bounded by the frames in flight', () => {
    // 11 frames of 2.97 MiB for each worker: 64 MiB feed one, 66 two.
    assert.deepEqual(choice({ maxMemoryBytes: 64 * 2 ** 20 }), [
      1,
      '64 MiB of frames in flight feed no more',
    ]);
    assert.deepEqual(choice({ maxMemoryBytes: 66 * 2 ** 20 }), [
      2,
      '66 MiB of frames in flight feed no more',
    ]);
  });

  test('divides threads among workers on the CPU, except those that were asked for', () => {
    const threads = (changes: Partial<WorkerPlanInput>): readonly number[] => {
      const { count, threadsPerModel, decoderThreads } = planWorkers({ ...input, ...changes });
      return [count, threadsPerModel, decoderThreads];
    };
    assert.deepEqual(threads({}), [4, 4, 4]);
    assert.deepEqual(threads({ cores: 2, requested: 1, threadsPerModel: 2, decoderThreads: 2 }), [1, 2, 2]);
    assert.deepEqual(threads({ cores: 4, requested: 2 }), [2, 2, 2]);
    assert.deepEqual(threads({ cores: 2, requested: 3 }), [3, 1, 1]);
    assert.deepEqual(threads({ cores: 2, requested: 3, threadsAreGiven: true }), [3, 4, 1]);
  });

  test('and the frames of each keep to every bound, whatever the machine', () => {
    const random = seededRandom(7);
    for (let round = 0; round < 500; round += 1) {
      const changes = {
        requested: random.next() < 0.5 ? ('auto' as const) : random.integer(1, 9),
        cores: random.integer(1, 129),
        memoryBytes: random.integer(1, 257) * gibibyte,
        maxMemoryBytes: random.next() < 0.5 ? undefined : random.integer(300, 4300) * 2 ** 20,
        segments: random.integer(1, 51),
        frameBytes: random.integer(1, 1 + uhdBytes),
        batchFrames: random.integer(1, 17),
      };
      let plan: ReturnType<typeof planWorkers>;
      try {
        plan = planWorkers({ ...input, ...changes });
      } catch (error) {
        assert.ok(error instanceof FaceswapError && error.kind === 'resources', String(error));
        continue;
      }
      const need = frameNeed(changes.frameBytes, { lookAheadFrames: 8, batchFrames: changes.batchFrames });
      assert.ok(plan.count >= 1 && plan.count <= changes.segments);
      assert.ok(plan.framesPerWorker >= need.leastFrames && plan.framesPerWorker <= need.mostFrames);
      assert.ok(plan.count * plan.framesPerWorker * changes.frameBytes <= plan.limitBytes);
      assert.ok(plan.batchFrames >= 1 && plan.batchFrames <= changes.batchFrames);
      assert.ok(8 + plan.batchFrames + 2 <= plan.framesPerWorker);
      assert.ok(plan.threadsPerModel >= 1 && plan.decoderThreads >= 1);
    }
  });
});

describe('the memory of frames in flight', () => {
  test('is a quarter of what there is, or what is asked for', () => {
    assert.equal(frameLimitBytes(input), 16 * gibibyte);
    assert.equal(frameLimitBytes({ ...input, maxMemoryBytes: gibibyte }), gibibyte);
  });

  test('takes fewer frames on their way where frames are large', () => {
    const held = { lookAheadFrames: 8, batchFrames: 1 };
    assert.deepEqual(frameNeed(fullHdBytes, held), { leastFrames: 11, mostFrames: 14 });
    assert.deepEqual(frameNeed(uhdBytes, held), { leastFrames: 11, mostFrames: 14 });
    assert.deepEqual(frameNeed(4 * uhdBytes, held), { leastFrames: 11, mostFrames: 13 });
  });

  test('lets frames wait for a batch as far as there are buffers', () => {
    const held = { lookAheadFrames: 8, batchFrames: 6 };
    assert.deepEqual(frameNeed(uhdBytes, held), { leastFrames: 11, mostFrames: 19 });
    assert.deepEqual(
      [11, 12, 15, 16, 19].map((frames) => batchFramesOf(frames, held)),
      [1, 2, 5, 6, 6],
    );
  });

  test('is refused when it is too little for one worker, with what is needed', () => {
    const uhd = { ...input, widthPx: 3840, heightPx: 2160, frameBytes: uhdBytes };
    // 11 × 12,441,600 bytes are 130.5 MiB.
    assert.throws(
      () => planWorkers({ ...uhd, maxMemoryBytes: 100 * 2 ** 20 }),
      (error) =>
        error instanceof FaceswapError &&
        error.kind === 'usage' &&
        error.message ===
          '--max-memory must be at least 131 MiB for 11 frames of 3840x2160 (a look-ahead of 8), got 100 MiB' &&
        error.context.hint === 'Give --max-memory 131M or more',
    );
    assert.equal(planWorkers({ ...uhd, maxMemoryBytes: 131 * 2 ** 20 }).framesPerWorker, 11);
    assert.throws(
      () => planWorkers({ ...uhd, memoryBytes: 512 * 2 ** 20 }),
      (error) =>
        error instanceof FaceswapError &&
        error.kind === 'resources' &&
        /need 131 MiB .* quarter of the memory is 128 MiB.*--max-memory 131M/.test(String(error)),
    );
  });
});
