import type { Command } from 'commander';
import type { ExitCode } from '../errors.js';

/** The end of `faceswap jobs --help`. */
export const jobsHelpText = `
A run that was stopped or has failed leaves the segments that it has finished in a hidden folder beside its output, or in
--job-dir. The same command continues it.

Examples:
  What is unfinished here:
    $ faceswap jobs list
  Everything that decides what a job makes:
    $ faceswap jobs show swapped.mp4
  Delete one, or all that nobody has touched for a week:
    $ faceswap jobs clean swapped.mp4
    $ faceswap jobs clean --older-than 7d --job-dir /big/jobs
`;

/** What commander collects for any of the three. */
export type JobsSwitches = {
  readonly jobDir?: string;
  readonly json?: boolean;
  readonly all?: boolean;
  readonly olderThan?: string;
};

/**
 * Adds `faceswap jobs` with `list`, `show` and `clean`. What they do is imported when they are called.
 *
 * @param onExit receives the exit code.
 */
export const addJobsCommand = (program: Command, onExit: (code: ExitCode) => void): void => {
  const jobs = program
    .command('jobs')
    .summary('list, show and delete unfinished jobs')
    .description('Tells of runs that were not finished, and deletes what they have left.')
    .helpCommand(false)
    .addHelpText('after', jobsHelpText);
  const add = (usage: string, description: string): Command =>
    jobs
      .command(usage)
      .description(description)
      .option('--job-dir <folder>', 'another folder to look in, as given to run')
      .option('--json', 'print one JSON object on stdout');
  add('list [folder]', 'list the jobs in a folder; default: the working directory').action(
    async (folder: string | undefined, switches: JobsSwitches) => {
      const { listAction } = await import('./jobs-action.js');
      onExit(await listAction(folder, switches));
    },
  );
  add('show <job>', 'show a job: its folder, its id or the name of its output').action(
    async (job: string, switches: JobsSwitches) => {
      const { showAction } = await import('./jobs-action.js');
      onExit(await showAction(job, switches));
    },
  );
  add('clean [job]', 'delete a job, or several; never one that is running')
    .option('--all', 'delete all jobs')
    .option('--older-than <age>', 'delete jobs of which no segment was finished since, such as 12h or 7d')
    .action(async (job: string | undefined, switches: JobsSwitches) => {
      const { cleanAction } = await import('./jobs-action.js');
      onExit(await cleanAction(job, switches));
    });
};
