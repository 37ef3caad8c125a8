import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { frameLayout } from '../../src/imaging/planar-frame.js';
import { FrameDecoder } from '../../src/media/decoder.js';
import { probeTarget } from '../../src/media/probe.js';
import { probeStreams } from '../../src/media/stream-probe.js';
import type { TargetMedia } from '../../src/media/target-media.js';
import { videoEncodingFor } from '../../src/media/video-encoding.js';
import { ffmpegOutput, inFolder, rangesOf, tools, transcodeSegments } from './media-fixtures.js';

const [widthPx, heightPx] = [96, 64];

/** Luma of the corners as stored: top left, top right, bottom left, bottom right. */
const storedCorners = [30, 90, 150, 220] as const;

/** Makes a clip of 96x64 whose corners differ, with pixels twice as wide as high. */
const makeClip = (file: string): void => {
  const [topLeft, topRight, bottomLeft, bottomRight] = storedCorners;
  const luma = `if(lt(Y,32),if(lt(X,48),${topLeft},${topRight}),if(lt(X,48),${bottomLeft},${bottomRight}))`;
  ffmpegOutput(
    ...[
      '-f',
      'lavfi',
      '-i',
      `color=s=${widthPx}x${heightPx}:r=25,format=yuv420p,geq=lum='${luma}':cb=128:cr=128`,
    ],
    ...['-frames:v', '3', '-vf', 'setsar=2/1', '-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '4', file],
  );
};

/** Writes a display matrix (a, b, c, d of ISO/IEC 14496-12 §8.3.2; the place of the origin does not matter) into an mp4's track header. */
const setMatrix = async (
  file: string,
  [a, b, c, d]: readonly [number, number, number, number],
): Promise<void> => {
  const bytes = await readFile(file);
  // The matrix lies 40 bytes behind the name of a box of version 0.
  const at = bytes.indexOf('tkhd') + 4 + 40;
  assert.equal(bytes.readInt32BE(at), 0x10000);
  for (const [k, value] of [a, b, 0, c, d].entries()) bytes.writeInt32BE(value * 0x10000, at + 4 * k);
  await writeFile(file, bytes);
};

const cornersOf = async (target: TargetMedia): Promise<number[]> => {
  const { widthPx: width, heightPx: height } = target.video.format;
  const decoder = new FrameDecoder({
    tools,
    target,
    range: { start: 0, end: 1 },
    acquire: () => Promise.resolve(new ArrayBuffer(frameLayout(target.video.format).byteLength)),
    threads: 1,
  });
  for await (const { buffer } of decoder.frames()) {
    const luma = new Uint8Array(buffer);
    const [left, right, top, bottom] = [8, width - 8, 8, height - 8];
    return [
      [left, top],
      [right, top],
      [left, bottom],
      [right, bottom],
    ].map(([x = 0, y = 0]) => luma[y * width + x] ?? -1);
  }
  throw new Error('no frame');
};

/** Where the stored corners (0 to 3) are seen, by the matrix: x' = a·x + c·y, y' = b·x + d·y. */
const cases = [
  { name: 'upright', matrix: [1, 0, 0, 1], seen: [0, 1, 2, 3], turned: false },
  { name: 'a quarter clockwise', matrix: [0, 1, -1, 0], seen: [2, 0, 3, 1], turned: true },
  { name: 'upside down', matrix: [-1, 0, 0, -1], seen: [3, 2, 1, 0], turned: false },
  { name: 'a quarter anticlockwise', matrix: [0, -1, 1, 0], seen: [1, 3, 0, 2], turned: true },
  { name: 'mirrored left to right', matrix: [-1, 0, 0, 1], seen: [1, 0, 3, 2], turned: false },
  { name: 'mirrored top to bottom', matrix: [1, 0, 0, -1], seen: [2, 3, 0, 1], turned: false },
  { name: 'mirrored at the falling diagonal', matrix: [0, 1, 1, 0], seen: [0, 2, 1, 3], turned: true },
  { name: 'mirrored at the rising diagonal', matrix: [0, -1, -1, 0], seen: [3, 1, 2, 0], turned: true },
] as const;

for (const { name, matrix, seen, turned } of cases) {
  test(`${name}: decoded and written upright, without a tag`, () =>
    inFolder(async (folder) => {
      const file = join(folder, 'target.mp4');
      makeClip(file);
      await setMatrix(file, matrix);
      const target = await probeTarget(tools, file);
      const size = turned ? [heightPx, widthPx] : [widthPx, heightPx];
      assert.deepEqual([target.video.format.widthPx, target.video.format.heightPx], size);
      assert.deepEqual(target.video.sampleAspectRatio, turned ? { num: 1, den: 2 } : { num: 2, den: 1 });
      const expected = seen.map((corner) => storedCorners[corner]);
      const corners = await cornersOf(target);
      assert.ok(
        corners.every((luma, k) => Math.abs(luma - (expected[k] ?? 0)) <= 2),
        `${corners.join(' ')} instead of ${expected.join(' ')}`,
      );
      const encoding = videoEncodingFor({ target, encoder: 'libx264', container: 'mp4', threads: 1 });
      const [segment] = await transcodeSegments(target, encoding, rangesOf(3), folder);
      const output = await probeTarget(tools, segment?.file ?? '');
      assert.equal(output.video.rotationDegrees, 0);
      assert.deepEqual([output.video.format.widthPx, output.video.format.heightPx], size);
      assert.deepEqual(output.video.sampleAspectRatio, target.video.sampleAspectRatio);
      const [stream] = (await probeStreams(tools, segment?.file ?? '')).streams;
      assert.equal(stream?.['rotation'], undefined);
      const written = await cornersOf(output);
      assert.ok(
        written.every((luma, k) => Math.abs(luma - (expected[k] ?? 0)) <= 6),
        written.join(' '),
      );
    }));
}
