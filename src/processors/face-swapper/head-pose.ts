import { meshPointCount } from '../face-landmarker/mesh-indices.js';
import { faceLayout } from './face-layout.js';

/** Head rotation in radians. Positive yaw turns the face to the viewer's right, positive pitch down. */
export type HeadPose = { readonly yaw: number; readonly pitch: number; readonly roll: number };

/** How the mean face is turned, scaled and moved to lie best on a mesh: `mesh ≈ onto + scale · R · (mean − from)`. */
export type FaceAlignment = {
  /** Row-major 3×3 rotation. */
  readonly rotation: Float64Array;
  readonly scale: number;
  /** Centroid of the mean face. */
  readonly from: readonly number[];
  /** Centroid of the mesh. */
  readonly onto: readonly number[];
};

/**
 * Least-squares similarity from the mean face to a mesh (Horn, "Closed-form solution of absolute orientation using unit
 * quaternions", 1987; the largest eigenvector is found by power iteration).
 *
 * @param points 468 × (x, y, z)
 */
export function alignToMeanFace(points: Float32Array): FaceAlignment {
  const { shape } = faceLayout;
  const from = centroid(shape);
  const onto = centroid(points);
  const s = new Float64Array(9);
  let spreadFrom = 0;
  let spreadOnto = 0;
  for (let i = 0; i < meshPointCount; i++) {
    for (let r = 0; r < 3; r++) {
      const mean = (shape[3 * i + r] as number) - (from[r] as number);
      spreadFrom += mean * mean;
      spreadOnto += ((points[3 * i + r] as number) - (onto[r] as number)) ** 2;
      for (let c = 0; c < 3; c++) {
        s[3 * r + c] =
          (s[3 * r + c] as number) + mean * ((points[3 * i + c] as number) - (onto[c] as number));
      }
    }
  }
  const [xx, xy, xz, yx, yy, yz, zx, zy, zz] = s as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const rows = [
    [xx + yy + zz, yz - zy, zx - xz, xy - yx],
    [yz - zy, xx - yy - zz, xy + yx, zx + xz],
    [zx - xz, xy + yx, -xx + yy - zz, yz + zy],
    [xy - yx, zx + xz, yz + zy, -xx - yy + zz],
  ] as const;
  // Shifted so that the wanted eigenvalue is the largest in size as well.
  const shift = Math.hypot(...rows.flat());
  let q = [1, 0, 0, 0];
  for (let step = 0; step < 60; step++) {
    const next = rows.map((row, i) =>
      row.reduce((sum, value, k) => sum + value * (q[k] as number), shift * (q[i] as number)),
    );
    const length = Math.hypot(...next) || 1;
    q = next.map((value) => value / length);
  }
  const [w, x, y, z] = q as [number, number, number, number];
  const rotation = Float64Array.of(
    1 - 2 * (y * y + z * z),
    2 * (x * y - w * z),
    2 * (x * z + w * y),
    2 * (x * y + w * z),
    1 - 2 * (x * x + z * z),
    2 * (y * z - w * x),
    2 * (x * z - w * y),
    2 * (y * z + w * x),
    1 - 2 * (x * x + y * y),
  );
  return { rotation, scale: Math.sqrt(spreadOnto / (spreadFrom || 1)) || 1, from, onto };
}

/** Turn of the head, from {@link alignToMeanFace}. */
export function headPose(points: Float32Array): HeadPose {
  const { rotation } = alignToMeanFace(points);
  const [r00, , r02, r10, , r12, , , r22] = rotation as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  // z points away from the viewer, so a face turned to the viewer's right has its forward axis (−z) at +x.
  return {
    yaw: Math.atan2(-r02, r22),
    pitch: Math.atan2(-r12, Math.hypot(r02, r22)),
    roll: Math.atan2(r10, r00),
  };
}

function centroid(points: Float32Array): readonly number[] {
  const sum = [0, 0, 0];
  for (let i = 0; i < meshPointCount; i++)
    for (let c = 0; c < 3; c++) sum[c] = (sum[c] as number) + (points[3 * i + c] as number);
  return sum.map((value) => value / meshPointCount);
}
