import { createHash } from 'node:crypto';
import { z } from 'zod';
import { readOwnFile, writeWhole } from './job-file.js';
import type { PlanSegment } from './plan.js';
import type { FrameRow, FrameStage, StageTimes } from './run-report.js';
import { chainStages } from './stage-samples.js';

/** What a later run needs of a finished segment besides its file: `segment-0003.json`. */
export type SegmentRecord = {
  readonly index: number;
  /** One per rendered source frame, in order. */
  readonly rows: readonly FrameRow[];
  readonly stageTimes: Omit<StageTimes, 'mux'>;
  /** Milliseconds of each frame in each stage. */
  readonly stageSamples: Readonly<Record<FrameStage, Float32Array>>;
  readonly modelMs: number;
  readonly halvings: number;
  readonly analysisIsCached: boolean;
};

const stages: readonly FrameStage[] = ['decode', ...chainStages, 'encode'];

/** A face's row takes about 400 bytes, so that this is a shot of hundreds of faces for a minute. */
const largestRecordBytes = 512 * 2 ** 20;

/** JSON has no numbers that are not finite, and totals tell them from `null`. */
const number = z.union([
  z.number(),
  z.enum(['Infinity', '-Infinity', 'NaN']).transform((text) => Number(text)),
]);
const figure = number.nullable();

const faceSchema = z.strictObject({
  trackId: z.int(),
  person: z.string().max(20).optional(),
  outcome: z.enum(['swapped', 'filled', 'skipped']),
  skipReason: z
    .enum(['not-selected', 'too-small', 'turned-away', 'outside-frame', 'masked', 'no-gain'])
    .optional(),
  box: z.strictObject({ x: number, y: number, width: number, height: number }),
  sourceIndex: z.int().nonnegative().optional(),
  enhanced: z.literal(true).optional(),
  tpsnrOutputDb: figure,
  tpsnrSourceDb: figure,
  tpsnrAlignedOutputDb: figure,
  tpsnrAlignedSourceDb: figure,
  seam: figure,
  ssimInside: figure,
  jitterBefore: figure,
  jitterAfter: figure,
  identityToSource: figure,
  identityToTarget: figure,
});

const rowSchema = z.strictObject({
  frame: z.int().nonnegative(),
  sceneCut: z.boolean(),
  ssimOutside: figure,
  faces: z.array(faceSchema).max(10_000),
});

const byStage = <Schema extends z.ZodType>(schema: Schema) =>
  z.strictObject(Object.fromEntries(stages.map((stage) => [stage, schema])) as Record<FrameStage, Schema>);

const recordSchema = z.strictObject({
  schema: z.literal(1),
  index: z.int().nonnegative(),
  stageTimes: byStage(z.number().nonnegative()),
  stageSamples: byStage(z.array(z.number().nonnegative()).max(1_000_000)),
  modelMs: z.number().nonnegative(),
  halvings: z.int().nonnegative(),
  analysisIsCached: z.boolean(),
  rows: z.array(rowSchema).max(10_000_000),
});

const withEveryNumber = (_key: string, value: unknown): unknown => {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return value instanceof Float32Array ? Array.from(value) : value;
};

/**
 * Writes a record so that it is there whole or not at all.
 *
 * @returns its sha256, hex.
 * @throws FaceswapError (media, resources) when it cannot be written.
 */
export async function writeSegmentRecord(file: string, record: SegmentRecord): Promise<string> {
  const text = `${JSON.stringify({ schema: 1, ...record }, withEveryNumber)}\n`;
  await writeWhole(file, text);
  return createHash('sha256').update(text).digest('hex');
}

/**
 * Reads the record of a segment of the plan.
 *
 * @returns undefined when it is not there, has another sha256 or form, or belongs to other frames.
 * @throws FaceswapError when the file system refuses.
 */
export async function readSegmentRecord(
  file: string,
  segment: PlanSegment,
  sha256: string,
): Promise<SegmentRecord | undefined> {
  const text = await readOwnFile(file, largestRecordBytes);
  if (text === undefined || createHash('sha256').update(text).digest('hex') !== sha256) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { data } = recordSchema.safeParse(value);
  const { start, end } = segment.render;
  if (data?.index !== segment.index || data.rows.length !== end - start) return undefined;
  if (data.rows.some((row, at) => row.frame !== start + at)) return undefined;
  const { schema: _, stageSamples, rows, ...rest } = data;
  return {
    ...rest,
    rows: rows as readonly FrameRow[],
    stageSamples: Object.fromEntries(
      stages.map((stage) => [stage, Float32Array.from(stageSamples[stage])]),
    ) as Record<FrameStage, Float32Array>,
  };
}
