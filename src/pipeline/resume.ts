import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { contentHash } from '../media/content-hash.js';
import { regularFileBytes } from './job-file.js';
import { Journal, type JournalEntry, readJournal } from './journal.js';
import type { PlanSegment, RenderPlan } from './plan.js';
import type { RunLogger } from './run-logger.js';
import { readSegmentRecord, type SegmentRecord } from './segment-record.js';

/** A segment that an earlier run has finished, and that is what its journal says. */
export type RestoredSegment = SegmentRecord & {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
};

/** Names of a segment's files follow from its index. */
export const segmentFiles = (
  folder: string,
  index: number,
  extension: string,
): { readonly file: string; readonly record: string } => {
  const name = `segment-${String(index).padStart(4, '0')}`;
  return { file: join(folder, `${name}${extension}`), record: join(folder, `${name}.json`) };
};

export const journalFile = (folder: string): string => join(folder, 'journal.jsonl');

export type RestoreOptions = {
  readonly plan: Pick<RenderPlan, 'segments'>;
  /** Of the segments' files, with its point. */
  readonly extension: string;
  readonly logger: RunLogger;
  readonly signal: AbortSignal | undefined;
};

/** Why an entry proves nothing, or the segment that it proves. */
const verify = async (
  folder: string,
  segment: PlanSegment,
  entry: JournalEntry,
  { extension, signal }: RestoreOptions,
): Promise<RestoredSegment | string> => {
  const { file, record } = segmentFiles(folder, segment.index, extension);
  if (entry.frames !== segment.outputFrames) return 'its entry has another number of frames';
  const bytes = await regularFileBytes(file);
  if (bytes === undefined) return 'its file is missing';
  if (bytes !== entry.bytes) return `its file has ${bytes} bytes instead of ${entry.bytes}`;
  if ((await contentHash(file, { signal })) !== entry.sha256) return 'its file has other contents';
  const contents = await readSegmentRecord(record, segment, entry.recordSha256);
  if (contents === undefined) return 'its record is missing or damaged';
  return { ...contents, file, sha256: entry.sha256, bytes };
};

/** What stays in a job folder besides the files of finished segments. */
const isKept = (name: string): boolean =>
  /^(?:job\.json|journal\.jsonl|failed)$/.test(name) || /^lock/.test(name);

/** Deletes everything else: unfinished files, those that nothing proves, an output that was not finished. */
export async function sweepJobFolder(folder: string, finished: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (!isKept(name) && !finished.has(path)) await rm(path, { recursive: true, force: true, maxRetries: 3 });
  }
}

/**
 * Finds out which segments of the plan an earlier run has finished: an entry of the journal counts when both its files have the bytes that it
 * names. All else is told in the log and deleted, and the journal is written anew without it, so that it can be continued.
 *
 * @returns in order, with the journal to go on with.
 * @throws FaceswapError (interrupted) on abort, (media, resources) when the file system refuses.
 */
export async function restoreSegments(
  folder: string,
  options: RestoreOptions,
): Promise<{ readonly restored: readonly RestoredSegment[]; readonly journal: Journal }> {
  const { plan, extension, logger } = options;
  const file = journalFile(folder);
  const { entries, problems } = await readJournal(file);
  const complain = (what: string): void => logger.warn(`${what}: what it tells of is rendered again`);
  problems.forEach(complain);
  const restored: RestoredSegment[] = [];
  for (const [index, entry] of entries) {
    const segment = plan.segments[index];
    if (segment === undefined) {
      complain(`The journal has a segment ${index}, which the plan has not`);
      continue;
    }
    const found = await verify(folder, segment, entry, options);
    if (typeof found === 'string') logger.warn(`Segment ${index} is rendered again: ${found}`);
    else restored.push(found);
  }
  restored.sort((a, b) => a.index - b.index);
  const proved = new Set(restored.map(({ index }) => index));
  for (const { index } of plan.segments) {
    if (entries.has(index) || proved.has(index)) continue;
    if ((await regularFileBytes(segmentFiles(folder, index, extension).file)) === undefined) continue;
    logger.warn(`Segment ${index} is rendered again: the journal does not prove it`);
  }
  const finished = new Set(
    restored.flatMap(({ index }) => Object.values(segmentFiles(folder, index, extension))),
  );
  const journal = await Journal.begin(
    file,
    restored.map(({ index }) => entries.get(index) as JournalEntry),
  );
  await sweepJobFolder(folder, finished);
  return { restored, journal };
}
