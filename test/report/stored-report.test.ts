import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { readStoredReport } from '../../src/report/stored-report.js';
import { unitFace, unitReport, unitReportLines, unitRow } from './unit-rows.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-stored-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const rows = [unitRow(5), unitRow(6), unitRow(8)];

const written = (name: string, text: string): string => {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
};

test('a report reads the same as one object and line by line', async () => {
  const report = unitReport(rows, { warnings: [{ code: 'c', message: 'm', file: 'f', frame: 1 }] });
  const whole = await readStoredReport(written('whole.json', JSON.stringify(report, null, 2)));
  const lines = await readStoredReport(written('lines.jsonl', unitReportLines(report)));
  assert.deepEqual(whole.rows, rows);
  assert.equal(whole.target, '/clips/in.mp4');
  assert.equal(whole.frameCount, 3);
  const { file: _, form: whichOne, ...one } = whole;
  const { file: __, form: whichOther, ...other } = lines;
  assert.deepEqual([whichOne, whichOther], ['report', 'rows']);
  assert.deepEqual(one, other);
});

test('rows of a run that was killed are read as far as they go', async () => {
  const report = unitReport(rows);
  const text = unitReportLines({ ...report, media: { ...(report['media'] as object), frameCount: 50 } });
  const lines = text.split('\n');
  const torn = `${lines.slice(0, 3).join('\n')}\n${(lines[3] ?? '').slice(0, 40)}`;
  const { rows: read, status, frameCount } = await readStoredReport(written('torn.jsonl', torn));
  assert.deepEqual(
    read.map(({ frame }) => frame),
    [5, 6],
  );
  assert.deepEqual([status, frameCount], [null, 50]);
});

test('figures that an older report does not have are null', async () => {
  const { seam: _, tpsnrAlignedOutputDb: __, ...face } = unitFace();
  const report = unitReport([], { frames: [{ frame: 0, sceneCut: false, faces: [face] }] });
  const { rows: read } = await readStoredReport(written('old.json', JSON.stringify(report)));
  assert.deepEqual([read[0]?.faces[0]?.seam, read[0]?.ssimOutside], [null, null]);
});

test('what is no report is refused with the first field that is wrong', async () => {
  const text = (changes: Record<string, unknown>): string => JSON.stringify(unitReport(rows, changes));
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /no report of a run/],
    ['not JSON', /no report of a run/],
    ['[]', /no report of a run/],
    ['{"a":1}\n{', /no report of a run/],
    [text({ schema: 2 }), /schema/],
    [text({ frames: 'none' }), /frames/],
    [
      text({ media: { ...(unitReport(rows)['media'] as object), frameRate: '25/1; rm' } }),
      /media\.frameRate/,
    ],
    [text({}).replace('"tpsnrOutputDb":35', '"tpsnrOutputDb":1e999'), /tpsnrOutputDb/],
    [text({}).replace('"width":100', '"width":-1'), /width/],
    [text({ frames: [...rows].reverse() }), /does not follow/],
  ];
  for (const [at, [contents, message]] of cases.entries()) {
    await assert.rejects(readStoredReport(written(`bad-${at}.json`, contents)), (error) => {
      assert.ok(error instanceof FaceswapError, contents);
      assert.equal(error.kind, 'usage');
      assert.match(error.message, message);
      return true;
    });
  }
});

test('a folder that is no job, and a name of nothing, are refused', async () => {
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  for (const name of [empty, join(folder, 'nothing.json')]) {
    await assert.rejects(readStoredReport(name), /There is no job/);
  }
});
