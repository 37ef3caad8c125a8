import type { Command } from 'commander';
import type { ExitCode } from '../errors.js';

/** The end of `faceswap doctor --help`. */
export const doctorHelpText = `
Exit codes: 0 when a face can be swapped here, 4 when an embedded model is missing or damaged,
9 when ffmpeg, Node or the CPU provider does not serve.

Examples:
  What is here and what is not:
    $ faceswap doctor
  The same for a program:
    $ faceswap doctor --json
`;

/**
 * Adds `faceswap doctor`.
 *
 * @param onExit receives the exit code.
 */
export const addDoctorCommand = (program: Command, onExit: (code: ExitCode) => void): void => {
  program
    .command('doctor')
    .summary('say what this machine has and what it lacks')
    .description('Checks ffmpeg and its encoders, execution providers, models, memory, cores and disk.')
    .option('--json', 'print one JSON object on stdout instead of the list')
    .addHelpText('after', doctorHelpText)
    .action(async (collected: { json?: boolean }) => {
      const { doctorAction } = await import('./doctor-action.js');
      onExit(await doctorAction({ json: collected.json === true }));
    });
};
