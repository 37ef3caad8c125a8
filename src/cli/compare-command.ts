import { type Command, Option } from 'commander';
import type { ExitCode } from '../errors.js';
import { optionChoices } from '../pipeline/resolve-run-options.js';
import type { ProgressMode } from './run-option-table.js';

/** The end of `faceswap compare --help`. */
export const compareHelpText = `
The videos may come from any tool and may differ in container, codec and depth. With --reference faces are measured at the reference's
places in both, and pictures are compared with it; a video of another size or other frame times is measured by itself, which is said.

Examples:
  Two results of one clip, and what they were made from:
    $ faceswap compare ours.mp4 theirs.mp4 --reference clip.mp4 --source me.jpg
  The same as a page with plots:
    $ faceswap compare ours.mp4 theirs.mp4 --reference clip.mp4 --source me.jpg -o compare.html
  What encoding once more has cost:
    $ faceswap compare swapped.mkv upload.mp4 --reference swapped.mkv --json
`;

/** What commander collects. */
export type CompareSwitches = {
  readonly reference?: string;
  readonly source?: readonly string[];
  readonly output?: string;
  readonly overwrite?: boolean;
  readonly json?: boolean;
  readonly progress?: ProgressMode;
  readonly workers?: string;
  readonly executionProvider?: readonly string[];
  readonly executionThreadCount?: string;
  /** False: `--no-cache`. */
  readonly cache?: boolean;
};

/**
 * Adds `faceswap compare`. What it does is imported when it is called.
 *
 * @param onExit receives the exit code.
 */
export const addCompareCommand = (program: Command, onExit: (code: ExitCode) => void): void => {
  program
    .command('compare <a> <b>')
    .summary('measure two finished videos side by side')
    .description(
      'Measures two videos, from whichever tools, by the figures of a run: flicker, jitter, identity, seams.',
    )
    .option('-r, --reference <file>', 'what both were made from')
    .option('-s, --source <image...>', 'photos of the face that was put in: for identity')
    .option('-o, --output <file>', 'also write an HTML page with plots')
    .option('--overwrite', 'replace an HTML page that exists')
    .option('--json', 'print one JSON object on stdout instead of the table')
    .addOption(
      new Option('--progress <mode>', 'on stderr: a bar on terminals, or one JSON event per line')
        .choices(['auto', 'bar', 'json', 'none'])
        .default('auto'),
    )
    .option('--workers <auto|1..64>', 'segments measured at the same time; the figures do not depend on it')
    .addOption(
      new Option('--execution-provider <name...>', 'where the models run, in order; default: cpu').choices(
        optionChoices.executionProvider,
      ),
    )
    .option('--execution-thread-count <1..64>', 'threads that one model may use')
    .option('--no-cache', 'neither use nor keep what is found out about the photos')
    .addHelpText('after', compareHelpText)
    .action(async (first: string, second: string, switches: CompareSwitches) => {
      const { compareAction } = await import('./compare-action.js');
      onExit(await compareAction([first, second], switches));
    });
};
