import sharp from 'sharp';
import type { Box } from '../imaging/affine.js';
import { FrameCropper } from '../imaging/frame-crop.js';
import { kernels } from '../imaging/kernels/kernels.js';
import { frameLayout, wrapFrame } from '../imaging/planar-frame.js';
import { FrameDecoder } from './decoder.js';
import type { FfmpegTools } from './ffmpeg-tools.js';
import type { TargetMedia } from './target-media.js';

/** Kernel memory that cropping takes at most for each pixel of a picture: three planes of words, and the reduced ones. */
const croppingBytesPerPixel = 24;

/** Good enough to judge a seam by, at some ten kilobytes a picture. */
const jpegQuality = 80;

/** Which part of which frame is shown, and how large. */
export type ThumbnailRequest = {
  readonly frame: number;
  /** In frame pixels; places outside the frame repeat its edge. */
  readonly area: Box;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly signal?: AbortSignal | undefined;
};

/**
 * One frame, or a part of it, as a small JPEG. The frame is decoded like those of a run, checked by its time stamp, so that it is that
 * frame and no neighbour; a picture of high dynamic range is shown as the models see it.
 *
 * @throws FaceswapError as {@link FrameDecoder.frames}
 */
export async function frameThumbnail(
  tools: FfmpegTools,
  target: TargetMedia,
  { frame, area, widthPx, heightPx, signal }: ThumbnailRequest,
): Promise<Buffer> {
  const { format } = target.video;
  const { byteLength } = frameLayout(format);
  const decoder = new FrameDecoder({
    tools,
    target,
    range: { start: frame, end: frame + 1 },
    acquire: () => Promise.resolve(new ArrayBuffer(byteLength)),
    threads: 1,
    signal,
  });
  const planes = new Float32Array(3 * widthPx * heightPx);
  try {
    for await (const { buffer } of decoder.frames()) {
      kernels().memory.reserve(croppingBytesPerPixel * format.widthPx * format.heightPx);
      const [scaleX, scaleY] = [area.width / widthPx, area.height / heightPx];
      const toFrame = {
        a: scaleX,
        b: 0,
        c: area.x + scaleX / 2 - 0.5,
        d: 0,
        e: scaleY,
        f: area.y + scaleY / 2 - 0.5,
      };
      new FrameCropper().crop(wrapFrame(format, buffer), toFrame, widthPx, heightPx, planes, {
        scale: 255,
        offset: 0,
      });
    }
  } finally {
    await decoder.close();
  }
  const pixels = widthPx * heightPx;
  const rgb = new Uint8Array(3 * pixels);
  for (let channel = 0; channel < 3; channel++) {
    for (let at = 0; at < pixels; at++) {
      rgb[3 * at + channel] = Math.min(255, Math.max(0, Math.round(planes[channel * pixels + at] as number)));
    }
  }
  return sharp(rgb, { raw: { width: widthPx, height: heightPx, channels: 3 } })
    .jpeg({ quality: jpegQuality })
    .toBuffer();
}
