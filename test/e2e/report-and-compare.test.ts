import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { ComparedVideo, ComparisonReport, HtmlReport, RunReport, Spread } from '../../src/index.js';
import { lookAtPage, needsBrowser } from '../support/browser.js';
import { ffmpeg, makeClip } from './clips.js';
import { faceswap, fixture, runToReport, temporaryFolder } from './command-run.js';

const folder = temporaryFolder('compare');
const target = join(folder, 'target.mp4');
const output = join(folder, 'out <b>.mkv');
const rowsFile = join(folder, 'rows.json');
const source = fixture('astronaut.png');
let report: RunReport;

/** One run for all tests: two shots of 14 frames, and an output that loses nothing. */
before(async () => {
  makeClip({
    shots: [
      { photo: 'grace_hopper.jpg', frames: 14 },
      { photo: 'grace_hopper.jpg', frames: 14, seed: 5 },
    ],
    rate: { num: 25, den: 1 },
    sound: true,
    output: ['-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '16', '-c:a', 'aac', target],
  });
  const files = ['-s', source, '-t', target, '-o', output, '--report', rowsFile];
  report = await runToReport([...files, '--output-video-encoder', 'ffv1', '--keep-job']);
});

const compare = async (
  words: readonly string[],
): Promise<{ comparison: ComparisonReport; a: ComparedVideo; b: ComparedVideo }> => {
  const { exitCode, stdout, stderr, survivors } = await faceswap(['compare', '--json', ...words]);
  assert.equal(exitCode, 0, stderr);
  assert.deepEqual(survivors, []);
  const { comparison } = JSON.parse(stdout) as { comparison: ComparisonReport };
  const [a, b] = comparison.videos;
  assert.ok(a && b);
  return { comparison, a, b };
};

const assertSpread = (found: Spread | null, expected: Spread | null): void => {
  assert.ok(found && expected);
  for (const key of ['mean', 'std', 'min'] as const) {
    assert.ok(Math.abs(found[key] - expected[key]) < 1e-6, `${key}: ${found[key]} and ${expected[key]}`);
  }
};

const pageOf = async (words: readonly string[]): Promise<{ page: HtmlReport; text: string }> => {
  const { exitCode, stdout, stderr, survivors } = await faceswap(['report', '--json', ...words]);
  assert.equal(exitCode, 0, stderr);
  assert.deepEqual(survivors, []);
  const { page } = JSON.parse(stdout) as { page: HtmlReport };
  return { page, text: readFileSync(page.output, 'utf8') };
};

test('the figures of a comparison are those of the run that made the output', async () => {
  const plain = join(folder, 'plain.mp4');
  ffmpeg('-i', target, '-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '34', '-c:a', 'copy', plain);
  const page = join(folder, 'compare.html');
  const { comparison, a, b } = await compare([
    ...[output, plain, '--reference', target, '--source', source, '-o', page],
  ]);
  const { quality } = report;
  assertSpread(a.tpsnrDb, quality.tpsnrOutputDb);
  assertSpread(a.tpsnrAlignedDb, quality.tpsnrAlignedOutputDb);
  assertSpread(comparison.reference?.tpsnrDb ?? null, quality.tpsnrSourceDb);
  assertSpread(comparison.reference?.tpsnrAlignedDb ?? null, quality.tpsnrAlignedSourceDb);
  assert.equal(comparison.reference?.jitterShare, quality.jitterShareBefore);
  assert.equal(comparison.reference?.faces.found, quality.facesFound);
  assert.equal(comparison.reference?.faces.sceneCuts, quality.sceneCuts);
  assert.equal(a.identityToSource?.count, quality.identityToSource?.count);
  for (const key of ['p5', 'p50', 'p95'] as const) {
    const pairs = [
      [a.identityToSource, quality.identityToSource],
      [a.identityToReference, quality.identityToTarget],
    ] as const;
    for (const [found, expected] of pairs) {
      assert.ok(Math.abs((found?.[key] ?? 0) - (expected?.[key] ?? 1)) < 1e-6);
    }
  }
  // A lossless output is the target itself outside of the faces; a plain encode is nowhere, and has the target's own face.
  assert.equal(a.toReference?.framesExactOutside, 28);
  assert.deepEqual(a.toReference?.ssim.outside, { mean: 1, std: 0, min: 1 });
  assert.equal(b.toReference?.framesExactOutside, 0);
  assert.ok((b.toReference?.psnrDb.inside?.mean ?? 0) > (a.toReference?.psnrDb.inside?.mean ?? 99));
  assert.ok((b.identityToReference?.p50 ?? 0) > 0.9);
  assert.ok((a.identityToSource?.p50 ?? 0) > (b.identityToSource?.p50 ?? 1));
  assert.deepEqual([a.aligned, b.aligned], [true, true]);
  assert.ok(
    a.differences.some(({ part, name, found }) => part === 'video 1' && name === 'codec' && found === 'ffv1'),
  );
  // Both have copied the sound.
  assert.ok([a, b].every(({ differences }) => differences.every(({ name }) => name !== 'packets md5')));
  assert.match(readFileSync(page, 'utf8'), /out &lt;b&gt;\.mkv/);
});

test('videos of other lengths, sizes and rates are compared as far as that is honest', async () => {
  const short = join(folder, 'short.mp4');
  const small = join(folder, 'small.webm');
  ffmpeg(
    '-i',
    target,
    '-frames:v',
    '20',
    '-an',
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-pix_fmt',
    'yuv420p10le',
    short,
  );
  ffmpeg('-i', target, '-an', '-vf', 'scale=160:120', '-r', '50', '-frames:v', '24', '-c:v', 'libvpx', small);
  const { comparison, a, b } = await compare([short, small, '--reference', target]);
  assert.equal(comparison.frames, 20);
  assert.deepEqual(
    comparison.warnings.map(({ code }) => code),
    ['more-frames', 'more-frames', 'not-aligned'],
  );
  assert.deepEqual([a.aligned, b.aligned], [true, false]);
  assert.match(b.notAlignedReason ?? '', /160x120 pixels instead of 320x240/);
  assert.equal(b.toReference, null);
  assert.equal(b.seam, null);
  // Ten bits of the same picture: only the encoder lies between them.
  assert.ok((a.toReference?.psnrDb.whole?.min ?? 0) > 30);
  assert.equal(b.faces.found, 20);
  assert.ok(b.tpsnrDb !== null && b.jitter !== null);
});

test(
  'the report of a run becomes a page that shows its worst frames, and that a browser does not complain about',
  needsBrowser,
  async () => {
    const file = join(folder, 'report.html');
    const { page, text } = await pageOf([rowsFile, '-o', file]);
    assert.deepEqual([page.frames, page.noPicturesReason], [28, null]);
    assert.equal(page.pictures, page.worstFrames.length);
    assert.equal(text.match(/<img src="data:image\/jpeg;base64,/g)?.length ?? 0, 2 * page.pictures);
    const { complaints, requests, answer } = await lookAtPage(file, {
      widthPx: 1000,
      heightPx: 700,
      ask: `({
      title: document.querySelector('h1').textContent,
      plots: document.querySelectorAll('figure svg').length,
      broken: [...document.images].filter((image) => image.naturalWidth !== 320).length,
    })`,
    });
    assert.deepEqual([complaints, requests], [[], []]);
    assert.deepEqual(answer, { title: 'out <b>.mkv', plots: 6, broken: 0 });
  },
);

test('a job becomes a page as well: by its report where it was kept, else by its finished segments', async () => {
  const job = readdirSync(folder).find((name) => name.includes('.faceswap-'));
  assert.ok(job);
  const kept = await pageOf([join(folder, job), '-o', join(folder, 'kept.html')]);
  assert.deepEqual([kept.page.frames, kept.page.noPicturesReason], [28, null]);
  rmSync(join(folder, job, 'report.jsonl'));
  const unfinished = await pageOf([join(folder, job), '-o', join(folder, 'unfinished.html')]);
  assert.deepEqual(
    [unfinished.page.frames, unfinished.page.noPicturesReason],
    [28, 'the job has no output yet'],
  );
  assert.deepEqual(unfinished.page.worstFrames, kept.page.worstFrames);
  writeFileSync(join(folder, job, 'journal.jsonl'), '');
  const empty = await pageOf([join(folder, job), '-o', join(folder, 'empty.html')]);
  assert.equal(empty.page.frames, 0);
  assert.match(empty.text, /An unfinished job: 0 of 28 frames are rendered/);
});

test('a page is never written over a file that is there or that is read', async () => {
  const before = readFileSync(rowsFile);
  for (const words of [
    [rowsFile, '-o', rowsFile, '--overwrite'],
    [rowsFile, '-o', output, '--overwrite'],
    [rowsFile, '-o', target],
  ]) {
    const { exitCode, stderr } = await faceswap(['report', ...words]);
    assert.equal(exitCode, 2, stderr);
    assert.match(stderr, /--output (is a file that is read|must be a new file)/);
  }
  const { exitCode } = await faceswap(['compare', output, target, '-o', target, '--overwrite']);
  assert.equal(exitCode, 2);
  assert.deepEqual(readFileSync(rowsFile), before);
});

test('Ctrl-C ends a comparison at once and leaves nothing', async () => {
  const page = join(folder, 'never.html');
  let isStopped = false;
  const { exitCode, stdout, survivors } = await faceswap(
    ['compare', output, target, '--reference', target, '--progress', 'json', '-o', page],
    {
      onStderr: (stderr, child) => {
        if (isStopped || !stderr.includes('"type":"frames"')) return;
        isStopped = true;
        child.kill('SIGINT');
      },
    },
  );
  assert.deepEqual([exitCode, stdout, survivors], [130, '', []]);
  assert.ok(!existsSync(page));
});

test('a page tells when the videos have gone or are others', async () => {
  const moved = join(folder, 'moved.mkv');
  renameSync(output, moved);
  const gone = await pageOf([rowsFile, '-o', join(folder, 'gone.html')]);
  assert.match(gone.page.noPicturesReason ?? '', /the output cannot be read/);
  assert.equal(gone.page.pictures, 0);
  const found = await pageOf([rowsFile, '-o', join(folder, 'found.html'), '--output-video', moved]);
  assert.equal(found.page.noPicturesReason, null);
  const other = await pageOf([rowsFile, '-o', join(folder, 'other.html'), '--output-video', target]);
  assert.match(other.page.noPicturesReason ?? '', /another file than the one that the report tells of/);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.part')),
    [],
  );
});
