import { type PlanarFrame, wrapFrame } from '../../src/imaging/planar-frame.js';

/** The same picture in 10 bits, whose two new bits are not zero: each code is four times as great and one more. */
export const deepened = ({ format, data }: PlanarFrame): PlanarFrame => {
  const words = Uint16Array.from(data, (value) => 4 * value + 1);
  return wrapFrame({ ...format, bitDepth: 10 }, words.buffer);
};
