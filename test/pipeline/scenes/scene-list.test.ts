import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frameAtTrim } from '../../../src/pipeline/plan.js';
import { parseSceneCuts, resolveSceneCuts } from '../../../src/pipeline/scene-cuts.js';
import { cutListText, cutsOf, scenesBetween } from '../../../src/pipeline/scenes/scene-list.js';
import { syntheticTarget } from '../synthetic-target.js';

const segment = (index: number, start: number, end: number) => ({
  index,
  render: { start, end },
  decode: { start: Math.max(0, start - 24), end: end + 8 },
  outputFrames: end - start,
});

const plan = { range: { start: 0, end: 100 }, segments: [segment(0, 0, 50), segment(1, 50, 100)] };

test('a cut that two segments see counts once, and the first frame begins no scene of its own', () => {
  assert.deepEqual(cutsOf(plan, [{ cuts: [0, 30, 52] }, { cuts: [30, 50, 52, 90] }]), [30, 50, 52, 90]);
  const trimmed = { range: { start: 20, end: 50 }, segments: [segment(0, 20, 50)] };
  assert.deepEqual(cutsOf(trimmed, [{ cuts: [20, 33, 55] }]), [33]);
});

test('scenes fill the range without gaps and know their times', () => {
  const target = syntheticTarget({ frameCount: 100, frameRate: { num: 30_000, den: 1001 }, keyframes: [0] });
  const scenes = scenesBetween(target, plan, [30, 90]);
  assert.deepEqual(
    scenes.map(({ startFrame, endFrame }) => [startFrame, endFrame]),
    [
      [0, 30],
      [30, 90],
      [90, 100],
    ],
  );
  assert.ok(Math.abs((scenes[1]?.startSeconds ?? 0) - 30 * (1001 / 30_000)) < 1e-9);
  assert.ok(Math.abs((scenes[1]?.seconds ?? 0) - 60 * (1001 / 30_000)) < 1e-9);
});

test('the list that is written reads back as the same cuts', () => {
  const target = syntheticTarget({ frameCount: 100, frameRate: { num: 25, den: 1 }, keyframes: [0] });
  const text = cutListText(scenesBetween(target, plan, [30, 90]));
  assert.match(text, /^30 {2}# 0:00:01\.200$/m);
  const cuts = parseSceneCuts(text, 'cuts.txt');
  assert.deepEqual(
    resolveSceneCuts(cuts, 'cuts.txt', { target, range: plan.range, frameAt: frameAtTrim }),
    [30, 90],
  );
  assert.equal(parseSceneCuts(cutListText(scenesBetween(target, plan, [])), 'cuts.txt').length, 0);
});
