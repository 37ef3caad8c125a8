import { ExitCode, FaceswapError } from '../errors.js';
import { cleanJobs, findJob, type JobSelection, listJobs } from '../pipeline/job-list.js';
import { formatCleaning, formatJob, formatJobList } from '../report/jobs-table.js';
import { reportFailure } from './failure.js';
import type { JobsSwitches } from './jobs-command.js';
import { writeResult } from './output.js';

const secondsPerUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/**
 * Reads an age such as `90s`, `30m`, `12h`, `7d` or `2w`.
 *
 * @returns seconds.
 * @throws FaceswapError (usage) for anything else.
 */
export const readAge = (text: string): number => {
  const [, count, unit] = /^(\d{1,9})([smhdw])$/.exec(text) ?? [];
  const seconds = unit === undefined ? undefined : secondsPerUnit[unit];
  if (seconds !== undefined) return Number(count) * seconds;
  throw new FaceswapError(
    'usage',
    `--older-than must be an age such as 12h or 7d, got ${JSON.stringify(text)}`,
  );
};

const foldersOf = ({ jobDir }: JobsSwitches, folder?: string): readonly string[] => [
  folder ?? '.',
  ...(jobDir === undefined ? [] : [jobDir]),
];

const selectionOf = (job: string | undefined, { all, olderThan }: JobsSwitches): JobSelection => {
  const given = [job, all === true ? true : undefined, olderThan].filter((value) => value !== undefined);
  if (given.length !== 1) {
    throw new FaceswapError('usage', 'Give a job, --all or --older-than, one of them', {
      hint: 'See faceswap jobs clean --help',
    });
  }
  if (job !== undefined) return { job };
  return olderThan === undefined ? { all: true } : { olderThanSeconds: readAge(olderThan) };
};

/** Does the work of one command and prints its result, as JSON under a name where that is asked for. */
const answer = async <Result>(
  { json = false }: JobsSwitches,
  work: () => Promise<Result>,
  forms: { readonly name: string; readonly format: (result: Result) => string },
): Promise<ExitCode> => {
  try {
    const result = await work();
    writeResult(json ? `${JSON.stringify({ ok: true, [forms.name]: result })}\n` : forms.format(result));
    return ExitCode.ok;
  } catch (error) {
    return reportFailure(error, { json, debug: false });
  }
};

/** What `faceswap jobs list` does. @returns the exit code; never throws. */
export const listAction = (folder: string | undefined, switches: JobsSwitches): Promise<ExitCode> =>
  answer(switches, () => listJobs(foldersOf(switches, folder)), { name: 'jobs', format: formatJobList });

/** What `faceswap jobs show` does. @returns the exit code; never throws. */
export const showAction = (job: string, switches: JobsSwitches): Promise<ExitCode> =>
  answer(switches, () => findJob(job, foldersOf(switches)), { name: 'job', format: formatJob });

/** What `faceswap jobs clean` does. @returns the exit code; never throws. */
export const cleanAction = (job: string | undefined, switches: JobsSwitches): Promise<ExitCode> =>
  answer(switches, async () => cleanJobs(selectionOf(job, switches), foldersOf(switches)), {
    name: 'cleaning',
    format: formatCleaning,
  });
