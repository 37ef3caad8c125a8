import assert from 'node:assert/strict';
import { test } from 'node:test';
import { embeddedModelPath } from '../../src/inference/model-registry.js';
import { createSession } from '../../src/inference/session.js';
import { seededRandom } from '../support/unit-random.js';

/** Every output of a model for the same noise, with so many threads. */
const outputsOf = async (id: string, intraOpThreads: number): Promise<readonly Float32Array[]> => {
  const session = await createSession(embeddedModelPath(id), { providers: ['cpu'], intraOpThreads });
  try {
    const random = seededRandom(3);
    const feeds = Object.fromEntries(
      session.inputs.map((input) => {
        const dims = input.dims.map((dim) => (typeof dim === 'number' ? dim : 1));
        const length = dims.reduce((product, dim) => product * dim, 1);
        return [input.name, { data: Float32Array.from({ length }, random.next), dims }];
      }),
    );
    return Object.values(await session.run(feeds));
  } finally {
    await session.dispose();
  }
};

// The number of workers decides how many threads a model has, and must not decide what the output is.
for (const id of ['blazeface', 'facemesh', 'faceres']) {
  test(`${id} gives the same bits with one, two, three and four threads`, async () => {
    const one = await outputsOf(id, 1);
    for (const threads of [2, 3, 4])
      assert.deepEqual(await outputsOf(id, threads), one, `${threads} threads`);
  });
}
