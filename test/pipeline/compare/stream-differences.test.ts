import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MediaFacts } from '../../../src/media/media-facts.js';
import { streamDifferences } from '../../../src/pipeline/compare/stream-differences.js';

const facts: MediaFacts = {
  sizeBytes: 10,
  facts: { container: 'mov', 'duration, s': '2.000000' },
  streams: [
    { index: 0, type: 'video', facts: { codec: 'h264', width: '320' } },
    { index: 1, type: 'audio', facts: { codec: 'aac', language: 'eng' } },
    { index: 2, type: 'audio', facts: { codec: 'aac', language: 'fra' } },
  ],
};

test('a file does not differ from itself, nor by what containers round', () => {
  assert.deepEqual(streamDifferences(facts, facts), []);
  const rounded = { ...facts, sizeBytes: 99, facts: { ...facts.facts, 'duration, s': '2.001' } };
  assert.deepEqual(streamDifferences(facts, rounded), []);
});

test('streams are paired by type and place, and what is missing or new is told', () => {
  const found: MediaFacts = {
    sizeBytes: 10,
    facts: { container: 'matroska', 'duration, s': '2.5' },
    streams: [
      { index: 0, type: 'audio', facts: { codec: 'opus', language: 'eng' } },
      { index: 1, type: 'video', facts: { codec: 'h264', width: '320', rotation: '90' } },
      { index: 2, type: 'subtitle', facts: { codec: 'subrip' } },
    ],
  };
  assert.deepEqual(streamDifferences(facts, found), [
    { part: 'file', name: 'container', expected: 'mov', found: 'matroska' },
    { part: 'file', name: 'duration, s', expected: '2.000000', found: '2.5' },
    { part: 'video 1', name: 'rotation', expected: null, found: '90' },
    { part: 'audio 1', name: 'codec', expected: 'aac', found: 'opus' },
    { part: 'audio 2', name: 'stream', expected: 'aac', found: null },
    { part: 'subtitle 1', name: 'stream', expected: null, found: 'subrip' },
  ]);
});
