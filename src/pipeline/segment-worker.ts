import { parentPort } from 'node:worker_threads';
import { FaceswapError } from '../errors.js';
import { releaseArcface } from './arcface-session.js';
import { serveChain } from './chain-server.js';
import { releaseChainModels } from './chain-models.js';
import { FrameComparer } from './compare/frame-comparer.js';
import { FaceChain } from './face-chain.js';
import { SampleInspector } from './policy/sample-inspector.js';
import { prepareSources } from './source-preparation.js';

if (parentPort === null) {
  throw new FaceswapError('bug', 'segment-worker is the entry of a worker thread and cannot be imported');
}

serveChain(parentPort, {
  createChain: FaceChain.create.bind(FaceChain),
  prepareSources,
  createComparer: () => new FrameComparer(),
  createInspector: () => new SampleInspector(),
  releaseModels: async () => {
    await releaseArcface();
    await releaseChainModels();
  },
});
