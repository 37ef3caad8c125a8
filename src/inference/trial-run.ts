import { BatchRunner } from './batch-runner.js';
import { fillPseudoRandom } from './pseudo-random.js';
import type { ModelSession } from './session.js';

/** Uses a session and frees it, whatever happens. */
export async function withSession<T>(
  session: ModelSession,
  use: (session: ModelSession) => Promise<T>,
): Promise<T> {
  try {
    return await use(session);
  } finally {
    await session.dispose();
  }
}

/**
 * Runs pseudo-random items through a model, the same ones whatever the batch size.
 *
 * @param itemCount a multiple of the batch size
 * @returns every output of all items by its name, one item behind the other
 */
export async function trialOutputs(
  session: ModelSession,
  itemCount: number,
  batchSize = 1,
): Promise<Map<string, Float32Array>> {
  const runner = new BatchRunner(session, { batchSize });
  const results = new Map<string, Float32Array>();
  for (let start = 0; start < itemCount; start += batchSize) {
    for (const [inputIndex, { name, dims }] of session.inputs.entries()) {
      for (let item = 0; item < batchSize; item++) {
        // An input of one axis is the same for all items.
        const variant = dims.length > 1 ? start + item : 0;
        fillPseudoRandom(runner.input(name, item), 1 + inputIndex * itemCount + variant);
      }
    }
    await runner.run(batchSize);
    for (const { name } of session.outputs) {
      for (let item = 0; item < batchSize; item++) {
        const output = runner.output(name, item);
        const all = results.get(name) ?? new Float32Array(output.length * itemCount);
        all.set(output, (start + item) * output.length);
        results.set(name, all);
      }
    }
  }
  runner.dispose();
  return results;
}

/** Length of free axes that do not count items: sides of pictures, which networks want in multiples of 32. */
const freeSidePx = 256;

/**
 * Runs pseudo-random items through a model one at a time, also through one whose pictures may have any size.
 *
 * @returns every output of each item by its name
 */
export async function singleOutputs(
  session: ModelSession,
  itemCount: number,
): Promise<Record<string, Float32Array>[]> {
  const results: Record<string, Float32Array>[] = [];
  for (let item = 0; item < itemCount; item++) {
    const feeds = session.inputs.map(({ name, dims }, inputIndex) => {
      const lengths = dims.map((dim, axis) => (typeof dim === 'number' ? dim : axis === 0 ? 1 : freeSidePx));
      const data = new Float32Array(lengths.reduce((product, length) => product * length, 1));
      fillPseudoRandom(data, 1 + inputIndex * itemCount + item);
      return [name, { data, dims: lengths }] as const;
    });
    results.push(await session.run(Object.fromEntries(feeds)));
  }
  return results;
}
