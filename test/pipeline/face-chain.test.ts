import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { frameLayout } from '../../src/imaging/planar-frame.js';
import {
  type ChainOutput,
  type ChainSegment,
  type ChainSettings,
  FaceChain,
} from '../../src/pipeline/face-chain.js';
import { loadChainModels } from '../../src/pipeline/chain-models.js';
import { chainLookAheadFrames, chainNeighbourFrames } from '../../src/pipeline/chain-neighbours.js';
import { chainSettings } from '../../src/pipeline/plan.js';
import { resolveRunOptions } from '../../src/pipeline/resolve-run-options.js';
import { prepareSources, type SourcePhoto } from '../../src/pipeline/source-preparation.js';
import { cosine } from '../../src/processors/face-recognizer/face-recognizer.js';
import type { SourceFace } from '../../src/processors/face-swapper/source-face.js';
import { formatOf } from '../support/unit-frames.js';
import { type PortraitName, portraitFrame, portraits, portraitStill } from '../support/unit-portraits.js';
import { seededRandom } from '../support/unit-random.js';
import { assertClose, at, meanOf } from '../support/unit-values.js';

const format = formatOf(232, 216);
const frameBytes = frameLayout(format).byteLength;

const settings: ChainSettings = {
  ...chainSettings(resolveRunOptions({ source: 'a.png', target: 'b.mp4', output: 'c.mp4' })),
  faceMaskBlur: 0.3,
  executionThreadCount: 1,
};

const photoOf = async (name: PortraitName): Promise<SourcePhoto> => {
  const { widthPx, heightPx, rgb } = await portraitStill(name);
  return { index: 0, file: portraits[name].file, widthPx, heightPx, rgb };
};

/** Frames of a clip: one person, moving a little, with noise. */
const shot = async (name: PortraitName, count: number, seed: number): Promise<Uint8Array[]> => {
  const still = await portraitStill(name);
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, t) => {
    const { data } = portraitFrame(still, name, format, { shiftX: 1.5 * t - 8, shiftY: 3 * Math.sin(t / 3) });
    return Uint8Array.from(data, (value) => Math.min(250, Math.max(5, value + random.integer(-2, 3))));
  });
};

const grey = (count: number): Uint8Array[] =>
  Array.from({ length: count }, () => new Uint8Array(frameBytes).fill(128));

let sources: readonly SourceFace[];
let chain: FaceChain;
/** The first person for twelve frames, then the second. */
let clip: Uint8Array[];
const cutAt = 12;

before(async () => {
  ({ faces: sources } = await prepareSources([await photoOf('hopper')], settings));
  chain = await FaceChain.create(settings, sources);
  clip = [...(await shot('astronaut', cutAt, 1)), ...(await shot('hopper', 10, 2))];
});

after(() => chain.dispose());

test('a chain that is replaced leaves its models loaded for the next', async () => {
  const models = await loadChainModels(settings);
  const replaced = await FaceChain.create(settings, sources);
  await replaced.dispose({ keepsModels: true });
  assert.equal(await loadChainModels(settings), models);
});

const run = async (
  frames: readonly Uint8Array[],
  segment: Partial<Omit<ChainSegment, 'frameRate'>> = {},
): Promise<ChainOutput[]> => {
  const decode = segment.decode ?? { start: 0, end: frames.length };
  chain.begin({ format, frameRate: { num: 25, den: 1 }, decode, render: decode, ...segment });
  const outputs: ChainOutput[] = [];
  for (let index = decode.start; index < decode.end; index++) {
    outputs.push(...(await chain.push({ index, buffer: Uint8Array.from(frames[index]!).buffer })));
  }
  outputs.push(...(await chain.finish()));
  return outputs;
};

const bytesOf = ({ buffer }: ChainOutput): Uint8Array => new Uint8Array(buffer);

test('every frame comes back once, rendered ones in order with their row', async () => {
  const outputs = await run(clip);
  assert.deepEqual(
    outputs.map(({ index }) => index),
    clip.map((_, index) => index),
  );
  outputs.forEach(({ index, row }) => {
    assert.equal(row!.frame, index);
    assert.equal(row!.sceneCut, index === cutAt, `cut at ${index}`);
    assert.equal(row!.faces.length, 1, `one face at ${index}`);
    assert.equal(row!.faces[0]!.outcome, 'swapped');
    assert.equal(row!.faces[0]!.sourceIndex, 0);
  });
  // Ids do not outlive a shot.
  assert.notEqual(outputs[cutAt]!.row!.faces[0]!.trackId, outputs[cutAt - 1]!.row!.faces[0]!.trackId);
});

test('the face changes and the picture around it does not', async () => {
  const outputs = await run(clip.slice(0, cutAt));
  for (const output of outputs) {
    const bytes = bytesOf(output);
    const was = clip[output.index]!;
    const { box } = output.row!.faces[0]!;
    let inside = 0;
    for (let y = 0; y < format.heightPx; y++) {
      for (let x = 0; x < format.widthPx; x++) {
        const i = y * format.widthPx + x;
        const isFar =
          x < box.x - 0.4 * box.width ||
          x > box.x + 1.4 * box.width ||
          y < box.y - 0.4 * box.height ||
          y > box.y + 1.4 * box.height;
        if (isFar) assert.equal(bytes[i], was[i], `frame ${output.index} at ${x}, ${y}`);
        else if (bytes[i] !== was[i]) inside++;
      }
    }
    assert.ok(inside > 0.3 * box.width * box.height, `${inside} pixels of frame ${output.index}`);
  }
});

test('the swapped face is measured to be nearer to the source than the target’s own face is', async () => {
  const { faces } = await prepareSources([await photoOf('astronaut')], settings);
  const unswapped = cosine(faces[0]!.descriptor, sources[0]!.descriptor);
  const outputs = await run(clip.slice(0, cutAt));
  const scored = outputs.flatMap(({ row }) => row!.faces).filter((face) => face.identityToSource !== null);
  assert.ok(scored.length >= 1, 'some frames are scored');
  for (const { identityToSource, identityToTarget } of scored) {
    assert.ok(identityToSource! > unswapped + 0.1, `${identityToSource}, before ${unswapped}`);
    assert.ok(identityToTarget! < 0.9, `${identityToTarget}`);
  }
});

test('neighbours before and after the rendered range come back unrendered and unchanged', async () => {
  const render = { start: 4, end: 9 };
  const outputs = await run(clip, { decode: { start: 0, end: cutAt }, render });
  assert.deepEqual(
    outputs.map(({ index }) => index).toSorted((first, second) => first - second),
    Array.from({ length: cutAt }, (_, index) => index),
  );
  const rendered = outputs.filter(({ row }) => row !== null).map(({ index }) => index);
  assert.deepEqual(rendered, [4, 5, 6, 7, 8]);
  for (const output of outputs) {
    const isSame = Buffer.compare(bytesOf(output), clip[output.index]!) === 0;
    assert.equal(isSame, output.row === null, `frame ${output.index}`);
  }
});

test('no more frames are held back than the look-ahead', async () => {
  chain.begin({
    format,
    frameRate: { num: 25, den: 1 },
    decode: { start: 0, end: clip.length },
    render: { start: 0, end: clip.length },
  });
  let held = 0;
  for (const [index, frame] of clip.entries()) {
    held += 1 - (await chain.push({ index, buffer: Uint8Array.from(frame).buffer })).length;
    assert.ok(held <= chainLookAheadFrames, `${held} held after frame ${index}`);
  }
  assert.equal((await chain.finish()).length, held);
});

test('one segment twice gives the same bytes and rows, also after another segment', async () => {
  const first = await run(clip);
  await run([...grey(3), ...clip.slice(cutAt)]);
  const second = await run(clip);
  second.forEach((output, i) => {
    assert.equal(Buffer.compare(bytesOf(output), bytesOf(first[i]!)), 0, `frame ${output.index}`);
  });
  assert.deepEqual(
    second.map(({ row }) => row),
    first.map(({ row }) => row),
  );
});

test('what lies beyond a cut does not change a frame, before or after it', async () => {
  const plain = await run(clip);
  // Another beginning, and another end, in which the cut is still a cut.
  const otherStart = [...grey(cutAt), ...clip.slice(cutAt)];
  const otherEnd = [...clip.slice(0, cutAt), ...grey(clip.length - cutAt)];
  const afterwards = await run(otherStart);
  const beforehand = await run(otherEnd);
  for (let index = 0; index < clip.length; index++) {
    const changed = index < cutAt ? beforehand[index]! : afterwards[index]!;
    assert.equal(Buffer.compare(bytesOf(changed), bytesOf(plain[index]!)), 0, `frame ${index}`);
  }
});

test('a clip cut into two segments joins without a visible step', async () => {
  const still = await shot('astronaut', 44, 3);
  const whole = await run(still);
  const { before: lead, after: trail } = chainNeighbourFrames;
  const splitAt = 34;
  const head = await run(still, {
    decode: { start: 0, end: Math.min(still.length, splitAt + trail) },
    render: { start: 0, end: splitAt },
  });
  const tail = await run(still, {
    decode: { start: splitAt - lead, end: still.length },
    render: { start: splitAt, end: still.length },
  });
  const parts = [...head, ...tail].filter(({ row }) => row !== null);
  assert.equal(parts.length, whole.length);
  for (const part of parts) {
    const bytes = bytesOf(part);
    const uncut = whole[part.index]!;
    if (part.index < splitAt) {
      assert.equal(Buffer.compare(bytes, bytesOf(uncut)), 0, `frame ${part.index}`);
      continue;
    }
    // The tracker's crop goes back to where tracking began, so a later start reads the mesh a fraction of a pixel apart.
    const [box, expected] = [part.row!.faces[0]!.box, uncut.row!.faces[0]!.box];
    for (const key of ['x', 'y', 'width', 'height'] as const) {
      assertClose(box[key], expected[key], 0.75, `${key} of frame ${part.index}`);
    }
    const mean = meanOf(bytes.map((value, i) => Math.abs(value - at(bytesOf(uncut), i))));
    assert.ok(mean < 0.25, `mean difference ${mean} of frame ${part.index}`);
  }
});

test('a cut in the dark, which hardly changes the picture, is found by its faces', async () => {
  const dim = (frames: readonly Uint8Array[]) =>
    frames.map((frame) =>
      frame.map((value, i) => (i < format.widthPx * format.heightPx ? 16 + value / 8 : value)),
    );
  const frames = [...dim(await shot('astronaut', 10, 3)), ...dim(await shot('hopper', 8, 4))];
  const outputs = await run(frames);
  assert.deepEqual(
    outputs.filter(({ row }) => row!.sceneCut).map(({ index }) => index),
    [10],
  );
});

test('a clip without a face comes back as it was', async () => {
  const outputs = await run(grey(10));
  for (const output of outputs) {
    assert.deepEqual(output.row, { frame: output.index, sceneCut: false, ssimOutside: null, faces: [] });
    assert.equal(Buffer.compare(bytesOf(output), grey(1)[0]!), 0);
  }
});

test('a frame in which the face is covered is filled and counted as such', async () => {
  // A wide frame, in which a covered face is no cut.
  const wide = formatOf(440, 320);
  const still = await portraitStill('astronaut');
  const frames = Array.from({ length: 14 }, (_, t) => {
    const { data, layout } = portraitFrame(still, 'astronaut', wide, { shiftX: t, shiftY: 60 });
    if (t !== 6) return Uint8Array.from(data);
    layout.planes.forEach((plane, index) => {
      const side = index === 0 ? 1 : 2;
      for (let y = 176 / side; y < 276 / side; y++) {
        const line = plane.offset + y * plane.widthPx;
        data.fill(index === 0 ? 145 : 128, line + 178 / side, line + 274 / side);
      }
    });
    return Uint8Array.from(data);
  });
  const outputs = await run(frames, { format: wide });
  const outcomes = outputs.map(({ row }) => row!.faces.map(({ outcome }) => outcome).join());
  assert.deepEqual(
    outputs.map(({ row }) => row!.sceneCut),
    frames.map(() => false),
  );
  assert.deepEqual(
    outcomes,
    frames.map((_, t) => (t === 6 ? 'filled' : 'swapped')),
  );
});

test('a frame outside of a segment is refused as a bug', async () => {
  await assert.rejects(
    () => chain.push({ index: 0, buffer: new ArrayBuffer(frameBytes) }),
    (error) => error instanceof FaceswapError && error.kind === 'bug',
  );
});

test('a chain without a source face looks at frames and renders none', async () => {
  const unsourced = await FaceChain.create(settings, []);
  const range = { start: 0, end: 1 };
  const segment = { format, frameRate: { num: 25, den: 1 }, decode: range };
  assert.throws(
    () => unsourced.begin({ ...segment, render: range }),
    (error) => error instanceof FaceswapError && error.kind === 'bug',
  );
  unsourced.begin({ ...segment, render: { start: 0, end: 0 } });
  await unsourced.dispose({ keepsModels: true });
});
