import { type Command, Option } from 'commander';
import type { ExitCode } from '../errors.js';
import { scenesOptionEntries } from './scenes-option-table.js';
import { aliasOption, visibleOption } from './run-command.js';

/** The end of `faceswap scenes --help`. */
export const scenesHelpText = `
Cuts are found as run finds them, faces included. What is found out is kept: a run on the same target then finds its faces at once.

Examples:
  Where the cuts of a clip are:
    $ faceswap scenes --target clip.mp4
  A list to be edited, and a run that uses it:
    $ faceswap scenes -t clip.mp4 -o cuts.txt
    $ faceswap run -s me.jpg -t clip.mp4 -o out.mp4 --scene-cuts cuts.txt
  The scenes that an edited list gives:
    $ faceswap scenes -t clip.mp4 --scene-cuts cuts.txt
`;

/**
 * Adds `faceswap scenes`. What it does is imported when it is called.
 *
 * @param onExit receives the exit code.
 */
export const addScenesCommand = (program: Command, onExit: (code: ExitCode) => void): void => {
  const command = program
    .command('scenes')
    .summary('list the scenes of a video')
    .description('Finds the cuts of the target and lists what lies between them.')
    .addHelpOption(new Option('-h, --help', 'show this help').helpGroup('Run:'))
    .addHelpText('after', scenesHelpText);
  for (const entry of scenesOptionEntries) {
    command.addOption(visibleOption(entry));
    if (entry.alias !== undefined) command.addOption(aliasOption(entry, entry.alias));
  }
  command.action(async (collected: Record<string, unknown>) => {
    const { scenesAction } = await import('./scenes-action.js');
    onExit(await scenesAction(collected));
  });
};
