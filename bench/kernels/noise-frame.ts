import { allocateFrame, type BitDepth, type PlanarFrame } from '../../src/imaging/planar-frame.js';
import { formatOf } from '../../test/support/unit-frames.js';
import { seededRandom } from '../../test/support/unit-random.js';

/** A 4:2:0 frame of noise inside the legal range. */
export const noiseFrame = (widthPx: number, heightPx: number, bitDepth: BitDepth): PlanarFrame => {
  const format = { ...formatOf(widthPx, heightPx, 'yuv420'), bitDepth };
  const frame = allocateFrame(format);
  const random = seededRandom(1);
  const [low, high] = bitDepth === 8 ? [16, 236] : [64, 941];
  const tile = Uint16Array.from({ length: 4099 }, () => random.integer(low, high));
  for (let i = 0; i < frame.data.length; i++) frame.data[i] = tile[i % tile.length] as number;
  return frame;
};
