import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { dryRun } from '../../src/pipeline/dry-run.js';
import type { ProgressEvent } from '../../src/pipeline/progress.js';
import { type RunContext, type RunHandle, startRun } from '../../src/pipeline/run.js';
import type { RunOptions } from '../../src/pipeline/run-options.js';
import type { RunLogger } from '../../src/pipeline/run-logger.js';

const workerEntry = new URL('./fake-worker.mjs', import.meta.url);

let root = '';
let clip = '';
let photo = '';
let still = '';
let parts = '';
let outputs = '';

const ffmpeg = (...args: string[]): string =>
  execFileSync('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', ...args], {
    encoding: 'utf8',
  });

/** One checksum per video frame, decoded. */
const frameHashes = (file: string): readonly string[] =>
  ffmpeg('-i', file, '-map', '0:v:0', '-vsync', '0', '-f', 'framemd5', '-')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(',').at(-1)?.trim() ?? '');

const audioHash = (file: string): string =>
  ffmpeg('-i', file, '-map', '0:a:0', '-c', 'copy', '-f', 'md5', '-');

const probe = (file: string, entries: string): string =>
  execFileSync(
    'ffprobe',
    [
      '-v',
      'error',
      '-select_streams',
      'v:0',
      '-count_packets',
      '-show_entries',
      entries,
      '-of',
      'csv=p=0',
      file,
    ],
    {
      encoding: 'utf8',
    },
  ).trim();

const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'faceswap-run-'));
  clip = join(root, 'clip.mp4');
  photo = join(root, 'photo.png');
  still = join(root, 'still.png');
  // 330 frames with a keyframe every 10: two segments. Real sound, so that a copy can be told from a re-encode.
  ffmpeg(
    ...['-f', 'lavfi', '-i', 'testsrc2=size=128x96:rate=25:duration=13.2'],
    ...['-f', 'lavfi', '-i', 'sine=frequency=440:duration=13.2'],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '10', '-pix_fmt', 'yuv420p', '-c:a', 'aac', clip],
  );
  // Ten seconds are 50 frames here: 200 frames in four segments.
  parts = join(root, 'parts.mp4');
  ffmpeg(
    ...['-f', 'lavfi', '-i', 'testsrc2=size=64x48:rate=5:duration=40'],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '25', '-pix_fmt', 'yuv420p', parts],
  );
  ffmpeg('-f', 'lavfi', '-i', 'testsrc2=size=64x48', '-frames:v', '1', photo);
  ffmpeg('-f', 'lavfi', '-i', 'testsrc2=size=64x48,format=rgb24,crop=51:37', '-frames:v', '1', still);
});

after(() => rm(root, { recursive: true, force: true }));

beforeEach(() => {
  outputs = join(root, `out-${Math.random().toString(36).slice(2)}`);
  mkdirSync(outputs);
  process.env['FAKE_CHAIN'] = 'swap';
  process.env['FACESWAP_CACHE_DIR'] = join(outputs, '..', `cache-of-${basename(outputs)}`);
  delete process.env['FACESWAP_FFMPEG'];
});

const start = (options: Partial<RunOptions>, context: RunContext = {}): RunHandle =>
  startRun({ source: photo, target: clip, output: join(outputs, 'out.mp4'), ...options }, context, {
    workerEntry,
  });

const collect = async (handle: RunHandle): Promise<ProgressEvent[]> => {
  const events: ProgressEvent[] = [];
  for await (const event of handle.progress) events.push(event);
  return events;
};

/** Command lines of the ffmpeg children that this process has; empty where there is no /proc. */
const runningFfmpeg = (): readonly string[] => {
  const list = `/proc/${process.pid}/task/${process.pid}/children`;
  if (!existsSync(list)) return [];
  return readFileSync(list, 'utf8')
    .split(' ')
    .filter((pid) => pid !== '' && existsSync(`/proc/${pid}/cmdline`))
    .map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
    .filter((line) => line.includes('rawvideo'));
};

/** The run must fail like this and leave its folder as it was. */
const assertFails = async (
  handle: RunHandle,
  {
    kind,
    message,
    keepsJob = false,
  }: { kind: FaceswapError['kind']; message: RegExp; keepsJob?: boolean | 'maybe' },
  left: readonly string[] = [],
): Promise<void> => {
  await assert.rejects(handle, (error) => {
    assert.ok(error instanceof FaceswapError, String(error));
    assert.equal(error.kind, kind, String(error));
    assert.match(String(error), message);
    return true;
  });
  const names = readdirSync(outputs);
  const jobs = names.filter((name) => /^\.out\.mp4\.faceswap-[0-9a-f]{12}$/.test(name));
  if (keepsJob !== 'maybe') assert.equal(jobs.length, keepsJob ? 1 : 0);
  assert.deepEqual(
    names.filter((name) => !jobs.includes(name)),
    left,
  );
  assert.deepEqual(runningFfmpeg(), []);
};

/** An ffmpeg that behaves until it is called with `argument`; then it does what the shell line says. */
const installFfmpeg = (argument: string, shell: string): void => {
  const file = join(outputs, '..', `ffmpeg-${Math.random().toString(36).slice(2)}`);
  const real = execFileSync('which', ['ffmpeg'], { encoding: 'utf8' }).trim();
  writeFileSync(
    file,
    `#!/bin/sh\nreal='${real}'\nfor argument in "$@"; do\n  if [ "$argument" = '${argument}' ]; then ${shell}; fi\ndone\nexec "$real" "$@"\n`,
  );
  chmodSync(file, 0o755);
  process.env['FACESWAP_FFMPEG'] = file;
};

test('a lossless run gives every frame bit for bit, the sound unchanged, and a full report', async () => {
  const output = join(outputs, 'out.mkv');
  const report = join(outputs, 'report.json');
  const handle = start({ output, report, outputVideoEncoder: 'ffv1' });
  const [result, events] = await Promise.all([handle, collect(handle)]);
  assert.deepEqual(frameHashes(output), frameHashes(clip));
  assert.equal(audioHash(output), audioHash(clip));
  assert.deepEqual(readdirSync(outputs).sort(), ['out.mkv', 'report.json']);
  assert.equal(result.status, 'swapped');
  assert.equal(result.outputSha256, sha256(output));
  assert.equal(result.media.frameCount, 330);
  assert.equal(result.media.frameRate, '25/1');
  assert.equal(result.media.durationSeconds, 13.2);
  assert.equal(result.media.segments, 2);
  assert.equal(result.media.videoEncoder, 'ffv1');
  assert.equal(result.media.streamsCopied, 1);
  assert.equal(result.quality.facesSwapped, 330);
  assert.equal(result.stageMs.swap, 10);
  assert.ok(result.stageMs.decode > 0 && result.stageMs.encode > 0 && result.stageMs.mux > 0);
  assert.deepEqual(
    result.warnings.map(({ code }) => code),
    ['fake'],
  );
  const written = JSON.parse(readFileSync(report, 'utf8')) as {
    outputSha256: string;
    frames: { frame: number }[];
  };
  assert.equal(written.outputSha256, result.outputSha256);
  assert.deepEqual(
    written.frames.map(({ frame }) => frame),
    Array.from({ length: 330 }, (_, index) => index),
  );
  const phases = events.flatMap((event) => (event.type === 'phase' ? [event.phase] : []));
  assert.deepEqual(phases, ['probe', 'plan', 'sources', 'render', 'mux', 'verify', 'done']);
  const last = events.filter((event) => event.type === 'frames').at(-1);
  assert.ok(last?.type === 'frames' && last.done === 330 && last.total === 330 && last.facesSwapped === 330);
});

test('every frame goes through the chain once', async () => {
  process.env['FAKE_CHAIN'] = 'invert';
  const output = join(outputs, 'out.mkv');
  await start({ output, outputVideoEncoder: 'ffv1' });
  const raw = (file: string): Buffer =>
    execFileSync(
      'ffmpeg',
      ['-v', 'error', '-i', file, '-map', '0:v:0', '-vsync', '0', '-f', 'rawvideo', '-'],
      {
        maxBuffer: 2 ** 30,
      },
    );
  const [source, result] = [raw(clip), raw(output)];
  const frameBytes = (128 * 96 * 3) / 2;
  assert.equal(source.length, 330 * frameBytes);
  for (let byte = 0; byte < source.length; byte += frameBytes) source[byte] = 255 - (source[byte] ?? 0);
  assert.ok(source.equals(result));
});

test('the default output is H.264 with the same frames, rate, duration and sound, the same bytes twice', async () => {
  const first = await start({ output: join(outputs, 'a.mp4') });
  const second = await start({ output: join(outputs, 'b.mp4') });
  assert.equal(first.outputSha256, second.outputSha256);
  const fields = 'stream=codec_name,width,height,r_frame_rate,nb_read_packets';
  assert.equal(probe(first.output, fields), 'h264,128,96,25/1,330');
  assert.equal(probe(first.output, 'stream=duration'), probe(clip, 'stream=duration'));
  assert.equal(audioHash(first.output), audioHash(clip));
});

test('output, rows and figures of quality are the same with one, two and three workers', async () => {
  process.env['FAKE_CHAIN'] = 'invert';
  const results = [];
  for (const workers of [1, 2, 3]) {
    const report = join(outputs, `rows-${workers}.json`);
    const output = join(outputs, `out-${workers}.mp4`);
    const handle = start({ target: parts, output, report, workers, cache: false });
    const [result, events] = await Promise.all([handle, collect(handle)]);
    assert.equal(result.media.segments, 4);
    assert.deepEqual(result.performance?.workers, { count: workers, reason: 'as asked for' });
    const frames = events.filter((event) => event.type === 'frames');
    const counts = frames.map(({ done }) => done);
    assert.deepEqual(
      counts,
      [...counts].sort((a, b) => a - b),
    );
    assert.equal(frames.at(-1)?.done, 200);
    const states = events.flatMap((event) =>
      event.type === 'segment' ? [`${event.index} ${event.state}`] : [],
    );
    assert.equal(new Set(states).size, 8);
    const { frames: rows } = JSON.parse(readFileSync(report, 'utf8')) as { frames: unknown };
    results.push({ sha256: result.outputSha256, quality: result.quality, rows });
  }
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(results[2], results[0]);
});

test('the figures of a run say how the machine was used', async () => {
  const report = await start({ target: parts, workers: 2, maxMemory: 30 * ((64 * 48 * 3) / 2) });
  const figures = report.performance;
  assert.ok(figures);
  assert.ok(
    figures.firstFrameMs !== null && figures.firstFrameMs > 0 && figures.firstFrameMs < report.wallMs,
  );
  assert.ok(figures.renderMs > 0 && figures.renderMs < report.wallMs);
  assert.equal(figures.modelMs, 4 * 6);
  assert.deepEqual(figures.batch, { size: 1, reason: 'there is no model', halvings: 0 });
  // What the fake chain gives: 1, 2 and 3 ms in each of four segments.
  assert.deepEqual(figures.stageLatencyMs.swap, { p50: 2, p95: 3, p99: 3, count: 12 });
  assert.equal(figures.stageLatencyMs.encode?.count, 200);
  // Every segment but the first is decoded from 24 frames before, every one but the last to 10 after.
  assert.equal(figures.stageLatencyMs.decode?.count, 200 + 3 * 24 + 3 * 10);
  const { frames } = figures;
  assert.equal(frames.acquired, 200 + 3 * 24 + 3 * 10);
  assert.ok(frames.allocated <= frames.peakInFlight && frames.peakInFlight <= 30);
  assert.deepEqual([frames.bytesPerFrame, frames.limitBytes], [(64 * 48 * 3) / 2, (30 * 64 * 48 * 3) / 2]);
  assert.deepEqual([figures.hwaccel, figures.analysis], ['none', 'computed']);
});

test('too little memory for frames is refused with what is needed', async () => {
  await assertFails(start({ maxMemory: '16K' }), {
    kind: 'usage',
    message: /--max-memory must be at least 1 MiB for 15 frames of 128x96 \(a look-ahead of 12\), got 16 KiB/,
  });
});

test('an abort stops all workers', async () => {
  const controller = new AbortController();
  const handle = start({ target: parts, workers: 3 }, { signal: controller.signal });
  for await (const event of handle.progress) if (event.type === 'segment') controller.abort();
  await assertFails(handle, { kind: 'interrupted', message: /nothing was written/ });
});

test('what was found out about a target is used by the next run, with another source as well', async () => {
  const rendered = async (name: string, options: Partial<RunOptions> = {}) => {
    const report = await start({ target: parts, output: join(outputs, name), ...options });
    return {
      analysis: report.performance?.analysis,
      detectMs: report.stageMs.detect,
      sha256: report.outputSha256,
    };
  };
  const other = join(outputs, 'other.png');
  ffmpeg('-f', 'lavfi', '-i', 'testsrc2=size=50x60', '-frames:v', '1', other);
  const cold = await rendered('cold.mp4');
  assert.deepEqual([cold.analysis, cold.detectMs > 0], ['computed', true]);
  const warm = { ...cold, analysis: 'cached', detectMs: 0 };
  assert.deepEqual(await rendered('warm.mp4'), warm);
  assert.deepEqual(await rendered('other.mp4', { source: other, blend: 'basic', workers: 2 }), warm);
  assert.deepEqual(await rendered('without.mp4', { cache: false }), cold);
  assert.deepEqual(await rendered('another-score.mp4', { faceDetectorScore: 0.4 }), cold);

  const folder = join(String(process.env['FACESWAP_CACHE_DIR']), 'analysis');
  const entries = readdirSync(folder).sort();
  assert.equal(entries.length, 8);
  for (const entry of entries.filter((_, at) => at % 2 === 0)) {
    const file = join(folder, entry);
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(file, bytes);
  }
  const { analysis, sha256: mended } = await rendered('mended.mp4');
  assert.ok(analysis === 'mixed' || analysis === 'computed');
  assert.equal(mended, cold.sha256);
  assert.deepEqual(await rendered('again.mp4'), warm);
});

test('two runs at the same time share the cache', async () => {
  const names = ['one.mp4', 'two.mp4', 'three.mp4'];
  const rendered = (name: string): RunHandle => start({ target: parts, output: join(outputs, name) });
  const [one, two] = await Promise.all([rendered('one.mp4'), rendered('two.mp4')]);
  const three = await rendered('three.mp4');
  assert.equal(three.performance?.analysis, 'cached');
  assert.deepEqual([two.outputSha256, three.outputSha256], [one.outputSha256, one.outputSha256]);
  assert.deepEqual(readdirSync(outputs).sort(), names.sort());
});

test('a cache that cannot be written is no failure', async () => {
  process.env['FACESWAP_CACHE_DIR'] = photo;
  const report = await start({ trimFrameEnd: 30 });
  assert.equal(report.performance?.analysis, 'computed');
});

test('trims keep exactly the frames asked for', async () => {
  const output = join(outputs, 'out.mkv');
  const report = await start({ output, outputVideoEncoder: 'ffv1', trimFrameStart: 7, trimEnd: '2.0' });
  assert.equal(report.media.frameCount, 43);
  assert.deepEqual(frameHashes(output), frameHashes(clip).slice(7, 50));
});

test('another frame rate drops and doubles frames', async () => {
  const slower = join(outputs, 'slower.mkv');
  const faster = join(outputs, 'faster.mkv');
  const source = frameHashes(clip);
  await start({ output: slower, outputVideoEncoder: 'ffv1', outputVideoFps: 12.5 });
  await start({ output: faster, outputVideoEncoder: 'ffv1', outputVideoFps: 50 });
  assert.deepEqual(
    frameHashes(slower),
    source.filter((_, index) => index % 2 === 0),
  );
  assert.deepEqual(
    frameHashes(faster),
    source.flatMap((hash) => [hash, hash]),
  );
  assert.equal(probe(slower, 'stream=r_frame_rate'), '25/2');
});

test('an abort in the middle ends as interrupted and leaves nothing', async () => {
  const controller = new AbortController();
  const handle = start({}, { signal: controller.signal });
  for await (const event of handle.progress) {
    if (event.type !== 'frames') continue;
    if (existsSync('/proc') && !controller.signal.aborted) assert.equal(runningFfmpeg().length, 2);
    controller.abort();
  }
  await assertFails(handle, { kind: 'interrupted', message: /nothing was written/ });
});

test('an abort before the start does nothing at all', async () => {
  await assertFails(start({}, { signal: AbortSignal.abort() }), {
    kind: 'interrupted',
    message: /nothing was written/,
  });
});

test('an encoder that is killed in the middle is the error, and nothing is left', async () => {
  installFfmpeg('pipe:0', 'head -c 400000 > /dev/null; kill -9 $$');
  await assertFails(start({}), { kind: 'resources', message: /killed by SIGKILL/ });
});

test('a decoder that is killed in the middle is the error, and nothing is left', async () => {
  installFfmpeg('pipe:1', '"$real" "$@" | head -c 400000; kill -9 $$');
  await assertFails(start({}), { kind: 'resources', message: /killed by SIGKILL/ });
});

test('a failure in the worker is the error, not what it causes elsewhere, and nothing is left', async () => {
  process.env['FAKE_CHAIN'] = 'fail';
  await assertFails(start({}), { kind: 'bug', message: /the fake chain fails here/ });
  process.env['FAKE_CHAIN'] = 'exit';
  await assertFails(start({ trimFrameEnd: 100 }), {
    kind: 'bug',
    message: /worker thread ended before its work was done \(code 7\)/,
  });
});

test('a chain that keeps all buffers is reported instead of waiting for ever', async () => {
  process.env['FAKE_CHAIN'] = 'hoard';
  await assertFails(start({}), { kind: 'bug', message: /holds back all \d+ frame buffers/ });
});

test('a target without a face fails, or is copied untouched on request', async () => {
  process.env['FAKE_CHAIN'] = 'no-face';
  await assertFails(start({}), {
    kind: 'noFace',
    message: /No face was found in the target.*--on-no-face copy/,
  });
  const report = await start({ onNoFace: 'copy' });
  assert.equal(report.status, 'copied');
  assert.equal(sha256(report.output), sha256(clip));
  assert.equal(report.outputSha256, sha256(clip));
  assert.ok(
    report.warnings.some(({ code, message }) => code === 'no-face-copied' && /untouched copy/.test(message)),
  );
});

test('a copy into another container shows the same pictures and says that they were encoded again', async () => {
  process.env['FAKE_CHAIN'] = 'no-face';
  const output = join(outputs, 'out.mkv');
  const report = await start({ output, onNoFace: 'copy', outputVideoEncoder: 'ffv1' });
  assert.equal(report.status, 'copied');
  assert.deepEqual(frameHashes(output), frameHashes(clip));
  assert.ok(report.warnings.some(({ code }) => code === 'no-face-encoded'));
});

test('an image target keeps every pixel that the chain leaves alone', async () => {
  const output = join(outputs, 'out.png');
  const report = await start({ target: still, output });
  assert.equal(report.media.kind, 'image');
  assert.equal(report.media.widthPx, 51);
  assert.deepEqual(frameHashes(output), frameHashes(still));
  assert.deepEqual(readdirSync(outputs), ['out.png']);
  process.env['FAKE_CHAIN'] = 'no-face';
  const copy = join(outputs, 'copy.png');
  await start({ target: still, output: copy, onNoFace: 'copy' });
  assert.equal(sha256(copy), sha256(still));
  await assertFails(
    start({ target: still, output: join(outputs, 'none.png') }),
    { kind: 'noFace', message: /No face/ },
    ['copy.png', 'out.png'],
  );
});

test('bad input ends with its own kind of error, before anything is written', async () => {
  const empty = join(root, 'empty.mp4');
  writeFileSync(empty, '');
  const linked = join(root, 'linked.mp4');
  if (!existsSync(linked)) linkSync(clip, linked);
  const symbolic = join(root, 'symbolic.mp4');
  if (!existsSync(symbolic)) symlinkSync(clip, symbolic);
  const cases: [Partial<RunOptions>, FaceswapError['kind'], RegExp][] = [
    [{ target: join(root, 'missing.mp4') }, 'media', /does not exist.*missing\.mp4/],
    [{ source: [photo, join(root, 'missing.png')] }, 'media', /does not exist.*missing\.png/],
    [{ target: empty }, 'media', /empty/],
    [{ target: root }, 'media', /--target is not a regular file/],
    [{ output: clip, overwrite: true }, 'usage', /--output must be another file than --target/],
    [{ output: linked, overwrite: true }, 'usage', /--output must be another file than --target/],
    [{ output: symbolic, overwrite: true }, 'usage', /--output must be another file than --target/],
    [{ output: photo, overwrite: true }, 'usage', /--output must be another file than --source/],
    [{ output: join(root, 'no-such-folder', 'out.mp4') }, 'media', /output folder does not exist/],
    [{ output: outputs }, 'usage', /folder/],
    [{ output: join(outputs, 'out') }, 'usage', /--output must have an extension/],
    [{ output: join(outputs, 'out.png') }, 'usage', /\.png/],
    [{ target: still, output: join(outputs, 'out.mp4') }, 'usage', /\.mp4/],
    [
      { target: still, output: join(outputs, 'o.png'), trimFrameStart: 1 },
      'usage',
      /--trim-frame-start must be left out/,
    ],
    [
      { target: still, output: join(outputs, 'o.png'), outputVideoQuality: 80 },
      'usage',
      /--output-video-quality must be left out when the target is an image/,
    ],
    [
      { target: still, output: join(outputs, 'o.png'), outputVideoPreset: 'medium' },
      'usage',
      /--output-video-preset must be left out when the target is an image/,
    ],
    [{ report: join(outputs, 'out.mp4') }, 'usage', /--report must be another file than --output/],
    [{ outputVideoEncoder: 'libx265x' }, 'unavailable', /libx265x/],
    [{ trimFrameStart: 330 }, 'usage', /--trim-frame-start must be before the end/],
  ];
  for (const [options, kind, message] of cases) await assertFails(start(options), { kind, message });
});

test('an existing output is refused without overwrite and replaced with it', async () => {
  const output = join(outputs, 'out.png');
  writeFileSync(output, 'precious');
  await assertFails(
    start({ target: still, output }),
    { kind: 'usage', message: /exists already.*--overwrite/ },
    ['out.png'],
  );
  assert.equal(readFileSync(output, 'utf8'), 'precious');
  await start({ target: still, output, overwrite: true });
  assert.deepEqual(frameHashes(output), frameHashes(still));
});

test('a link to nothing counts as an existing output', async () => {
  const output = join(outputs, 'out.png');
  symlinkSync(join(outputs, 'nowhere.png'), output);
  await assertFails(start({ target: still, output }), { kind: 'usage', message: /exists already/ }, [
    'out.png',
  ]);
});

/** Runs `disturb` at the first rendered frames. */
const disturbed = async (handle: RunHandle, disturb: () => void): Promise<void> => {
  let done = false;
  for await (const event of handle.progress) {
    if (done || event.type !== 'frames') continue;
    done = true;
    disturb();
  }
  assert.ok(done);
};

test('a file that appears during the run is not replaced, and no report of such a run is left, but its job', async () => {
  const output = join(outputs, 'out.mp4');
  const handle = start({ output, report: join(outputs, 'report.json') });
  await disturbed(handle, () => writeFileSync(output, 'precious'));
  await assertFails(
    handle,
    { kind: 'usage', message: /appeared during the run.*--overwrite/, keepsJob: true },
    ['out.mp4'],
  );
  assert.equal(readFileSync(output, 'utf8'), 'precious');
});

test('a report whose folder is gone fails the run before there is an output', async () => {
  const folder = join(root, `reports-${Math.random().toString(36).slice(2)}`);
  mkdirSync(folder);
  const handle = start({ report: join(folder, 'report.json') });
  await disturbed(handle, () => rmdirSync(folder));
  await assertFails(handle, { kind: 'media', message: /report\.json/, keepsJob: true });
});

test('a report that appears during the run is not replaced, and there is no output', async () => {
  const report = join(outputs, 'report.json');
  const handle = start({ report });
  await disturbed(handle, () => writeFileSync(report, 'precious'));
  await assertFails(handle, { kind: 'usage', message: /appeared during the run/, keepsJob: true }, [
    'report.json',
  ]);
  assert.equal(readFileSync(report, 'utf8'), 'precious');
});

test('an abort after the output has its name changes nothing', async () => {
  const controller = new AbortController();
  const handle = start({}, { signal: controller.signal });
  for await (const event of handle.progress) {
    if (event.type === 'phase' && event.phase === 'done') controller.abort();
  }
  assert.equal((await handle).outputSha256, sha256(join(outputs, 'out.mp4')));
});

test('the debug log tells frames in flight times bytes, never more than the pool has', async () => {
  const lines: Record<string, unknown>[] = [];
  const texts: string[] = [];
  const note = (fields: unknown): void => {
    if (typeof fields === 'string') texts.push(fields);
    if (typeof fields === 'object' && fields !== null) lines.push(fields as Record<string, unknown>);
  };
  const logger = { debug: note, info: note, warn: note, error: note } as unknown as RunLogger;
  await start({ trimFrameEnd: 100 }, { logger });
  const pool = lines.find((line) => 'framesInFlight' in line && !('segment' in line));
  const segment = lines.find((line) => line['segment'] === 0);
  assert.equal(pool?.['bytesInFlight'], Number(pool?.['framesInFlight']) * ((128 * 96 * 3) / 2));
  assert.ok(Number(segment?.['framesInFlight']) >= 2);
  assert.ok(Number(segment?.['framesInFlight']) <= Number(pool?.['framesInFlight']));
  const chart = texts.slice(
    texts.findIndex((text) => text.startsWith('timeline of segment 0: 100 frames in ')),
  );
  assert.deepEqual(
    chart.slice(1).map((line) => /^ *(\w+) +\d+ ms +\d+ % \|.{40}\|$/.exec(line)?.[1]),
    [
      'decode',
      'worker',
      ...['detect', 'landmarks', 'smooth', 'identity', 'swap', 'blend', 'enhance', 'monitor'],
      'waiting',
      'encode',
    ],
  );
});

test('a dry run plans without writing and refuses what a run would refuse', async () => {
  const output = join(outputs, 'out.mp4');
  const plan = await dryRun({ source: photo, target: clip, output });
  assert.equal(plan.kind, 'video');
  assert.equal(plan.encoder, 'libx264');
  assert.equal(plan.plan?.segments.length, 2);
  assert.equal(plan.estimate.frames, 330);
  assert.equal(plan.estimate.frameBufferBytes, 18 * ((128 * 96 * 3) / 2));
  assert.equal(plan.workers?.framesPerWorker, 18);
  assert.ok(plan.estimate.seconds > 1 && plan.estimate.seconds < 100, `${plan.estimate.seconds} s`);
  assert.deepEqual(
    plan.keptStreams.map(({ index, type }) => [index, type]),
    [[1, 'audio']],
  );
  assert.deepEqual(readdirSync(outputs), []);
  await assert.rejects(
    dryRun({ source: photo, target: clip, output: clip }),
    /--output must be another file/,
  );
  await assert.rejects(
    dryRun({ source: photo, target: clip, output, maxMemory: 1000 }),
    /--max-memory must be at least 1 MiB/,
  );
  const asked = await dryRun({ source: photo, target: clip, output, workers: 2, executionThreadCount: 3 });
  assert.deepEqual(asked.workers, {
    count: 2,
    reason: 'as asked for',
    threadsPerModel: 3,
    framesPerWorker: 18,
  });
  const image = await dryRun({ source: photo, target: still, output: join(outputs, 'out.png') });
  assert.deepEqual([image.kind, image.plan, image.estimate.frameBufferBytes], ['image', null, 51 * 37 * 3]);
});
