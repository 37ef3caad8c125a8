import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { FaceswapError } from '../errors.js';
import { folderBytes } from './disk-space.js';
import { fileFailure } from './file-failure.js';
import {
  deleteJobFolder,
  isOwnFolder,
  jobFolderPattern,
  journalledSegments,
  lockFile,
  runningOwner,
} from './job.js';
import { codeOf } from './job-file.js';
import { takeLock } from './job-lock.js';
import { type JobComponents, jobRecordFile, readJobRecord } from './job-record.js';
import { journalFile } from './resume.js';

/** An unfinished job, or a finished one that was kept. */
export type JobSummary = {
  /** Absolute path of its folder. */
  readonly folder: string;
  /** First 12 hex digits of its fingerprint. */
  readonly id: string;
  readonly output: string;
  readonly target: string;
  readonly createdAt: string;
  /** Segments that its journal calls finished; whether they are is found out when the job is continued. */
  readonly segmentsDone: number;
  readonly segmentCount: number;
  readonly bytes: number;
  /** Since its last finished segment; 0 where the clock was set back. */
  readonly ageSeconds: number;
  /** The process that works on it; null when none does. Fields are null where its lock cannot be read. */
  readonly running: { readonly pid: number | null; readonly host: string | null } | null;
};

/** A job with all that decides its bytes. */
export type JobDetails = JobSummary & { readonly components: JobComponents };

const lastChangeMs = async (folder: string): Promise<number> => {
  for (const file of [journalFile(folder), jobRecordFile(folder)]) {
    try {
      return (await stat(file)).mtimeMs;
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw fileFailure(error, file, 'jobs');
    }
  }
  return Date.now();
};

const describe = async (folder: string): Promise<JobDetails | undefined> => {
  if (!(await isOwnFolder(folder))) return undefined;
  const record = await readJobRecord(folder);
  if (record === undefined) return undefined;
  return {
    folder,
    id: record.fingerprint.slice(0, 12),
    output: record.output,
    target: record.target,
    createdAt: record.createdAt,
    segmentsDone: await journalledSegments(folder),
    segmentCount: record.segmentCount,
    bytes: await folderBytes(folder),
    ageSeconds: Math.max(0, (Date.now() - (await lastChangeMs(folder))) / 1000),
    running: (await runningOwner(folder)) ?? null,
    components: record.components,
  };
};

/** Paths of what look like job folders; those that are half deleted only where asked for. */
const candidates = async (folder: string, withDeleted: boolean): Promise<readonly string[]> => {
  try {
    const real = await realpath(folder);
    const names = (await readdir(real)).sort();
    return names
      .filter((name) => {
        const match = jobFolderPattern.exec(name);
        return match !== null && (withDeleted || match[2] === undefined);
      })
      .map((name) => join(real, name));
  } catch (error) {
    throw fileFailure(error, folder, 'jobs');
  }
};

const describeAll = async (
  folders: readonly string[],
  withDeleted: boolean,
): Promise<readonly JobDetails[]> => {
  const paths = new Set<string>();
  for (const folder of folders) {
    for (const path of await candidates(folder, withDeleted)) paths.add(path);
  }
  const jobs: JobDetails[] = [];
  for (const path of paths) {
    const job = await describe(path);
    if (job !== undefined) jobs.push(job);
  }
  return jobs;
};

/**
 * The jobs in some folders, each once. What is not ours (another owner, a link, no record that can be read) is passed over.
 *
 * @throws FaceswapError (media) when a folder cannot be read.
 */
export async function listJobs(folders: readonly string[]): Promise<readonly JobSummary[]> {
  const jobs = await describeAll(folders, false);
  return jobs.map(({ components: _, ...summary }) => summary);
}

/**
 * One job: by the path of its folder, by at least four digits of its id, or by the name of its output.
 *
 * @param folders where ids and names are looked for.
 * @throws FaceswapError (usage) when there is none, or several.
 */
export async function findJob(name: string, folders: readonly string[]): Promise<JobDetails> {
  const direct = await describe(resolve(name));
  if (direct !== undefined) return direct;
  const found = (await describeAll(folders, false)).filter(
    ({ id, output, folder }) =>
      (/^[0-9a-f]{4,12}$/.test(name) && id.startsWith(name)) ||
      output === resolve(name) ||
      basename(output) === name ||
      basename(folder) === name,
  );
  const [job] = found;
  if (job !== undefined && found.length === 1) return job;
  throw new FaceswapError(
    'usage',
    found.length === 0 ? `There is no job ${name}` : `${name} means several jobs`,
    {
      stage: 'jobs',
      hint:
        found.length === 0
          ? 'See faceswap jobs list'
          : `Give the id: ${found.map(({ id }) => id).join(', ')}`,
    },
  );
}

/** What {@link cleanJobs} did. */
export type JobCleaning = {
  readonly deleted: readonly JobSummary[];
  /** Left alone because a process works on them. */
  readonly running: readonly JobSummary[];
};

/** Which jobs are deleted. */
export type JobSelection =
  | { readonly job: string }
  | { readonly all: true }
  /** Jobs whose last segment was finished longer ago. */
  | { readonly olderThanSeconds: number };

/**
 * Deletes jobs. Only folders whose record is ours are ever touched, and none that a process works on.
 *
 * @throws FaceswapError (usage) when the one job that was named is not there or is being worked on.
 */
export async function cleanJobs(selection: JobSelection, folders: readonly string[]): Promise<JobCleaning> {
  const isNamed = 'job' in selection;
  const jobs = isNamed ? [await findJob(selection.job, folders)] : await describeAll(folders, true);
  const deleted: JobSummary[] = [];
  const running: JobSummary[] = [];
  for (const { components: _, ...job } of jobs) {
    if ('olderThanSeconds' in selection && job.ageSeconds < selection.olderThanSeconds) continue;
    try {
      // A run that begins at this moment has the lock, or does not get it.
      await takeLock(lockFile(job.folder));
    } catch (error) {
      if (!(error instanceof FaceswapError) || error.kind !== 'usage')
        throw FaceswapError.from(error, 'jobs');
      if (isNamed) throw error;
      running.push(job);
      continue;
    }
    await deleteJobFolder(job.folder);
    deleted.push(job);
  }
  return { deleted, running };
}
