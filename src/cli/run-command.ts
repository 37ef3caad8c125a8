import { type Command, Option } from 'commander';
import type { ExitCode } from '../errors.js';
import { defaultTextOf, flagOf, type RunOptionEntry, runOptionEntries } from './run-option-table.js';

/** The end of `faceswap run --help`. */
export const runHelpText = `
Examples:
  The same video with another face in it:
    $ faceswap run --source me.jpg --target clip.mp4 --output swapped.mp4
  Several photos of one person, only the largest face of each frame:
    $ faceswap run -s front.jpg left.jpg -t clip.mp4 -o swapped.mp4 --face-selector-mode one
  Only one person of the target, who is on this photo:
    $ faceswap run -s me.jpg -t clip.mp4 -o swapped.mp4 --reference-face them.jpg
  Two people, each with a face of their own; \`faceswap faces\` tells who is who:
    $ faceswap run --map person1=a.jpg --map person2=b.jpg,b2.jpg -t clip.mp4 -o swapped.mp4
  Ten seconds out of the middle:
    $ faceswap run -s me.jpg -t clip.mp4 -o part.mp4 --trim-start 00:01:02.5 --trim-end 00:01:12.5
  A photo:
    $ faceswap run -s me.jpg -t group.png -o swapped.png
  Many targets, each under its own name in a folder; what is there already is left alone:
    $ faceswap run -s me.jpg -t 'clips/*.mp4' -o swapped/ --skip-existing
    $ faceswap run -s me.jpg -t clips/ -o 'swapped/{target_name}_{index}{target_extension}'
  What would be done, without doing it:
    $ faceswap run -s me.jpg -t clip.mp4 -o swapped.mp4 --dry-run
  For another program: result on stdout, events on stderr, both as JSON:
    $ faceswap run --config job.json --json --progress json
`;

const placeholderText = (entry: RunOptionEntry): string => {
  if (entry.kind === 'flag') return '';
  const list = ['texts', 'text-or-texts', 'numbers', 'maps'].includes(entry.kind);
  return ` <${entry.placeholder ?? 'value'}${list ? '...' : ''}>`;
};

const descriptionText = (entry: RunOptionEntry): string => {
  const defaultText = defaultTextOf(entry);
  const notes = [
    entry.choices === undefined || entry.choices.length < 2 ? undefined : entry.choices.join('|'),
    defaultText === undefined ? undefined : `default: ${defaultText}`,
  ].filter((note) => note !== undefined);
  return notes.length === 0 ? entry.description : `${entry.description} (${notes.join('; ')})`;
};

/** An option as the help lists it. */
export const visibleOption = (entry: RunOptionEntry): Option => {
  const short = entry.short === undefined ? '' : `-${entry.short}, `;
  const option = new Option(`${short}${flagOf(entry)}${placeholderText(entry)}`, descriptionText(entry));
  option.helpGroup(`${entry.group}:`);
  return option;
};

/** An option under its other name, which the help does not list. */
export const aliasOption = (entry: RunOptionEntry, alias: string): Option =>
  new Option(`--${alias}${placeholderText(entry)}`, `the same as ${flagOf(entry)}`).hideHelp();

/**
 * Adds `faceswap run`. What it does is imported when it is called, so that help and mistakes answer at once.
 *
 * @param onExit receives the exit code.
 */
export const addRunCommand = (program: Command, onExit: (code: ExitCode) => void): void => {
  const command = program
    .command('run')
    .summary('swap a face in a video or an image')
    .description('Puts the face of the source photos into the target and writes the result to the output.')
    .addHelpOption(new Option('-h, --help', 'show this help').helpGroup('Run:'))
    .addHelpText('after', runHelpText);
  for (const entry of runOptionEntries) {
    command.addOption(visibleOption(entry));
    if (entry.alias !== undefined) command.addOption(aliasOption(entry, entry.alias));
  }
  command.addOption(
    new Option('--benchmark-models <folder>', 'models that `faceswap benchmark` made').hideHelp(),
  );
  command.action(async (collected: Record<string, unknown>) => {
    const { runAction } = await import('./run-action.js');
    onExit(await runAction(collected));
  });
};
