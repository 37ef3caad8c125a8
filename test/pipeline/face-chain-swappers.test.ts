import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { chainModelFiles } from '../../src/pipeline/chain-files.js';
import {
  type ChainMachine,
  type ChainOutput,
  FaceChain,
  plainMachine,
} from '../../src/pipeline/face-chain.js';
import { chainSettings } from '../../src/pipeline/plan.js';
import { resolveRunOptions } from '../../src/pipeline/resolve-run-options.js';
import type { RunOptions } from '../../src/pipeline/run-options.js';
import { prepareSources, type SourcePhoto } from '../../src/pipeline/source-preparation.js';
import type { SourceFace } from '../../src/processors/face-swapper/source-face.js';
import { writeModel } from '../inference/unit-models.js';
import { deepSwapperStandIn, type SwapperLook, writeSwapperStandIns } from '../support/stand-ins/swappers.js';
import { formatOf } from '../support/unit-frames.js';
import { portraitFrame, portraits, portraitStill } from '../support/unit-portraits.js';
import { at, meanOf } from '../support/unit-values.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-chain-swappers-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const format = formatOf(232, 216);
const frameCount = 5;
let photo: SourcePhoto;
let clip: readonly Uint8Array[];

before(async () => {
  const hopper = await portraitStill('hopper');
  const { widthPx, heightPx, rgb } = hopper;
  photo = { index: 0, file: portraits.hopper.file, widthPx, heightPx, rgb };
  const still = await portraitStill('astronaut');
  clip = Array.from({ length: frameCount }, (_, t) => {
    const { data } = portraitFrame(still, 'astronaut', format, { shiftX: 1.5 * t - 3, shiftY: t });
    return Uint8Array.from(data);
  });
});

const optionsOf = (options: Partial<RunOptions>): RunOptions => ({
  target: 'b.mp4',
  output: 'c.mp4',
  executionThreadCount: 1,
  ...options,
});

type Rendered = {
  readonly outputs: readonly ChainOutput[];
  readonly sources: readonly SourceFace[];
  readonly batch: number;
};

const render = async (
  options: Partial<RunOptions>,
  machine: Partial<ChainMachine> = {},
): Promise<Rendered> => {
  const config = resolveRunOptions(optionsOf(options));
  const settings = chainSettings(config);
  const models = await chainModelFiles(config);
  const sources = config.sources.length === 0 ? [] : (await prepareSources([photo], settings, models)).faces;
  const chain = await FaceChain.create(settings, sources, { ...plainMachine, ...machine, models });
  try {
    const range = { start: 0, end: frameCount };
    chain.begin({ format, frameRate: { num: 25, den: 1 }, decode: range, render: range });
    const outputs: ChainOutput[] = [];
    for (const [index, frame] of clip.entries()) {
      outputs.push(...(await chain.push({ index, buffer: Uint8Array.from(frame).buffer })));
    }
    outputs.push(...(await chain.finish()));
    return { outputs, sources, batch: chain.batch.size };
  } finally {
    await chain.dispose({ keepsModels: true });
  }
};

const bytesOf = ({ buffer }: ChainOutput): Uint8Array => new Uint8Array(buffer);

const withModel = (id: string, look: SwapperLook): Partial<RunOptions> => ({
  source: 'a.png',
  faceSwapperModel: id,
  modelDir: writeSwapperStandIns(join(folder, look), id, look),
});

/** Mean luma of the middle of the face, in a frame before and after. */
const middleLuma = ({ outputs }: Rendered, index: number): readonly [before: number, after: number] => {
  const output = outputs[index] as ChainOutput;
  const box = output.row?.faces[0]?.box ?? { x: 0, y: 0, width: 0, height: 0 };
  const values = (frame: Uint8Array): number => {
    const found: number[] = [];
    for (let y = Math.round(box.y + 0.35 * box.height); y < box.y + 0.65 * box.height; y++) {
      for (let x = Math.round(box.x + 0.35 * box.width); x < box.x + 0.65 * box.width; x++) {
        found.push(at(frame, y * format.widthPx + x));
      }
    }
    return meanOf(found);
  };
  return [values(clip[index] as Uint8Array), values(bytesOf(output))];
};

const assertAllSwapped = ({ outputs }: Rendered): void => {
  assert.deepEqual(
    outputs.map(({ row }) => row?.faces.map(({ outcome }) => outcome)),
    Array.from({ length: frameCount }, () => ['swapped']),
  );
};

const assertSameBytes = (one: Rendered, other: Rendered): void => {
  for (const [index, output] of one.outputs.entries()) {
    const isSame = Buffer.compare(bytesOf(output), bytesOf(other.outputs[index] as ChainOutput)) === 0;
    assert.ok(isSame, `frame ${index}`);
  }
};

describe('a chain with a fetched swapper', () => {
  test('draws what the model makes of the face, and leaves the rest of the picture', async () => {
    const rendered = await render({ ...withModel('inswapper_128', 'negative'), blend: 'basic' });
    assertAllSwapped(rendered);
    assert.equal(rendered.sources[0]?.swapSource?.length, 512);
    for (let index = 0; index < frameCount; index++) {
      const [was, is] = middleLuma(rendered, index);
      // Video levels: the negative of 16..235.
      assert.ok(Math.abs(251 - was - is) < 12, `frame ${index}: ${was} became ${is}`);
      const output = rendered.outputs[index] as ChainOutput;
      assert.equal(at(bytesOf(output), 3), at(clip[index] as Uint8Array, 3));
    }
  });

  test('changes little where the model gives the crop back', async () => {
    const rendered = await render(withModel('hyperswap_1a_256', 'echo'));
    assertAllSwapped(rendered);
    for (let index = 0; index < frameCount; index++) {
      const [was, is] = middleLuma(rendered, index);
      assert.ok(Math.abs(was - is) < 1.5, `frame ${index}: ${was} became ${is}`);
    }
  });

  test('gives the same bytes whether faces go through one by one or several frames together', async () => {
    const options = {
      ...withModel('inswapper_128', 'negative'),
      faceSwapperPixelBoost: 256,
      faceSwapperWeight: 1,
    };
    const alone = await render(options, { batchSize: 1 });
    const together = await render(options, {
      batchSize: 12,
      batchFrames: 4,
      cacheFolder: join(folder, 'cache'),
    });
    assert.equal(together.batch, 12);
    assertSameBytes(alone, together);
  });

  test('lays the face in as FaceFusion does when asked', async () => {
    const ours = await render({ ...withModel('inswapper_128', 'negative'), blend: 'basic' });
    const theirs = await render({ ...withModel('inswapper_128', 'negative'), compat: 'facefusion' });
    assertAllSwapped(theirs);
    const [, ourLuma] = middleLuma(ours, 2);
    const [, theirLuma] = middleLuma(theirs, 2);
    assert.ok(Math.abs(ourLuma - theirLuma) < 4, `${ourLuma} and ${theirLuma}`);
    const isSame = Buffer.compare(bytesOf(ours.outputs[2]!), bytesOf(theirs.outputs[2]!)) === 0;
    assert.ok(!isSame, 'another arithmetic');
  });

  test('refuses FaceFusion’s arithmetic for frames that it does not know', async () => {
    const config = resolveRunOptions(
      optionsOf({ ...withModel('inswapper_128', 'echo'), compat: 'facefusion' }),
    );
    const models = await chainModelFiles(config);
    const settings = chainSettings(config);
    const { faces } = await prepareSources([photo], settings, models);
    const chain = await FaceChain.create(settings, faces, { ...plainMachine, models });
    const range = { start: 0, end: 2 };
    const deep = { ...format, bitDepth: 10 as const };
    assert.throws(
      () => chain.begin({ format: deep, frameRate: { num: 25, den: 1 }, decode: range, render: range }),
      {
        kind: 'usage',
        message: /--compat facefusion works on frames of 8 bits and standard range, not of 10 bits/,
      },
    );
    await chain.dispose({ keepsModels: true });
  });
});

test('a deep swapper needs no photo', async () => {
  const ones = new Float32Array(128 * 128).fill(1);
  const file = writeModel(join(folder, 'known.dfm'), deepSwapperStandIn(128, { target: ones, source: ones }));
  const rendered = await render({
    processors: ['deep_swapper'],
    deepSwapperModel: file,
    deepSwapperMorph: 50,
    colorMatch: 'none',
  });
  assertAllSwapped(rendered);
  for (const { row } of rendered.outputs) assert.equal(row?.faces[0]?.identityToSource, null);
  const [was, is] = middleLuma(rendered, 2);
  assert.ok(is < 0.75 * was, `half as bright: ${was} became ${is}`);
});

describe('before any work', () => {
  const refused = async (options: Partial<RunOptions>, message: RegExp): Promise<void> => {
    const config = resolveRunOptions(optionsOf(options));
    await assert.rejects(chainModelFiles(config), { kind: 'usage', message });
  };

  test('a pixel boost that a model does not offer is refused with those that it does', async () => {
    const blendswap = withModel('blendswap_256', 'echo');
    await refused(
      { ...blendswap, faceSwapperPixelBoost: 384 },
      /--face-swapper-pixel-boost must be one of 256x256, 512x512, 768x768, 1024x1024 for blendswap_256, got 384x384/,
    );
    await refused(
      { source: 'a.png', faceSwapperPixelBoost: 512 },
      /must be left out: mesh has no fixed size/,
    );
  });

  test('a weight for a swapper without an embedding is refused', async () => {
    await refused(
      { ...withModel('uniface_256', 'echo'), faceSwapperWeight: 1 },
      /uniface_256 takes no embedding/,
    );
    await refused({ source: 'a.png', faceSwapperWeight: 0.2 }, /mesh takes no embedding/);
  });

  test('a deep swapper’s model without its processor is refused, and so is comparing it', async () => {
    const deepSwapperModel = join(folder, 'known.dfm');
    await refused({ source: 'a.png', deepSwapperModel }, /must come with --processors deep_swapper/);
    await refused(
      { processors: ['deep_swapper'], deepSwapperModel, compat: 'facefusion' },
      /--compat facefusion must be left out with --processors deep_swapper/,
    );
  });
});
