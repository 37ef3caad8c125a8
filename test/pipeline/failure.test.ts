import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { endAbandonedThreads } from '../../src/pipeline/abandoned-threads.js';
import type { ProgressEvent } from '../../src/pipeline/progress.js';
import { type Clock, systemClock } from '../../src/pipeline/retry.js';
import { type RunHandle, type RunInternals, startRun } from '../../src/pipeline/run.js';
import type { RunOptions } from '../../src/pipeline/run-options.js';
import type { RunReport } from '../../src/pipeline/run-report.js';
import { type FakeFfmpeg, fakeFfmpeg } from '../support/fake-ffmpeg.js';

const workerEntry = new URL('./fake-worker.mjs', import.meta.url);

let root = '';
let clip = '';
let photo = '';
/** Of this test alone: inputs and marks. */
let here = '';
let outputs = '';
/** What a run gives that nobody disturbs. */
let undisturbed = '';

const ffmpeg = (...args: string[]): string =>
  execFileSync('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', ...args], {
    encoding: 'utf8',
  });

/** Waiting takes no time, and chance is always the same. */
const quickClock: Clock = {
  ...systemClock,
  wait: async (_delayMs, signal) => signal.throwIfAborted(),
  random: () => 0,
};

/** Waiting for a worker to be ready is not waiting for the next try: only the latter is short. */
const clock: Clock = {
  ...quickClock,
  wait: (delayMs, signal) =>
    delayMs === 0 ? quickClock.wait(delayMs, signal) : systemClock.wait(delayMs, signal),
};

/** A clock that runs away, by a tick at a time, for as long as a file is there. */
const clockThatJumpsWith = (mark: string): Clock => {
  let nowMs = 0;
  return {
    ...clock,
    nowMs: () => nowMs,
    every: (intervalMs, tick) => {
      const timer = setInterval(() => {
        if (existsSync(mark)) nowMs += intervalMs;
        tick();
      }, 2);
      return () => clearInterval(timer);
    },
  };
};

const start = (options: Partial<RunOptions> = {}, internals: RunInternals = {}): RunHandle =>
  startRun(
    { source: photo, target: clip, output: join(outputs, 'out.mp4'), workers: 1, cache: false, ...options },
    {},
    { workerEntry, clock, ...internals },
  );

const collect = async (handle: RunHandle): Promise<ProgressEvent[]> => {
  const events: ProgressEvent[] = [];
  for await (const event of handle.progress) events.push(event);
  return events;
};

const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

/** Command lines of everything that this process has started and that still runs; empty where there is no /proc. */
const children = (): readonly string[] => {
  const list = `/proc/${process.pid}/task/${process.pid}/children`;
  if (!existsSync(list)) return [];
  return readFileSync(list, 'utf8')
    .split(' ')
    .filter((pid) => pid !== '' && existsSync(`/proc/${pid}/cmdline`))
    .map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '))
    .filter((line) => line.includes('ffmpeg'));
};

/** The job that a run has left, which is taken away, so that what else is there can be looked at. */
const takeJob = (): void => {
  const jobs = readdirSync(outputs).filter((name) => /^\.out\.\w+\.faceswap-[0-9a-f]{12}$/.test(name));
  assert.equal(jobs.length, 1);
  rmSync(join(outputs, String(jobs[0])), { recursive: true });
};

/** No child and no temporary folder of this process; in the output's folder only what is named. */
const assertClean = (left: readonly string[]): void => {
  assert.deepEqual(children(), []);
  const ours = readdirSync(tmpdir()).filter((name) => name.startsWith('faceswap-'));
  assert.deepEqual(ours, []);
  assert.deepEqual(readdirSync(outputs).sort(), [...left].sort());
};

const install = (fake: FakeFfmpeg): void => {
  process.env['FACESWAP_FFMPEG'] = fakeFfmpeg(here, fake);
};

const mark = (name: string): string => join(here, 'fake-ffmpeg', name);

const failureOf = async (handle: RunHandle): Promise<FaceswapError> => {
  try {
    await handle;
  } catch (error) {
    assert.ok(error instanceof FaceswapError, String(error));
    return error;
  }
  assert.fail('the run succeeded');
};

const assertFails = async (
  handle: RunHandle,
  { exitCode, line, leavesJob = false }: { exitCode: number; line: RegExp; leavesJob?: boolean },
): Promise<FaceswapError> => {
  const error = await failureOf(handle);
  assert.equal(error.exitCode, exitCode, String(error));
  assert.match(String(error), line);
  if (leavesJob) takeJob();
  assertClean([]);
  return error;
};

/** The run must get over what happens to it: same bytes, told in report, warning and progress. */
const assertRecovers = async (
  handle: RunHandle,
  { line, retries = 1 }: { line: RegExp; retries?: number },
): Promise<RunReport> => {
  const [report, events] = await Promise.all([handle, collect(handle)]);
  assert.equal(report.outputSha256, undisturbed);
  assert.equal(report.performance?.retries, retries);
  const told = events.filter((event) => event.type === 'retry');
  assert.equal(told.length, retries);
  assert.match(String(told[0]?.error.message), line);
  const warnings = report.warnings.filter(({ code }) => /-retried$/.test(code));
  assert.equal(warnings.length, retries);
  assert.match(String(warnings[0]?.message), line);
  const frames = events.flatMap((event) => (event.type === 'frames' ? [event.done] : []));
  assert.equal(frames.at(-1), 200);
  assert.ok(frames.every((done, at) => done <= 200 && done >= (frames[at - 1] ?? 0)));
  assertClean(['out.mp4']);
  return report;
};

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'faceswap-failing-'));
  clip = join(root, 'clip.mp4');
  photo = join(root, 'photo.png');
  // Ten seconds are 50 frames here: 200 frames in four segments.
  ffmpeg(
    ...['-f', 'lavfi', '-i', 'testsrc2=size=64x48:rate=5:duration=40'],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '25', '-pix_fmt', 'yuv420p', clip],
  );
  ffmpeg('-f', 'lavfi', '-i', 'testsrc2=size=64x48', '-frames:v', '1', photo);
  process.env['FAKE_CHAIN'] = 'invert';
  outputs = root;
  undisturbed = (await start({ output: join(root, 'undisturbed.mp4') })).outputSha256;
});

after(() => rm(root, { recursive: true, force: true }));

beforeEach(() => {
  here = join(root, `test-${Math.random().toString(36).slice(2)}`);
  outputs = join(here, 'out');
  mkdirSync(outputs, { recursive: true });
  // What others leave in the usual place is not ours.
  process.env['TMPDIR'] = join(here, 't');
  mkdirSync(tmpdir());
  process.env['FAKE_CHAIN'] = 'invert';
  process.env['FACESWAP_CACHE_DIR'] = join(here, 'cache');
  delete process.env['FACESWAP_FFMPEG'];
  delete process.env['FAKE_CHAIN_ONCE'];
});

test('an encoder that is killed once is started again, and the output is the same', async () => {
  install({ argument: 'segment-0001', call: 1, does: 'head -c 100000 > /dev/null; kill -9 $$' });
  await assertRecovers(start(), { line: /killed by SIGKILL/ });
});

test('a decoder that is killed once is started again, and the output is the same', async () => {
  install({ argument: 'pipe:1', call: 3, does: '"$real" "$@" | head -c 100000; kill -9 $$' });
  await assertRecovers(start({ workers: 2 }), { line: /killed by SIGKILL/ });
});

test('joining that is killed once is done again', async () => {
  install({ argument: '.ffconcat', call: 1, does: 'kill -9 $$' });
  await assertRecovers(start(), { line: /joined again.*killed|was killed by SIGKILL/ });
});

test('a share that does not answer for a moment is asked again, also where ffmpeg takes it for the end of the file', async () => {
  install({
    argument: 'pipe:1',
    call: 2,
    does: '"$real" "$@" | head -c 100000; echo "[error] clip.mp4: Input/output error" >&2; exit 0',
  });
  await assertRecovers(start(), { line: /could not read or write: .*Input\/output error/ });
  rmSync(join(here, 'fake-ffmpeg'), { recursive: true });
  rmSync(join(outputs, 'out.mp4'));
  install({ argument: 'pipe:1', call: 1, does: 'echo "[error] clip.mp4: Stale file handle" >&2; exit 1' });
  await assertRecovers(start(), { line: /Stale file handle/ });
});

test('an ffmpeg that is killed every time is tried three times', async () => {
  install({ argument: 'pipe:0', does: 'kill -9 $$' });
  const error = await assertFails(start({ trimFrameEnd: 40 }), {
    exitCode: 8,
    line: /killed by SIGKILL.*segment 0/,
  });
  assert.equal(error.context.retries, 2);
  assert.equal(error.toRecord().segment, 0);
});

test('a run in which three segments fail and none is finished is given up', async () => {
  install({ argument: 'pipe:0', does: 'kill -9 $$' });
  const handle = start();
  const [events] = await Promise.all([
    collect(handle),
    assertFails(handle, { exitCode: 8, line: /SIGKILL/ }),
  ]);
  assert.equal(events.filter(({ type }) => type === 'retry').length, 6);
});

test('a segment that goes on failing leaves its bundle, and the others are finished', async () => {
  install({
    argument: 'segment-0002.mp4',
    does: 'echo "[error] told before the end" >&2; head -c 100000 > /dev/null; kill -9 $$',
  });
  const error = await failureOf(start({ workers: 2 }));
  assert.deepEqual([error.kind, error.exitCode], ['partial', 10]);
  assert.match(error.message, /^1 of 4 segments failed \(2\), the others are finished: .*killed by SIGKILL/);
  assert.deepEqual([error.context.segment, error.context.retries], [2, 2]);
  const folder = String(error.context.file);
  assertClean([folder.slice(outputs.length + 1)]);
  assert.deepEqual(readdirSync(folder).sort(), [
    'failed',
    'job.json',
    'journal.jsonl',
    ...['segment-0000.json', 'segment-0000.mp4', 'segment-0001.json', 'segment-0001.mp4'],
    ...['segment-0003.json', 'segment-0003.mp4'],
  ]);
  assert.equal(readFileSync(join(folder, 'journal.jsonl'), 'utf8').trim().split('\n').length, 3);
  const bundle = join(folder, 'failed', 'segment-0002');
  assert.deepEqual(readdirSync(bundle).sort(), ['error.json', 'frame.png']);
  const record = JSON.parse(readFileSync(join(bundle, 'error.json'), 'utf8')) as {
    error: { kind: string; segment: number; retries: number };
    firstUnfinishedFrame: number;
    decoder: { command: string[] };
    encoder: { command: string[]; stderr: string[] };
  };
  assert.deepEqual([record.error.kind, record.error.segment, record.error.retries], ['resources', 2, 2]);
  // All 50 frames may have been handed over before the encoder was found dead.
  assert.ok(
    record.firstUnfinishedFrame >= 100 && record.firstUnfinishedFrame <= 150,
    `frame ${record.firstUnfinishedFrame}`,
  );
  assert.ok(record.decoder.command.includes(clip));
  assert.ok(record.encoder.command.some((word) => /segment-0002\.mp4\.\w+\.part$/.test(word)));
  assert.deepEqual(record.encoder.stderr, ['[error] told before the end']);
  assert.match(ffmpeg('-i', join(bundle, 'frame.png'), '-f', 'framemd5', '-'), /64x48/);
});

test('a failure that is ours leaves the other segments to be finished', async () => {
  process.env['FAKE_CHAIN'] = 'fail-late';
  const error = await failureOf(start({ workers: 3 }));
  assert.equal(error.exitCode, 10);
  // Frame 100 is the first of segment 2 and among the frames that segment 1 looks ahead.
  assert.match(error.message, /^2 of 4 segments failed \(1, 2\).*the fake chain fails late/);
  assert.equal(error.context.retries, undefined);
});

for (const [name, argument] of [
  ['a decoder', 'pipe:1'],
  ['an encoder', 'pipe:0'],
] as const) {
  test(`${name} that is stopped is noticed, ended and started again`, async () => {
    install({ argument, call: 2, does: 'touch "$state/stopped"; kill -STOP $$' });
    const jumping = clockThatJumpsWith(mark('stopped'));
    const handle = start(
      {},
      {
        clock: {
          ...jumping,
          wait: (delayMs, signal) => {
            if (delayMs === 0) rmSync(mark('stopped'), { force: true });
            return clock.wait(delayMs, signal);
          },
        },
      },
    );
    await assertRecovers(handle, { line: /has let no frame pass for \d+ s/ });
  });
}

test('a segment that takes longer than --timeout allows is tried again', async () => {
  install({ argument: 'pipe:0', does: 'touch "$state/stopped"; kill -STOP $$' });
  const handle = start({ timeout: 90, trimFrameEnd: 40 }, { clock: clockThatJumpsWith(mark('stopped')) });
  const error = await assertFails(handle, { exitCode: 8, line: /longer than --timeout allows \(90 s\)/ });
  assert.equal(error.context.retries, 2);
});

test('a worker that dies is replaced and its segment rendered again', async () => {
  process.env['FAKE_CHAIN'] = 'throw';
  process.env['FAKE_CHAIN_ONCE'] = join(here, 'struck');
  const handle = start();
  const [report, events] = await Promise.all([handle, collect(handle)]);
  assert.equal(report.performance?.retries, 1);
  const [retry] = events.filter((event) => event.type === 'retry');
  assert.match(String(retry?.error.message), /the fake chain dies/);
  assert.equal(report.media.frameCount, 200);
  assertClean(['out.mp4']);
});

test('a worker that dies each time fails its segments after three tries', async () => {
  process.env['FAKE_CHAIN'] = 'throw';
  const error = await failureOf(start());
  assert.equal(error.exitCode, 10);
  assert.match(error.message, /\(1, 2\).*the fake chain dies/);
  assert.equal(error.context.retries, 2);
});

test('a worker that runs out of memory is replaced by one that works with less', async () => {
  process.env['FAKE_CHAIN'] = 'exhaust';
  process.env['FAKE_CHAIN_ONCE'] = join(here, 'struck');
  const report = await start({}, { workerMemory: { maxOldGenerationSizeMb: 160 } });
  assert.equal(report.performance?.retries, 1);
  assert.ok(report.warnings.some(({ message }) => /worker thread ran out of memory/.test(message)));
  assertClean(['out.mp4']);
});

test('a worker that hangs fails the run as a bug and keeps nobody waiting', async () => {
  process.env['FAKE_CHAIN'] = 'hang';
  process.env['FAKE_CHAIN_ONCE'] = join(here, 'struck');
  const handle = start({}, { clock: clockThatJumpsWith(join(here, 'struck')) });
  await assertFails(handle, {
    exitCode: 70,
    line: /worker has let no frame pass.*a model or the driver/,
    leavesJob: true,
  });
  assert.equal(await endAbandonedThreads(60_000), true);
});

test('a full disk stops the whole run at once', async () => {
  // The true words of ffmpeg, from a device on which every write fails.
  install({
    argument: 'segment-0001',
    does: '"$real" -nostdin -v repeat+level+error -f lavfi -i testsrc=d=1 -f rawvideo -y /dev/full; exit 1',
  });
  const handle = start();
  const [events] = await Promise.all([
    collect(handle),
    assertFails(handle, {
      exitCode: 8,
      line: /ran out of disk space.*No space left on device/,
      leavesJob: true,
    }),
  ]);
  assert.equal(events.filter(({ type }) => type === 'retry').length, 0);
  assert.ok(!events.some((event) => event.type === 'segment' && event.index > 1));
});

/** Mounts a small file system on the output folder for the length of `work`; false where that is not allowed. */
const onMount = async (args: readonly string[], work: () => Promise<void>): Promise<boolean> => {
  if (spawnSync('mount', [...args, outputs]).status !== 0) return false;
  try {
    await work();
  } finally {
    spawnSync('umount', [outputs]);
  }
  return true;
};

test('a disk without room for the run is told before it begins, and nothing is left on it', async (context) => {
  const done = await onMount(['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs'], async () => {
    await assertFails(start({ outputVideoEncoder: 'ffv1', output: join(outputs, 'out.mkv') }), {
      exitCode: 8,
      line: /KiB free, and the run needs about .* KiB/,
    });
  });
  if (!done) context.skip('file systems cannot be mounted here');
});

test('an output folder on a read-only file system is refused', async (context) => {
  const done = await onMount(['-t', 'tmpfs', '-o', 'ro', 'tmpfs'], async () => {
    await assertFails(start(), { exitCode: 3, line: /may not be accessed/ });
  });
  if (!done) context.skip('file systems cannot be mounted here');
});

/** Runs on a copy of the clip that is disturbed when the first segment is done. */
const disturbedTarget = async (disturb: (file: string) => void): Promise<RunHandle> => {
  const target = join(here, 'target.mp4');
  copyFileSync(clip, target);
  const handle = start({ target });
  handle.catch(() => {});
  for await (const event of handle.progress) {
    if (event.type === 'segment' && event.state === 'done' && event.index === 0) disturb(target);
  }
  return handle;
};

test('a target that vanishes during the run ends it, with the name of the file', async () => {
  const handle = { promise: disturbedTarget((file) => rmSync(file)) };
  const error = await handle.promise.then(
    () => assert.fail('the run succeeded'),
    (thrown: unknown) => FaceswapError.from(thrown),
  );
  assert.match(String(error), /does not exist.*target\.mp4/);
  assert.equal(error.kind, 'media');
  takeJob();
  assertClean([]);
});

test('a target that is cut off during the run ends it, with both sizes', async () => {
  const error = await disturbedTarget((file) => truncateSync(file, 20_000)).then(
    () => assert.fail('the run succeeded'),
    (thrown: unknown) => FaceswapError.from(thrown),
  );
  assert.match(String(error), /target changed during the run, from \d+ to 20000 bytes/);
  assert.equal(error.kind, 'media');
  takeJob();
  assertClean([]);
});

test('an ffmpeg that exits with 0 and left out a frame is found out', async () => {
  const frameBytes = (64 * 48 * 3) / 2;
  install({ argument: 'pipe:1', does: `"$real" "$@" | tail -c +${frameBytes + 1}; exit 0` });
  await assertFails(start(), { exitCode: 3, line: /video ends at frame \d+|Frames are missing/ });
  rmSync(join(here, 'fake-ffmpeg'), { recursive: true });
  install({ argument: 'segment-0001', does: `tail -c +${frameBytes + 1} | "$real" "$@"; exit 0` });
  await assertFails(start(), { exitCode: 70, line: /output's .* instead of/ });
});

test('an ffmpeg that exits with 0 and gave garbage is found out', async () => {
  install({ argument: 'pipe:1', does: 'echo garbage; "$real" "$@"; exit 0' });
  await assertFails(start(), { exitCode: 3, line: /more bytes than \d+ frames have/ });
  rmSync(join(here, 'fake-ffmpeg'), { recursive: true });
  install({
    argument: 'segment-0001',
    does: 'cat > /dev/null; for last; do :; done; echo garbage > "$last"; exit 0',
  });
  await assertFails(start(), { exitCode: 70, line: /output's frame count is 50 instead of 200/ });
});

test('an encoder that takes nothing holds its producers up, and no more frames are in flight than the pool has', async () => {
  install({ argument: 'segment-0000', does: 'while [ ! -e "$state/go" ]; do sleep 0.02; done' });
  let ticks = 0;
  const report = await start(
    {},
    {
      clock: {
        ...clock,
        every: (intervalMs, tick) => {
          const stop = clock.every(20, () => {
            ticks += 1;
            if (ticks === 50) execFileSync('touch', [mark('go')]);
          });
          const stopTicks = clock.every(intervalMs, tick);
          return () => {
            stop();
            stopTicks();
          };
        },
      },
    },
  );
  assert.equal(report.outputSha256, undisturbed);
  const frames = report.performance?.frames;
  assert.ok(frames);
  // Look-ahead, a frame that is swapped, and those on their way.
  assert.ok(frames.peakInFlight <= 18, `${frames.peakInFlight} in flight`);
  assert.ok(frames.allocated <= 18, `${frames.allocated} allocated`);
  assert.ok(frames.acquired > 200, `${frames.acquired} acquired`);
});

test('what ffmpeg says is read to the end, however much it is', async () => {
  install({ argument: 'segment-0001', does: 'head -c 30000000 /dev/zero | tr "\\0" x >&2' });
  const report = await start();
  assert.equal(report.outputSha256, undisturbed);
});

test('a time of day that jumps by an hour each way changes nothing', async () => {
  const now = Date.now;
  let calls = 0;
  Date.now = () => now() + (calls++ % 2 === 0 ? 3_600_000 : -3_600_000);
  try {
    const report = await start();
    assert.equal(report.outputSha256, undisturbed);
    assert.equal(report.performance?.retries, 0);
    assert.ok(report.wallMs > 0 && Object.values(report.stageMs).every((ms) => ms >= 0));
  } finally {
    Date.now = now;
  }
});

test('the output of the undisturbed run is what it was', () => {
  assert.equal(sha256(join(root, 'undisturbed.mp4')), undisturbed);
});
