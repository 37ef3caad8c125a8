import type { JobCleaning, JobDetails, JobSelection, JobSummary } from './job-list.js';

/**
 * The jobs in some folders, each once. What is not ours (another owner, a link, no record that can be read) is passed over.
 *
 * @throws FaceswapError (media) when a folder cannot be read.
 */
export const listJobs = async (folders: readonly string[]): Promise<readonly JobSummary[]> =>
  (await import('./job-list.js')).listJobs(folders);

/**
 * One job: by the path of its folder, by at least four digits of its id, or by the name of its output.
 *
 * @param folders where ids and names are looked for.
 * @throws FaceswapError (usage) when there is none, or several.
 */
export const findJob = async (name: string, folders: readonly string[]): Promise<JobDetails> =>
  (await import('./job-list.js')).findJob(name, folders);

/**
 * Deletes jobs. Only folders whose record is ours are ever touched, and none that a process works on.
 *
 * @throws FaceswapError (usage) when the one job that was named is not there or is being worked on.
 */
export const cleanJobs = async (selection: JobSelection, folders: readonly string[]): Promise<JobCleaning> =>
  (await import('./job-list.js')).cleanJobs(selection, folders);
