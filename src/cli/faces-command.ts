import { type Command, Option } from 'commander';
import type { ExitCode } from '../errors.js';
import { facesOptionEntries } from './faces-option-table.js';
import { aliasOption, visibleOption } from './run-command.js';

/** The end of `faceswap faces --help`. */
export const facesHelpText = `
What is found out is kept: a run on the same target then finds its faces at once. Exit code 5 when nobody is there.

Examples:
  Who is in a clip, and for how long:
    $ faceswap faces --target clip.mp4
  A picture of everybody, and all of it for another program:
    $ faceswap faces -t clip.mp4 --contact-sheet cast.png --output cast.json
  Only the first minute:
    $ faceswap faces -t film.mkv --trim-end 1:00
  Who is on a photo:
    $ faceswap faces -t group.jpg --json
`;

/**
 * Adds `faceswap faces`. What it does is imported when it is called.
 *
 * @param onExit receives the exit code.
 */
export const addFacesCommand = (program: Command, onExit: (code: ExitCode) => void): void => {
  const command = program
    .command('faces')
    .summary('list who is in a video or an image')
    .description('Finds every person in the target: screen time, first and best frame, age and gender.')
    .addHelpOption(new Option('-h, --help', 'show this help').helpGroup('Run:'))
    .addHelpText('after', facesHelpText);
  for (const entry of facesOptionEntries) {
    command.addOption(visibleOption(entry));
    if (entry.alias !== undefined) command.addOption(aliasOption(entry, entry.alias));
  }
  command.action(async (collected: Record<string, unknown>) => {
    const { facesAction } = await import('./faces-action.js');
    onExit(await facesAction(collected));
  });
};
