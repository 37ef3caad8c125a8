import { narrowToHalves, widenHalves } from './float16.js';

/**
 * Element types that a model's inputs and outputs may have, by onnxruntime's names. Callers see single-precision floats all the same:
 * values are converted on the way in and out.
 */
export type ElementType = 'float32' | 'float64' | 'float16' | 'int64' | 'int32' | 'uint8' | 'bool';

/** Numbers as onnxruntime wants them; float16 as bits. */
export type NativeArray = Float32Array | Float64Array | Uint16Array | BigInt64Array | Int32Array | Uint8Array;

const elementTypes: ReadonlySet<string> = new Set<ElementType>([
  'float32',
  'float64',
  'float16',
  'int64',
  'int32',
  'uint8',
  'bool',
]);

/** Whether values of a type can be converted. */
export function isElementType(type: string): type is ElementType {
  return elementTypes.has(type);
}

/** A zeroed array in onnxruntime's form of a type. */
export function nativeArray(type: ElementType, length: number): NativeArray {
  switch (type) {
    case 'float32':
      return new Float32Array(length);
    case 'float64':
      return new Float64Array(length);
    case 'float16':
      return new Uint16Array(length);
    case 'int64':
      return new BigInt64Array(length);
    case 'int32':
      return new Int32Array(length);
    default:
      return new Uint8Array(length);
  }
}

/**
 * Converts values for a model. Whole-number types get the nearest whole number, `uint8` within 0 to 255; `bool` gets 1 for what
 * is not 0; `float16` gets the nearest half, infinite beyond 65 504.
 *
 * @param into from {@link nativeArray} of that type, as long as `from`
 * @throws RangeError for values that are infinite or not a number where whole numbers are wanted
 */
export function toNative(type: ElementType, from: Float32Array, into: NativeArray): void {
  if (into instanceof BigInt64Array) {
    for (let i = 0; i < from.length; i++) into[i] = BigInt(Math.round(from[i] as number));
  } else if (into instanceof Uint16Array) {
    narrowToHalves(from, into);
  } else if (into instanceof Float32Array || into instanceof Float64Array) {
    into.set(from);
  } else {
    const [low, high] = type === 'int32' ? [-(2 ** 31), 2 ** 31 - 1] : [0, 255];
    for (let i = 0; i < from.length; i++) {
      const value = from[i] as number;
      if (!Number.isFinite(value)) throw new RangeError(`${value} is no whole number`);
      into[i] = type === 'bool' ? Number(value !== 0) : Math.min(high, Math.max(low, Math.round(value)));
    }
  }
}

/** Converts what a model gave. Numbers that a single cannot hold are rounded to the nearest that it can. */
export function fromNative(from: NativeArray, into: Float32Array): void {
  if (from instanceof BigInt64Array) {
    for (let i = 0; i < from.length; i++) into[i] = Number(from[i]);
  } else if (from instanceof Uint16Array) {
    widenHalves(from, into);
  } else {
    into.set(from);
  }
}
