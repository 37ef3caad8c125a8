import { meshPointCount } from '../face-landmarker/mesh-indices.js';
import { faceLayout } from './face-layout.js';

/** Head rotation in radians. Positive yaw turns the face to the viewer's right, positive pitch down. */
export type HeadPose = { readonly yaw: number; readonly pitch: number; readonly roll: number };

/**
 * Rotation that best carries the mean face onto the mesh (least squares, Horn, "Closed-form solution of absolute
 * orientation using unit quaternions", 1987; the largest eigenvector is found by power iteration).
 *
 * @param points 468 × (x, y, z)
 */
export function headPose(points: Float32Array): HeadPose {
  const { shape } = faceLayout;
  const a = centroid(shape);
  const b = centroid(points);
  const s = new Float64Array(9);
  for (let i = 0; i < meshPointCount; i++) {
    for (let r = 0; r < 3; r++) {
      for (let c = 0; c < 3; c++) {
        s[3 * r + c] =
          (s[3 * r + c] as number) +
          ((shape[3 * i + r] as number) - (a[r] as number)) *
            ((points[3 * i + c] as number) - (b[c] as number));
      }
    }
  }
  const [xx, xy, xz, yx, yy, yz, zx, zy, zz] = s as unknown as number[] as [
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
      row.reduce((sum, value, j) => sum + value * (q[j] as number), shift * (q[i] as number)),
    );
    const length = Math.hypot(...next) || 1;
    q = next.map((value) => value / length);
  }
  const [w, x, y, z] = q as [number, number, number, number];
  const r02 = 2 * (x * z + w * y);
  const r12 = 2 * (y * z - w * x);
  const r22 = 1 - 2 * (x * x + y * y);
  const r10 = 2 * (x * y + w * z);
  const r00 = 1 - 2 * (y * y + z * z);
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
