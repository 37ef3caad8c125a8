import { inputProtection, runTool } from './child-process.js';
import type { FfmpegTools } from './ffmpeg-tools.js';
import { rationalToNumber } from './rational.js';
import { frameSeconds, type TargetMedia } from './target-media.js';

/** Longer than a seek to any keyframe takes; the picture is only a help. */
const silenceMs = 20_000;

/**
 * Decodes one frame of the target into a PNG, by a direct seek: a debugging aid, not checked like the frames of a run.
 *
 * @param file absolute path of the PNG.
 * @returns whether there is a picture.
 * @throws FaceswapError (unavailable, resources) when ffmpeg cannot start or hangs, (interrupted) on abort.
 */
export async function writeFramePicture(
  tools: FfmpegTools,
  target: TargetMedia,
  {
    frame,
    file,
    signal,
  }: { readonly frame: number; readonly file: string; readonly signal?: AbortSignal | undefined },
): Promise<boolean> {
  const halfPeriod = 1 / rationalToNumber(target.video.frameRate) / 2;
  const seconds = Math.max(0, frameSeconds(target, frame) - target.startMicroseconds / 1e6 - halfPeriod);
  const { exit } = await runTool(
    tools.ffmpegPath,
    [
      ...['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'repeat+level+error', '-y'],
      ...inputProtection,
      ...['-ss', seconds.toFixed(6), '-i', target.file, '-map', `0:${target.video.streamIndex}`],
      ...['-frames:v', '1', '-c:v', 'png', '-f', 'image2', '-update', '1', file],
    ],
    { stage: 'decode', silenceMs, signal },
  );
  return exit.code === 0;
}
