import { parentPort } from 'node:worker_threads';
import { FaceswapError } from '../errors.js';
import { serveChain } from './chain-server.js';
import { releaseEmbeddedModels } from './embedded-models.js';
import { FaceChain } from './face-chain.js';
import { prepareSources } from './source-preparation.js';

if (parentPort === null) {
  throw new FaceswapError('bug', 'segment-worker is the entry of a worker thread and cannot be imported');
}

serveChain(parentPort, {
  createChain: (settings, sources) => FaceChain.create(settings, sources),
  prepareSources,
  releaseModels: releaseEmbeddedModels,
});
