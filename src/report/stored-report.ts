import { lstat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { z } from 'zod';
import { readBoundedFile } from '../bounded-file.js';
import { FaceswapError } from '../errors.js';
import { fileFailure } from '../pipeline/file-failure.js';
import { codeOf, regularFileBytes } from '../pipeline/job-file.js';
import { findJob } from '../pipeline/job-list.js';
import type { FrameRow, RunReport } from '../pipeline/run-report.js';
import { readJobRows } from './job-rows.js';
import {
  frameRowSchema,
  framesSchema,
  jsonText,
  reportSchema,
  rowsEndSchema,
  rowsHeaderSchema,
} from './report-schema.js';

/** The output, as the report tells it. */
export type StoredMedia = Pick<
  RunReport['media'],
  'kind' | 'widthPx' | 'heightPx' | 'frameCount' | 'frameRate' | 'videoEncoder'
> & { readonly durationSeconds: number | null };

/** A report that was read, from whichever form it had. What the form does not tell is null. */
export type StoredReport = {
  /** What was read: absolute path. */
  readonly file: string;
  /** `job`: the rows of a job folder, of which segments may be missing. */
  readonly form: 'report' | 'rows' | 'job';
  readonly version: string | null;
  readonly status: RunReport['status'] | null;
  readonly output: string | null;
  /** Of the output when it was written. */
  readonly outputSha256: string | null;
  readonly target: string | null;
  /** Options with their values, as JSON. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly media: StoredMedia;
  readonly wallMs: number | null;
  readonly framesPerSecond: number | null;
  readonly stageMs: Readonly<Record<string, number>>;
  readonly performance: Readonly<Record<string, unknown>> | null;
  readonly machine: Readonly<Record<string, unknown>> | null;
  readonly policy: {
    readonly checks: readonly {
      readonly check: string;
      readonly point: 'before' | 'after';
      readonly frames: number;
      readonly photos: number;
      readonly said: string;
      readonly details: Readonly<Record<string, unknown>> | null;
    }[];
    readonly notRun: readonly { readonly check: string; readonly reason: string }[];
  } | null;
  readonly gates: readonly {
    readonly gate: string;
    readonly limit: number;
    readonly figure: number | null;
    readonly passed: boolean;
    readonly frameCount: number;
  }[];
  readonly resumed: { readonly segments: number; readonly frames: number } | null;
  readonly warnings: RunReport['warnings'];
  /** In frame order. */
  readonly rows: readonly FrameRow[];
  /** Frames that the whole job has; more than rows where it was not finished. */
  readonly frameCount: number;
};

/** Where a job that is kept has the report of its run. */
const keptReportName = 'report.jsonl';

/** A row takes about 400 bytes a face; this is ten hours of two faces at 30 frames a second. */
const largestReportBytes = 512 * 2 ** 20;

const notAReport = (file: string, what: string, cause?: unknown): FaceswapError =>
  new FaceswapError('usage', `The file is no report of a run: ${what}`, {
    file,
    stage: 'report',
    cause,
    hint: 'Give a file that "faceswap run --report" wrote, or the folder or id of a job (faceswap jobs list)',
  });

/** The first thing that is wrong with a value, in words. */
const issueText = ({ issues }: z.ZodError): string => {
  const [issue] = issues;
  const path = issue === undefined ? '' : issue.path.map(String).join('.');
  return `${path === '' ? 'it' : path}: ${issue?.message ?? 'of another form'}`.slice(0, 200);
};

const checked = <Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  file: string,
): z.output<Schema> => {
  const { data, error } = schema.safeParse(value);
  if (error !== undefined) throw notAReport(file, issueText(error), error);
  return data;
};

const checkOrder = (rows: readonly FrameRow[], file: string): void => {
  const at = rows.findIndex((row, k) => k > 0 && row.frame <= (rows[k - 1] as FrameRow).frame);
  if (at >= 0) throw notAReport(file, `its frame ${rows[at]?.frame} does not follow the one before it`);
};

type ReportFields = z.output<typeof reportSchema>;

const fromFields = (
  data: ReportFields,
  rows: readonly FrameRow[],
  { file, form }: Pick<StoredReport, 'file' | 'form'>,
): StoredReport => {
  checkOrder(rows, file);
  const target = data.config['target'];
  const { schema: _, config, warnings, ...rest } = data;
  return {
    ...rest,
    file,
    form,
    target: typeof target === 'string' ? target : null,
    settings: config,
    warnings: warnings as RunReport['warnings'],
    rows,
    frameCount: rows.length,
  };
};

const fromJson = (value: unknown, file: string): StoredReport => {
  const { frames } = checked(framesSchema, value, file);
  return fromFields(checked(reportSchema, value, file), frames as readonly FrameRow[], {
    file,
    form: 'report',
  });
};

/** A rows file, whose last line is missing when the run that wrote it did not come to its end. */
const fromLines = (text: string, file: string): StoredReport => {
  const lines = text.split('\n').filter((line) => line !== '');
  const values = lines.map((line, at) => {
    const value = jsonText(line);
    if (value === undefined && at < lines.length - 1) {
      throw notAReport(file, at === 0 ? 'it is not JSON' : `line ${at + 1} is not JSON`);
    }
    return value;
  });
  const header = checked(rowsHeaderSchema, values[0], file);
  const last = values.at(-1);
  const end = rowsEndSchema.safeParse(last).data;
  const rowValues = values.slice(1, end === undefined && last !== undefined ? undefined : -1);
  const rows = rowValues.map((value) => checked(frameRowSchema, value, file));
  const data = reportSchema.parse({ ...header, ...end });
  return {
    ...fromFields(data, rows as readonly FrameRow[], { file, form: 'rows' }),
    frameCount: Math.max(rows.length, header.media.frameCount),
  };
};

const fromJob = async (name: string): Promise<StoredReport> => {
  const { folder, output, target, components } = await findJob(name, ['.']);
  const kept = join(folder, keptReportName);
  if ((await regularFileBytes(kept)) !== undefined) return fromFile(kept);
  const { rows, frameCount, config, frameRate, widthPx, heightPx } = await readJobRows(folder);
  return {
    file: folder,
    form: 'job',
    version: components['faceswap version'] ?? null,
    status: null,
    output,
    outputSha256: null,
    target,
    settings: config,
    media: {
      kind: 'video',
      frameRate,
      widthPx,
      heightPx,
      frameCount,
      durationSeconds: null,
      videoEncoder: components['encoder'] ?? null,
    },
    wallMs: null,
    framesPerSecond: null,
    stageMs: {},
    performance: null,
    machine: components,
    policy: null,
    gates: [],
    resumed: null,
    warnings: [],
    rows,
    frameCount,
  };
};

const isFile = async (path: string): Promise<boolean> => {
  try {
    return !(await lstat(path)).isDirectory();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw fileFailure(error, path, 'report');
  }
};

/**
 * Reads what a run has told of itself, as hostile input: a file of `run --report`, as one object or line by line, or what is finished of a job (its folder, its id
 * or the name of its output).
 *
 * @throws FaceswapError (usage) for anything else, with the first field that is wrong; (media) when a file cannot be read.
 */
export async function readStoredReport(name: string): Promise<StoredReport> {
  const file = resolve(name);
  if (!(await isFile(file))) return fromJob(name);
  return fromFile(file);
}

const fromFile = async (file: string): Promise<StoredReport> => {
  let text: string;
  try {
    text = (await readBoundedFile(file, largestReportBytes)).toString('utf8');
  } catch (error) {
    throw fileFailure(error, file, 'report');
  }
  const value = jsonText(text);
  return value === undefined ? fromLines(text, file) : fromJson(value, file);
};
