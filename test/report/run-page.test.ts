import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { FrameRow } from '../../src/pipeline/run-report.js';
import { runPage } from '../../src/report/run-page.js';
import { readStoredReport } from '../../src/report/stored-report.js';
import { worstFrames } from '../../src/report/worst-frames.js';
import { lookAtPage, needsBrowser } from '../support/browser.js';
import { unitReport, unitRow } from './unit-rows.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-page-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const pageOf = async (
  rows: readonly FrameRow[],
  changes: Readonly<Record<string, unknown>> = {},
): Promise<string> => {
  const file = join(folder, 'report.json');
  writeFileSync(file, JSON.stringify(unitReport(rows, changes)));
  const stored = await readStoredReport(file);
  const worst = worstFrames(stored.rows, 10);
  return runPage(stored, worst, { pictures: null, reason: 'the output cannot be read: it <is> gone' });
};

const wavy = (count: number): FrameRow[] =>
  Array.from({ length: count }, (_, frame) => ({
    ...unitRow(frame, {
      tpsnrOutputDb: 35 + 3 * Math.sin(frame / 7),
      tpsnrSourceDb: 35 + 3 * Math.cos(frame / 5),
      identityToSource: frame % 6 === 0 ? 0.7 + 0.05 * Math.sin(frame) : null,
    }),
    sceneCut: frame % 100 === 50,
  }));

const hostile = `<img src=x onerror="alert(1)"></script><script>alert('2')</script>&lt;\u202e`;

test('hostile names, warnings, settings and reasons stay text', async () => {
  const rows = wavy(60);
  rows[30] = unitRow(30, { outcome: 'skipped', skipReason: hostile as 'masked' });
  const page = await pageOf(rows, {
    output: `/clips/${hostile}`,
    version: hostile.slice(0, 60),
    config: { target: hostile, [hostile]: hostile },
    machine: { [hostile]: { [hostile]: hostile } },
    performance: { [hostile]: hostile },
    warnings: [{ code: hostile, message: hostile, file: hostile }],
    policy: {
      checks: [
        {
          check: hostile.slice(0, 90),
          point: 'before',
          frames: 1,
          photos: 0,
          said: hostile,
          details: { [hostile]: hostile },
        },
      ],
      notRun: [{ check: 'content-analyser', reason: hostile }],
    },
    gates: [{ gate: hostile, limit: 1, figure: null, passed: false, frameCount: 1 }],
  });
  assert.doesNotMatch(page, /<script|<img src=x|\u202e/);
  assert.match(page, /&lt;img src=x onerror=&quot;alert\(1\)&quot;&gt;/);
  assert.match(page, /There are no pictures: the output cannot be read: it &lt;is&gt; gone/);
});

test('a page says which checks looked at the run, and when none did', async () => {
  const check = { check: 'policy-command', point: 'after', frames: 12, photos: 0, said: 'all known' };
  const looked = await pageOf(wavy(10), { policy: { checks: [check], notRun: [] } });
  assert.match(looked, /Policy checks/);
  assert.match(looked, /<td>policy-command<\/td><td>after<\/td>.*all known/);
  const notRun = [{ check: 'content-analyser', reason: 'nsfw_1 is not there' }];
  const missed = await pageOf(wavy(10), { policy: { checks: [], notRun } });
  assert.match(missed, /None looked at this run.*content-analyser did not run: nsfw_1 is not there\./s);
  // A report of an earlier version has nothing of it.
  assert.doesNotMatch(await pageOf(wavy(10)), /Policy checks/);
});

test('the page of a film of two hours stays below two megabytes', async () => {
  const page = await pageOf(wavy(180_000));
  assert.ok(page.length < 2_000_000, `${page.length} bytes`);
  assert.match(page, /The first 300 of 1801 shots/);
});

test('an unfinished run says how far it came', async () => {
  const report = unitReport(wavy(10));
  const lines = [
    {
      type: 'header',
      ...report,
      frames: undefined,
      media: { ...(report['media'] as object), frameCount: 40 },
    },
    ...wavy(10),
  ];
  const file = join(folder, 'rows.jsonl');
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const stored = await readStoredReport(file);
  const page = runPage(stored, [], { pictures: null, reason: 'x' });
  assert.match(page, /A run that did not come to its end: 10 of 40 frames are rendered/);
});

test(
  'a browser shows the page without a complaint, loads nothing, and finds every plot with its table',
  needsBrowser,
  async () => {
    const file = join(folder, 'page.html');
    writeFileSync(file, await pageOf(wavy(300), { warnings: [{ code: 'c', message: hostile }] }));
    const ask = `({
    plots: [...document.querySelectorAll('figure')].map((figure) => ({
      title: figure.querySelector('figcaption').firstChild.textContent.trim(),
      curves: figure.querySelectorAll('svg path[class^="c"]:not(.cuts)').length,
      height: figure.querySelector('svg').getBoundingClientRect().height,
      rows: figure.querySelectorAll('details tbody tr').length,
    })),
    cuts: document.querySelectorAll('path.cuts').length,
    wide: document.documentElement.scrollWidth - innerWidth,
    ground: getComputedStyle(document.body).backgroundColor,
    scripts: document.scripts.length,
  })`;
    for (const view of [
      { widthPx: 1200, heightPx: 800, isDark: false, ground: 'rgb(255, 255, 255)' },
      { widthPx: 360, heightPx: 700, isDark: true, ground: 'rgb(22, 24, 26)' },
    ]) {
      const { complaints, requests, answer, png } = await lookAtPage(file, { ...view, ask });
      assert.deepEqual([complaints, requests], [[], []]);
      const seen = answer as {
        plots: readonly { title: string; curves: number; height: number; rows: number }[];
        cuts: number;
        wide: number;
        ground: string;
        scripts: number;
      };
      assert.deepEqual(
        seen.plots.map(({ title, curves, rows }) => [title, curves, rows]),
        [
          ['tPSNR, dB', 2, 60],
          ['Aligned tPSNR, dB', 2, 60],
          ['Jitter, share of the distance between the eyes', 2, 60],
          ['Identity, cosine', 2, 60],
          ['Seam, 8-bit levels per pixel', 1, 60],
          ['SSIM to the target', 2, 60],
        ],
      );
      assert.ok(seen.plots.every(({ height }) => height > 100));
      assert.deepEqual([seen.cuts, seen.scripts, seen.ground], [6, 0, view.ground]);
      assert.ok(seen.wide <= 0, `the page is ${seen.wide} pixels wider than the screen`);
      assert.ok(png.length > 10_000);
    }
  },
);
