import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Mesh as RasterMesh, type MeshRaster, rasterizeMesh } from '../../src/imaging/mesh-raster.js';
import { faceLayout } from '../../src/processors/face-swapper/face-layout.js';
import { plainRaster } from '../support/reference/mesh-raster.js';
import { placedFace } from '../support/unit-meshes.js';
import { forAll, type Random } from '../support/unit-random.js';
import { assertClose, at } from '../support/unit-values.js';

type Mesh = {
  readonly points: Float32Array;
  readonly uv: Float32Array;
  readonly triangles: Uint16Array;
};

const rasterMesh = ({ points, uv, triangles }: Mesh): RasterMesh => {
  const weights = Float32Array.from(
    { length: points.length / 3 },
    (_, i) => at(uv, 2 * i) + at(uv, 2 * i + 1),
  );
  return { points, uv, weights, places: points, triangles };
};

const draw = (mesh: Mesh, widthPx: number, heightPx: number): MeshRaster =>
  rasterizeMesh(rasterMesh(mesh), widthPx, heightPx);

/** A flat sheet of cells whose inner corners are shaken, filling the given rectangle; u and v follow the place. */
const sheet = (
  random: Random,
  cells: number,
  {
    left,
    top,
    width,
    height,
    depth = 0,
  }: Record<'left' | 'top' | 'width' | 'height', number> & { depth?: number },
): Mesh => {
  const side = cells + 1;
  const points: number[] = [];
  const uv: number[] = [];
  const triangles: number[] = [];
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const shake = (index: number): number =>
        index === 0 || index === cells ? index : index + random.between(-0.3, 0.3);
      const u = shake(column) / cells;
      const v = shake(row) / cells;
      points.push(left + u * width, top + v * height, depth);
      uv.push(u, v);
      if (row === cells || column === cells) continue;
      const corner = row * side + column;
      const [a, b, c, d] = [corner, corner + 1, corner + side, corner + side + 1];
      // Either diagonal, so that corners join any number of triangles.
      if (random.next() < 0.5) triangles.push(a, b, c, b, d, c);
      else triangles.push(a, b, d, a, d, c);
    }
  }
  return {
    points: Float32Array.from(points),
    uv: Float32Array.from(uv),
    triangles: Uint16Array.from(triangles),
  };
};

const joined = (first: Mesh, second: Mesh): Mesh => ({
  points: Float32Array.of(...first.points, ...second.points),
  uv: Float32Array.of(...first.uv, ...second.uv),
  triangles: Uint16Array.of(
    ...first.triangles,
    ...second.triangles.map((index) => index + first.points.length / 3),
  ),
});

test('a sheet of shaken triangles covers its rectangle without a crack', () => {
  forAll(40, (random) => {
    const size = 40;
    // Some rectangles begin and end exactly on pixel centres: those pixels belong to the sheet too.
    const whole = random.next() < 0.3;
    const edge = (low: number, high: number): number =>
      whole ? random.integer(low, high) : random.between(low, high);
    const left = edge(0, 8);
    const top = edge(0, 8);
    const width = edge(15, 30);
    const height = edge(15, 30);
    const raster = draw(sheet(random, random.integer(1, 14), { left, top, width, height }), size, size);
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const u = (x - left) / width;
        const v = (y - top) / height;
        const i = y * size + x;
        const isInside = u > 1e-6 && u < 1 - 1e-6 && v > 1e-6 && v < 1 - 1e-6;
        const isOutside = u < -1e-4 || u > 1 + 1e-4 || v < -1e-4 || v > 1 + 1e-4;
        if (isInside) {
          // The sheet is affine, so every triangle of it must give exactly this.
          assertClose(at(raster.u, i), u, 1e-5, `u at ${x}, ${y}`);
          assertClose(at(raster.v, i), v, 1e-5, `v at ${x}, ${y}`);
          assertClose(at(raster.weight, i), u + v, 1e-5, 'weight');
          assertClose(at(raster.placeX, i), x, 1e-4, 'place x');
          assertClose(at(raster.placeY, i), y, 1e-4, 'place y');
          assertClose(at(raster.footprint, i), 1 / Math.sqrt(width * height), 1e-4, 'footprint');
        } else if (isOutside) {
          assert.equal(at(raster.u, i), -1, `nothing at ${x}, ${y}`);
        }
      }
    }
  });
});

test('values inside a triangle are the barycentric means of its corners', () => {
  forAll(60, (random) => {
    const points = Float32Array.from({ length: 9 }, () => random.between(-10, 40));
    const uv = Float32Array.from({ length: 6 }, () => random.next());
    const raster = draw({ points, uv, triangles: Uint16Array.of(0, 1, 2) }, 30, 30);
    const [ax, ay, az, bx, by, bz, cx, cy, cz] = [...points] as [
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
    const area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay);
    const uvArea =
      (at(uv, 2) - at(uv, 0)) * (at(uv, 5) - at(uv, 1)) - (at(uv, 4) - at(uv, 0)) * (at(uv, 3) - at(uv, 1));
    const isFront = area * uvArea > 0;
    for (let i = 0; i < 900; i++) {
      const [x, y] = [i % 30, Math.floor(i / 30)];
      const b = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area;
      const c = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area;
      const least = Math.min(1 - b - c, b, c);
      if (isFront && least > 1e-3) {
        assertClose(at(raster.u, i), (1 - b - c) * at(uv, 0) + b * at(uv, 2) + c * at(uv, 4), 1e-4, 'u');
        assertClose(at(raster.v, i), (1 - b - c) * at(uv, 1) + b * at(uv, 3) + c * at(uv, 5), 1e-4, 'v');
        assertClose(at(raster.depth, i), (1 - b - c) * az + b * bz + c * cz, 1e-3, 'depth');
      } else if (!isFront || least < -1e-3) {
        assert.equal(at(raster.u, i), -1);
        assert.equal(at(raster.depth, i), Infinity);
      }
    }
  });
});

test('a triangle that is turned away is not drawn', () => {
  const uv = Float32Array.of(0, 0, 1, 0, 0, 1);
  const triangles = Uint16Array.of(0, 1, 2);
  const front = Float32Array.of(2, 2, 0, 18, 2, 0, 2, 18, 0);
  const back = Float32Array.of(2, 2, 0, 2, 18, 0, 18, 2, 0);
  assert.ok(draw({ points: front, uv, triangles }, 20, 20).u.some((value) => value >= 0));
  assert.ok(draw({ points: back, uv, triangles }, 20, 20).u.every((value) => value === -1));
});

test('of two sheets the nearer one is seen, whichever is drawn first', () => {
  forAll(10, (random) => {
    const far = sheet(random, 4, { left: 2, top: 3, width: 30, height: 20, depth: 5 });
    const near = sheet(random, 5, { left: 10, top: 8, width: 12, height: 24, depth: -3 });
    const first = draw(joined(far, near), 40, 40);
    const second = draw(joined(near, far), 40, 40);
    assert.deepEqual(first.depth, second.depth);
    assertClose(at(first.depth, 15 * 40 + 15), -3, 1e-6, 'both');
    assertClose(at(first.depth, 5 * 40 + 5), 5, 1e-6, 'far alone');
    assertClose(at(first.depth, 30 * 40 + 15), -3, 1e-6, 'near alone');
  });
});

test('a face turned to any side shows per pixel the nearest triangle that faces the viewer', () => {
  const size = 48;
  const { uv, triangles } = faceLayout;
  forAll(40, (random) => {
    const points = placedFace({
      x: 24 + random.between(-12, 12),
      y: 22,
      eyesPx: random.between(14, 26),
      yaw: random.between(-1.5, 1.5),
      pitch: random.between(-0.7, 0.7),
      roll: random.between(-1, 1),
    });
    const raster = draw({ points, uv, triangles }, size, size);
    const nearest = new Float64Array(size * size).fill(Infinity);
    const isDoubtful = new Uint8Array(size * size);
    for (let t = 0; t < triangles.length; t += 3) {
      const corner = (k: number) => {
        const index = 3 * at(triangles, t + k);
        return [at(points, index), at(points, index + 1), at(points, index + 2)] as const;
      };
      const [[ax, ay, az], [bx, by, bz], [cx, cy, cz]] = [corner(0), corner(1), corner(2)];
      // The layout's own winding is positive; the layout's test checks that.
      const area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay);
      if (area <= -1e-4) continue;
      const [left, right] = [Math.ceil(Math.min(ax, bx, cx)), Math.floor(Math.max(ax, bx, cx))];
      const [top, bottom] = [Math.ceil(Math.min(ay, by, cy)), Math.floor(Math.max(ay, by, cy))];
      for (let y = Math.max(0, top); y <= Math.min(size - 1, bottom); y++) {
        for (let x = Math.max(0, left); x <= Math.min(size - 1, right); x++) {
          const b = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area;
          const c = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area;
          const least = Math.min(1 - b - c, b, c);
          const pixel = y * size + x;
          // On an edge, or on a sliver, rounding may decide either way.
          if (area < 1e-4 || Math.abs(least) < 1e-3) isDoubtful[pixel] = 1;
          else if (least > 0) {
            nearest[pixel] = Math.min(at(nearest, pixel), (1 - b - c) * az + b * bz + c * cz);
          }
        }
      }
    }
    nearest.forEach((depth, pixel) => {
      const where = `${pixel % size}, ${Math.floor(pixel / size)}`;
      if (isDoubtful[pixel] === 1) return;
      if (depth === Infinity) assert.equal(at(raster.u, pixel), -1, `nothing at ${where}`);
      else assertClose(at(raster.depth, pixel), depth, 1e-3, `depth at ${where}`);
    });
  });
});

test('a face that lies partly or wholly outside the region is drawn where it is inside', () => {
  const { uv, triangles } = faceLayout;
  const whole = draw({ points: placedFace({ x: 60, y: 60, eyesPx: 40 }), uv, triangles }, 120, 120);
  const part = draw({ points: placedFace({ x: 20, y: 10, eyesPx: 40 }), uv, triangles }, 80, 70);
  for (let y = 0; y < 70; y++) {
    for (let x = 0; x < 80; x++) {
      assertClose(at(part.u, y * 80 + x), at(whole.u, (y + 50) * 120 + x + 40), 1e-4, `${x}, ${y}`);
    }
  }
  const away = draw({ points: placedFace({ x: -300, y: 10, eyesPx: 40 }), uv, triangles }, 80, 70);
  assert.ok(away.u.every((value) => value === -1));
});

test('every plane is that of the plain twin, wherever the face lies and however large the picture is', () => {
  const { uv, triangles } = faceLayout;
  const sizes = [1, 2, 3, 4, 5, 7, 31, 61, 97];
  forAll(60, (random) => {
    const [widthPx, heightPx] = [sizes[random.integer(0, 9)]!, sizes[random.integer(0, 9)]!];
    const mesh = rasterMesh({
      points: placedFace({
        x: random.between(-20, widthPx + 20),
        y: random.between(-20, heightPx + 20),
        eyesPx: random.between(4, 60),
        yaw: random.between(-1.2, 1.2),
        roll: random.between(-1, 1),
      }),
      uv,
      triangles,
    });
    const found = rasterizeMesh(mesh, widthPx, heightPx);
    const plain = plainRaster(mesh, widthPx, heightPx);
    let different = 0;
    for (let i = 0; i < widthPx * heightPx; i++) {
      // Where two triangles meet, rounding may choose the other one; what it carries is the same but for its footprint.
      if (at(found.u, i) === -1 || at(plain.u, i) === -1) {
        if (at(found.u, i) !== at(plain.u, i)) different++;
        continue;
      }
      // Twice the rounding of 32-bit floats; places go up to some hundred pixels.
      const same =
        Math.abs(at(found.u, i) - at(plain.u, i)) < 1e-5 &&
        Math.abs(at(found.v, i) - at(plain.v, i)) < 1e-5 &&
        Math.abs(at(found.weight, i) - at(plain.weight, i)) < 1e-5 &&
        Math.abs(at(found.placeX, i) - at(plain.placeX, i)) < 1e-3 &&
        Math.abs(at(found.placeY, i) - at(plain.placeY, i)) < 1e-3 &&
        Math.abs(at(found.depth, i) - at(plain.depth, i)) < 1e-3;
      if (!same) different++;
    }
    assert.ok(
      different <= 0.001 * widthPx * heightPx,
      `${different} of ${widthPx} × ${heightPx} pixels differ`,
    );
  });
});
