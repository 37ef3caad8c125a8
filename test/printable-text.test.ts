import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printableLine, printableText } from '../src/printable-text.js';

test('whatever could steer a terminal is written out, and letters of all languages are left as they are', () => {
  const steering = '\u001b]0;title\u0007 \u009b31m \u202egnp.exe \u2066 \u007f \u0000 \ud800 \udc00 \ufeff';
  const shown = printableText(steering);
  assert.doesNotMatch(shown, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff]/);
  assert.equal(Buffer.from(shown, 'utf8').toString('utf8'), shown);
  assert.match(shown, /^\\u001b\]0;title\\u0007 \\u009b31m \\u202egnp\.exe/);
  const letters = 'e\u0301 é 東京 مرحبا 👩‍👩‍👧 "quoted" a\tb\nc\\n';
  assert.equal(printableText(letters), letters);
});

test('a line stays one line', () => {
  assert.equal(printableLine('a \r\n b\nc\u2028d'), 'a b c d');
  assert.equal(printableLine('a\rb\u001b[2K'), 'a b\\u001b[2K');
});

test('JSON means the same afterwards', () => {
  const value = { name: 'a\u001b\u009b\u202e\u2028\ufeff\ud800\n', list: ['\u007f'] };
  assert.deepEqual(JSON.parse(printableText(JSON.stringify(value))), value);
});
