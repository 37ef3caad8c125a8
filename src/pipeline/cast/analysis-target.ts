import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { probeAnimation } from '../../media/animated-image.js';
import { locateTools } from '../../media/ffmpeg-tools.js';
import { sniffMediaKind } from '../../media/media-kind.js';
import type { TargetKind } from '../preflight.js';
import type { AnalysisConfig } from './analysis-options.js';
import type { VideoAnalysis, VideoAnalysisParts } from './video-analysis.js';

/**
 * What is looked at: of an animated image all pictures count.
 *
 * @throws FaceswapError (media) for what is neither a video nor an image
 */
export const analysisTargetKind = async (target: string): Promise<TargetKind> => {
  if ((await sniffMediaKind(target)) === 'video') return 'video';
  const animation = await probeAnimation(target);
  return animation !== undefined && animation.frameCount > 1 ? 'animation' : 'image';
};

/**
 * Makes the video that a run would make of an animated image, in the system's temporary folder.
 *
 * @param use is called while the video is there
 * @throws FaceswapError as making it, and what `use` throws
 */
export const withAnimationAsVideo = async <Result>(
  { signal }: Pick<VideoAnalysisParts, 'signal'>,
  { runConfig, runOptions }: AnalysisConfig,
  use: (video: Pick<VideoAnalysis, 'runConfig' | 'runOptions'>) => Promise<Result>,
): Promise<Result> => {
  const { withAnimationVideo } = await import('../run-animation.js');
  const given = {
    ...runConfig,
    output: join(tmpdir(), 'analysis.mkv'),
    outputVideoEncoder: 'ffv1',
    // What is found in a file that is made anew each time is of no use to later runs.
    cache: false,
  };
  return withAnimationVideo(given, { tools: await locateTools(), signal }, (video) =>
    use({ runConfig: video.config, runOptions: { ...runOptions, target: video.file } }),
  );
};
