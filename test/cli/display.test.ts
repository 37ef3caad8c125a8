import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, test } from 'node:test';
import { createCommandLog } from '../../src/cli/command-log.js';
import { failureLine } from '../../src/cli/failure.js';
import { clockText, createProgressDisplay, resolveProgressMode } from '../../src/cli/progress-display.js';
import { FaceswapError } from '../../src/errors.js';
import type { ProgressEvent } from '../../src/pipeline/progress.js';

/** A stream that keeps what is written; with a few members of a terminal when asked. */
const memoryStream = (isTTY: boolean): { stream: Writable & { isTTY: boolean }; text: () => string } => {
  let written = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written += chunk.toString('utf8');
      done();
    },
  });
  const terminal = { isTTY, columns: 100, cursorTo: () => true, clearLine: () => true };
  return { stream: Object.assign(stream, terminal), text: () => written };
};

const frames: ProgressEvent = {
  type: 'frames',
  done: 25,
  total: 100,
  framesPerSecond: 12.34,
  etaSeconds: 6,
  facesSwapped: 24,
};

describe('the progress display', () => {
  test('is a bar only on a terminal that can move its cursor', () => {
    assert.equal(resolveProgressMode('auto', { isTTY: true }, 'xterm'), 'bar');
    assert.equal(resolveProgressMode('auto', {}, 'xterm'), 'none');
    assert.equal(resolveProgressMode('auto', { isTTY: true }, 'dumb'), 'none');
    assert.equal(resolveProgressMode('bar', {}, 'xterm'), 'none');
    assert.equal(resolveProgressMode('json', { isTTY: true }, 'xterm'), 'json');
    assert.equal(resolveProgressMode('none', { isTTY: true }, 'xterm'), 'none');
  });

  test('prints every event as one JSON line', () => {
    const { stream, text } = memoryStream(false);
    const display = createProgressDisplay('json', stream);
    display.show({ type: 'phase', phase: 'render' });
    display.show(frames);
    display.stop();
    const lines = text().trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line) as unknown),
      [{ type: 'phase', phase: 'render' }, frames],
    );
  });

  test('shows nothing but the lines of the log when it is off', () => {
    const { stream, text } = memoryStream(false);
    const display = createProgressDisplay('none', stream);
    display.show(frames);
    display.writeLine('a line');
    assert.equal(text(), 'a line\n');
  });

  test('shows frames, rate, time left and faces in the bar', () => {
    const { stream, text } = memoryStream(true);
    const display = createProgressDisplay('bar', stream);
    display.show({ type: 'phase', phase: 'render' });
    display.show(frames);
    display.writeLine('a warning');
    display.stop();
    assert.match(text(), /render {2}[=-]+ 25\/100 frames {2}12\.3 fps {2}ETA 0:06 {2}24 faces/);
    assert.match(text(), /\r\u001b\[2Ka warning\n/);
  });

  test('draws no bar again after it was stopped', () => {
    const { stream, text } = memoryStream(true);
    const display = createProgressDisplay('bar', stream);
    display.show(frames);
    display.stop();
    const before = text();
    display.show(frames);
    display.writeLine('the end');
    assert.equal(text(), `${before}the end\n`);
  });

  test('writes times as a clock', () => {
    assert.deepEqual([null, 0, 59.6, 3725].map(clockText), ['-:--', '0:00', '1:00', '1:02:05']);
  });
});

describe('the log of a command', () => {
  test('is one readable line per message, with the level except for info', () => {
    const lines: string[] = [];
    const log = createCommandLog('debug', 'text', (line) => lines.push(line));
    log.info('started');
    log.warn('two faces');
    log.debug({ bytes: 3, file: 'a.mp4' }, 'pool');
    assert.deepEqual(lines, ['started', 'warn: two faces', 'debug: pool bytes=3 file=a.mp4']);
  });

  test('keeps quiet below its level', () => {
    const lines: string[] = [];
    const log = createCommandLog('silent', 'text', (line) => lines.push(line));
    log.error('nobody hears this');
    assert.deepEqual(lines, []);
  });

  test('is NDJSON for machines', () => {
    const lines: string[] = [];
    createCommandLog('info', 'json', (line) => lines.push(line)).warn('two faces');
    const record = JSON.parse(lines[0] ?? '') as { level: number; msg: string };
    assert.equal(record.level, 40);
    assert.equal(record.msg, 'two faces');
  });
});

describe('the line of a failure', () => {
  test('stays one line when a tool below used several', () => {
    const error = new FaceswapError('media', 'ffmpeg said:\n  bad\r\n  worse', { file: 'a.mp4' });
    assert.equal(failureLine(error), 'error: ffmpeg said: bad worse ("a.mp4")');
  });
});
