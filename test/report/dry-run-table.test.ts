import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DryRun } from '../../src/pipeline/dry-run.js';
import { resolveRunOptions } from '../../src/pipeline/resolve-run-options.js';
import { formatDryRun } from '../../src/report/dry-run-table.js';

const config = resolveRunOptions({ source: '/in/a.jpg', target: '/in/b.mp4', output: '/out/c.mp4' });

const video: DryRun = {
  schema: 1,
  config,
  kind: 'video',
  plan: {
    schema: 1,
    fingerprint: '0123456789abcdef0123456789abcdef',
    target: {
      sizeBytes: 1000,
      widthPx: 1280,
      heightPx: 720,
      pixelFormat: 'yuv420p',
      frameCount: 480,
      frameRate: { num: 30_000, den: 1001 },
      isVariable: false,
    },
    sceneCuts: null,
    range: { start: 24, end: 264 },
    outputFrameRate: { num: 25, den: 1 },
    keepsTimes: true,
    outputFrameCount: 200,
    segments: [
      { index: 0, render: { start: 24, end: 264 }, decode: { start: 24, end: 264 }, outputFrames: 200 },
    ],
  },
  estimate: {
    frames: 240,
    segments: 1,
    seconds: 12.4,
    frameBufferBytes: 22 * 2 ** 20,
    frameBufferLimitBytes: 6 * 2 ** 30,
  },
  workers: {
    count: 1,
    reason: '2 cores: one worker and its ffmpeg keep them busy',
    threadsPerModel: 2,
    framesPerWorker: 17,
  },
  encoder: 'libx264',
  keptStreams: [{ index: 1, type: 'audio', codec: 'aac' }],
  droppedStreams: [{ index: 2, type: 'data', reason: 'mp4 cannot hold bin_data' }],
  policy: {
    checks: ['policy-command'],
    notRun: [{ check: 'content-analyser', reason: 'nsfw_2 is not there' }],
  },
  warnings: [],
};

// Written by hand from the plan above.
const expected = `status    dry run: nothing was rendered or written
sources   /in/a.jpg
target    /in/b.mp4 (video)
output    /out/c.mp4
video     1280x720 yuv420p, 480 frames at 30000/1001 fps
range     frames 24 to 264 (end not included)
result    200 frames at 25 fps, libx264
plan      0123456789abcdef
kept      #1 audio aac
dropped   #2 data (mp4 cannot hold bin_data)
workers   1 (2 cores: one worker and its ffmpeg keep them busy); 2 threads for each model
memory    22 MiB of frame buffers, 17 for each worker; limit 6.0 GiB
policy    policy-command, before rendering and after
          content-analyser does not run: nsfw_2 is not there
estimate  240 frames in 1 segment
          about 12 s on a machine like 2 cores of a 2.3 GHz Xeon; one face per frame assumed
          a rough guess: machine, encoder and number of faces can change it several times over
`;

describe('the table of a dry run', () => {
  test('says what would be rendered, kept and dropped', { skip: process.platform === 'win32' }, () => {
    assert.equal(formatDryRun(video), expected);
  });

  test('has no video rows for an image', () => {
    const image: DryRun = {
      ...video,
      kind: 'image',
      plan: null,
      encoder: null,
      workers: null,
      estimate: {
        frames: 1,
        segments: 1,
        seconds: 3,
        frameBufferBytes: 9 * 2 ** 20,
        frameBufferLimitBytes: null,
      },
      keptStreams: [],
      droppedStreams: [],
    };
    const table = formatDryRun(image);
    assert.doesNotMatch(table, /^(video|range|result|plan) /m);
    assert.match(table, /^kept +no other streams$/m);
    assert.match(table, /^dropped +none$/m);
    assert.doesNotMatch(table, /^workers /m);
    assert.match(table, /^memory +9\.0 MiB of frame buffers$/m);
  });

  test('tells a limit that was asked for from the default', () => {
    const workers = { count: 3, reason: 'as asked for', threadsPerModel: 1, framesPerWorker: 11 };
    const table = formatDryRun({
      ...video,
      workers,
      config: { ...config, maxMemoryBytes: 6 * 2 ** 30 },
    });
    assert.match(table, /^workers +3 \(as asked for\); 1 thread for each model$/m);
    assert.match(table, /11 for each worker; limit 6\.0 GiB as asked for$/m);
  });
});
