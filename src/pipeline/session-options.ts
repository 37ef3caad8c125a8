import type { SessionOptions } from '../inference/session.js';
import type { ChainSettings } from './face-chain.js';

/** The settings that say where models run. */
export type ProviderSettings = Pick<ChainSettings, 'executionProviders' | 'executionThreadCount'> &
  Partial<Pick<ChainSettings, 'deviceId'>>;

/** How the models of a chain are loaded. */
export const sessionOptions = (settings: ProviderSettings): SessionOptions => ({
  providers: settings.executionProviders,
  intraOpThreads: settings.executionThreadCount,
  deviceId: settings.deviceId,
});

/** The provider that does most of the work: the first. */
export const mainProvider = ({ executionProviders }: Pick<ChainSettings, 'executionProviders'>): string =>
  executionProviders[0] ?? 'cpu';
