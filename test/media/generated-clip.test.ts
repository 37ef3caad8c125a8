import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FaceswapError } from '../../src/errors.js';
import {
  clipFrameRate,
  clipKeyframeInterval,
  generateClip,
  layOutPortraits,
  planLoop,
} from '../../src/media/generated-clip.js';
import { probeTarget } from '../../src/media/probe.js';
import { forAll } from '../support/unit-random.js';
import { digest, inFolder, tools } from './media-fixtures.js';

const portrait = fileURLToPath(new URL('../fixtures/astronaut.png', import.meta.url));
const small = { tools, portrait, widthPx: 426, heightPx: 240 };

describe('the layout of the portraits', () => {
  test('keeps every portrait inside the frame and away from the others, wherever they are on their paths', () => {
    forAll(200, (random) => {
      const widthPx = 2 * random.integer(160, 3841);
      const heightPx = 2 * Math.round((widthPx * 9) / 32);
      const faces = random.integer(1, 9);
      const layout = layOutPortraits(widthPx, heightPx, faces);
      const spans = layout.paths.map(({ centreX, centreY, amplitudeX, amplitudeY }) => ({
        left: centreX - amplitudeX,
        right: centreX + amplitudeX + layout.widthPx,
        top: centreY - amplitudeY,
        bottom: centreY + amplitudeY + layout.heightPx,
      }));
      assert.equal(spans.length, faces);
      for (const [index, span] of spans.entries()) {
        assert.ok(span.left >= 0 && span.right <= widthPx, `face ${index} leaves ${widthPx}x${heightPx}`);
        assert.ok(span.top >= 0 && span.bottom <= heightPx, `face ${index} leaves ${widthPx}x${heightPx}`);
        for (const other of spans.slice(index + 1)) {
          const apart =
            span.right <= other.left ||
            other.right <= span.left ||
            span.bottom <= other.top ||
            other.bottom <= span.top;
          assert.ok(apart, `faces meet with ${faces} in ${widthPx}x${heightPx}`);
        }
      }
    });
  });

  test('makes one face 0.3 of the height of the frame, and several smaller ones', () => {
    for (const [widthPx, heightPx] of [
      [426, 240],
      [1920, 1080],
      [3840, 2160],
    ] as const) {
      const faceShare = (faces: number): number =>
        layOutPortraits(widthPx, heightPx, faces).faceHeightPx / heightPx;
      assert.ok(Math.abs(faceShare(1) - 0.3) < 0.01, `${faceShare(1)} at ${heightPx}`);
      assert.ok(faceShare(8) < faceShare(4) + 1e-9 && faceShare(4) < faceShare(1));
    }
  });

  test('gives sides that 4:2:0 can hold', () => {
    forAll(50, (random) => {
      const layout = layOutPortraits(
        2 * random.integer(100, 2000),
        2 * random.integer(60, 1200),
        random.integer(1, 9),
      );
      assert.deepEqual([layout.widthPx % 2, layout.heightPx % 2], [0, 0]);
    });
  });
});

test('a clip is encoded in parts of at most ten seconds that add up to what was asked for', () => {
  assert.deepEqual(planLoop(250), { frames: 250, repeats: 1 });
  assert.deepEqual(planLoop(3000), { frames: 250, repeats: 12 });
  assert.deepEqual(planLoop(375), { frames: 188, repeats: 2 });
  forAll(100, (random) => {
    const frames = random.integer(1, 90_000);
    const loop = planLoop(frames);
    const made = loop.frames * loop.repeats;
    assert.ok(loop.frames <= 250 && made >= frames && made < frames + loop.repeats);
  });
});

test('a clip is what a run expects: constant rate, keyframes every two seconds, tagged colours', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'clip.mp4');
    const frames = await generateClip({ ...small, file, faces: 2, frames: 60 });
    const { video } = await probeTarget(tools, file, {});
    assert.equal(frames, 60);
    assert.equal(video.frameCount, 60);
    assert.deepEqual(video.frameRate, { num: clipFrameRate, den: 1 });
    assert.equal(video.pixelFormat, 'yuv420p');
    assert.deepEqual([video.format.widthPx, video.format.heightPx], [426, 240]);
    assert.equal(video.colour.space, 'bt709');
    const keyframes = [...video.keyframes.keys()].filter((frame) => video.keyframes[frame] === 1);
    assert.deepEqual(keyframes, [0, clipKeyframeInterval]);
  });
});

test('the same clip has the same bytes each time, another number of faces has others', async () => {
  await inFolder(async (folder) => {
    const bytesOf = async (name: string, faces: number): Promise<string> => {
      const file = join(folder, name);
      await generateClip({ ...small, file, faces, frames: 10 });
      return digest(await readFile(file));
    };
    assert.equal(await bytesOf('first.mp4', 1), await bytesOf('second.mp4', 1));
    assert.notEqual(await bytesOf('first.mp4', 1), await bytesOf('third.mp4', 3));
  });
});

test('a clip that repeats has no gap where it begins anew', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'clip.mp4');
    const frames = await generateClip({ ...small, widthPx: 160, heightPx: 90, file, faces: 1, frames: 251 });
    const { video } = await probeTarget(tools, file, {});
    assert.equal(frames, 252);
    assert.equal(video.frameCount, 252);
    assert.deepEqual(video.slots.at(-1), 251);
    assert.equal(video.keyframes[126], 1, 'the second half begins with a keyframe');
  });
});

test('a clip that cannot be written fails with the words of ffmpeg', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'absent', 'clip.mp4');
    await assert.rejects(generateClip({ ...small, file, faces: 1, frames: 2 }), (error) => {
      return error instanceof FaceswapError && error.kind === 'media' && /No such file/.test(error.message);
    });
  });
});
