import { type Command, Option } from 'commander';
import type { ExitCode } from '../errors.js';
import { benchmarkOptionEntries } from './benchmark-option-table.js';
import { visibleOption } from './run-command.js';

/** The end of `faceswap benchmark --help`. */
export const benchmarkHelpText = `
Every clip is made here and deleted afterwards; it lies in the system's temporary folder (TMPDIR). The default takes an
hour or so on two cores, most of it in ffmpeg at 2160p.

Exit codes: 7 when a figure is worse than the baseline by more than --max-regression; else those of run.

Examples:
  How fast is this machine at 1080p:
    $ faceswap benchmark --resolutions 1080p
  What everything but the models costs:
    $ faceswap benchmark --models null --resolutions 1080p,2160p
  Has it become slower since the last release:
    $ faceswap benchmark --resolutions 720p --baseline last.json --max-regression 10%
`;

/**
 * Adds `faceswap benchmark`. What it does is imported when it is called.
 *
 * @param onExit receives the exit code.
 */
export const addBenchmarkCommand = (program: Command, onExit: (code: ExitCode) => void): void => {
  const command = program
    .command('benchmark')
    .summary('measure this machine against bare ffmpeg')
    .description(
      'Swaps faces in clips that it makes itself and compares each run with a bare ffmpeg transcode.',
    )
    .addHelpOption(new Option('-h, --help', 'show this help').helpGroup('Run:'))
    .addHelpText('after', benchmarkHelpText);
  for (const entry of benchmarkOptionEntries) command.addOption(visibleOption(entry));
  command.action(async (collected: Record<string, unknown>) => {
    const { benchmarkAction } = await import('./benchmark-action.js');
    onExit(await benchmarkAction(collected));
  });
};
