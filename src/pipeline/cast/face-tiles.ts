import { cropToFrame, type Box } from '../../imaging/affine.js';
import { FrameCropper } from '../../imaging/frame-crop.js';
import { type PlanarFrame, frameLayout, wrapFrame } from '../../imaging/planar-frame.js';
import { sheetTilePx } from '../../media/contact-sheet.js';
import { FrameDecoder } from '../../media/decoder.js';
import type { AnalysisContext } from './analyse-segment.js';

/** Side of what a tile shows, in sides of the face's box: the head with its hair. */
const tileReach = 1.7;

/** Cuts a face out of a frame as a tile of a contact sheet: interleaved R, G, B, black beyond the frame. */
export const cutTile = (cropper: FrameCropper, frame: PlanarFrame, box: Box): Uint8Array => {
  const { x, y, width, height } = box;
  const centre = { x: x + width / 2, y: y + height / 2 };
  const toFrame = cropToFrame(centre, tileReach * Math.max(width, height), 0, sheetTilePx);
  const area = sheetTilePx * sheetTilePx;
  const planes = new Float32Array(3 * area);
  cropper.crop(frame, toFrame, sheetTilePx, sheetTilePx, planes, { scale: 255, offset: 0 }, 'black');
  const rgb = new Uint8Array(3 * area);
  for (let channel = 0; channel < 3; channel++) {
    for (let at = 0; at < area; at++) {
      rgb[3 * at + channel] = Math.min(255, Math.max(0, Math.round(planes[channel * area + at] as number)));
    }
  }
  return rgb;
};

/**
 * Tiles of faces of a video, each decoded from its own frame.
 *
 * @throws FaceswapError as `FrameDecoder`
 */
export async function decodeTiles(
  { tools, target, hardware, decoderThreads, signal }: Omit<AnalysisContext, 'analyses' | 'patience'>,
  faces: readonly { readonly frame: number; readonly box: Box }[],
): Promise<readonly Uint8Array[]> {
  const { format } = target.video;
  const buffer = new ArrayBuffer(frameLayout(format).byteLength);
  const cropper = new FrameCropper();
  const tiles: Uint8Array[] = [];
  for (const { frame, box } of faces) {
    const decoder = new FrameDecoder({
      tools,
      target,
      range: { start: frame, end: frame + 1 },
      acquire: () => Promise.resolve(buffer),
      threads: decoderThreads,
      hardware,
      signal,
    });
    for await (const decoded of decoder.frames()) {
      tiles.push(cutTile(cropper, wrapFrame(format, decoded.buffer), box));
    }
  }
  return tiles;
}
