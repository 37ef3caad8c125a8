import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestName } from '../../src/pipeline/nearest-name.js';

const names = ['--source', '--target', '--output', '--overwrite', '--on-no-face'];

test('a slip of the fingers finds the name that was meant', () => {
  assert.equal(nearestName('--suorce', names), '--source');
  assert.equal(nearestName('--traget', names), '--target');
  assert.equal(nearestName('--overwite', names), '--overwrite');
  assert.equal(nearestName('--onNoFace', names), '--on-no-face');
});

test('a word that is like none of the names finds nothing', () => {
  assert.equal(nearestName('--verbose', names), undefined);
  assert.equal(nearestName('', names), undefined);
  assert.equal(nearestName('x', ['ab']), undefined);
});
