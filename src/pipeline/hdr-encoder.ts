import { type FfmpegTools, listEncoders } from '../media/ffmpeg-tools.js';
import { defaultHdrEncoder, outputContainer } from '../media/output-container.js';
import type { TargetMedia } from '../media/target-media.js';
import { carriesLight } from '../media/video-encoders.js';
import type { RunConfig } from './run-options.js';
import type { RunWarning } from './run-report.js';

/**
 * The encoder of a run, which for high dynamic range is another one unless the user chose it, and what there is to say about the
 * target's light.
 */
export const encoderForLight = async (
  tools: FfmpegTools,
  run: { readonly target: TargetMedia; readonly config: RunConfig; readonly usualEncoder: string },
): Promise<{ encoder: string; warnings: readonly RunWarning[] }> => {
  const { target, config, usualEncoder } = run;
  const { hdr } = target.video.format;
  const { light } = target.video;
  const file = target.file;
  const container = outputContainer(config.output);
  const warnings: RunWarning[] = [];
  let encoder = usualEncoder;
  if (hdr !== undefined && config.outputVideoEncoder === undefined) {
    const name = hdr.transfer === 'pq' ? 'PQ' : 'HLG';
    const wanted = defaultHdrEncoder(container);
    const isHere =
      wanted === usualEncoder || (await listEncoders(tools)).some((installed) => installed.name === wanted);
    if (isHere) encoder = wanted;
    const reason =
      encoder === usualEncoder
        ? 'few players show that as HDR; better are an output that ends in .mp4, .mkv or .mov and an ffmpeg with libx265'
        : `instead of ${usualEncoder}, because players of HDR expect HEVC; --output-video-encoder chooses another`;
    if (encoder !== 'libvpx-vp9') {
      warnings.push({
        code: 'hdr-encoder',
        message: `The target is HDR (${name}) and is encoded with ${encoder}: ${reason}`,
        file,
      });
    }
  }
  const { mastering, contentLight } = light?.metadata ?? {};
  const cannotCarry = !carriesLight(encoder, container);
  const lost = [
    ...(light?.notCarried ?? []),
    ...(cannotCarry && mastering !== undefined ? ['mastering display'] : []),
    ...(cannotCarry && contentLight !== undefined ? ['content light level'] : []),
  ];
  if (lost.length > 0) {
    warnings.push({
      code: 'hdr-metadata-dropped',
      message: `Metadata of the target that the output will not have: ${lost.join(', ')}`,
      file,
    });
  }
  return { encoder, warnings };
};
