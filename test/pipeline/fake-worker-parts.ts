import type { SampleInspector } from '../../src/pipeline/policy/sample-inspector.js';

export { serveChain } from '../../src/pipeline/chain-server.js';

/** The real inspector; it is loaded late, so that tests without policy checks do not wait for it. */
export const createInspector = async (): Promise<SampleInspector> => {
  const { SampleInspector: Inspector } = await import('../../src/pipeline/policy/sample-inspector.js');
  return new Inspector();
};
