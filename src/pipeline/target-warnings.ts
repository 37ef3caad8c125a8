import { rationalToNumber } from '../media/rational.js';
import { frameSeconds, type TargetMedia } from '../media/target-media.js';
import { lostBits } from '../media/video-encoders.js';
import type { VideoEncoding } from '../media/video-encoding.js';
import type { RunConfig } from './run-options.js';
import type { RunWarning } from './run-report.js';

/** A target that ends before its header says is rendered as far as it goes. */
export const cutOffWarnings = (target: TargetMedia): readonly RunWarning[] => {
  const { announcedEndSeconds, durationSeconds } = target;
  if (announcedEndSeconds === undefined) return [];
  const found = frameSeconds(target, 0) - target.startMicroseconds / 1e6 + rationalToNumber(durationSeconds);
  const message = `The file announces ${announcedEndSeconds.toFixed(2)} s but its video ends at ${found.toFixed(2)} s: it is cut off, and only what is there is rendered`;
  return [{ code: 'target-cut-off', message, file: target.file }];
};

/** What the output's picture loses against the target's, or who may not be able to show it. */
export const pictureWarnings = (
  { file, video }: TargetMedia,
  encoding: VideoEncoding,
  config: RunConfig,
): readonly RunWarning[] => {
  const { encoder, pixelFormat } = encoding;
  const deinterlacer = video.decoding?.deinterlacer;
  const warnings: RunWarning[] = [];
  if (deinterlacer !== undefined) {
    warnings.push({
      code: 'deinterlaced',
      message: `The target is deinterlaced with ${deinterlacer}: every frame of the output is progressive, and differs from the target's also outside of the faces`,
      file,
    });
  }
  const lost = lostBits(encoding);
  if (lost > 0) {
    warnings.push({
      code: 'bits-lost',
      message: `${encoder} keeps 10 bits of each sample, the target's frames have ${video.format.bitDepth}: its last ${lost} bits are rounded away; ffv1 keeps them all`,
      file,
    });
  }
  if (config.outputVideoEncoder === undefined && encoder === 'libx264' && video.format.bitDepth > 8) {
    warnings.push({
      code: 'high-10',
      message: `The target has ${video.format.bitDepth} bits and so has the output: H.264 with more than 8 bits (${pixelFormat}) is decoded by software only in many players; --output-video-encoder libx265 suits more of them`,
      file,
    });
  }
  return warnings;
};
