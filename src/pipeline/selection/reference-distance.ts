/** Distance of two L2-normalised descriptors by their cosine, 0 for the same and 1 for opposite ones; FaceFusion's scale. */
export const descriptorDistance = (cosine: number): number => (1 - cosine) / 2;

/**
 * Largest distance of a person of the target to a reference. Measured for the embedded recognition model on seven clips of real
 * people: what single frames of a person read is 0.01 to 0.09 away from the mean of all (medians; nine in ten are within 0.15) and never
 * less than 0.17 from another person of the same clip; the means of different people are 0.16 to 0.30 apart. FaceFusion's 0.3 is for
 * another model.
 */
export const defaultReferenceDistance = 0.15;
