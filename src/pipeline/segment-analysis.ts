import { FaceswapError } from '../errors.js';
import { meshPointCount } from '../processors/face-landmarker/mesh-indices.js';
import { descriptorLength } from '../processors/face-recognizer/face-recognizer.js';
import { portraitBytes } from '../processors/face-masker/portrait.js';
import { motionLength } from '../processors/landmark-smoother/face-motion.js';
import { appearanceSize, bandCount } from '../processors/face-swapper/appearance.js';
import { faceRaces } from '../processors/face-recognizer/face-races.js';
import type { IdentitySample } from './cast/identity-sample.js';
import { grainFloats } from '../processors/grain-matcher/grain-level.js';
import { lightTerms, toneShares } from '../processors/face-swapper/skin-tones.js';
import type { AnalysedFrame, Observation } from './shot-window.js';

/** Number of the form below; part of every key, so that entries of another form are never opened. */
export const segmentAnalysisVersion = 3;

/** A segment whose analysis takes more is not kept: one shot of many faces must not cost memory without end. */
export const largestAnalysisBytes = 64 * 2 ** 20;

const magic = 0x41_53_46_00 + segmentAnalysisVersion;
const headerBytes = 8;
const frameBytes = 8;
const meshFloats = 3 * meshPointCount;
const mapTexels = appearanceSize ** 2;

/** Floats of a face besides its maps, in the order in which they are packed: points, shape, mean, std, bands. */
const floatCounts = [meshFloats, meshFloats, 3, 3, bandCount] as const;

/** Floats of a face behind its maps, in order: light, rest and quantiles of its tones, grain. */
const lateFloatCounts = [3 * lightTerms, 3, 3 * toneShares.length, grainFloats] as const;
/** Bytes behind a face's maps: its motion, and how often its picture was repeated. */
const tailBytes = 4 * motionLength + 4;

/** Bits of 1 as a float; a texel of a map is mostly exactly 0 or exactly 1. */
const oneBits = 0x3f_80_00_00;

const zeros = 0;
const ones = 1;
const others = 2;

const classOf = (bits: number): number => (bits === 0 ? zeros : bits === oneBits ? ones : others);

/** Floats of an identity sample: weight, age, male, race (its place in the list, −1: not told), then the descriptor. */
const sampleFloats = 4 + descriptorLength;

/** Most bytes that one face can take: every run of its maps one texel long, with a length and a float each, and an identity sample. */
const worstFaceBytes =
  4 +
  8 +
  4 * [...floatCounts, ...lateFloatCounts].reduce((sum, count) => sum + count, 0) +
  2 * 6 * mapTexels +
  4 +
  4 * sampleFloats +
  portraitBytes +
  tailBytes;

/** Points lie in or around a picture of at most 16,384 pixels; all else is smaller. */
const largestValue = 1e6;

const isPlausible = (value: number): boolean => Math.abs(value) <= largestValue;

const impossible = (what: string): FaceswapError =>
  new FaceswapError('bug', `The analysis of a segment has ${what}`, { stage: 'landmarks' });

/**
 * Packs the analysis of a segment frame by frame, exactly: every float comes back with the same bits.
 *
 * Little-endian. Header: magic with version (u32), number of frames (u32). A frame: index (u32), scene cut (u8), number of faces
 * (u8), nothing (u16). A face: track (u32), glasses (f64), its floats, then the maps `open` and `rims`, each as runs that follow one another over
 * all texels, then the floats of its tones and its grain. A run is a u16 of four times the length less one plus the class (0: exactly 0, 1: exactly 1, 2: floats follow). The maps are
 * 0 or 1 nearly everywhere, so that a face takes about 20 KB instead of 142 (600 to 1,000 other texels of 32,768, measured
 * on three films); deflating the rest gains little, because it is mantissas. Last comes the number of identity samples (u32, 0 or 1)
 * and the floats of it: weight, age, male, race, descriptor; and after all the portrait, 12 KB as it is.
 */
export class SegmentAnalysisWriter {
  #bytes = new Uint8Array(1 << 16);
  #view = new DataView(this.#bytes.buffer);
  #length = headerBytes;
  #frames = 0;
  #isTooLarge = false;

  /** Forgets everything and begins anew; keeps its memory. */
  reset(): void {
    this.#length = headerBytes;
    this.#frames = 0;
    this.#isTooLarge = false;
  }

  /** Adds the next frame; nothing of it is kept. */
  add(frame: AnalysedFrame): void {
    const worstBytes = frameBytes + frame.faces.size * worstFaceBytes;
    if (this.#isTooLarge || frame.faces.size > 255 || this.#length + worstBytes > largestAnalysisBytes) {
      this.#isTooLarge = true;
      return;
    }
    this.#reserve(worstBytes);
    const view = this.#view;
    view.setUint32(this.#length, frame.index, true);
    view.setUint8(this.#length + 4, frame.sceneCut ? 1 : 0);
    view.setUint8(this.#length + 5, frame.faces.size);
    view.setUint16(this.#length + 6, 0, true);
    this.#length += frameBytes;
    for (const [trackId, face] of frame.faces) this.#addFace(trackId, face);
    this.#frames += 1;
  }

  /** The packed segment in a buffer of its own, or null when it is too large to be kept. */
  finish(): ArrayBuffer | null {
    if (this.#isTooLarge) return null;
    this.#view.setUint32(0, magic, true);
    this.#view.setUint32(4, this.#frames, true);
    return this.#bytes.slice(0, this.#length).buffer;
  }

  #addFace(
    trackId: number,
    { points, shape, appearance, identity, portrait, motion, repeats }: Observation,
  ): void {
    const { mean, std, bands, glasses, open, rims, tones, grain } = appearance;
    this.#view.setUint32(this.#length, trackId, true);
    this.#view.setFloat64(this.#length + 4, glasses, true);
    this.#length += 12;
    this.#addLists([points, shape, mean, std, bands], floatCounts);
    for (const map of [open, rims]) {
      if (map.length !== mapTexels) throw impossible(`a map of ${map.length} texels`);
      this.#addMap(map);
    }
    this.#addLists([tones.light, tones.rest, tones.quantiles, grain], lateFloatCounts);
    this.#addIdentity(identity ?? null);
    if (portrait.length !== portraitBytes) throw impossible(`a portrait of ${portrait.length} bytes`);
    this.#bytes.set(portrait, this.#length);
    this.#length += portraitBytes;
    if (motion.length !== motionLength) throw impossible(`a motion of ${motion.length} numbers`);
    this.#addFloats(motion, 0, motionLength);
    this.#view.setUint32(this.#length, repeats, true);
    this.#length += 4;
  }

  #addIdentity(identity: IdentitySample | null): void {
    this.#view.setUint32(this.#length, identity === null ? 0 : 1, true);
    this.#length += 4;
    if (identity === null) return;
    const { weight, ageYears, male, race, descriptor } = identity;
    if (descriptor.length !== descriptorLength)
      throw impossible(`a descriptor of ${descriptor.length} floats`);
    const raceIndex = race === undefined ? -1 : faceRaces.indexOf(race);
    this.#addFloats(Float32Array.of(weight, ageYears, male, raceIndex), 0, 4);
    this.#addFloats(descriptor, 0, descriptorLength);
  }

  #addLists(lists: readonly Float32Array[], counts: readonly number[]): void {
    for (const [at, floats] of lists.entries()) {
      if (floats.length !== counts[at]) throw impossible(`a list of ${floats.length} floats`);
      this.#addFloats(floats, 0, floats.length);
    }
  }

  #addFloats(floats: Float32Array, from: number, to: number): void {
    const bytes = new Uint8Array(floats.buffer, floats.byteOffset + 4 * from, 4 * (to - from));
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #addMap(map: Float32Array): void {
    const bits = new Uint32Array(map.buffer, map.byteOffset, map.length);
    for (let start = 0; start < mapTexels; ) {
      const kind = classOf(bits[start] as number);
      let end = start + 1;
      while (end < mapTexels && classOf(bits[end] as number) === kind) end += 1;
      this.#view.setUint16(this.#length, 4 * (end - start - 1) + kind, true);
      this.#length += 2;
      if (kind === others) this.#addFloats(map, start, end);
      start = end;
    }
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + bytes));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** Unpacks what a {@link SegmentAnalysisWriter} packed, frame by frame. */
export class SegmentAnalysisReader {
  /** Frames in all. */
  readonly frameCount: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = headerBytes;

  private constructor(bytes: Uint8Array, view: DataView) {
    this.#bytes = bytes;
    this.#view = view;
    this.frameCount = view.getUint32(4, true);
  }

  /** A reader, or null when the bytes are not of this form. Whether they are undamaged is the cache's to check. */
  static open(packed: ArrayBuffer): SegmentAnalysisReader | null {
    if (packed.byteLength < headerBytes) return null;
    const view = new DataView(packed);
    return view.getUint32(0, true) === magic ? new SegmentAnalysisReader(new Uint8Array(packed), view) : null;
  }

  /**
   * A reader for exactly these frames, or null when the bytes hold others, end early or late, or hold numbers that no analysis gives:
   * not finite, or far outside of any picture. Whoever can write into the cache can also write a checksum.
   */
  static openFor(packed: ArrayBuffer, frames: { start: number; end: number }): SegmentAnalysisReader | null {
    const reader = SegmentAnalysisReader.open(packed);
    if (reader === null || reader.frameCount !== frames.end - frames.start) return null;
    try {
      for (let index = frames.start; index < frames.end; index += 1) {
        if (!reader.#isUsable(index)) return null;
      }
    } catch (error) {
      if (error instanceof FaceswapError) return null;
      throw error;
    }
    if (reader.#at !== packed.byteLength) return null;
    reader.#at = headerBytes;
    return reader;
  }

  /** Goes over the next frame without taking it out. */
  #isUsable(index: number): boolean {
    this.#require(frameBytes);
    if (this.#view.getUint32(this.#at, true) !== index) return false;
    const count = this.#view.getUint8(this.#at + 5);
    this.#at += frameBytes;
    for (let face = 0; face < count; face += 1) {
      this.#require(12);
      if (!isPlausible(this.#view.getFloat64(this.#at + 4, true))) return false;
      this.#at += 12;
      for (const length of floatCounts) if (!this.#areUsable(length)) return false;
      if (!this.#isUsableMap() || !this.#isUsableMap()) return false;
      for (const length of lateFloatCounts) if (!this.#areUsable(length)) return false;
      this.#require(4);
      const samples = this.#view.getUint32(this.#at, true);
      this.#at += 4;
      if (samples > 1 || !this.#areUsable(samples * sampleFloats)) return false;
      // Any byte is a portrait's.
      this.#require(portraitBytes);
      this.#at += portraitBytes;
      if (!this.#areUsable(motionLength)) return false;
      this.#require(4);
      if (this.#view.getUint32(this.#at, true) > index) return false;
      this.#at += 4;
    }
    return true;
  }

  #areUsable(floats: number): boolean {
    this.#require(4 * floats);
    for (let k = 0; k < floats; k += 1, this.#at += 4) {
      if (!isPlausible(this.#view.getFloat32(this.#at, true))) return false;
    }
    return true;
  }

  #isUsableMap(): boolean {
    for (let texels = 0; texels < mapTexels; ) {
      this.#require(2);
      const run = this.#view.getUint16(this.#at, true);
      this.#at += 2;
      const length = (run >> 2) + 1;
      texels += length;
      if (texels > mapTexels) return false;
      if ((run & 3) === others && !this.#areUsable(length)) return false;
    }
    return true;
  }

  /**
   * The next frame, in arrays of its own.
   *
   * @throws FaceswapError (bug) after the last frame, or where the bytes end early.
   */
  next(): AnalysedFrame {
    this.#require(frameBytes);
    const index = this.#view.getUint32(this.#at, true);
    const sceneCut = this.#view.getUint8(this.#at + 4) === 1;
    const count = this.#view.getUint8(this.#at + 5);
    this.#at += frameBytes;
    const faces = new Map<number, Observation>();
    for (let face = 0; face < count; face += 1) {
      this.#require(12);
      const trackId = this.#view.getUint32(this.#at, true);
      const glasses = this.#view.getFloat64(this.#at + 4, true);
      this.#at += 12;
      const [points, shape, mean, std, bands] = this.#readLists(floatCounts);
      const open = this.#readMap();
      const rims = this.#readMap();
      const [light, rest, quantiles, grain] = this.#readLists(lateFloatCounts);
      const tones = { light, rest, quantiles };
      const identity = this.#readIdentity();
      this.#require(portraitBytes);
      const portrait = this.#bytes.slice(this.#at, this.#at + portraitBytes);
      this.#at += portraitBytes;
      const motion = new Float32Array(motionLength);
      this.#readFloats(motion, 0, motionLength);
      this.#require(4);
      const repeats = this.#view.getUint32(this.#at, true);
      this.#at += 4;
      faces.set(trackId, {
        points,
        shape,
        appearance: { mean, std, bands, open, glasses, rims, tones, grain },
        identity,
        portrait,
        motion,
        repeats,
      });
    }
    return { index, sceneCut, faces };
  }

  #readIdentity(): IdentitySample | null {
    this.#require(4);
    const samples = this.#view.getUint32(this.#at, true);
    this.#at += 4;
    if (samples === 0) return null;
    const facts = new Float32Array(4);
    this.#readFloats(facts, 0, 4);
    const [weight, ageYears, male, raceIndex] = facts as unknown as [number, number, number, number];
    const race = faceRaces[raceIndex];
    const descriptor = new Float32Array(descriptorLength);
    this.#readFloats(descriptor, 0, descriptorLength);
    return { weight, ageYears, male, ...(race === undefined ? {} : { race }), descriptor };
  }

  #readLists<const Counts extends readonly number[]>(
    counts: Counts,
  ): { [Key in keyof Counts]: Float32Array } {
    return counts.map((length) => {
      const floats = new Float32Array(length);
      this.#readFloats(floats, 0, length);
      return floats;
    }) as { [Key in keyof Counts]: Float32Array };
  }

  #readMap(): Float32Array {
    const map = new Float32Array(mapTexels);
    for (let start = 0; start < mapTexels; ) {
      this.#require(2);
      const run = this.#view.getUint16(this.#at, true);
      this.#at += 2;
      const end = start + (run >> 2) + 1;
      if (end > mapTexels) throw impossible('a run beyond its map');
      if ((run & 3) === ones) map.fill(1, start, end);
      else if ((run & 3) === others) this.#readFloats(map, start, end);
      start = end;
    }
    return map;
  }

  #readFloats(floats: Float32Array, from: number, to: number): void {
    const bytes = 4 * (to - from);
    this.#require(bytes);
    new Uint8Array(floats.buffer, 4 * from, bytes).set(this.#bytes.subarray(this.#at, this.#at + bytes));
    this.#at += bytes;
  }

  #require(bytes: number): void {
    if (this.#at + bytes > this.#bytes.length) throw impossible('fewer bytes than it should');
  }
}
