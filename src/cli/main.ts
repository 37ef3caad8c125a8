import { Command, type CommanderError } from 'commander';
import { ExitCode, FaceswapError } from '../errors.js';
import { packageVersion } from '../version.js';
import { addBenchmarkCommand } from './benchmark-command.js';
import { addCompareCommand } from './compare-command.js';
import { addDoctorCommand } from './doctor-command.js';
import { addFacesCommand } from './faces-command.js';
import { reportFailure } from './failure.js';
import { addJobsCommand } from './jobs-command.js';
import { addModelsCommand } from './models-command.js';
import { ignoreClosedPipes } from './output.js';
import { addReportCommand } from './report-command.js';
import { addRunCommand } from './run-command.js';
import { addScenesCommand } from './scenes-command.js';

const helpText = `
Examples:
  The same video with another face in it:
    $ faceswap run --source me.jpg --target clip.mp4 --output swapped.mp4
  Everything that run can do:
    $ faceswap run --help
  Who is in a video:
    $ faceswap faces --target clip.mp4
  Where its cuts are:
    $ faceswap scenes --target clip.mp4
  What this machine has, and what to do about what it lacks:
    $ faceswap doctor
  How fast this machine is:
    $ faceswap benchmark
  Which runs were not finished:
    $ faceswap jobs list
  Which models there are, and how to get one:
    $ faceswap models list
    $ faceswap models pull inswapper_128
  What a run came to, as a page with plots:
    $ faceswap report swapped.json -o swapped.html
  How it compares with the result of another tool:
    $ faceswap compare swapped.mp4 other.mp4 --reference clip.mp4 --source me.jpg

Exit codes: 0 done, 2 wrong usage, 3 media, 4 model, 5 no face, 7 slower than a baseline,
8 out of memory or disk, 9 tool or provider missing, 10 done in part, 70 a bug, 130 interrupted.
`;

/** Names of FaceFusion's commands that have another name here. */
const facefusionCommands: Readonly<Record<string, string>> = {
  'headless-run': 'run',
  'force-download': 'models pull',
};

/**
 * One line out of commander's message: no `error:` in front, its "Did you mean" as the hint.
 * `source` is what commander calls the failing command, such as `faceswap run`.
 */
export const usageErrorFrom = (message: string, source: string): FaceswapError => {
  const [first = '', ...rest] = message.replace(/^error: /, '').split('\n');
  const unknown = /^unknown command '(.*)'$/.exec(first)?.[1];
  const renamed = unknown === undefined ? undefined : facefusionCommands[unknown];
  const suggestion =
    renamed === undefined ? rest.join(' ').replace(/^\(|\)$/g, '') : `Its name here is "${renamed}".`;
  const hint = `${suggestion === '' ? '' : `${suggestion} `}See ${source} --help`;
  return new FaceswapError('usage', first.replace(/\.$/, ''), { hint });
};

/** Thrown through commander in place of its own exit; carries what {@link main} returns. */
class HelpShown extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode) {
    super('help was shown');
    this.exitCode = exitCode;
  }
}

const nameOf = (command: Command): string =>
  command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;

/** Makes a command throw instead of ending the process, with errors that know the command. */
const throwFrom = (command: Command): void => {
  command.configureOutput({ outputError: () => {} });
  command.exitOverride((error: CommanderError) => {
    const printed = ['commander.help', 'commander.helpDisplayed', 'commander.version'].includes(error.code);
    if (printed) throw new HelpShown(error.exitCode === 0 ? ExitCode.ok : ExitCode.usage);
    throw usageErrorFrom(error.message, nameOf(command));
  });
  for (const child of command.commands) throwFrom(child);
};

/** The commands, without parsing anything yet. */
export const createProgram = (onExit: (code: ExitCode) => void): Command => {
  const program = new Command('faceswap')
    .description('The same video with another face in it: same timing, same sound, same colours.')
    .version(packageVersion(), '-v, --version')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', helpText);
  addRunCommand(program, onExit);
  addFacesCommand(program, onExit);
  addScenesCommand(program, onExit);
  addDoctorCommand(program, onExit);
  addBenchmarkCommand(program, onExit);
  addJobsCommand(program, onExit);
  addModelsCommand(program, onExit);
  addReportCommand(program, onExit);
  addCompareCommand(program, onExit);
  throwFrom(program);
  return program;
};

/**
 * The `faceswap` command.
 *
 * @param words the command line after `node faceswap`.
 * @returns the exit code; every failure has been told on stderr by then.
 */
export const main = async (words: readonly string[]): Promise<ExitCode> => {
  ignoreClosedPipes();
  const style = { json: words.includes('--json'), debug: words.includes('debug') };
  for (const event of ['uncaughtException', 'unhandledRejection']) {
    process.on(event, (error: unknown) => process.exit(reportFailure(error, style)));
  }
  let exitCode: ExitCode = ExitCode.ok;
  try {
    await createProgram((code) => {
      exitCode = code;
    }).parseAsync(words, { from: 'user' });
    return exitCode;
  } catch (error) {
    return error instanceof HelpShown ? error.exitCode : reportFailure(error, style);
  }
};
