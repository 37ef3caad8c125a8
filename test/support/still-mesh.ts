import type { PlanarFrame } from '../../src/imaging/planar-frame.js';
import type { ChainModels } from '../../src/pipeline/chain-models.js';
import {
  cropFromBox,
  cropFromMesh,
  type FaceMesh,
} from '../../src/processors/face-landmarker/face-landmarker.js';

/**
 * The landmarks of a still photo for use as a truth: the mean of nine readings, whose crops lie a little apart, so that less of the
 * model's own noise is in it.
 *
 * @param near a point inside the face that is meant
 */
export const stillMesh = async (
  { detector, landmarker }: Pick<ChainModels, 'detector' | 'landmarker'>,
  photo: PlanarFrame,
  near: { readonly x: number; readonly y: number },
): Promise<Float32Array> => {
  const detections = await detector.detectAll(photo);
  const found = detections.find(
    ({ box }) =>
      Math.abs(box.x + box.width / 2 - near.x) < box.width &&
      Math.abs(box.y + box.height / 2 - near.y) < box.height,
  );
  if (found === undefined) throw new Error('no face in the still');
  const first: FaceMesh = await landmarker.refine(photo, cropFromBox(found.box, found.rollRadians));
  const crop = cropFromMesh(first.points);
  const sum = new Float64Array(first.points.length);
  for (const dx of [-0.01, 0, 0.01]) {
    for (const dy of [-0.01, 0, 0.01]) {
      const centre = { x: crop.centre.x + dx * crop.sidePx, y: crop.centre.y + dy * crop.sidePx };
      const { points } = await landmarker.read(photo, { ...crop, centre });
      for (let k = 0; k < sum.length; k++) sum[k] = (sum[k] as number) + (points[k] as number) / 9;
    }
  }
  return Float32Array.from(sum);
};
