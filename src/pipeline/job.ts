import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { lstat, mkdir, readdir, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FaceswapError } from '../errors.js';
import { fileFailure } from './file-failure.js';
import { codeOf, syncFolder } from './job-file.js';
import { type JobLock, ownerState, readOwner, takeLock } from './job-lock.js';
import {
  componentDifferences,
  differenceText,
  fingerprintOf,
  type JobComponents,
  type JobRecord,
  readJobRecord,
  writeJobRecord,
} from './job-record.js';
import { type Journal, readJournal } from './journal.js';
import type { RenderPlan } from './plan.js';
import { journalFile, type RestoredSegment, restoreSegments, sweepJobFolder } from './resume.js';
import type { RunLogger } from './run-logger.js';
import type { ResumeMode, RunConfig } from './run-options.js';

/** Names of job folders; those with an end are being deleted. */
export const jobFolderPattern = /^\..+\.faceswap-([0-9a-f]{12})(\.old-[0-9a-f]{8})?$/s;

/** Bytes of the output's name that a folder's name repeats: file systems allow 255 in all. */
const longestNameBytes = 180;

const shortened = (name: string): string => {
  // A list of files for ffmpeg has one name per line.
  let short = name.replaceAll(/\p{Cc}/gu, '_');
  while (Buffer.byteLength(short) > longestNameBytes) short = [...short].slice(0, -1).join('');
  return short;
};

/** `.<output name>.faceswap-<12 hex>`. */
export const jobFolderName = (output: string, fingerprint: string): string =>
  `.${shortened(basename(output))}.faceswap-${fingerprint.slice(0, 12)}`;

export const lockFile = (folder: string): string => join(folder, 'lock');

/** How many segments an unfinished job has finished, as far as its journal says. */
export const journalledSegments = async (folder: string): Promise<number> =>
  (await readJournal(journalFile(folder))).entries.size;

/** The process that works on a job; undefined when none does. */
export async function runningOwner(
  folder: string,
): Promise<{ readonly pid: number | null; readonly host: string | null } | undefined> {
  const owner = await readOwner(lockFile(folder));
  if (owner === undefined) return undefined;
  if (owner === null) return { pid: null, host: null };
  return (await ownerState(owner)) === 'dead' ? undefined : { pid: owner.pid, host: owner.host };
}

/** Whether this is a folder, no link to one, and belongs to the user that we are. */
export async function isOwnFolder(path: string): Promise<boolean> {
  try {
    const status = await lstat(path);
    return status.isDirectory() && (process.geteuid === undefined || status.uid === process.geteuid());
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw fileFailure(error, path, 'plan');
  }
}

/**
 * Deletes a job folder. It loses its name first, so that nobody can begin to work in it meanwhile.
 *
 * @throws FaceswapError when the file system refuses.
 */
export async function deleteJobFolder(path: string): Promise<void> {
  const old =
    jobFolderPattern.exec(basename(path))?.[2] === undefined
      ? `${path}.old-${randomBytes(4).toString('hex')}`
      : path;
  try {
    if (old !== path) await rename(path, old);
    await rm(old, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw fileFailure(error, path, 'plan');
  }
}

/** What a job is opened for. */
export type JobRequest = {
  readonly config: RunConfig;
  readonly components: JobComponents;
  readonly plan: RenderPlan;
  /** Of the segments' files, with its point. */
  readonly extension: string;
  readonly logger: RunLogger;
  readonly signal: AbortSignal | undefined;
};

/** The real path of the folder that job folders of this configuration lie in. */
export async function jobBase({ output, jobDir }: Pick<RunConfig, 'output' | 'jobDir'>): Promise<string> {
  const folder = jobDir ?? dirname(output);
  try {
    if (jobDir !== undefined) await mkdir(jobDir, { recursive: true });
    return await realpath(folder);
  } catch (error) {
    throw fileFailure(error, folder, 'plan');
  }
}

const resumeHint =
  'Give the earlier options again, or --resume never to begin anew, or see faceswap jobs clean';

/** Another job for the same output: is deleted where nothing is lost by it or `never` was asked for, else refused. */
const settleOther = async (
  folder: string,
  record: JobRecord,
  { components, resume, logger }: { components: JobComponents; resume: ResumeMode; logger: RunLogger },
): Promise<void> => {
  const lock = await takeLock(lockFile(folder));
  const done = await journalledSegments(folder);
  if (resume !== 'never' && done > 0) {
    await lock.release();
    throw new FaceswapError(
      'usage',
      `There is an unfinished job for this output (${done} of ${record.segmentCount} segments) with other settings: ${differenceText(
        componentDifferences(record.components, components),
      )}`,
      { file: folder, stage: 'plan', hint: resumeHint },
    );
  }
  logger.info(`The unfinished job in ${folder} is deleted (${done} of ${record.segmentCount} segments)`);
  await deleteJobFolder(folder);
};

/** Settles all other jobs for this output, and deletes what is left of deleted ones. */
const settleOthers = async (
  base: string,
  own: string,
  output: string,
  rest: { components: JobComponents; resume: ResumeMode; logger: RunLogger },
): Promise<void> => {
  for (const name of (await readdir(base)).sort()) {
    const match = jobFolderPattern.exec(name);
    const folder = join(base, name);
    if (match === null || folder === own || !(await isOwnFolder(folder))) continue;
    const record = await readJobRecord(folder);
    if (record?.output !== output) continue;
    if (match[2] === undefined) await settleOther(folder, record, rest);
    else await deleteJobFolder(folder);
  }
};

/** Names that only we give, in a folder whose `job.json` did not come to be. */
const beginningPattern = /^(?:lock|job\.json\.[0-9a-f]{8}\.part)/;

const makeFolder = async (path: string): Promise<void> => {
  try {
    await mkdir(path);
    await syncFolder(dirname(path));
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw fileFailure(error, path, 'plan');
  }
  if (await isOwnFolder(path)) return;
  throw new FaceswapError(
    'media',
    'The place for unfinished files is taken by something of another kind or owner',
    {
      file: path,
      stage: 'plan',
      hint: 'Delete it, or give another --job-dir',
    },
  );
};

/** Makes the folder and takes its lock; a folder that was just deleted by its former owner is made once more. */
const takeFolder = async (path: string): Promise<JobLock> => {
  for (let attempt = 0; ; attempt += 1) {
    await makeFolder(path);
    try {
      return await takeLock(lockFile(path));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || attempt === 2) throw fileFailure(error, path, 'plan');
    }
  }
};

/** How a run that did not end well leaves its job. */
export type JobRest = {
  readonly folder: string;
  readonly done: number;
  readonly total: number;
};

/**
 * The folder of a video run's unfinished files, found again by everything that decides their bytes. It is this process's alone, by a lock,
 * until it is closed. A process that ends without closing it leaves it behind when a segment is finished, else nothing.
 */
export class Job {
  /** Absolute path. */
  readonly folder: string;
  /** sha256 (hex) of the components. */
  readonly fingerprint: string;
  readonly journal: Journal;
  /** What earlier runs have finished, in order; verified. */
  readonly restored: readonly RestoredSegment[];
  readonly #total: number;
  readonly #lock: JobLock;
  readonly #onExit: () => void;
  #isFinal = false;

  private constructor(
    lock: JobLock,
    found: Pick<Job, 'folder' | 'fingerprint' | 'journal' | 'restored'> & { readonly total: number },
  ) {
    this.folder = found.folder;
    this.fingerprint = found.fingerprint;
    this.journal = found.journal;
    this.restored = found.restored;
    this.#total = found.total;
    this.#lock = lock;
    this.#onExit = () => {
      if (this.journal.count > 0) lock.releaseNow();
      else rmSync(this.folder, { recursive: true, force: true });
    };
    process.once('exit', this.#onExit);
  }

  /**
   * Finds the unfinished job of this run, or begins one, as `--resume` says.
   *
   * @throws FaceswapError (usage) when there is one with other components, when it is required and not there, or when another process
   * works on it; (media, resources) when the file system refuses; (interrupted).
   */
  static async open(request: JobRequest): Promise<Job> {
    const { config, components, plan, extension, logger, signal } = request;
    const { resume } = config;
    const base = await jobBase(config);
    const fingerprint = fingerprintOf(components);
    const output = join(await realpath(dirname(config.output)), basename(config.output));
    const folder = join(base, jobFolderName(output, fingerprint));
    await settleOthers(base, folder, output, { components, resume, logger });
    const isThere = await isOwnFolder(folder);
    if (resume === 'require' && !isThere) {
      throw new FaceswapError('usage', 'There is no unfinished job of this command to continue', {
        file: folder,
        stage: 'plan',
        hint: 'Leave --resume require out to begin one',
      });
    }
    const lock = await takeFolder(folder);
    let isNew = false;
    try {
      const record = await readJobRecord(folder);
      const isOurs = record?.fingerprint === fingerprint;
      if (!isOurs) await checkBeginning(folder, logger);
      isNew = !isOurs || resume === 'never';
      if (isNew) {
        if (isOurs) logger.info(`The unfinished job in ${folder} is begun anew`);
        await rm(journalFile(folder), { force: true });
        await sweepJobFolder(folder, new Set());
        await rm(join(folder, 'failed'), { recursive: true, force: true });
      }
      const { owner } = lock;
      await writeJobRecord(
        folder,
        {
          schema: 1,
          kind: 'faceswap-job',
          fingerprint,
          output,
          target: config.target,
          createdAt: (isOurs ? record?.createdAt : undefined) ?? owner.since,
          segmentCount: plan.segments.length,
          components,
          owner: { pid: owner.pid, host: owner.host, since: owner.since },
        },
        { plan, config },
      );
      const { restored, journal } = await restoreSegments(folder, { plan, extension, logger, signal });
      if (restored.length > 0) {
        logger.info(`Continuing: ${restored.length} of ${plan.segments.length} segments are done`);
      }
      return new Job(lock, { folder, fingerprint, journal, restored, total: plan.segments.length });
    } catch (error) {
      if (isNew) await deleteJobFolder(folder);
      await lock.release();
      throw error;
    }
  }

  /** Says that this run's end is the job's: its segments are of no use to another run. */
  abandon(): void {
    this.#isFinal = true;
  }

  /**
   * Gives the job up after a failure. What is finished stays for the next run; a job without any finished segment is deleted.
   *
   * @returns what stays; undefined when nothing does.
   */
  async leave(): Promise<JobRest | undefined> {
    const done = this.journal.count;
    // The folder of an animation's video is gone with the animation's own.
    const isThere = await isOwnFolder(this.folder);
    if (done === 0 || this.#isFinal || !isThere) {
      await this.delete();
      return undefined;
    }
    process.off('exit', this.#onExit);
    const finished = [...(await readJournal(journalFile(this.folder))).entries.keys()];
    const names = new Set(finished.map((index) => `segment-${String(index).padStart(4, '0')}`));
    const keep = (await readdir(this.folder)).filter((name) => names.has(name.replace(/\.[^.]+$/, '')));
    await sweepJobFolder(this.folder, new Set(keep.map((name) => join(this.folder, name))));
    await this.#lock.release();
    return { folder: this.folder, done, total: this.#total };
  }

  /** Gives the job up and keeps all of it. */
  async keep(): Promise<void> {
    process.off('exit', this.#onExit);
    await this.#lock.release();
  }

  /** Deletes the job; may be called twice. */
  async delete(): Promise<void> {
    process.off('exit', this.#onExit);
    await deleteJobFolder(this.folder);
  }
}

/** A folder of our name without a record that we can read: its run ended at once, or it was damaged, or it is somebody else's. */
const checkBeginning = async (folder: string, logger: RunLogger): Promise<void> => {
  const names = await readdir(folder);
  if (names.every((name) => beginningPattern.test(name))) return;
  if (names.every((name) => ownNamePattern.test(name))) {
    logger.warn(`The job in ${folder} has no record that can be read: it is begun anew`);
    return;
  }
  throw new FaceswapError('media', 'The place for unfinished files holds files that are none of ours', {
    file: folder,
    stage: 'plan',
    hint: 'Move them away, or give another --job-dir',
  });
};

/** Every name that a job folder may hold. */
const ownNamePattern =
  /^(?:lock.*|(?:job\.json|journal\.jsonl|segment-\d{4,7}\.\w{1,8}|output\.\w{1,8}|mux-\w{6}(?:\.ffconcat)?|(?:report\.jsonl?|rows\.jsonl)|failed)(?:\.[0-9a-f]{8}\.part)?)$/;
