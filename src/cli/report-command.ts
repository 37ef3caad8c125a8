import type { Command } from 'commander';
import type { ExitCode } from '../errors.js';

/** The end of `faceswap report --help`. */
export const reportHelpText = `
The page needs no network and holds no script. Pictures of the worst frames are made from the run's output and target, where both are
still there and unchanged.

Examples:
  What a run came to, over time:
    $ faceswap run -s me.jpg -t clip.mp4 -o swapped.mp4 --report swapped.json
    $ faceswap report swapped.json -o swapped.html
  The same of a job that is not finished, or was kept (--keep-job):
    $ faceswap report swapped.mp4 -o so-far.html
  When the videos were moved since:
    $ faceswap report swapped.json -o swapped.html --output-video /films/swapped.mp4 --target /films/clip.mp4
`;

/** What commander collects. */
export type ReportSwitches = {
  readonly output?: string;
  readonly outputVideo?: string;
  readonly target?: string;
  readonly overwrite?: boolean;
  readonly json?: boolean;
};

/**
 * Adds `faceswap report`. What it does is imported when it is called.
 *
 * @param onExit receives the exit code.
 */
export const addReportCommand = (program: Command, onExit: (code: ExitCode) => void): void => {
  program
    .command('report <report>')
    .summary('make an HTML page of the report of a run')
    .description(
      'Makes one HTML file of a report, or of a job: plots over time, worst frames, totals, settings.',
    )
    .requiredOption('-o, --output <file>', 'the HTML file')
    .option('--output-video <file>', "where the run's output lies now; default: where the report says")
    .option('-t, --target <file>', "where the run's target lies now; default: where the report says")
    .option('--overwrite', 'replace an HTML file that exists')
    .option('--json', 'print one JSON object on stdout')
    .addHelpText('after', reportHelpText)
    .action(async (report: string, switches: ReportSwitches) => {
      const { reportAction } = await import('./report-action.js');
      onExit(await reportAction(report, switches));
    });
};
