import { modelCacheFolder } from './cache-folder.js';
import { chainLookAheadFrames } from './chain-neighbours.js';
import type { ChainMachine } from './face-chain.js';
import { batchFramesOf, frameNeed } from './frame-budget.js';
import { FramePool } from './frame-pool.js';
import { untilInterrupted } from './interruption.js';
import { chainSettings } from './plan.js';
import { keepsAnalysis, type RunParts } from './run-parts.js';
import type { WorkerPlan } from './worker-plan.js';
import type { WorkerClient } from './worker-client.js';
import type { ChainBatch, PreparedSources } from './worker-protocol.js';
import { type StartedWorker, TeamMember, type WorkerRestart, WorkerTeam } from './worker-team.js';

/** The workers of a run, their frame buffers, and the group size that their chains have chosen. */
export type StartedTeam = {
  readonly team: WorkerTeam;
  readonly pool: FramePool;
  readonly batch: ChainBatch;
  /** Frame buffers without which a worker cannot go on. */
  readonly leastFrames: number;
};

/**
 * Starts the workers and has each make its chain. Rendering begins when the first is ready; the others join when they are.
 *
 * @throws FaceswapError when the first worker that answers could not make its chain, or after an interruption.
 */
export const startTeam = async (
  parts: Pick<RunParts, 'config' | 'models' | 'openWorker' | 'replaceWorker' | 'signal'>,
  workerPlan: WorkerPlan,
  { sources, frameBytes }: { readonly sources: PreparedSources; readonly frameBytes: number },
): Promise<StartedTeam> => {
  const { config } = parts;
  const settings = chainSettings({ ...config, executionThreadCount: workerPlan.threadsPerModel });
  const machine: ChainMachine = {
    batchSize: config.batchSize,
    // The limit is that of the whole run, and every worker has models of its own.
    vramLimitBytes:
      config.vramLimitBytes === undefined
        ? undefined
        : Math.max(1, Math.floor(config.vramLimitBytes / workerPlan.count)),
    batchFrames: workerPlan.batchFrames,
    cacheFolder: modelCacheFolder(config),
    keepsAnalysis: keepsAnalysis(parts),
    models: parts.models,
  };
  const initialise = (worker: WorkerClient, chainMachine: ChainMachine) => {
    const ready = worker.init(settings, sources.faces, chainMachine);
    // Its next segment awaits it and fails with it; until then it must not count as unhandled.
    ready.catch(() => {});
    return { worker, ready };
  };
  const starts = Array.from({ length: workerPlan.count }, (_, number) =>
    initialise(parts.openWorker(number), machine),
  );
  const batch = await untilInterrupted(Promise.race(starts.map(({ ready }) => ready)), parts.signal);
  // A chain that found out that it works best with smaller batches needs no more frames than those.
  const { leastFrames, mostFrames } = frameNeed(frameBytes, {
    lookAheadFrames: chainLookAheadFrames,
    batchFrames: Math.min(batch.size, workerPlan.batchFrames),
  });
  const framesPerLane = Math.min(workerPlan.framesPerWorker, mostFrames);
  const pool = new FramePool({ lanes: workerPlan.count, framesPerLane, frameBytes });
  const restart = ({ number, worker, divisor, frames }: WorkerRestart): StartedWorker => {
    const part = (whole: number): number => Math.max(1, Math.floor(whole / divisor));
    return initialise(
      worker.failure === undefined ? worker : parts.replaceWorker(number),
      divisor === 1
        ? machine
        : {
            ...machine,
            batchSize: part(batch.size),
            batchFrames: batchFramesOf(frames, {
              lookAheadFrames: chainLookAheadFrames,
              batchFrames: part(workerPlan.batchFrames),
            }),
          },
    );
  };
  const members = pool.lanes.flatMap((lane, number) => {
    const started = starts[number];
    return started === undefined ? [] : [new TeamMember(number, { lane, started, restart })];
  });
  return { team: new WorkerTeam(members), pool, batch, leastFrames };
};
