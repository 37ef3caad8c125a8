import type { PlanarFormat } from '../../imaging/planar-frame.js';
import type { PlaneFigures } from '../../processors/quality-monitor/area-comparison.js';
import type { ChainSettings } from '../face-chain.js';
import type { Rational } from '../run-options.js';
import type { FrameRow } from '../run-report.js';

/** One of the videos that are looked at side by side. */
export type ComparedInput = {
  readonly format: PlanarFormat;
  readonly frameRate: Rational;
  /** Whether its frames are those of the reference, pixel by pixel: false where there is none, and for the reference itself. */
  readonly isAligned: boolean;
};

/** What a comparer is told before the frames of a segment; plain data. */
export type ComparisonSetup = {
  readonly settings: ChainSettings;
  /** The reference, if there is one, is the first. */
  readonly inputs: readonly ComparedInput[];
  readonly hasReference: boolean;
  /** Of the source photos; empty: identity to the source is not taken. */
  readonly descriptors: readonly Float32Array[];
  /** Frames of which rows are wanted, half-open; those around them are only looked at. */
  readonly render: { readonly start: number; readonly end: number };
};

/** The same frame of every input; buffers are transferred. */
export type ComparedFrames = { readonly index: number; readonly buffers: readonly ArrayBuffer[] };

/** What was measured in one frame of one input. */
export type ComparedPicture = {
  /**
   * Figures of the faces at the places where they are measured: those of the reference, steadied as a run does, in an input that is
   * aligned to it and in the reference itself; else the input's own.
   */
  readonly places: FrameRow;
  /** Faces that are seen in this very input, with the jitter of its own landmarks as `jitterBefore`. */
  readonly own: FrameRow;
  /** Against the reference; null where it is not aligned, and for the reference. */
  readonly toReference: PlaneFigures | null;
};

/** One frame of all inputs, in their order. */
export type ComparedRow = { readonly index: number; readonly pictures: readonly ComparedPicture[] };

/** What a comparer answers to frames: rows that are finished, in order, and buffers that it needs no more. */
export type ComparisonOutputs = {
  readonly rows: readonly ComparedRow[];
  readonly spent: readonly (readonly ArrayBuffer[])[];
};
