import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { cleanJobs, findJob, listJobs } from '../../src/pipeline/job-list.js';
import { takeLock } from '../../src/pipeline/job-lock.js';
import { Journal, readJournal } from '../../src/pipeline/journal.js';
import type { PlanSegment } from '../../src/pipeline/plan.js';
import type { ProgressEvent } from '../../src/pipeline/progress.js';
import { type RestoredSegment, restoreSegments } from '../../src/pipeline/resume.js';
import { type RunContext, type RunHandle, startRun } from '../../src/pipeline/run.js';
import type { RunOptions } from '../../src/pipeline/run-options.js';
import type { RunLogger } from '../../src/pipeline/run-logger.js';
import type { RunReport } from '../../src/pipeline/run-report.js';
import { type SegmentRecord, writeSegmentRecord } from '../../src/pipeline/segment-record.js';
import { chainStages } from '../../src/pipeline/stage-samples.js';

const workerEntry = new URL('./fake-worker.mjs', import.meta.url);

let root = '';
let clip = '';
let photo = '';
let outputs = '';
let whole: RunReport;
let count = 0;
const warnings: string[] = [];

const ffmpeg = (...args: string[]): void => {
  execFileSync('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', ...args]);
};

const logger = {
  debug: () => {},
  info: () => {},
  error: () => {},
  warn: (text: unknown) => warnings.push(String(text)),
} as unknown as RunLogger;

const start = (options: Partial<RunOptions> = {}, context: RunContext = {}): RunHandle =>
  startRun(
    {
      source: photo,
      target: clip,
      output: join(outputs, 'out.mkv'),
      outputVideoEncoder: 'ffv1',
      workers: 1,
      cache: false,
      ...options,
    },
    { logger, ...context },
    { workerEntry },
  );

/** The job folders beside the output. */
const jobFolders = (folder = outputs): readonly string[] =>
  readdirSync(folder)
    .filter((name) => name.includes('.faceswap-'))
    .map((name) => join(folder, name));

const theJob = (folder = outputs): string => {
  const [job, ...others] = jobFolders(folder);
  assert.ok(job !== undefined && others.length === 0, jobFolders(folder).join());
  return job;
};

const fails =
  (kind: FaceswapError['kind'], message: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof FaceswapError, String(error));
    assert.equal(error.kind, kind, String(error));
    assert.match(String(error), message);
    return true;
  };

/** Leaves a job with the first of its four segments finished. */
const interruptLate = async (options: Partial<RunOptions> = {}): Promise<void> => {
  process.env['FAKE_CHAIN'] = 'fail-rest';
  await assert.rejects(start(options), fails('partial', /fails late.*1 of 4 segments are done and kept/));
  process.env['FAKE_CHAIN'] = 'swap';
};

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'faceswap-resume-'));
  clip = join(root, 'clip.mp4');
  photo = join(root, 'photo.png');
  // Ten seconds are 50 frames here: 200 frames in four segments.
  ffmpeg(
    ...['-f', 'lavfi', '-i', 'testsrc2=size=64x48:rate=5:duration=40'],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '25', '-pix_fmt', 'yuv420p', clip],
  );
  ffmpeg('-f', 'lavfi', '-i', 'testsrc2=size=64x48', '-frames:v', '1', photo);
  outputs = join(root, 'whole');
  mkdirSync(outputs);
  process.env['FAKE_CHAIN'] = 'swap';
  whole = await start();
});

after(() => rm(root, { recursive: true, force: true }));

beforeEach(() => {
  count += 1;
  outputs = join(root, `out-${count}`);
  mkdirSync(outputs);
  process.env['FAKE_CHAIN'] = 'swap';
  warnings.length = 0;
});

const assertWhole = (report: RunReport, kept: number): void => {
  assert.equal(report.outputSha256, whole.outputSha256);
  assert.deepEqual(report.quality, whole.quality);
  assert.deepEqual(report.resumed, kept === 0 ? null : { segments: kept, frames: 50 * kept });
  assert.deepEqual(readdirSync(outputs), ['out.mkv']);
};

describe('a run that did not end well', () => {
  test('leaves what is finished, and the same call makes the same file and figures of it', async () => {
    await interruptLate();
    assert.deepEqual(readdirSync(theJob()).sort(), [
      'failed',
      'job.json',
      'journal.jsonl',
      'segment-0000.json',
      'segment-0000.mov',
    ]);
    const handle = start({ workers: 2 });
    const events: ProgressEvent[] = [];
    for await (const event of handle.progress) events.push(event);
    assertWhole(await handle, 1);
    assert.deepEqual(warnings, []);
    const segments = events.filter((event) => event.type === 'segment');
    assert.deepEqual(
      segments.filter(({ state }) => state === 'kept').map(({ index }) => index),
      [0],
    );
    assert.deepEqual(new Set(segments.map(({ index }) => index)).size, 4);
    const frames = events.filter((event) => event.type === 'frames');
    assert.ok(frames.every(({ done, total }) => done > 50 && total === 200));
    assert.deepEqual([frames.at(-1)?.done, frames.at(-1)?.facesSwapped], [200, 200]);
  });

  test('leaves nothing where no segment was finished', async () => {
    process.env['FAKE_CHAIN'] = 'fail';
    await assert.rejects(
      start(),
      fails('bug', /^Unexpected failure: the fake chain fails here.*log-level debug$/),
    );
    assert.deepEqual(readdirSync(outputs), []);
  });

  test('keeps all segments when only the last step fails', async () => {
    const output = join(outputs, 'out.mkv');
    const handle = start();
    for await (const event of handle.progress) {
      if (event.type === 'segment' && event.index === 3) writeFileSync(output, 'precious');
    }
    await assert.rejects(handle, fails('usage', /appeared during the run.*4 of 4 segments/));
    assertWhole(await start({ overwrite: true }), 4);
  });

  test('leaves nothing where the same command would come to the same end', async () => {
    process.env['FAKE_CHAIN'] = 'no-face';
    await assert.rejects(start(), fails('noFace', /No face/));
    assert.deepEqual(readdirSync(outputs), []);
  });
});

/** A folder in another file system than the temporary one; undefined where there is none. */
const elsewhere = async (): Promise<string | undefined> => {
  if (!existsSync('/dev/shm') || statSync('/dev/shm').dev === statSync(tmpdir()).dev) return undefined;
  return mkdtemp('/dev/shm/faceswap-resume-');
};

test('a job folder in another file system gives the same file, after an interruption too, and leaves nothing there', async (context) => {
  const jobDir = await elsewhere();
  if (jobDir === undefined) return context.skip('There is no second file system here');
  try {
    await interruptLate({ jobDir });
    assert.deepEqual(readdirSync(outputs), []);
    assert.equal(jobFolders(jobDir).length, 1);
    assertWhole(await start({ jobDir }), 1);
    assert.deepEqual(readdirSync(jobDir), []);
  } finally {
    await rm(jobDir, { recursive: true, force: true });
  }
});

test('a job whose segments are WebM with alpha is continued to the same file', async () => {
  const target = join(root, 'alpha.webm');
  ffmpeg(
    ...['-f', 'lavfi', '-i', 'testsrc2=size=64x48:rate=5:duration=40,format=yuva420p'],
    ...[
      '-c:v',
      'libvpx-vp9',
      '-deadline',
      'realtime',
      '-cpu-used',
      '8',
      '-g',
      '25',
      '-auto-alt-ref',
      '0',
      target,
    ],
  );
  const options = { target, outputVideoEncoder: 'libvpx-vp9', outputVideoPreset: 'ultrafast' };
  const output = join(outputs, 'out.webm');
  const uninterrupted = await start({ ...options, output: join(outputs, 'whole.webm') });
  process.env['FAKE_CHAIN'] = 'fail-rest';
  await assert.rejects(start({ ...options, output }), fails('partial', /1 of 4 segments are done and kept/));
  process.env['FAKE_CHAIN'] = 'swap';
  const report = await start({ ...options, output });
  assert.deepEqual(report.resumed, { segments: 1, frames: 50 });
  assert.equal(report.outputSha256, uninterrupted.outputSha256);
});

/** A folder of two finished segments of ten frames, as {@link restoreSegments} finds it. */
const plannedSegments: readonly PlanSegment[] = [0, 1, 2].map((index) => ({
  index,
  render: { start: 10 * index, end: 10 * index + 10 },
  decode: { start: 10 * index, end: 10 * index + 10 },
  outputFrames: 10,
}));

const stages = ['decode', ...chainStages, 'encode'] as const;
const face = {
  trackId: 1,
  outcome: 'swapped' as const,
  box: { x: 0.1, y: 1e-9, width: 8, height: 1 / 3 },
  sourceIndex: 0,
  tpsnrOutputDb: Number.POSITIVE_INFINITY,
  tpsnrSourceDb: null,
  tpsnrAlignedOutputDb: null,
  tpsnrAlignedSourceDb: null,
  seam: null,
  ssimInside: Number.NaN,
  jitterBefore: 0.002,
  jitterAfter: 0.001,
  identityToSource: 0.7,
  identityToTarget: 0.3,
};

const recordOf = (index: number): SegmentRecord => ({
  index,
  rows: Array.from({ length: 10 }, (_, at) => ({
    frame: 10 * index + at,
    sceneCut: at === 3,
    ssimOutside: 0.99,
    faces: [face],
  })),
  stageTimes: Object.fromEntries(stages.map((stage) => [stage, 1.5])) as SegmentRecord['stageTimes'],
  stageSamples: Object.fromEntries(
    stages.map((stage) => [stage, Float32Array.of(0.1, 0.2)]),
  ) as SegmentRecord['stageSamples'],
  modelMs: 6,
  halvings: 0,
  analysisIsCached: false,
});

const sha256 = (bytes: string): string => createHash('sha256').update(bytes).digest('hex');

const finishedFolder = async (): Promise<string> => {
  const folder = join(outputs, 'job');
  mkdirSync(folder);
  writeFileSync(join(folder, 'job.json'), '{}');
  const journal = await Journal.begin(join(folder, 'journal.jsonl'), []);
  for (const index of [0, 1]) {
    const contents = `segment ${index}`;
    writeFileSync(join(folder, `segment-000${index}.mp4`), contents);
    const recordSha256 = await writeSegmentRecord(join(folder, `segment-000${index}.json`), recordOf(index));
    await journal.append({ index, frames: 10, bytes: 9, sha256: sha256(contents), recordSha256 });
  }
  return folder;
};

const restore = async (folder: string): Promise<readonly RestoredSegment[]> => {
  const options = { plan: { segments: plannedSegments }, extension: '.mp4', logger, signal: undefined };
  const { restored, journal } = await restoreSegments(folder, options);
  assert.equal(journal.count, restored.length);
  const proved = restored.flatMap(({ index }) => [`segment-000${index}.json`, `segment-000${index}.mp4`]);
  assert.deepEqual(readdirSync(folder).sort(), ['job.json', 'journal.jsonl', ...proved].sort());
  const { entries, problems } = await readJournal(join(folder, 'journal.jsonl'));
  assert.deepEqual([[...entries.keys()], problems], [restored.map(({ index }) => index), []]);
  return restored;
};

test('what a finished segment has found comes back with the same bits', async () => {
  const restored = await restore(await finishedFolder());
  assert.deepEqual(
    restored.map(({ file: _, sha256: __, bytes, ...record }) => [bytes, record]),
    [0, 1].map((index) => [9, recordOf(index)]),
  );
  assert.deepEqual(warnings, []);
});

const damages: readonly (readonly [string, (folder: string) => void, RegExp])[] = [
  [
    'a truncated segment',
    (folder) => truncateSync(join(folder, 'segment-0000.mp4'), 5),
    /Segment 0 is rendered again: its file has 5 bytes instead of 9/,
  ],
  [
    'an altered segment',
    (folder) => writeFileSync(join(folder, 'segment-0000.mp4'), 'Segment 0'),
    /Segment 0 is rendered again: its file has other contents/,
  ],
  [
    'a missing segment',
    (folder) => rmSync(join(folder, 'segment-0000.mp4')),
    /Segment 0 is rendered again: its file is missing/,
  ],
  [
    'a link in the place of a segment',
    (folder) => {
      renameSync(join(folder, 'segment-0000.mp4'), join(outputs, 'moved'));
      symlinkSync(join(outputs, 'moved'), join(folder, 'segment-0000.mp4'));
    },
    /Segment 0 is rendered again: its file is missing/,
  ],
  [
    'an altered record',
    (folder) => {
      const file = join(folder, 'segment-0000.json');
      writeFileSync(file, readFileSync(file, 'utf8').replace('"swapped"', '"skipped"'));
    },
    /Segment 0 is rendered again: its record is missing or damaged/,
  ],
  [
    'a record of other frames whose hash is right',
    (folder) => {
      const file = join(folder, 'segment-0000.json');
      const before = readFileSync(file, 'utf8');
      const after = before.replace('"frame":3', '"frame":4');
      writeFileSync(file, after);
      const journal = join(folder, 'journal.jsonl');
      writeFileSync(journal, readFileSync(journal, 'utf8').replace(sha256(before), sha256(after)));
    },
    /Segment 0 is rendered again: its record is missing or damaged/,
  ],
  [
    'another number of frames in the journal',
    (folder) => {
      const journal = join(folder, 'journal.jsonl');
      writeFileSync(journal, readFileSync(journal, 'utf8').replace('"frames":10', '"frames":11'));
    },
    /Segment 0 is rendered again: its entry has another number of frames/,
  ],
  [
    'a missing entry',
    (folder) => {
      const journal = join(folder, 'journal.jsonl');
      writeFileSync(journal, readFileSync(journal, 'utf8').replace(/^.*\n/, ''));
    },
    /Segment 0 is rendered again: the journal does not prove it/,
  ],
  [
    'a repeated entry',
    (folder) => {
      const journal = join(folder, 'journal.jsonl');
      appendFileSync(journal, readFileSync(journal, 'utf8').replace(/\n.*\n$/, '\n'));
    },
    /segment 0 stands in the journal more than once/,
  ],
];

describe('damage is found, told and mended:', () => {
  for (const [name, damage, warning] of damages) {
    test(name, async () => {
      const folder = await finishedFolder();
      damage(folder);
      assert.deepEqual(
        (await restore(folder)).map(({ index }) => index),
        [1],
      );
      assert.match(warnings.join('\n'), warning);
    });
  }

  test('a torn last line, an entry beyond the plan, foreign files and what a killed child was writing', async () => {
    const folder = await finishedFolder();
    const journal = join(folder, 'journal.jsonl');
    const [line = ''] = readFileSync(journal, 'utf8').split('\n');
    appendFileSync(journal, `${line.replace('"index":0', '"index":9')}\n${line.slice(0, 40)}`);
    writeFileSync(join(folder, 'segment-0002.mp4.0123abcd.part'), 'half');
    writeFileSync(join(folder, 'output.mp4'), 'half');
    symlinkSync(root, join(folder, 'mux-abcdef'));
    assert.equal((await restore(folder)).length, 2);
    assert.match(warnings.join('\n'), /a segment 9, which the plan has not/);
    assert.match(warnings.join('\n'), /last line of the journal is torn/);
    assert.ok(existsSync(clip));
  });

  test('a truncated segment in a whole run', async () => {
    await interruptLate();
    truncateSync(join(theJob(), 'segment-0000.mov'), 1000);
    assertWhole(await start(), 0);
  });

  test('a record of the job that cannot be read: it is begun anew', async () => {
    await interruptLate();
    truncateSync(join(theJob(), 'job.json'), 200);
    assertWhole(await start(), 0);
    assert.match(warnings.join('\n'), /no record that can be read/);
  });
});

describe('an unfinished job with other settings', () => {
  test('is refused by naming what differs, and deleted on request', async () => {
    await interruptLate();
    const before = readdirSync(theJob());
    for (const resume of ['auto', 'require'] as const) {
      await assert.rejects(
        start({ outputVideoQuality: 60, resume }),
        fails(
          'usage',
          /1 of 4 segments\) with other settings: output-video-quality was 80, is now 60 .*--resume never/,
        ),
      );
    }
    assert.deepEqual(readdirSync(theJob()), before);
    const report = await start({ outputVideoQuality: 60, resume: 'never' });
    assert.equal(report.resumed, null);
    assert.deepEqual(readdirSync(outputs), ['out.mkv']);
  });

  test('is another job where the source has other contents, wherever it lies', async () => {
    await interruptLate();
    const moved = join(root, 'moved.png');
    writeFileSync(moved, readFileSync(photo));
    const other = join(root, 'other.png');
    ffmpeg('-f', 'lavfi', '-i', 'testsrc=size=64x48', '-frames:v', '1', other);
    await assert.rejects(
      start({ source: other }),
      fails('usage', /settings: source 1 was [0-9a-f]{12}…, is now/),
    );
    assertWhole(await start({ source: moved, workers: 2, cache: true, logLevel: 'debug' }), 1);
  });
});

describe('resume', () => {
  test('never begins anew, require needs something to continue', async () => {
    await assert.rejects(start({ resume: 'require' }), fails('usage', /no unfinished job.*--resume require/));
    assert.deepEqual(readdirSync(outputs), []);
    await interruptLate();
    assertWhole(await start({ resume: 'never' }), 0);
    rmSync(join(outputs, 'out.mkv'));
    await interruptLate();
    assertWhole(await start({ resume: 'require' }), 1);
  });

  test('is refused while another run works on the job', async () => {
    await interruptLate();
    const lock = await takeLock(join(theJob(), 'lock'));
    await assert.rejects(start(), fails('usage', /Another run is working on this job: process \d+/));
    await lock.release();
    assertWhole(await start(), 1);
  });

  test('leaves a folder of its name alone that is none of ours', async () => {
    await interruptLate();
    const job = theJob();
    rmSync(join(job, 'job.json'));
    writeFileSync(join(job, 'diary.txt'), 'precious');
    await assert.rejects(start(), fails('media', /holds files that are none of ours/));
    assert.equal(readFileSync(join(job, 'diary.txt'), 'utf8'), 'precious');
    rmSync(job, { recursive: true });
    symlinkSync(root, job);
    await assert.rejects(start(), fails('media', /taken by something of another kind or owner/));
    assert.ok(existsSync(clip));
    rmSync(job);
  });
});

describe('a job folder', () => {
  test('lies where it is wanted, is kept on request, and serves the next run', async () => {
    const jobDir = join(outputs, 'made', 'here');
    const report = await start({ jobDir, keepJob: true });
    assert.equal(report.outputSha256, whole.outputSha256);
    assert.deepEqual(readdirSync(outputs).sort(), ['made', 'out.mkv']);
    const again = await start({ jobDir, overwrite: true });
    assert.deepEqual([again.resumed?.segments, again.outputSha256], [4, whole.outputSha256]);
    assert.deepEqual(readdirSync(jobDir), []);
    // The same name elsewhere is another output, in the same folder for jobs.
    rmSync(join(outputs, 'out.mkv'));
    await interruptLate({ jobDir });
    const elsewhere = join(outputs, 'elsewhere');
    mkdirSync(elsewhere);
    const other = await start({ jobDir, output: join(elsewhere, 'out.mkv') });
    assert.equal(other.resumed, null);
    assert.equal(jobFolders(jobDir).length, 1);
  });

  test('may not grow beyond its limit, and is continued with a larger one', async () => {
    await assert.rejects(
      start({ maxDisk: '90K' }),
      fails('resources', /reached --max-disk \(90 KiB\).*Give a larger --max-disk\. \d of 4 segments/),
    );
    const report = await start();
    assert.ok((report.resumed?.segments ?? 0) > 0);
    assert.equal(report.outputSha256, whole.outputSha256);
  });
});

describe('a stopped run', () => {
  test('finishes the segment in flight, begins no more, and says how far it came', async () => {
    const drain = new AbortController();
    const handle = start({}, { drain: drain.signal });
    const states: string[] = [];
    for await (const event of handle.progress) {
      if (event.type === 'frames') drain.abort();
      if (event.type === 'segment') states.push(`${event.state} ${event.index}`);
    }
    await assert.rejects(
      handle,
      fails(
        'interrupted',
        /^Stopped on request: 1 of 4 segments are done and kept: the same command continues/,
      ),
    );
    assert.deepEqual(states, ['started 0', 'done 0']);
    assertWhole(await start(), 1);
  });

  test('that is to stop now keeps only what was finished', async () => {
    const stop = new AbortController();
    const handle = start({}, { signal: stop.signal });
    for await (const event of handle.progress) {
      if (event.type === 'segment' && event.index === 2) stop.abort();
    }
    await assert.rejects(handle, fails('interrupted', /2 of 4 segments/));
    assertWhole(await start(), 2);
  });

  test('that was not rendering yet leaves nothing', async () => {
    const drain = new AbortController();
    const handle = start({}, { drain: drain.signal });
    for await (const event of handle.progress) {
      if (event.type === 'phase' && event.phase === 'probe') drain.abort();
    }
    await assert.rejects(handle, fails('interrupted', /nothing was written/));
    assert.deepEqual(readdirSync(outputs), []);
  });
});

describe('the list of jobs', () => {
  test('tells how far each came, finds one by its id or output, and deletes only what is ours and not running', async () => {
    await interruptLate();
    const foreign = join(outputs, '.mine.mp4.faceswap-0123456789ab');
    mkdirSync(foreign);
    writeFileSync(join(foreign, 'job.json'), '{"schema":1,"kind":"faceswap-job"}');
    const [job, ...others] = await listJobs([outputs, outputs]);
    assert.ok(job !== undefined && others.length === 0);
    assert.deepEqual([job.segmentsDone, job.segmentCount, job.running], [1, 4, null]);
    assert.equal(job.output, join(outputs, 'out.mkv'));
    assert.ok(job.bytes > 0 && job.ageSeconds >= 0);
    for (const name of [job.id, job.id.slice(0, 6), 'out.mkv', job.folder, job.output]) {
      assert.equal((await findJob(name, [outputs])).components['output-video-quality'], '80');
    }
    await assert.rejects(findJob('nothing.mp4', [outputs]), fails('usage', /no job nothing\.mp4/));

    const lock = await takeLock(join(job.folder, 'lock'));
    assert.equal((await listJobs([outputs]))[0]?.running?.pid, process.pid);
    await assert.rejects(cleanJobs({ job: job.id }, [outputs]), fails('usage', /Another run/));
    assert.equal((await cleanJobs({ all: true }, [outputs])).running.length, 1);
    await lock.release();

    assert.deepEqual((await cleanJobs({ olderThanSeconds: 3600 }, [outputs])).deleted, []);
    assert.equal((await cleanJobs({ all: true }, [outputs])).deleted.length, 1);
    assert.deepEqual(readdirSync(outputs), ['.mine.mp4.faceswap-0123456789ab']);
  });
});
