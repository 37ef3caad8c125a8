/** A face is this many times as wide as its eyes lie apart. */
const widthPerEyeDistance = 2.25;

/**
 * The face's width as a share of the side of crops that are aligned by a template.
 *
 * @param template x and y of both eyes, then other points, as shares of the side
 */
export const faceShareOf = (template: readonly [number, number, number, number, ...number[]]): number =>
  widthPerEyeDistance * Math.hypot(template[2] - template[0], template[3] - template[1]);
