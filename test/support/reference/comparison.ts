/** Samples of a plane, row by row, and the size of it. */
export type Plane = { readonly data: ArrayLike<number>; readonly widthPx: number };

/** A half-open box of whole pixels. */
export type Area = {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
};

/** The plain twin of `squaredDifferences8` and `squaredDifferences16`. */
export const plainSquaredDifferences = (first: Plane, second: Plane, area: Area): number => {
  let sum = 0;
  for (let y = area.top; y < area.bottom; y++) {
    for (let x = area.left; x < area.right; x++) {
      const at = y * first.widthPx + x;
      const difference = (first.data[at] as number) - (second.data[at] as number);
      sum += difference * difference;
    }
  }
  return sum;
};

/**
 * The plain twin of `ssim8` and `ssim16`: the mean of equation 13 of Wang et al. 2004 over 8×8 windows at distances of 4, straight
 * from the definition, with means and unbiased variances of each window.
 *
 * @param peak largest code value, which is L of the paper
 */
export const plainSsim = (first: Plane, second: Plane, area: Area, peak: number): number => {
  const c1 = (0.01 * peak) ** 2;
  const c2 = (0.03 * peak) ** 2;
  let total = 0;
  let count = 0;
  for (let top = area.top; top + 8 <= area.bottom; top += 4) {
    for (let left = area.left; left + 8 <= area.right; left += 4) {
      let meanA = 0;
      let meanB = 0;
      for (let y = top; y < top + 8; y++) {
        for (let x = left; x < left + 8; x++) {
          meanA += (first.data[y * first.widthPx + x] as number) / 64;
          meanB += (second.data[y * first.widthPx + x] as number) / 64;
        }
      }
      let varianceA = 0;
      let varianceB = 0;
      let covariance = 0;
      for (let y = top; y < top + 8; y++) {
        for (let x = left; x < left + 8; x++) {
          const a = (first.data[y * first.widthPx + x] as number) - meanA;
          const b = (second.data[y * first.widthPx + x] as number) - meanB;
          varianceA += (a * a) / 63;
          varianceB += (b * b) / 63;
          covariance += (a * b) / 63;
        }
      }
      total +=
        ((2 * meanA * meanB + c1) * (2 * covariance + c2)) /
        ((meanA * meanA + meanB * meanB + c1) * (varianceA + varianceB + c2));
      count++;
    }
  }
  return total / count;
};
