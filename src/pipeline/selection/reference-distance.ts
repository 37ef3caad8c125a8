/**
 * Distance of two descriptors, 0 for the same and 1 for opposite ones: (1 − cosine) / 2, FaceFusion's scale.
 */
export const descriptorDistance = (cosine: number): number => (1 - cosine) / 2;

/**
 * Largest distance of a person of the target to a reference.
 */
export const defaultReferenceDistance = 0.2;
