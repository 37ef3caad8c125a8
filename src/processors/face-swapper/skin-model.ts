import { kernelCopies } from '../../imaging/kernel-copy.js';
import { addressOf, kernels } from '../../imaging/kernels/kernels.js';
import type { Scratch } from '../../imaging/scratch.js';

/** Robust centre and spread of a skin's colour: L, a, b each. */
export type SkinModel = { readonly centre: Float32Array; readonly spread: Float32Array };

/** Planes L, a, b of a flattened face. */
export type LabPlanes = readonly [Float32Array, Float32Array, Float32Array];

/** Spreads are at least this: a clean studio skin would otherwise call its own shading foreign. */
const leastSpread = [9, 3.5, 4] as const;

/** Every third place is read: medians of neighbouring texels hardly differ. */
const placeStep = 3;

/** A model that {@link skinModel} can write into. */
export function allocateSkinModel(): SkinModel {
  return { centre: new Float32Array(3), spread: new Float32Array(3) };
}

/**
 * Median and median absolute deviation of L, a, b where the weight is above one half.
 *
 * @param weight one number per place
 * @param scratch for the work
 * @param out receives the model
 */
export function skinModel(
  lab: LabPlanes,
  weight: Float32Array,
  scratch: Scratch,
  out: SkinModel = allocateSkinModel(),
): SkinModel {
  const most = Math.ceil(weight.length / placeStep);
  scratch.floats('skin values', most);
  const spread = scratch.floats('skin spread', 2);
  // Asked for again: the one before may have made the memory grow.
  const values = scratch.floats('skin values', most);
  for (let c = 0; c < 3; c++) {
    const plane = lab[c] as Float32Array;
    let members = 0;
    for (let i = 0; i < weight.length; i += placeStep) {
      if ((weight[i] as number) > 0.5) values[members++] = plane[i] as number;
    }
    kernels().call.robustSpread(addressOf(values), members, addressOf(spread));
    out.centre[c] = spread[0] as number;
    // 1.4826 turns a median deviation into a standard deviation for a normal distribution.
    out.spread[c] = Math.max(leastSpread[c] as number, 1.4826 * (spread[1] as number));
  }
  return out;
}

/** Where skin is looked for, one number 0..1 per place. */
export type SkinMaps = {
  /** How well the camera saw the place. */
  readonly seen: Float32Array;
  /** 1 on plain skin. */
  readonly skin: Float32Array;
  /** 1 where hair may lie over the face. */
  readonly guard: Float32Array;
};

/** What {@link measureSkin} writes. */
export type SkinMeasures = {
  /** 1 where the surface may be replaced, 0 where something else than skin lies on guarded places, or nothing was seen. */
  readonly open: Float32Array;
  /** Means and standard deviations of L, a, b over plain skin. */
  readonly mean: Float32Array;
  readonly std: Float32Array;
};

/**
 * Tells skin from what lies over it: a colour is the skin's own up to 2.2 spreads from its centre, something else beyond 3.6.
 *
 * @param rowLength places per row, a multiple of 4
 * @param scratch for the work; planes outside of the kernel memory are copied there
 * @param out receives the result; its map may lie anywhere
 */
export function measureSkin(
  lab: LabPlanes,
  maps: SkinMaps,
  model: SkinModel,
  rowLength: number,
  scratch: Scratch,
  out: SkinMeasures,
): void {
  const { call, memory } = kernels();
  const count = maps.seen.length;
  const hasRoom = out.open.buffer === memory.buffer;
  scratch.floats('skin model', 6);
  scratch.bytes('skin sums', 7 * 8);
  if (!hasRoom) scratch.floats('skin open', count);
  const planes = kernelCopies([...lab, maps.seen, maps.skin, maps.guard], scratch, 'plane');
  const [first, second, third, seen, skin, guard] = planes.map(addressOf) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const colours = scratch.floats('skin model', 6);
  colours.set(model.centre);
  colours.set(model.spread, 3);
  const open = hasRoom ? out.open : scratch.floats('skin open', count);
  const bytes = scratch.bytes('skin sums', 7 * 8);
  call.measureSkin(
    first,
    second,
    third,
    seen,
    skin,
    guard,
    addressOf(colours),
    addressOf(open),
    addressOf(bytes),
    count,
    rowLength,
  );
  if (!hasRoom) out.open.set(open);
  const sums = new Float64Array(memory.buffer, bytes.byteOffset, 7);
  const weight = sums[0] as number;
  const total = Math.max(weight, 1e-6);
  for (let c = 0; c < 3; c++) {
    const centre = model.centre[c] as number;
    const sum = sums[1 + c] as number;
    const square = sums[4 + c] as number;
    const mean = (sum + weight * centre) / total;
    const meanSquare = (square + 2 * centre * sum + weight * centre * centre) / total;
    out.mean[c] = mean;
    out.std[c] = Math.sqrt(Math.max(0, meanSquare - mean * mean));
  }
}
