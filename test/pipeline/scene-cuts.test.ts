import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { frameAtTrim } from '../../src/pipeline/plan.js';
import { parseSceneCuts, readSceneCuts, resolveSceneCuts } from '../../src/pipeline/scene-cuts.js';
import { syntheticTarget } from './synthetic-target.js';

const target = syntheticTarget({ frameCount: 100, frameRate: { num: 25, den: 1 }, keyframes: [0] });
const whole = { target, range: { start: 0, end: 100 }, frameAt: frameAtTrim };

const framesOf = (text: string, range = whole.range): readonly number[] =>
  resolveSceneCuts(parseSceneCuts(text, 'cuts.txt'), 'cuts.txt', { ...whole, range });

const refuses = (text: string, message: RegExp): void => {
  assert.throws(
    () => framesOf(text),
    (error) =>
      error instanceof FaceswapError &&
      error.kind === 'usage' &&
      message.test(error.message) &&
      error.context.file === 'cuts.txt' &&
      error.context.hint !== undefined,
  );
};

test('a list of cuts has frames or times, blank lines, comments, and any end of line', () => {
  assert.deepEqual(framesOf('\uFEFF# cuts\r\n10\r\n\r\n  0.8 # a time\n00:00:02.000\n'), [10, 20, 50]);
  assert.deepEqual(framesOf(''), []);
});

test('the JSON of the list of scenes gives the start of each but the first', () => {
  const scenes = [{ startFrame: 0, endFrame: 12 }, { startFrame: 12, endFrame: 40 }, { startFrame: 40 }];
  assert.deepEqual(framesOf(JSON.stringify({ schema: 1, scenes })), [12, 40]);
});

test('cuts outside of the frames that are rendered do not count, nor does one at their first', () => {
  assert.deepEqual(framesOf('10\n20\n30\n40', { start: 20, end: 40 }), [30]);
  assert.deepEqual(framesOf('0\n7'), [7]);
});

test('what is no list of cuts is refused with the line', () => {
  refuses('10\nfoo', /line 2 is neither a frame nor a time: "foo"/);
  refuses('-3', /line 1 is neither/);
  refuses('1e3', /line 1 is neither/);
  refuses('0:99', /line 1 is neither/);
  refuses('{"scenes": 3}', /no list of scenes/);
  refuses('{"scenes": [{"startFrame": -1}]}', /no list of scenes/);
  refuses('{', /looks like JSON/);
  refuses('99999999999999999999', /line 1 is neither/);
});

test('cuts behind the end, out of order and twice are refused', () => {
  refuses('10\n100', /line 2 \(100\) is behind the end of the target/);
  refuses('5.0', /line 1 \(5.0\) is behind the end/);
  refuses('10\n9', /line 2 \(9\) is before the one above it/);
  refuses('10\n0.4', /line 2 \(0.4\) is the same frame as the one above it/);
});

test('a list that is not there, is a folder or is too large is refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'faceswap-cuts-'));
  try {
    await assert.rejects(readSceneCuts(join(folder, 'none.txt'), whole), /there is no such file/);
    await assert.rejects(readSceneCuts(folder, whole), /not a regular file/);
    const large = join(folder, 'large.txt');
    await writeFile(large, Buffer.alloc(17 * 2 ** 20, '\n'));
    await assert.rejects(readSceneCuts(large, whole), /more than/);
    const good = join(folder, 'good.txt');
    await writeFile(good, '33\n');
    assert.deepEqual(await readSceneCuts(good, whole), [33]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
