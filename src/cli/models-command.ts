import { type Command, Option } from 'commander';
import type { ExitCode } from '../errors.js';

/** The end of `faceswap models --help`. */
export const modelsHelpText = `
Three small models come with the package. All others are fetched or brought by you, and have terms of their own: read them. Models lie in
--model-dir, else in FACESWAP_MODEL_DIR, else where the system keeps data; "faceswap models path" tells.

Examples:
  What there is, and what may be done with it:
    $ faceswap models list
  Fetch a swapper with all that it needs:
    $ faceswap models pull inswapper_128
  Take a file that you have:
    $ faceswap models import ~/Downloads/inswapper_128.onnx
  A model of your own:
    $ faceswap models add mine.onnx --contract mine.json --id my_swapper
  Are they what they were?
    $ faceswap models verify
`;

/** What commander collects for all of them. */
export type ModelsSwitches = { readonly modelDir?: string; readonly json?: boolean };

export type ListSwitches = ModelsSwitches & { readonly role?: string; readonly installed?: boolean };

export type PullSwitches = ModelsSwitches & {
  readonly host?: readonly string[];
  readonly offline?: boolean;
  readonly acceptLicense?: boolean;
  readonly force?: boolean;
};

export type ImportSwitches = ModelsSwitches & { readonly as?: string };

export type AddSwitches = ModelsSwitches & {
  readonly contract: string;
  readonly id?: string;
  readonly licence?: string;
  readonly vendor?: string;
  readonly force?: boolean;
};

export type RemoveSwitches = ModelsSwitches & { readonly forget?: boolean };

/** The roles that `list --role` takes; those of `modelRoles`, which would load more than help needs. */
export const roleChoices = [
  'detector',
  'landmarker',
  'recognizer',
  'classifier',
  'swapper',
  'deep-swapper',
  'converter',
  'enhancer',
  'occluder',
  'parser',
  'content-analyser',
] as const;

/**
 * Adds `faceswap models` with its commands. What they do is imported when they are called.
 *
 * @param onExit receives the exit code.
 */
export const addModelsCommand = (program: Command, onExit: (code: ExitCode) => void): void => {
  const models = program
    .command('models')
    .summary('list, fetch, check and add models')
    .description('Tells which models there are, fetches them, and checks and adds files of yours.')
    .helpCommand(false)
    .addHelpText('after', modelsHelpText);
  const add = (usage: string, description: string): Command =>
    models
      .command(usage)
      .description(description)
      .option('--model-dir <folder>', 'folder with models; default: FACESWAP_MODEL_DIR')
      .option('--json', 'print one JSON object on stdout');
  add('list', 'list all models with their state and licence')
    .addOption(new Option('--role <role>', 'only models of this role').choices(roleChoices))
    .option('--installed', 'only models that are there')
    .action(async (switches: ListSwitches) => {
      const { listAction } = await import('./models-action.js');
      onExit(await listAction(switches));
    });
  add('info <id>', 'show all that is known of a model').action(
    async (id: string, switches: ModelsSwitches) => {
      const { infoAction } = await import('./models-action.js');
      onExit(await infoAction(id, switches));
    },
  );
  add('pull <ids...>', 'fetch models and what they need; DeepFaceLive models as deepfacelive/<scope>/<name>')
    .option(
      '--host <host>',
      'where from: github, huggingface, hf-mirror, or a URL with {base} and {file}; several are tried in their order; default: FACESWAP_MODEL_HOSTS, else these three',
      // Not variadic: the names of models that follow would be taken for hosts.
      (host: string, hosts: readonly string[] = []) => [...hosts, host],
    )
    .option('--offline', 'ask no host: fails where something is not there')
    .option('--accept-license', 'accept the licences of what is fetched; they are asked for once')
    .option('--force', 'fetch again what is there, and trust what comes')
    .action(async (ids: readonly string[], switches: PullSwitches) => {
      const { pullAction } = await import('./models-action.js');
      onExit(await pullAction(ids, switches));
    });
  add(
    'verify [ids...]',
    'read models whole and compare them with what is known of them; default: all that are there',
  ).action(async (ids: readonly string[], switches: ModelsSwitches) => {
    const { verifyAction } = await import('./models-action.js');
    onExit(await verifyAction(ids, switches));
  });
  add('import <file>', 'copy a file that you have into the model folder, and trust it from now on')
    .option('--as <id>', 'which model it is; default: by its name')
    .action(async (file: string, switches: ImportSwitches) => {
      const { importAction } = await import('./models-action.js');
      onExit(await importAction(file, switches));
    });
  add('add <file>', 'add a model of your own of a kind that is known')
    .requiredOption('--contract <file>', 'JSON file that says how the model is fed and read')
    .option('--id <id>', 'the name that options take for it; default: that of the file')
    .option('--licence <text>', 'its licence')
    .option('--vendor <text>', 'who made it')
    .option('--force', 'take the place of a model that was added under this id')
    .action(async (file: string, switches: AddSwitches) => {
      const { addAction } = await import('./models-action.js');
      onExit(await addAction(file, switches));
    });
  add('remove <ids...>', 'delete the files of models')
    .option('--forget', 'also forget what was seen of them, so that any other file is trusted')
    .action(async (ids: readonly string[], switches: RemoveSwitches) => {
      const { removeAction } = await import('./models-action.js');
      onExit(await removeAction(ids, switches));
    });
  add('path [id]', 'print the model folder, or the path of a model').action(
    async (id: string | undefined, switches: ModelsSwitches) => {
      const { pathAction } = await import('./models-action.js');
      onExit(await pathAction(id, switches));
    },
  );
};
