import { kernelCopies } from '../../imaging/kernel-copy.js';
import { addressOf, kernels } from '../../imaging/kernels/kernels.js';
import type { Scratch } from '../../imaging/scratch.js';
import { faceLayout } from './face-layout.js';
import type { LabPlanes, SkinModel } from './skin-model.js';

/**
 * Ridge contrast (in Lab units) along the lower half of both lenses from which a face is taken to wear glasses. Measured
 * on the test photographs: 16 at the weaker eye with glasses, at most 11.5 without (a laughing face reaches 10, grainy small
 * faces 11.5; nose shadow and lid creases reach more, but only on one side).
 */
export const glassesContrastThreshold = 13.5;

/** Half widths, in texels, at which rims are looked for: a wire and a thick frame, and the same along a diagonal. */
type RidgeReaches = {
  readonly near: number;
  readonly nearDiagonal: number;
  readonly far: number;
  readonly farDiagonal: number;
};

function ridgeReaches(sizePx: number): RidgeReaches {
  const near = Math.max(1, Math.round(sizePx / 50));
  const far = Math.max(1, Math.round(sizePx / 36));
  return { near, nearDiagonal: Math.round(near * 0.7), far, farDiagonal: Math.round(far * 0.7) };
}

/** The lower arc of a lens: directions from the eye in degrees, and distances as shares of the layout. */
const firstDegrees = 15;
const lastDegrees = 165;
const degreeStep = 10;
const firstRadius = 0.075;
const lastRadius = 0.17;
const radiusStep = 0.004;

/** Mesh points at the corners of both eyes. */
const eyeCorners = [
  [33, 133],
  [362, 263],
] as const;

type ArcPlaces = {
  /** Texels (x, y): per eye, per direction, per distance. */
  readonly places: Int32Array;
  readonly directions: number;
  readonly distances: number;
};

const arcsBySize = new Map<number, ArcPlaces>();

/** The layout is fixed, so the places of a size are computed once. */
function arcPlaces(sizePx: number): ArcPlaces {
  const known = arcsBySize.get(sizePx);
  if (known !== undefined) return known;
  const { uv } = faceLayout;
  const places: number[] = [];
  let directions = 0;
  for (const [outer, inner] of eyeCorners) {
    const u = ((uv[2 * outer] as number) + (uv[2 * inner] as number)) / 2;
    const v = ((uv[2 * outer + 1] as number) + (uv[2 * inner + 1] as number)) / 2;
    directions = 0;
    for (let degrees = firstDegrees; degrees <= lastDegrees; degrees += degreeStep) {
      directions++;
      const angle = (degrees * Math.PI) / 180;
      for (let radius = firstRadius; radius <= lastRadius; radius += radiusStep) {
        places.push(Math.round((u + Math.cos(angle) * radius) * sizePx));
        places.push(Math.round((v + Math.sin(angle) * radius) * sizePx));
      }
    }
  }
  const distances = places.length / (2 * eyeCorners.length * directions);
  const found = { places: Int32Array.from(places), directions, distances };
  arcsBySize.set(sizePx, found);
  return found;
}

const contrasts = new Float32Array((lastDegrees - firstDegrees) / degreeStep + 1);

/**
 * How clearly a rim runs below both eyes: at the weaker eye, the median ridge along the lower arc of a lens, each place of the
 * arc taking its best distance from the eye. Compare with {@link glassesContrastThreshold}.
 *
 * @param lab planes of a flattened face, sizePx² each
 * @param scratch for the work; planes outside of the kernel memory are copied there
 */
export function glassesContrast(lab: LabPlanes, sizePx: number, scratch: Scratch): number {
  const { call, memory } = kernels();
  const { places, directions, distances } = arcPlaces(sizePx);
  const count = places.length / 2;
  scratch.bytes('arc places', places.byteLength);
  scratch.floats('arc ridges', count);
  const [first, second, third] = kernelCopies(lab, scratch, 'plane').map(addressOf) as [
    number,
    number,
    number,
  ];
  const ridges = scratch.floats('arc ridges', count);
  const address = addressOf(scratch.bytes('arc places', places.byteLength));
  new Int32Array(memory.buffer, address, places.length).set(places);
  const { near, nearDiagonal, far, farDiagonal } = ridgeReaches(sizePx);
  call.ridgesAt(
    first,
    second,
    third,
    sizePx,
    address,
    count,
    near,
    nearDiagonal,
    far,
    farDiagonal,
    addressOf(ridges),
  );
  let weaker = Infinity;
  for (let eye = 0, at = 0; eye < eyeCorners.length; eye++) {
    for (let direction = 0; direction < directions; direction++) {
      let best = 0;
      for (let i = 0; i < distances; i++, at++) best = Math.max(best, ridges[at] as number);
      contrasts[direction] = best;
    }
    contrasts.sort();
    weaker = Math.min(weaker, contrasts[directions >> 1] as number);
  }
  return weaker;
}

/**
 * How much each place looks like a rim: a thin line in the band around the eyes, or what is as dark as a thick frame.
 * Meaningful only on a face that wears glasses, since lashes and wrinkles are thin lines too.
 *
 * @param lab planes of sizePx² each, slightly smoothed; sizePx is a multiple of 4
 * @param zone where rims may run, 0..1
 * @param scratch for the work; planes outside of the kernel memory are copied there
 * @param out sizePx² numbers, 0..1, anywhere
 */
export function drawRims(
  lab: LabPlanes,
  sizePx: number,
  zone: Float32Array,
  model: SkinModel,
  scratch: Scratch,
  out: Float32Array,
): void {
  const { call, memory } = kernels();
  const hasRoom = out.buffer === memory.buffer;
  if (!hasRoom) scratch.floats('rims', out.length);
  const [first, second, third, zoneAddress] = kernelCopies([...lab, zone], scratch, 'plane').map(
    addressOf,
  ) as [number, number, number, number];
  const rims = hasRoom ? out : scratch.floats('rims', out.length);
  const { near, nearDiagonal, far, farDiagonal } = ridgeReaches(sizePx);
  // A thick frame is at least this much darker than skin.
  const dark = (model.centre[0] as number) - 24;
  call.drawThinLines(
    first,
    second,
    third,
    sizePx,
    zoneAddress,
    dark,
    near,
    nearDiagonal,
    far,
    farDiagonal,
    addressOf(rims),
  );
  if (!hasRoom) out.set(rims);
}
