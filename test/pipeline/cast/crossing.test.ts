import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frameLayout } from '../../../src/imaging/planar-frame.js';
import { buildCast } from '../../../src/pipeline/cast/build-cast.js';
import { personOf } from '../../../src/pipeline/cast/cast.js';
import type { SegmentTrack } from '../../../src/pipeline/cast/segment-findings.js';
import { type ChainOutput, FaceChain, plainMachine } from '../../../src/pipeline/face-chain.js';
import { chainSettings } from '../../../src/pipeline/plan.js';
import { resolveRunOptions } from '../../../src/pipeline/resolve-run-options.js';
import { fixture } from '../../e2e/command-run.js';
import { ffmpeg } from '../../e2e/clips.js';
import { formatOf } from '../../support/unit-frames.js';

const frames = 40;
const format = formatOf(480, 160);
const { byteLength } = frameLayout(format);

/** Left edges of the two pictures, which are 160 pixels wide. */
const places = (frame: number) => ({ astronaut: 8 * frame, hopper: 320 - 8 * frame });

/** Two portraits that change places; the one in front hides the other's face for about ten frames. */
const crossing = (front: 'astronaut' | 'hopper'): Buffer => {
  const pictures = [
    '[1:v]crop=260:260:100:0,scale=160:160:flags=area[astronaut]',
    '[2:v]crop=400:400:56:60,scale=160:160:flags=area[hopper]',
  ];
  const lay = { astronaut: "[astronaut]overlay=x='8*n':y=0", hopper: "[hopper]overlay=x='320-8*n':y=0" };
  const behind = front === 'hopper' ? 'astronaut' : 'hopper';
  const graph = [...pictures, `[0:v]${lay[behind]}[half]`, `[half]${lay[front]},format=yuv420p[all]`].join(
    ';',
  );
  const still = (file: string): readonly string[] => ['-loop', '1', '-framerate', '25', '-i', file];
  return ffmpeg(
    ...['-f', 'lavfi', '-i', 'color=c=0x506070:size=480x160:rate=25'],
    ...still(fixture('astronaut.png')),
    ...still(fixture('grace_hopper.jpg')),
    ...['-filter_complex', graph, '-map', '[all]', '-frames:v', String(frames)],
    ...['-f', 'rawvideo', '-pix_fmt', 'yuv420p', 'pipe:1'],
  );
};

const settings = {
  ...chainSettings(resolveRunOptions({ source: 'a', target: 'b', output: 'c.mp4', executionThreadCount: 1 })),
  needsCast: true,
};

const tracksOf = async (chain: FaceChain, picture: Buffer): Promise<readonly SegmentTrack[]> => {
  chain.begin({
    format,
    frameRate: { num: 25, den: 1 },
    decode: { start: 0, end: frames },
    render: { start: 0, end: 0 },
  });
  const outputs: ChainOutput[] = [];
  for (let index = 0; index < frames; index += 1) {
    const buffer = new Uint8Array(picture.subarray(index * byteLength, (index + 1) * byteLength)).buffer;
    outputs.push(...(await chain.push({ index, buffer })));
  }
  outputs.push(...(await chain.finish()));
  assert.deepEqual(
    outputs.map(({ index, row }) => [index, row]),
    Array.from({ length: frames }, (_, index) => [index, null]),
  );
  const { findings } = chain.takeFigures();
  assert.ok(findings);
  return findings.tracks;
};

test('two people who cross, one hiding the other, keep their identities', async () => {
  const chain = await FaceChain.create(settings, [], plainMachine);
  try {
    for (const front of ['astronaut', 'hopper'] as const) {
      const tracks = await tracksOf(chain, crossing(front));
      const cast = buildCast([{ segment: 0, render: { start: 0, end: frames }, tracks }]);
      assert.equal(cast.persons.length, 2, `${front} in front`);
      const names = new Map<string, string>();
      for (const { trackId, frames: seen, boxes } of tracks) {
        for (const [at, frame] of seen.entries()) {
          const middle = (boxes[4 * at] as number) + (boxes[4 * at + 2] as number) / 2;
          const { astronaut, hopper } = places(frame);
          // Where one lies over the other, place does not tell whose face it is.
          if (Math.abs(astronaut - hopper) < 90) continue;
          const shown =
            Math.abs(astronaut + 80 - middle) < Math.abs(hopper + 80 - middle) ? 'Eileen' : 'Grace';
          const { id } = personOf(cast, 0, trackId) ?? { id: 'nobody' };
          assert.equal(names.get(id) ?? shown, shown, `frame ${frame}, track ${trackId}, ${front} in front`);
          names.set(id, shown);
        }
      }
      assert.equal(names.size, 2);
      const [visible] = cast.persons;
      assert.ok(visible && visible.frames >= frames - 1, 'the one in front is seen all the time');
      const long = tracks.filter((track) => track.frames.length > 20);
      assert.equal(long.length, 2, 'each keeps one id');
      for (const { frames: seen } of long) assert.equal(seen.at(-1), frames - 1);
    }
  } finally {
    await chain.dispose();
  }
});
