import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { type BatchHandle, startBatch } from '../../src/pipeline/run-batch.js';
import { dryRunBatch } from '../../src/pipeline/run-batch-dry-run.js';
import type { BatchOptions } from '../../src/pipeline/run-batch-options.js';
import { batchFailure, type BatchProgressEvent } from '../../src/pipeline/run-batch-report.js';
import type { RunContext } from '../../src/pipeline/run.js';
import type { RunLogger } from '../../src/pipeline/run-logger.js';

const workerEntry = new URL('./fake-worker.mjs', import.meta.url);

let root = '';
let media = '';
let photo = '';
let folder = '';

const ffmpeg = (...args: string[]): void => {
  execFileSync('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', ...args]);
};

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'faceswap-batch-'));
  media = join(root, 'media');
  mkdirSync(media);
  photo = join(root, 'photo.png');
  const x264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'];
  ffmpeg('-f', 'lavfi', '-i', 'testsrc2=size=64x48:rate=25:duration=0.4', ...x264, join(media, 'a.mp4'));
  ffmpeg('-f', 'lavfi', '-i', 'testsrc2=size=64x48:rate=25:duration=0.2', ...x264, join(media, 'c.mp4'));
  ffmpeg('-f', 'lavfi', '-i', 'testsrc2=size=64x48', '-frames:v', '1', join(media, 'd.png'));
  writeFileSync(join(media, 'b.mp4'), readFileSync(join(media, 'a.mp4')).subarray(0, 300));
  copyFileSync(join(media, 'd.png'), photo);
});

after(() => rm(root, { recursive: true, force: true }));

beforeEach(async () => {
  folder = await mkdtemp(join(root, 'run-'));
  mkdirSync(join(folder, 'clips'));
  process.env['FAKE_CHAIN'] = 'swap';
  process.env['FACESWAP_CACHE_DIR'] = join(folder, 'cache');
});

/** Puts media into the folder that is searched, under their own or other names. */
const put = (...names: readonly string[]): void => {
  for (const name of names) {
    const [from = '', to = from] = name.split('>');
    copyFileSync(join(media, from), join(folder, 'clips', to));
  }
};

const start = (options: Partial<BatchOptions> = {}, context: RunContext = {}): BatchHandle =>
  startBatch(
    { source: photo, target: join(folder, 'clips'), output: join(folder, 'out'), ...options },
    context,
    { workerEntry },
  );

const collect = async (handle: BatchHandle): Promise<BatchProgressEvent[]> => {
  const events: BatchProgressEvent[] = [];
  for await (const event of handle.progress) events.push(event);
  return events;
};

const written = (): readonly string[] =>
  existsSync(join(folder, 'out')) ? readdirSync(join(folder, 'out')).sort() : [];

test('one worker serves videos and images, and one that fails leaves the others alone', async () => {
  put('a.mp4', 'b.mp4', 'c.mp4', 'd.png');
  const handle = start({ outputVideoPreset: 'ultrafast', report: join(folder, 'rows') });
  const [report, events] = await Promise.all([handle, collect(handle)]);
  assert.deepEqual(
    report.items.map(({ index, target, output, ok, status }) => [
      index,
      relative(folder, target),
      relative(folder, output),
      ok,
      status,
    ]),
    [
      [0, 'clips/a.mp4', 'out/a.mp4', true, 'done'],
      [1, 'clips/b.mp4', 'out/b.mp4', false, 'failed'],
      [2, 'clips/c.mp4', 'out/c.mp4', true, 'done'],
      [3, 'clips/d.png', 'out/d.png', true, 'done'],
    ],
  );
  assert.equal(report.workersStarted, 1);
  assert.deepEqual(report.counts, {
    targets: 4,
    done: 3,
    failed: 1,
    belowGate: 0,
    skipped: 0,
    notDone: 0,
    notMedia: 0,
    earlierOutputs: 0,
  });
  assert.equal(report.frames, 16);
  assert.equal(report.facesSwapped, 16);
  assert.equal(report.stopped, null);
  const failure = batchFailure(report);
  assert.equal(failure?.kind, 'partial');
  assert.match(String(failure), /^1 of 4 targets failed/);
  assert.deepEqual(written(), ['a.mp4', 'c.mp4', 'd.png']);
  assert.deepEqual(readdirSync(join(folder, 'rows')).sort(), ['a.mp4.json', 'c.mp4.json', 'd.png.json']);

  const states = events.flatMap((event) =>
    event.type === 'item' ? [`${event.item.index} ${event.state}`] : [],
  );
  assert.deepEqual(states, [
    '0 started',
    '0 done',
    '1 started',
    '1 failed',
    '2 started',
    '2 done',
    '3 started',
    '3 done',
  ]);
  const order = events.map(({ item }) => item?.index ?? -1);
  assert.deepEqual(
    order,
    [...order].sort((first, second) => first - second),
  );
  const phases = events.filter(({ type }) => type === 'phase').map((event) => event.item?.index);
  assert.ok([0, 1, 2, 3].every((index) => phases.includes(index)));
});

test('as many workers as the largest target needs are started once, also without the cache', async () => {
  // Ten seconds are 50 frames here: four segments each.
  const clip = join(folder, 'clips/long.mp4');
  ffmpeg(
    ...['-f', 'lavfi', '-i', 'testsrc2=size=64x48:rate=5:duration=40'],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '25', '-pix_fmt', 'yuv420p', clip],
  );
  copyFileSync(clip, join(folder, 'clips/longer.mp4'));
  put('a.mp4');
  const report = await start({ workers: 2, cache: false, outputVideoPreset: 'ultrafast' });
  assert.deepEqual(
    report.items.map(({ status }) => status),
    ['done', 'done', 'done'],
  );
  assert.equal(report.workersStarted, 2);
});

test('a worker that dies is replaced for the next target', async () => {
  put('a.mp4', 'c.mp4', 'd.png');
  process.env['FAKE_CHAIN'] = 'exit';
  const report = await start();
  assert.deepEqual(
    report.items.map((item) => (item.status === 'failed' ? item.error.kind : item.status)),
    ['bug', 'bug', 'done'],
  );
  // Three tries for each of the videos, and one for the photo.
  assert.equal(report.workersStarted, 7);
  assert.deepEqual(written(), ['d.png']);
});

test('targets that all fail in one way give that exit code and leave no folder behind', async () => {
  put('a.mp4', 'd.png');
  process.env['FAKE_CHAIN'] = 'no-face';
  const report = await start({ output: join(folder, 'out/{index}/x{target_extension}') });
  const failure = batchFailure(report);
  assert.equal(failure?.kind, 'noFace');
  assert.match(String(failure), /^All 2 targets failed/);
  assert.equal(existsSync(join(folder, 'out')), false);

  put('b.mp4');
  const mixed = batchFailure(await start());
  assert.equal(mixed?.kind, 'partial');
  assert.match(String(mixed), /^All 3 targets failed/);
});

test('a target without a face is copied on request', async () => {
  put('a.mp4', 'd.png');
  process.env['FAKE_CHAIN'] = 'no-face';
  const report = await start({ onNoFace: 'copy' });
  assert.equal(batchFailure(report), undefined);
  assert.deepEqual(
    report.items.map((item) => (item.status === 'done' ? item.report.status : item.status)),
    ['copied', 'copied'],
  );
  assert.deepEqual(readFileSync(join(folder, 'out/a.mp4')), readFileSync(join(folder, 'clips/a.mp4')));
});

test('a batch that is run again does what is missing, and nothing at all when nothing is', async () => {
  put('a.mp4', 'd.png');
  await start({ target: join(folder, 'clips/*.png') });
  const again = await start({ skipExisting: true });
  assert.deepEqual(
    again.items.map(({ status }) => status),
    ['done', 'skipped'],
  );
  const nothing = await start({ skipExisting: true });
  assert.deepEqual([nothing.counts.skipped, nothing.workersStarted], [2, 0]);
  assert.equal(batchFailure(nothing), undefined);
});

test('an abort stops the batch and keeps what is finished', async () => {
  put('a.mp4', 'c.mp4', 'd.png');
  const stop = new AbortController();
  const handle = start({}, { signal: stop.signal });
  for await (const event of handle.progress) {
    if (event.type === 'phase' && event.phase === 'render' && event.item?.index === 1) stop.abort();
  }
  const report = await handle;
  assert.deepEqual(
    report.items.map(({ status }) => status),
    ['done', 'not-done', 'not-done'],
  );
  assert.equal(report.stopped?.kind, 'interrupted');
  assert.match(
    String(batchFailure(report)),
    /^Stopped on request: 1 of 3 targets is done\. Give --skip-existing/,
  );
  assert.deepEqual(written(), ['a.mp4']);
});

test('an abort before the first target rejects', async () => {
  put('a.mp4');
  await assert.rejects(
    start({}, { signal: AbortSignal.abort() }),
    (error) => error instanceof FaceswapError && error.kind === 'interrupted',
  );
  assert.deepEqual(written(), []);
});

test('what would fail every target is refused before the first', async () => {
  put('a.mp4', 'c.mp4');
  const rejects = (options: Partial<BatchOptions>, kind: string, pattern: RegExp): Promise<void> =>
    assert.rejects(start(options), (error) => {
      assert.ok(error instanceof FaceswapError, String(error));
      assert.equal(error.kind, kind);
      assert.match(String(error), pattern);
      return true;
    });
  await rejects({ source: join(folder, 'absent.png') }, 'media', /absent\.png/);
  await rejects({ outputVideoEncoder: 'libabsent' }, 'unavailable', /no encoder "libabsent"/);
  await rejects({ blend: 'none' as 'basic' }, 'usage', /--blend must be/);
  process.env['FACESWAP_FFMPEG'] = join(folder, 'absent');
  try {
    await rejects({}, 'unavailable', /FACESWAP_FFMPEG/);
  } finally {
    delete process.env['FACESWAP_FFMPEG'];
  }
  assert.equal(existsSync(join(folder, 'out')), false);
});

test('a full disk stops the batch', async () => {
  put('a.mp4', 'c.mp4', 'd.png');
  // An ffmpeg that finds the disk full as soon as it is to write frames.
  const program = join(folder, 'full-ffmpeg');
  const real = execFileSync('which', ['ffmpeg'], { encoding: 'utf8' }).trim();
  const refusal = "echo 'av_interleaved_write_frame(): No space left on device' >&2; exit 1";
  writeFileSync(
    program,
    `#!/bin/sh\nfor word in "$@"; do\n  if [ "$word" = concat ]; then ${refusal}; fi\ndone\nexec "${real}" "$@"\n`,
  );
  chmodSync(program, 0o755);
  process.env['FACESWAP_FFMPEG'] = program;
  try {
    const report = await start();
    assert.deepEqual(
      report.items.map(({ status }) => status),
      ['failed', 'not-done', 'not-done'],
    );
    assert.equal(report.stopped?.kind, 'resources');
    assert.equal(batchFailure(report)?.exitCode, 8);
    // What was rendered is kept for the next run.
    assert.match(written().join(), /^\.a\.mp4\.faceswap-[0-9a-f]{12}$/);
  } finally {
    delete process.env['FACESWAP_FFMPEG'];
  }
});

test('a dry run plans every target and makes nothing', async () => {
  put('a.mp4', 'b.mp4', 'd.png');
  const planned = await dryRunBatch({
    source: photo,
    target: join(folder, 'clips'),
    output: join(folder, 'out/deep'),
  });
  assert.deepEqual(
    planned.items.map(({ status }) => status),
    ['planned', 'failed', 'planned'],
  );
  assert.equal(planned.estimate.frames, 11);
  assert.equal(batchFailure(planned)?.kind, 'partial');
  assert.equal(existsSync(join(folder, 'out')), false);
});

test('a logger is told why a target failed', async () => {
  put('b.mp4');
  const told: unknown[] = [];
  const ignore = (): void => {};
  const logger = {
    debug: (...words: unknown[]) => told.push(words.at(-1)),
    info: ignore,
    warn: ignore,
    error: ignore,
  } as unknown as RunLogger;
  await start({}, { logger });
  assert.ok(told.includes('the target failed'));
});
