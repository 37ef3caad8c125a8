import { type PlanarFrame, wrapFrame } from '../../src/imaging/planar-frame.js';

/** The same picture in 10 or 12 bits, whose new bits are not zero: each code is 4 or 16 times as great and one more. */
export const deepened = ({ format, data }: PlanarFrame, bitDepth: 10 | 12 = 10): PlanarFrame => {
  const scale = bitDepth === 10 ? 4 : 16;
  const words = Uint16Array.from(data, (value) => scale * value + 1);
  return wrapFrame({ ...format, bitDepth }, words.buffer);
};
