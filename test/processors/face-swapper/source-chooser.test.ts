import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeadPose } from '../../../src/processors/face-swapper/head-pose.js';
import { SourceChooser } from '../../../src/processors/face-swapper/source-chooser.js';
import type { SourceFace } from '../../../src/processors/face-swapper/source-face.js';
import { faceLayout } from '../../../src/processors/face-swapper/face-layout.js';
import { appearanceOf } from '../../support/unit-faces.js';

const source = (index: number, yaw: number, lightness = 65): SourceFace => ({
  index,
  file: `${index}.png`,
  descriptor: new Float32Array(0),
  swapSource: null,
  texture: { sizePx: 16, levels: [new Float32Array(4 * 256)] },
  appearance: appearanceOf({ mean: [lightness, 15, 18] }),
  toneMaps: new Float32Array(0),
  pose: { yaw, pitch: 0, roll: 0 },
  shape: faceLayout.shape,
  widthPx: 100,
});

const facing = (yaw: number): HeadPose => ({ yaw, pitch: 0, roll: 0 });
const plain = appearanceOf({});

test('the photo nearest in pose is taken', () => {
  const chooser = new SourceChooser([source(0, -0.6), source(1, 0), source(2, 0.6)]);
  assert.equal(chooser.choose(1, facing(-0.5), plain)!.index, 0);
  assert.equal(chooser.choose(2, facing(0.05), plain)!.index, 1);
  assert.equal(chooser.choose(3, facing(1.2), plain)!.index, 2);
});

test('of photos in one pose the one nearest in light is taken', () => {
  const chooser = new SourceChooser([source(0, 0, 30), source(1, 0, 70)]);
  assert.equal(chooser.choose(1, facing(0), appearanceOf({ mean: [66, 15, 18] }))!.index, 1);
  assert.equal(chooser.choose(2, facing(0), appearanceOf({ mean: [35, 15, 18] }))!.index, 0);
});

test('a head that wavers between two photos does not make them flicker, one that turns on changes them once', () => {
  const chooser = new SourceChooser([source(0, -0.3), source(1, 0.3)]);
  const chosen: number[] = [];
  for (let t = 0; t < 50; t++)
    chosen.push(chooser.choose(1, facing(0.02 * (t % 2 === 0 ? 1 : -1)), plain)!.index);
  assert.equal(new Set(chosen).size, 1);
  const turning: number[] = [];
  for (let yaw = -0.5; yaw <= 0.5; yaw += 0.02) turning.push(chooser.choose(2, facing(yaw), plain)!.index);
  assert.equal(turning[0], 0);
  assert.equal(turning.at(-1), 1);
  assert.equal(turning.filter((index, i) => i > 0 && index !== turning[i - 1]).length, 1);
});

test('where the change comes depends on where the head comes from', () => {
  const changeAt = (yaws: readonly number[]): number => {
    const chooser = new SourceChooser([source(0, -0.3), source(1, 0.3)]);
    const first = chooser.choose(1, facing(yaws[0]!), plain)!.index;
    return yaws.find((yaw) => chooser.choose(1, facing(yaw), plain)!.index !== first)!;
  };
  const rising = Array.from({ length: 101 }, (_, i) => -0.5 + i / 100);
  assert.ok(changeAt(rising) > 0);
  assert.ok(changeAt(rising.toReversed()) < 0);
});

test('tracks choose for themselves, and a reset forgets', () => {
  const chooser = new SourceChooser([source(0, -0.3), source(1, 0.3)]);
  assert.equal(chooser.choose(1, facing(-0.3), plain)!.index, 0);
  assert.equal(chooser.choose(2, facing(0.3), plain)!.index, 1);
  assert.equal(chooser.choose(1, facing(0.03), plain)!.index, 0);
  chooser.reset();
  assert.equal(chooser.choose(1, facing(0.03), plain)!.index, 1);
});

test('without photos there is none to choose', () => {
  assert.equal(new SourceChooser([]).choose(1, facing(0), plain), null);
});
