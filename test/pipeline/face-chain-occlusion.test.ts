import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaceChain, type ChainOutput, type ChainSettings } from '../../src/pipeline/face-chain.js';
import { prepareSources } from '../../src/pipeline/source-preparation.js';
import { formatOf } from '../support/unit-frames.js';
import { portraitFrame, portraits, portraitStill } from '../support/unit-portraits.js';
import { seededRandom } from '../support/unit-random.js';
import { at } from '../support/unit-values.js';
import { chainSettings } from '../../src/pipeline/plan.js';
import { resolveRunOptions } from '../../src/pipeline/resolve-run-options.js';

const format = formatOf(232, 216);
const frameCount = 30;

const settings: ChainSettings = {
  ...chainSettings(resolveRunOptions({ source: 'a.png', target: 'b.mp4', output: 'c.mp4' })),
  executionThreadCount: 1,
};

/** Where a dark ball is in a frame: it comes up from below to the cheek. */
const ballAt = (index: number): { readonly x: number; readonly y: number } | null =>
  index < 14 ? null : { x: 132, y: Math.max(126, 170 - 11 * (index - 14)) };

const ballRadiusPx = 13;

const paintedFrame = async (index: number): Promise<Uint8Array> => {
  const random = seededRandom(index);
  const still = await portraitStill('astronaut');
  const { data, layout } = portraitFrame(still, 'astronaut', format, { shiftX: 3 * Math.sin(index / 5) });
  const bytes = Uint8Array.from(data, (value) => Math.min(250, Math.max(5, value + random.integer(-2, 3))));
  const ball = ballAt(index);
  if (ball === null) return bytes;
  for (let y = 0; y < format.heightPx; y++) {
    for (let x = 0; x < format.widthPx; x++) {
      if (Math.hypot(x - ball.x, y - ball.y) > ballRadiusPx) continue;
      bytes[layout.planes[0].offset + y * format.widthPx + x] = 40 + ((3 * x + 5 * y) % 9);
      for (const plane of [layout.planes[1], layout.planes[2]]) {
        bytes[plane.offset + (y >> format.chromaShiftY) * plane.widthPx + (x >> format.chromaShiftX)] = 128;
      }
    }
  }
  return bytes;
};

/** Mean change of luma in the inner part of the ball, in levels. */
const changeOfBall = (
  frames: readonly Uint8Array[],
  outputs: readonly ChainOutput[],
  index: number,
): number => {
  const { x, y } = ballAt(index) ?? { x: 0, y: 0 };
  const was = frames[index] as Uint8Array;
  const output = outputs.find((candidate) => candidate.index === index);
  assert.ok(output?.row?.faces.length === 1, `one face in frame ${index}`);
  const is = new Uint8Array(output.buffer);
  let sum = 0;
  let count = 0;
  for (let dy = -6; dy <= 6; dy++) {
    for (let dx = -6; dx <= 6; dx++) {
      const place = Math.round(y + dy) * format.widthPx + x + dx;
      sum += Math.abs(at(is, place) - at(was, place));
      count += 1;
    }
  }
  return sum / count;
};

test('a ball that comes before a face stays in the picture, and is painted over where nothing is looked for', async () => {
  const { widthPx, heightPx, rgb } = await portraitStill('hopper');
  const { faces: sources } = await prepareSources(
    [{ index: 0, file: portraits.hopper.file, widthPx, heightPx, rgb }],
    settings,
  );
  const frames: Uint8Array[] = [];
  for (let index = 0; index < frameCount; index++) frames.push(await paintedFrame(index));
  const render = async (occlusion: ChainSettings['occlusion']): Promise<ChainOutput[]> => {
    const chain = await FaceChain.create({ ...settings, occlusion }, sources);
    const decode = { start: 0, end: frameCount };
    chain.begin({ format, frameRate: { num: 25, den: 1 }, decode, render: decode });
    const outputs: ChainOutput[] = [];
    for (const [index, frame] of frames.entries()) {
      outputs.push(...(await chain.push({ index, buffer: Uint8Array.from(frame).buffer })));
    }
    outputs.push(...(await chain.finish()));
    await chain.dispose({ keepsModels: true });
    return outputs;
  };
  const [kept, painted] = [await render('auto'), await render('none')];
  for (const index of [21, 26]) {
    const withIt = changeOfBall(frames, kept, index);
    const without = changeOfBall(frames, painted, index);
    assert.ok(without > 5, `painted over in frame ${index}: ${without}`);
    assert.ok(withIt < 0.3 * without, `kept in frame ${index}: ${withIt} of ${without}`);
  }
  const bytesAt = (outputs: readonly ChainOutput[], index: number): Uint8Array => {
    const output = outputs.find((candidate) => candidate.index === index);
    assert.ok(output !== undefined);
    return new Uint8Array(output.buffer);
  };
  assert.deepEqual(bytesAt(kept, 5), bytesAt(painted, 5), 'long before it nothing is kept');
});
