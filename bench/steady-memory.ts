/**
 * Memory of the chain in steady state: 2,000 frames with one moving face go through it, in the buffers that they came in. Prints what is
 * in use after a collection at several points (it must not rise), and how much the garbage collector had to do between them.
 *
 *     node --expose-gc --import tsx bench/steady-memory.ts [embedded|null]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PerformanceObserver } from 'node:perf_hooks';
import { frameLayout } from '../src/imaging/planar-frame.js';
import { frameFromRgb, rgbFormat } from '../src/imaging/rgb-frame.js';
import { readStill } from '../src/media/still-image.js';
import { FaceChain, plainMachine } from '../src/pipeline/face-chain.js';
import { generatedChainFiles, writeGeneratedChain } from '../src/pipeline/generated-chain.js';
import { chainSettings } from '../src/pipeline/plan.js';
import { resolveRunOptions } from '../src/pipeline/resolve-run-options.js';
import { prepareSources } from '../src/pipeline/source-preparation.js';

const frames = 2000;
const checkpoints = [200, 800, 1400, 2000];
const width = 640;
const height = 360;

if (globalThis.gc === undefined) throw new Error('Run it with --expose-gc');
const collect = globalThis.gc;
const models = process.argv[2] ?? 'embedded';

const photo = await readStill('test/fixtures/astronaut.png');
const wide = { widthPx: photo.widthPx, heightPx: Math.round((photo.widthPx * height) / width) };
const picture = frameFromRgb(photo).data;
const format = { ...rgbFormat(photo), widthPx: width, heightPx: height };

/** The photo's upper part under a camera that sways: R, G and B of the frame. */
const paint = (index: number, buffer: ArrayBuffer): void => {
  const out = new Uint8Array(buffer);
  const shift = 12 * Math.sin(index / 15);
  for (let plane = 0; plane < 3; plane++) {
    for (let y = 0; y < height; y++) {
      const fromY = Math.min(photo.heightPx - 1, Math.round((y * wide.heightPx) / height));
      for (let x = 0; x < width; x++) {
        const fromX = Math.round((x * wide.widthPx) / width + shift);
        const column = Math.min(photo.widthPx - 1, Math.max(0, fromX));
        out[(plane * height + y) * width + x] =
          picture[(plane * photo.heightPx + fromY) * photo.widthPx + column] ?? 0;
      }
    }
  }
};

const settings = chainSettings(resolveRunOptions({ source: 'a', target: 'b', output: 'c' }));
const { faces } = await prepareSources([{ ...photo, index: 0, file: 'astronaut.png' }], settings);
const folder = await mkdtemp(join(tmpdir(), 'faceswap-memory-'));
try {
  if (models === 'null') await writeGeneratedChain(folder, { kind: 'null', faces: 1 });
  const chain = await FaceChain.create(settings, faces, {
    ...plainMachine,
    models: models === 'null' ? generatedChainFiles(folder) : null,
  });
  let scavenges = 0;
  let fullCollections = 0;
  let collectionMs = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const kind = (entry as { detail?: { kind?: number } }).detail?.kind;
      if (kind === 1) scavenges += 1;
      else fullCollections += 1;
      collectionMs += entry.duration;
    }
  }).observe({ entryTypes: ['gc'] });

  const range = { start: 0, end: frames };
  chain.begin({ format, frameRate: { num: 25, den: 1 }, decode: range, render: range });
  const spare = Array.from({ length: 12 }, () => new ArrayBuffer(frameLayout(format).byteLength));
  const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(2).padStart(8);
  console.log(`${models} models, ${width}x${height}, one face; MiB after a collection`);
  console.log('frames     heap  buffers      rss   since the last line: scavenges, others, ms in them');
  let swapped = 0;
  for (let index = 0; index < frames; index++) {
    const buffer = spare.pop();
    if (buffer === undefined) throw new Error('The chain holds back more frames than it says');
    paint(index, buffer);
    for (const output of await chain.push({ index, buffer })) {
      spare.push(output.buffer);
      swapped += output.row?.faces.length ?? 0;
    }
    if (!checkpoints.includes(index + 1)) continue;
    await new Promise((resolve) => setImmediate(resolve));
    const [minor, major, ms] = [scavenges, fullCollections, collectionMs];
    collect();
    const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
    console.log(
      `${String(index + 1).padStart(6)} ${megabytes(heapUsed)} ${megabytes(arrayBuffers)} ${megabytes(rss)}   ${minor}, ${major}, ${ms.toFixed(0)}`,
    );
    await new Promise((resolve) => setImmediate(resolve));
    scavenges = 0;
    fullCollections = 0;
    collectionMs = 0;
  }
  console.log(`${swapped} faces`);
  await chain.dispose();
} finally {
  await rm(folder, { recursive: true });
}
