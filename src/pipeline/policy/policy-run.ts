import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { FaceswapError } from '../../errors.js';
import { writeSamplePicture } from '../../media/sample-picture.js';
import { isFlagged } from '../../processors/content-analyser/content-analyser.js';
import { modelCacheFolder } from '../cache-folder.js';
import { untilInterrupted } from '../interruption.js';
import { canonicalJson } from '../plan.js';
import type { RunLogger } from '../run-logger.js';
import type { RunConfig } from '../run-options.js';
import { sourcePhotos } from '../selection/run-photos.js';
import type { WorkerClient } from '../worker-client.js';
import { ContentTally, readingsText } from './content-tally.js';
import { askPolicyCommand, type CommandSample } from './policy-command.js';
import type { MediaOpener, PolicyHook } from './policy-hook.js';
import { type SampledMedia, stillMedia } from './policy-media.js';
import type { PolicyPlan } from './policy-plan.js';
import type { PolicyCheckName, PolicyCheckReport, PolicyPoint, PolicyReport } from './policy-report.js';
import type { InspectionResult, InspectionSetup } from './sample-inspection.js';
import { sampledFramesOf } from './sample-plan.js';
import { withSampleFolder } from './sample-folder.js';

/** The part of a worker thread that policy checks use. */
export type InspectingWorker = Pick<WorkerClient, 'beginInspection' | 'inspectFrame' | 'endInspection'>;

/** What policy checks work with. */
export type PolicyParts = {
  readonly config: RunConfig;
  readonly openWorker: () => InspectingWorker;
  readonly logger: RunLogger;
  readonly signal: AbortSignal | undefined;
  /** Called when checks begin at a point. */
  readonly onCheck?: (() => void) | undefined;
};

/** What was looked at, at one point. */
type Looked = {
  readonly tally: ContentTally;
  readonly photos: number;
  readonly samples: readonly CommandSample[];
};

const checkTitles: Readonly<Record<PolicyCheckName, string>> = {
  'content-analyser': 'The content analyser',
  'policy-command': 'The policy command',
};

const pointTexts: Readonly<Record<PolicyPoint, string>> = {
  before: 'before rendering',
  after: 'after rendering',
};

const otherMedia = 'Use another source or target; docs/policy.md tells what is looked at';
const otherCommand = 'Repair the command: docs/policy.md tells how it has to answer';

type RefusalContext = {
  readonly reason: string;
  readonly file: string;
  readonly frame?: number | undefined;
  /** What to do about it. */
  readonly advice?: string;
};

const refusal = (
  check: PolicyCheckName,
  point: PolicyPoint,
  what: string,
  { reason, file, frame, advice = otherMedia }: RefusalContext,
): FaceswapError =>
  new FaceswapError('policy', `${checkTitles[check]} refused ${what} (${pointTexts[point]}): ${reason}`, {
    file,
    frame,
    stage: 'policy',
    hint: `Nothing was written. ${advice}`,
  });

/** The checks of one run, at least one. */
export class PolicyRun implements PolicyHook {
  readonly #plan: PolicyPlan;
  readonly #parts: PolicyParts;
  readonly #checks: PolicyCheckReport[] = [];

  constructor(plan: PolicyPlan, parts: PolicyParts) {
    this.#plan = plan;
    this.#parts = parts;
  }

  get report(): PolicyReport {
    return { checks: [...this.#checks], notRun: this.#plan.notRun };
  }

  async before(target: MediaOpener): Promise<void> {
    this.#parts.onCheck?.();
    await this.#check('before', await target());
  }

  async after(output: MediaOpener, file: string): Promise<void> {
    this.#parts.onCheck?.();
    try {
      await this.#check('after', await output(), file);
    } catch (error) {
      const failure = FaceswapError.from(error, 'policy');
      if (failure.kind !== 'media') throw failure;
      // What cannot be looked at is not allowed.
      const check = this.#plan.analysers.length > 0 ? 'content-analyser' : 'policy-command';
      const reason = `it cannot be read: ${failure.message}`;
      throw refusal(check, 'after', 'the output', { reason, file: this.#parts.config.output });
    }
  }

  async #check(point: PolicyPoint, media: SampledMedia, outputFile?: string): Promise<void> {
    const { command } = this.#plan;
    if (command === null) {
      await this.#analyse(point, media, null);
      return;
    }
    await withSampleFolder(async (folder) => {
      const { samples } = await this.#analyse(point, media, folder);
      await this.#ask(command, point, { samples, file: media.file, outputFile });
    });
  }

  /** Looks at the pictures of one point and lets the content analyser judge, where it runs. */
  async #analyse(point: PolicyPoint, media: SampledMedia, folder: string | null): Promise<Looked> {
    const looked = await this.#look(point, media, folder);
    if (this.#plan.analysers.length === 0) return looked;
    const { tally, photos } = looked;
    const { objection } = tally;
    if (objection !== undefined) {
      const { text: reason, frame } = objection;
      const what = point === 'before' ? 'the target' : 'the output';
      throw refusal('content-analyser', point, what, {
        reason,
        file: media.file,
        frame: media.kind === 'image' ? undefined : frame,
      });
    }
    const { text, frames, details } = tally;
    this.#checks.push({ check: 'content-analyser', point, frames, photos, said: text, details });
    return looked;
  }

  async #look(point: PolicyPoint, media: SampledMedia, folder: string | null): Promise<Looked> {
    const { config, signal, logger } = this.#parts;
    const worker = this.#parts.openWorker();
    const setup: InspectionSetup = {
      analysers: this.#plan.analysers,
      givesPictures: folder !== null,
      compat: config.compat,
      cacheFolder: modelCacheFolder(config),
      executionProviders: config.executionProviders,
      deviceId: config.deviceId,
      executionThreadCount: config.executionThreadCount,
    };
    const tally = new ContentTally(media.kind);
    const samples: CommandSample[] = [];
    const frames = sampledFramesOf(media.timesSeconds, media.range);
    const firstSeconds = media.timesSeconds[media.range.start] ?? 0;
    logger.debug({ point, file: media.file, frames: frames.length }, 'policy checks');
    try {
      await untilInterrupted(worker.beginInspection(setup), signal);
      const photos = point === 'before' && setup.analysers.length > 0 ? await this.#lookAtPhotos(worker) : 0;
      for await (const { frame, format, buffer, giveBack } of media.read(frames, signal)) {
        const result = await untilInterrupted(worker.inspectFrame({ format, buffer }), signal);
        giveBack(result.frameBuffer);
        const timeSeconds = media.timesSeconds[frame] ?? firstSeconds;
        tally.add(frame, timeSeconds, result.readings);
        if (folder !== null) samples.push(await keepPicture(folder, { frame, timeSeconds }, result));
      }
      return { tally, photos, samples };
    } finally {
      // A thread that is stopped frees its models by itself.
      if (signal?.aborted !== true) {
        await worker.endInspection().catch((err: unknown) => logger.debug({ err }, 'the worker has died'));
      }
    }
  }

  /** @returns how many source photos there are. */
  async #lookAtPhotos(worker: InspectingWorker): Promise<number> {
    const { config, signal } = this.#parts;
    const photos = [...new Set(sourcePhotos(config))];
    for (const file of photos) {
      for await (const { format, buffer } of stillMedia(file).read([0], signal)) {
        const { readings } = await untilInterrupted(worker.inspectFrame({ format, buffer }), signal);
        if (!isFlagged(readings)) continue;
        const reason = `it is flagged (${readingsText(readings)})`;
        throw refusal('content-analyser', 'before', 'a source photo', { reason, file });
      }
    }
    return photos.length;
  }

  async #ask(
    command: readonly string[],
    point: PolicyPoint,
    {
      samples,
      file,
      outputFile,
    }: {
      readonly samples: readonly CommandSample[];
      readonly file: string;
      readonly outputFile: string | undefined;
    },
  ): Promise<void> {
    const { config, logger, signal } = this.#parts;
    const verdict = await askPolicyCommand(
      command,
      {
        version: 1,
        point,
        target: config.target,
        sources: sourcePhotos(config),
        output: config.output,
        ...(outputFile === undefined ? {} : { outputFile }),
        samples,
        configDigest: createHash('sha256').update(canonicalJson(config)).digest('hex'),
      },
      { timeoutMs: config.policyTimeoutMs, logger, signal },
    );
    if (!verdict.allow) {
      const { reason, answered } = verdict;
      const advice = answered ? otherMedia : otherCommand;
      throw refusal('policy-command', point, 'the run', { reason, file, advice });
    }
    const { said, details } = verdict;
    this.#checks.push({ check: 'policy-command', point, frames: samples.length, photos: 0, said, details });
  }
}

const keepPicture = async (
  folder: string,
  { frame, timeSeconds }: Pick<CommandSample, 'frame' | 'timeSeconds'>,
  { picture }: InspectionResult,
): Promise<CommandSample> => {
  if (picture === null)
    throw new FaceswapError('bug', 'A worker gave no picture back', { frame, stage: 'policy' });
  const file = join(folder, `frame-${String(frame).padStart(8, '0')}.png`);
  await writeSamplePicture(file, picture);
  return { timeSeconds, frame, file };
};
