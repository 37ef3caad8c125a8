import type { SessionOptions } from '../inference/session.js';
import type { ChainSettings } from './face-chain.js';

/** How the models of a chain are opened. */
export const sessionOptions = ({
  executionProvider,
  executionThreadCount,
}: Pick<ChainSettings, 'executionProvider' | 'executionThreadCount'>): SessionOptions => ({
  providers: [executionProvider],
  intraOpThreads: executionThreadCount,
});
