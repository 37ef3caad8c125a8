import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { type ChainFactory, serveChain } from '../../src/pipeline/chain-server.js';
import { plainMachine } from '../../src/pipeline/face-chain.js';
import { chainSettings } from '../../src/pipeline/plan.js';
import { resolveRunOptions } from '../../src/pipeline/resolve-run-options.js';
import type { WorkerCommand, WorkerReply } from '../../src/pipeline/worker-protocol.js';

const settings = chainSettings(resolveRunOptions({ source: 'a', target: 'b', output: 'c' }));

test('a second chain takes the place of the first without freeing the models', async () => {
  const { port1, port2 } = new MessageChannel();
  const calls: string[] = [];
  let made = 0;
  const factory: ChainFactory = {
    createChain: async () => {
      const number = made++;
      calls.push(`create ${number}`);
      return {
        batch: { size: 1, reason: 'there is no model' },
        begin: () => {},
        push: async () => [],
        finish: async () => [],
        takeFigures: () => {
          throw new Error('no figures are wanted here');
        },
        dispose: async ({ keepsModels = false } = {}) => {
          calls.push(`dispose ${number}${keepsModels ? ', keep models' : ''}`);
        },
      };
    },
    prepareSources: async () => ({ faces: [], warnings: [] }),
    createComparer: () => {
      throw new Error('nothing is compared here');
    },
    createInspector: () => {
      throw new Error('nothing is inspected here');
    },
    releaseModels: async () => {
      calls.push('release');
    },
  };
  serveChain(port2, factory);
  const ask = async (id: number, command: WorkerCommand): Promise<WorkerReply> => {
    port1.postMessage({ id, command });
    const [reply] = (await once(port1, 'message')) as [WorkerReply];
    return reply;
  };
  try {
    for (const id of [1, 2]) {
      const reply = await ask(id, { name: 'init', settings, sources: [], machine: plainMachine });
      assert.equal(reply.ok, true);
    }
    await ask(3, { name: 'dispose' });
    assert.deepEqual(calls, ['create 0', 'dispose 0, keep models', 'create 1', 'dispose 1', 'release']);
  } finally {
    port1.close();
  }
});

test('models that the sources loaded are freed although no chain was made', async () => {
  const { port1, port2 } = new MessageChannel();
  const calls: string[] = [];
  const factory: ChainFactory = {
    createChain: () => Promise.reject(new Error('no chain is wanted here')),
    prepareSources: async () => {
      calls.push('prepare');
      return { faces: [], warnings: [] };
    },
    createComparer: () => {
      throw new Error('nothing is compared here');
    },
    createInspector: () => {
      throw new Error('nothing is inspected here');
    },
    releaseModels: async () => {
      calls.push('release');
    },
  };
  serveChain(port2, factory);
  const ask = async (id: number, command: WorkerCommand): Promise<WorkerReply> => {
    port1.postMessage({ id, command });
    const [reply] = (await once(port1, 'message')) as [WorkerReply];
    return reply;
  };
  try {
    assert.equal((await ask(1, { name: 'prepareSources', photos: [], settings, models: null })).ok, true);
    assert.deepEqual(calls, ['prepare']);
    assert.equal((await ask(2, { name: 'dispose' })).ok, true);
    assert.deepEqual(calls, ['prepare', 'release']);
  } finally {
    port1.close();
  }
});
