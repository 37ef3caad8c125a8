/**
 * How long a large model takes to load: optimised afresh, optimised and written, and from the kept copy; also as half precision. The model is
 * the generated swapper of INSwapper_128's compute (92 MB), on the CPU.
 * Run: `npx tsx bench/session-start.ts [--rounds 7] [--channels 128]`; prints medians (lowest to highest) in milliseconds.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeGeneratedModels } from '../src/inference/generated-models.js';
import { halvedModel } from '../src/inference/half-model-cache.js';
import { createOptimizedSession } from '../src/inference/optimized-session.js';
import { createSession, type ModelSession } from '../src/inference/session.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    channels: { type: 'string', default: '128' },
  },
});
const rounds = Number(values.rounds);
const folder = await mkdtemp(join(tmpdir(), 'faceswap-session-start-'));
const cpu = { providers: ['cpu'], intraOpThreads: 1, smallestBytes: 0 };

const timed = async (open: () => Promise<ModelSession>): Promise<number> => {
  const startMs = performance.now();
  const session = await open();
  const elapsedMs = performance.now() - startMs;
  await session.dispose();
  return elapsedMs;
};

const summary = (all: readonly number[]): string => {
  const sorted = [...all].sort((first, second) => first - second);
  const at = (index: number): string => (sorted[index] ?? Number.NaN).toFixed(0);
  return `${at(sorted.length >> 1)} (${at(0)} to ${at(sorted.length - 1)}) ms`;
};

try {
  const mesh = Float32Array.from({ length: 468 * 3 }, (_, index) => index % 7);
  const { swapper } = await writeGeneratedModels(folder, {
    kind: 'bound',
    faces: 1,
    mesh,
    channels: Number(values.channels),
  });
  const convertedMs = performance.now();
  const half = await halvedModel(swapper, { ...cpu, folder: join(folder, 'models') });
  console.log(
    `converted to half precision and compared in ${(performance.now() - convertedMs).toFixed(0)} ms, ` +
      `${(half.error * 100).toPrecision(2)} % off`,
  );
  for (const [name, rewrittenPath] of [
    ['single precision', swapper],
    ['half precision', half.path],
  ] as const) {
    const afresh: number[] = [];
    const written: number[] = [];
    const kept: number[] = [];
    for (let round = 0; round < rounds; round++) {
      // Each round has a folder of its own, so that its first session writes and its second one reads.
      const options = { ...cpu, rewrittenPath, folder: join(folder, `${name} ${round}`) };
      afresh.push(await timed(() => createSession(swapper, options)));
      written.push(await timed(() => createOptimizedSession(swapper, options)));
      kept.push(await timed(() => createOptimizedSession(swapper, options)));
      await rm(options.folder, { recursive: true });
    }
    console.log(`${name}: afresh ${summary(afresh)}, written ${summary(written)}, kept ${summary(kept)}`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
