import sharp from 'sharp';
import { FaceswapError } from '../errors.js';

/**
 * Writes a picture as PNG, to be read by another program soon and then deleted.
 *
 * @param picture interleaved R, G, B of 8 bits.
 * @throws FaceswapError (resources) when the file cannot be written.
 */
export async function writeSamplePicture(
  file: string,
  {
    widthPx,
    heightPx,
    rgb,
  }: { readonly widthPx: number; readonly heightPx: number; readonly rgb: Uint8Array },
): Promise<void> {
  try {
    await sharp(rgb, { raw: { width: widthPx, height: heightPx, channels: 3 } })
      .png({ compressionLevel: 3 })
      .toFile(file);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new FaceswapError('resources', `A picture for the policy command cannot be written: ${message}`, {
      file,
      stage: 'policy',
      cause,
      hint: 'Free some space in the folder for temporary files',
    });
  }
}
