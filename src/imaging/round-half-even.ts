/** Rounds to whole numbers; halves go to the even neighbour, as NumPy and, by the processor's way of rounding, OpenCV have it. */
export const roundHalfEven = (value: number): number => {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
};
