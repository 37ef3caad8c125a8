import type { Random } from '../support/unit-random.js';

/** What mutations of one kind of file are made of. */
export type MutationMaterial = {
  /** Whole files; one is changed, pieces of the others are spliced in. */
  readonly seeds: readonly Uint8Array[];
  /** Names and values that mean something in this kind of file. */
  readonly dictionary: readonly Uint8Array[];
};

/** Numbers at which length fields and counters go wrong. */
const edges = [0n, 1n, 2n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0xffffn, 0x7fffffffn, 0x80000000n, 0xffffffffn];
const wideEdges = [...edges, 0x7fffffffffffffffn, 0xffffffffffffffffn];

/** Headers lie at either end of a file, so most changes are made there. */
const headBytes = 4096;

const chosen = <Item>(random: Random, items: readonly Item[]): Item =>
  items[random.integer(0, items.length)] as Item;

const place = (random: Random, length: number): number => {
  const near = Math.min(length, headBytes);
  const roll = random.next();
  if (roll < 0.5) return random.integer(0, Math.max(1, near));
  if (roll < 0.7) return length - random.integer(0, Math.max(1, near)) - 1;
  return random.integer(0, Math.max(1, length));
};

const clamp = (value: number, high: number): number => Math.max(0, Math.min(high, value));

const blockLength = (random: Random): number => 1 << random.integer(0, 11);

const replaced = (bytes: Buffer, start: number, end: number, piece: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, start), piece, bytes.subarray(Math.max(start, end))]);

const writeEdge = (random: Random, bytes: Buffer, at: number): Buffer => {
  const size = chosen(random, [1, 2, 4, 8]);
  if (at + size > bytes.length) return bytes;
  const edge = random.next() < 0.8 ? chosen(random, wideEdges) : BigInt(bytes.length + random.integer(-9, 9));
  const field = Buffer.alloc(8);
  const isBig = random.next() < 0.5;
  if (isBig) field.writeBigUInt64BE(BigInt.asUintN(64, edge << BigInt(64 - 8 * size)));
  else field.writeBigUInt64LE(BigInt.asUintN(64, edge));
  field.copy(bytes, at, 0, size);
  return bytes;
};

type Mutation = (bytes: Buffer, random: Random, material: MutationMaterial) => Buffer;

const mutations: readonly Mutation[] = [
  function flipBits(bytes, random) {
    const count = random.integer(1, 9);
    for (let k = 0; k < count; k += 1) {
      const at = clamp(place(random, bytes.length), bytes.length - 1);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(0, 8));
    }
    return bytes;
  },
  function setLengthField(bytes, random) {
    return writeEdge(random, bytes, clamp(place(random, bytes.length), bytes.length));
  },
  function setFieldNearName(bytes, random, { dictionary }) {
    const name = chosen(random, dictionary);
    const at = bytes.indexOf(name, random.next() < 0.5 ? 0 : place(random, bytes.length));
    if (at < 0) return bytes;
    return writeEdge(random, bytes, clamp(at + random.integer(-8, name.length + 40), bytes.length));
  },
  function truncate(bytes, random) {
    return bytes.subarray(0, clamp(place(random, bytes.length), bytes.length));
  },
  function deleteBlock(bytes, random) {
    const at = clamp(place(random, bytes.length), bytes.length);
    return replaced(bytes, at, at + blockLength(random), new Uint8Array());
  },
  function repeatBlock(bytes, random) {
    const at = clamp(place(random, bytes.length), bytes.length);
    const block = bytes.subarray(at, at + blockLength(random));
    const times = random.integer(1, 9);
    return replaced(bytes, at, at, Buffer.concat(Array.from({ length: times }, () => block)));
  },
  function randomBlock(bytes, random) {
    const at = clamp(place(random, bytes.length), bytes.length);
    const block = Uint8Array.from({ length: blockLength(random) }, () => random.integer(0, 256));
    return replaced(bytes, at, random.next() < 0.5 ? at : at + block.length, block);
  },
  function zeroBlock(bytes, random) {
    const at = clamp(place(random, bytes.length), bytes.length);
    return bytes.fill(random.next() < 0.7 ? 0 : 0xff, at, clamp(at + blockLength(random), bytes.length));
  },
  function useName(bytes, random, { dictionary }) {
    const name = chosen(random, dictionary);
    const at = clamp(place(random, bytes.length), bytes.length);
    return replaced(bytes, at, random.next() < 0.5 ? at : at + name.length, name);
  },
  function swapNames(bytes, random, { dictionary }) {
    const at = bytes.indexOf(chosen(random, dictionary));
    const name = chosen(random, dictionary);
    return at < 0 ? bytes : replaced(bytes, at, at + name.length, name);
  },
  function splice(bytes, random, { seeds }) {
    const other = chosen(random, seeds);
    const from = clamp(place(random, other.length), other.length);
    const piece = other.subarray(from, from + blockLength(random));
    const at = clamp(place(random, bytes.length), bytes.length);
    return replaced(bytes, at, random.next() < 0.5 ? at : at + piece.length, piece);
  },
];

/** One of the seeds with up to eight changes. The same random numbers give the same bytes. */
export const mutated = (random: Random, material: MutationMaterial): Buffer => {
  let bytes: Buffer = Buffer.from(chosen(random, material.seeds));
  const count = random.next() < 0.5 ? 1 : random.integer(2, 9);
  for (let k = 0; k < count; k += 1) bytes = Buffer.from(chosen(random, mutations)(bytes, random, material));
  return bytes;
};
