import { writeFile } from 'node:fs/promises';
import { FaceswapError } from '../../errors.js';
import { packageVersion } from '../../version.js';
import { type AnalysisParts, withAnalysisParts } from '../cast/analysis-parts.js';
import { analysisTargetKind, withAnimationAsVideo } from '../cast/analysis-target.js';
import { withAnalysedVideo } from '../cast/video-analysis.js';
import { throwIfInterrupted } from '../interruption.js';
import { checkWritten, inputIdentity } from '../preflight.js';
import type { ProgressChannel } from '../progress-channel.js';
import type { RunContext } from '../run.js';
import { writeTogether } from '../written-files.js';
import { cutListText, cutsOf, scenesBetween } from './scene-list.js';
import { resolveScenesOptions, type ScenesConfig, type ScenesOptions } from './scenes-options.js';
import type { ScenesReport } from './scenes-report.js';

type FoundScenes = Pick<ScenesReport, 'range' | 'scenes'>;

const findInVideo = (
  parts: AnalysisParts,
  { runConfig, runOptions }: Pick<ScenesConfig, 'runConfig' | 'runOptions'>,
): Promise<FoundScenes> =>
  withAnalysedVideo(
    parts,
    { runConfig, runOptions, phase: 'scenes' },
    async ({ target, plan, findings }) => ({
      range: plan.range,
      scenes: scenesBetween(target, plan, cutsOf(plan, findings)),
    }),
  );

const search = async (parts: AnalysisParts, config: ScenesConfig, startMs: number): Promise<ScenesReport> => {
  const { target, output, overwrite } = config;
  throwIfInterrupted(parts.signal);
  const inputs = [{ option: 'target' as const, identity: await inputIdentity('target', target) }];
  if (output !== undefined) {
    await checkWritten('output', output, { config: { overwrite }, inputs, folders: 'there' });
  }
  const kind = await analysisTargetKind(target);
  if (kind === 'image') {
    throw new FaceswapError('media', 'A picture that does not move has no scenes', {
      file: target,
      stage: 'scenes',
      hint: 'Give a video or an animated image',
    });
  }
  const found =
    kind === 'video'
      ? await findInVideo(parts, config)
      : await withAnimationAsVideo(parts, config, (video) => findInVideo(parts, video));
  throwIfInterrupted(parts.signal);
  if (output !== undefined) {
    const write = (temporary: string): Promise<void> =>
      writeFile(temporary, cutListText(found.scenes), { flag: 'wx' });
    await writeTogether([{ file: output, write }], { overwrite, stage: 'scenes' });
  }
  parts.progress.emit({ type: 'phase', phase: 'done' });
  return {
    schema: 1,
    version: packageVersion(),
    target,
    ...found,
    output: output ?? null,
    wallMs: performance.now() - startMs,
    warnings: parts.warnings.all,
  };
};

/** The `scenes` of the library, with the channel that its handle reads. */
export async function runScenes(
  options: ScenesOptions,
  context: Pick<RunContext, 'signal' | 'logger'>,
  { channel }: { readonly channel: ProgressChannel },
): Promise<ScenesReport> {
  const startMs = performance.now();
  const config = resolveScenesOptions(options);
  return withAnalysisParts(context, { channel, stage: 'scenes' }, (parts) => search(parts, config, startMs));
}
