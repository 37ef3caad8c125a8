import { formatBytes } from '../pipeline/byte-size.js';
import type { JobCleaning, JobDetails, JobSummary } from '../pipeline/job-list.js';
import { formatRows, formatColumns } from './table-rows.js';

/** `45 s`, `12 min`, `3 h`, `2 d`. */
export const ageText = (seconds: number): string => {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
};

const stateText = ({ running }: JobSummary): string => {
  if (running === null) return 'stopped';
  return running.pid === null ? 'locked' : `running (process ${running.pid} on ${running.host})`;
};

const progressText = ({ segmentsDone, segmentCount }: JobSummary): string =>
  `${segmentsDone}/${segmentCount}`;

/** A name may hold what would move a terminal's cursor. */
const printable = (text: string): string => text.replace(/\p{Cc}/gu, '?');

/** What `faceswap jobs list` prints. */
export const formatJobList = (jobs: readonly JobSummary[]): string => {
  if (jobs.length === 0) return 'No unfinished jobs.\n';
  const cells = jobs.map((job) => [
    job.id,
    progressText(job),
    formatBytes(job.bytes),
    ageText(job.ageSeconds),
    stateText(job),
    printable(job.output),
  ]);
  return formatColumns([['job', 'segments', 'size', 'age', 'state', 'output'], ...cells]);
};

/** What `faceswap jobs show` prints. */
export const formatJob = (job: JobDetails): string =>
  formatRows([
    ['job', job.id],
    ['folder', printable(job.folder)],
    ['output', printable(job.output)],
    ['target', printable(job.target)],
    ['begun', printable(job.createdAt)],
    ['segments', `${progressText(job)} done`],
    ['size', formatBytes(job.bytes)],
    ['age', ageText(job.ageSeconds)],
    ['state', stateText(job)],
    ...Object.entries(job.components).map(
      ([name, value]) => [`  ${printable(name)}`, printable(value)] as const,
    ),
  ]);

/** What `faceswap jobs clean` prints. */
export const formatCleaning = ({ deleted, running }: JobCleaning): string => {
  const lines = [
    ...deleted.map((job) => `deleted  ${job.id}  ${formatBytes(job.bytes)}  ${printable(job.output)}`),
    ...running.map((job) => `running  ${job.id}  left alone  ${printable(job.output)}`),
  ];
  return lines.length === 0 ? 'Nothing to delete.\n' : lines.map((line) => `${line}\n`).join('');
};
