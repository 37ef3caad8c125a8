import { z } from 'zod';
import { FaceswapError } from '../errors.js';
import { readOwnJson } from '../pipeline/job-file.js';
import { jobRecordFile } from '../pipeline/job-record.js';
import { readJournal } from '../pipeline/journal.js';
import { journalFile, segmentFiles } from '../pipeline/resume.js';
import type { FrameRow } from '../pipeline/run-report.js';
import { readSegmentRecord } from '../pipeline/segment-record.js';

const range = z.object({ start: z.int().nonnegative(), end: z.int().nonnegative() });

/** What of `job.json` is shown. */
const jobSchema = z.object({
  config: z.record(z.string().max(200), z.unknown()),
  plan: z.object({
    range,
    target: z.object({
      widthPx: z.int().positive(),
      heightPx: z.int().positive(),
      frameRate: z.object({ num: z.int().positive(), den: z.int().positive() }),
    }),
    segments: z
      .array(z.object({ index: z.int().nonnegative(), render: range, decode: range, outputFrames: z.int() }))
      .max(1_000_000),
  }),
});

const largestJobBytes = 64 * 2 ** 20;

/** What is known of a job. */
export type JobRows = {
  readonly rows: readonly FrameRow[];
  /** Frames of the whole job. */
  readonly frameCount: number;
  readonly config: Readonly<Record<string, unknown>>;
  readonly frameRate: string;
  readonly widthPx: number;
  readonly heightPx: number;
};

/**
 * The rows of a job's finished segments, in frame order. A segment counts when the journal names the sha256 of its record.
 *
 * @throws FaceswapError (usage) when the folder's plan is damaged.
 */
export async function readJobRows(folder: string): Promise<JobRows> {
  const { data } = jobSchema.safeParse(await readOwnJson(jobRecordFile(folder), largestJobBytes));
  if (data === undefined) {
    throw new FaceswapError('usage', 'The plan of the job is missing or damaged', {
      file: folder,
      stage: 'report',
    });
  }
  const { plan, config } = data;
  const { entries } = await readJournal(journalFile(folder));
  const rows: FrameRow[] = [];
  for (const segment of [...plan.segments].sort((a, b) => a.index - b.index)) {
    const entry = entries.get(segment.index);
    if (entry === undefined) continue;
    const { record } = segmentFiles(folder, segment.index, '');
    const contents = await readSegmentRecord(record, segment, entry.recordSha256);
    rows.push(...(contents?.rows ?? []));
  }
  const { frameRate, widthPx, heightPx } = plan.target;
  return {
    rows,
    frameCount: plan.range.end - plan.range.start,
    config,
    frameRate: `${frameRate.num}/${frameRate.den}`,
    widthPx,
    heightPx,
  };
}
