import { z } from 'zod';

/** The JSON value of a text, or undefined where it is none. */
export const jsonText = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

const name = z.string().max(32_768);

/** No figure and no place in a picture is larger. */
const number = z.number().min(-1e9).max(1e9);
const figure = number.nullable().default(null);
const record = z.record(z.string().max(200), z.unknown());

const faceSchema = z.object({
  trackId: z.int(),
  outcome: z.enum(['swapped', 'filled', 'skipped']),
  skipReason: z.string().max(100).optional(),
  box: z.object({ x: number, y: number, width: number.nonnegative(), height: number.nonnegative() }),
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

/** A row of a report; figures that it does not have are null. */
export const frameRowSchema = z.object({
  frame: z.int().nonnegative().max(1e9),
  timeSeconds: number.nonnegative().optional(),
  sceneCut: z.boolean(),
  ssimOutside: figure,
  faces: z.array(faceSchema).max(10_000),
});

const warningSchema = z.object({
  code: z.string().max(200),
  message: z.string().max(10_000),
  file: name.optional(),
  frame: z.int().nonnegative().optional(),
});

const gateSchema = z.object({
  gate: z.string().max(100),
  limit: number,
  figure: number.nullable(),
  passed: z.boolean(),
  frameCount: z.int().nonnegative(),
});

const checkName = z.string().max(100);

/** What policy checks said. Reports of earlier versions have nothing of it. */
const policySchema = z.object({
  checks: z
    .array(
      z.object({
        check: checkName,
        point: z.enum(['before', 'after']),
        frames: z.int().nonnegative(),
        photos: z.int().nonnegative(),
        said: z.string().max(10_000),
        details: record.nullable().default(null),
      }),
    )
    .max(100),
  notRun: z.array(z.object({ check: checkName, reason: z.string().max(10_000) })).max(100),
});

/** What is known before the first frame. Fields that a later version adds are passed over. */
const headFields = {
  schema: z.literal(1),
  version: z.string().max(100),
  output: name,
  config: record,
  media: z.object({
    kind: z.enum(['video', 'image', 'animation']),
    widthPx: z.int().positive(),
    heightPx: z.int().positive(),
    frameCount: z.int().nonnegative(),
    frameRate: z
      .string()
      .regex(/^\d{1,10}(\/\d{1,10})?$/)
      .nullable(),
    durationSeconds: number,
    videoEncoder: z.string().max(100).nullable(),
  }),
};

/** What is known at the end. Totals are computed from the rows and not believed. */
const endFields = {
  status: z.enum(['swapped', 'copied']).nullable().default(null),
  outputSha256: z.string().max(64).nullable().default(null),
  wallMs: figure,
  framesPerSecond: figure,
  stageMs: z.record(z.string().max(100), number).default({}),
  performance: record.nullable().default(null),
  machine: record.nullable().default(null),
  policy: policySchema.nullable().default(null),
  gates: z.array(gateSchema).max(100).default([]),
  resumed: z
    .object({ segments: z.int().nonnegative(), frames: z.int().nonnegative() })
    .nullable()
    .default(null),
  warnings: z.array(warningSchema).max(100_000).default([]),
};

/** A report without its rows. */
export const reportSchema = z.object({ ...headFields, ...endFields });

/** The rows of a report file. */
export const framesSchema = z.object({ frames: z.array(frameRowSchema).max(10_000_000) });

/** The first line of a rows file. */
export const rowsHeaderSchema = z.object({ type: z.literal('header'), ...headFields });

/** The last line of a rows file. */
export const rowsEndSchema = z.object({ type: z.literal('totals'), ...endFields });
