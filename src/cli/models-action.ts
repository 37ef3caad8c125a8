import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { ExitCode, FaceswapError } from '../errors.js';
import { modelFolder } from '../inference/model-folder.js';
import type { LicenceTerms } from '../pipeline/models/licence-acceptance.js';
import { addModel } from '../pipeline/models/model-addition.js';
import { modelFolderFailure } from '../pipeline/models/model-folder-failure.js';
import { modelHosts } from '../pipeline/models/model-hosts.js';
import { importModel } from '../pipeline/models/model-import.js';
import {
  describeModel,
  listModels,
  pathOfModel,
  removeModel,
  verifyModels,
} from '../pipeline/models/model-listing.js';
import type { LockWait } from '../pipeline/models/model-lock.js';
import type { PlannedPull } from '../pipeline/models/model-pull.js';
import { systemClock } from '../pipeline/retry.js';
import { printableLine } from '../printable-text.js';
import {
  formatImport,
  formatModel,
  formatModelList,
  formatPull,
  formatPullPlan,
  formatRemoval,
  formatVerification,
} from '../report/models-table.js';
import { reportFailure } from './failure.js';
import { listenForInterruption } from './interruption.js';
import type {
  AddSwitches,
  ImportSwitches,
  ListSwitches,
  ModelsSwitches,
  PullSwitches,
  RemoveSwitches,
} from './models-command.js';
import { createModelsDisplay } from './models-display.js';
import { writeError, writeResult } from './output.js';

const folderOf = ({ modelDir }: ModelsSwitches): string =>
  modelDir === undefined ? modelFolder() : resolve(modelDir);

/** What an answer is called in JSON, how people see it, and what it means for the exit code. */
type Forms<Result> = {
  readonly name: string;
  readonly format: (result: Result) => string;
  readonly exitCode?: (result: Result) => ExitCode;
};

/** Does the work of one command and prints its result, as JSON under a name where that is asked for; Ctrl-C ends it. */
const answer = async <Result>(
  { json = false }: ModelsSwitches,
  work: (signal: AbortSignal) => Promise<Result>,
  { name, format, exitCode = () => ExitCode.ok }: Forms<Result>,
): Promise<ExitCode> => {
  const interruption = listenForInterruption({ onStop: () => {} });
  try {
    const result = await work(interruption.signal);
    const code = exitCode(result);
    writeResult(json ? `${JSON.stringify({ ok: code === ExitCode.ok, [name]: result })}\n` : format(result));
    return code;
  } catch (error) {
    const told = interruption.signal.aborted
      ? new FaceswapError('interrupted', 'Stopped on request', {
          stage: 'models',
          hint: 'What was fetched is kept: the same command continues',
          cause: error,
        })
      : modelFolderFailure(error);
    return reportFailure(told, { json, debug: false });
  } finally {
    interruption.dispose();
  }
};

const waitFor = (signal: AbortSignal): LockWait => ({ clock: systemClock, signal });

/** What `faceswap models list` does. @returns the exit code; never throws. */
export const listAction = (switches: ListSwitches): Promise<ExitCode> =>
  answer(
    switches,
    async () => {
      const models = await listModels(folderOf(switches));
      const { role, installed = false } = switches;
      return models.filter(
        (model) => (role === undefined || model.role === role) && (!installed || model.state !== 'missing'),
      );
    },
    { name: 'models', format: formatModelList },
  );

/** What `faceswap models info` does. @returns the exit code; never throws. */
export const infoAction = (id: string, switches: ModelsSwitches): Promise<ExitCode> =>
  answer(switches, () => describeModel(id, folderOf(switches)), { name: 'model', format: formatModel });

/** What `faceswap models verify` does: exit code 4 when a model is damaged, or was named and is not there. @returns the exit code; never throws. */
export const verifyAction = (ids: readonly string[], switches: ModelsSwitches): Promise<ExitCode> =>
  answer(switches, () => verifyModels(ids, folderOf(switches)), {
    name: 'models',
    format: formatVerification,
    exitCode: (models) =>
      models.some(({ state }) => state === 'damaged' || state === 'missing') ? ExitCode.model : ExitCode.ok,
  });

/** What `faceswap models import` does. @returns the exit code; never throws. */
export const importAction = (file: string, switches: ImportSwitches): Promise<ExitCode> =>
  answer(switches, (signal) => importModel(resolve(file), switches.as, folderOf(switches), waitFor(signal)), {
    name: 'model',
    format: formatImport,
  });

/** What `faceswap models add` does. @returns the exit code; never throws. */
export const addAction = (file: string, switches: AddSwitches): Promise<ExitCode> =>
  answer(
    switches,
    (signal) => {
      const { contract, id, licence, vendor, force = false } = switches;
      const addition = { source: resolve(file), contractFile: resolve(contract), id, licence, vendor, force };
      return addModel(addition, folderOf(switches), waitFor(signal));
    },
    { name: 'model', format: formatImport },
  );

/** What `faceswap models remove` does. @returns the exit code; never throws. */
export const removeAction = (ids: readonly string[], switches: RemoveSwitches): Promise<ExitCode> =>
  answer(
    switches,
    async (signal) => {
      const removed = [];
      for (const id of ids) {
        const options = { forget: switches.forget === true, wait: waitFor(signal) };
        removed.push(await removeModel(id, folderOf(switches), options));
      }
      return removed;
    },
    { name: 'removed', format: formatRemoval },
  );

/** What `faceswap models path` does. @returns the exit code; never throws. */
export const pathAction = (id: string | undefined, switches: ModelsSwitches): Promise<ExitCode> =>
  answer(
    switches,
    async () => (id === undefined ? folderOf(switches) : pathOfModel(id, folderOf(switches))),
    { name: 'path', format: (path) => `${path}\n` },
  );

/** Asks on a terminal; anything but yes is no, and so is a stdin at its end. */
const askYes = async (question: string, signal: AbortSignal): Promise<boolean> => {
  // Without a line editor of its own, Ctrl-C stays the signal that it is.
  const terminal = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  const end = new Promise<string>((settle) => {
    terminal.once('close', () => settle(''));
  });
  try {
    const reply = await Promise.race([terminal.question(question, { signal }), end]);
    return /^y(es)?$/i.test(reply.trim());
  } finally {
    terminal.close();
  }
};

const isSet = (value: string | undefined): boolean => value !== undefined && value !== '' && value !== '0';

/** What `faceswap models pull` does. @returns the exit code; never throws. */
export const pullAction = (ids: readonly string[], switches: PullSwitches): Promise<ExitCode> => {
  const { host = [], offline = false, acceptLicense = false, force = false, json = false } = switches;
  const display = createModelsDisplay(process.stderr);
  const decide = async (
    plan: readonly PlannedPull[],
    terms: readonly LicenceTerms[],
    signal: AbortSignal,
  ): Promise<boolean> => {
    const asks = terms.length > 0 && !acceptLicense;
    const isTerminal = process.stdin.isTTY === true && process.stderr.isTTY === true;
    if (!json || (asks && isTerminal)) writeError(formatPullPlan(plan));
    if (!asks) return true;
    if (!isTerminal) return false;
    const named = terms.map(({ licence, vendor }) => `${licence} (${vendor})`).join(', ');
    return askYes(`Do you accept these licences: ${printableLine(named)}? [y/N] `, signal);
  };
  return answer(
    switches,
    async (signal) => {
      // It alone brings the library that talks to hosts.
      const { pullModels } = await import('../pipeline/models/model-pull.js');
      return pullModels(
        ids,
        {
          folder: folderOf(switches),
          hosts: modelHosts(host, process.env['FACESWAP_MODEL_HOSTS']),
          force,
          offline: offline || isSet(process.env['FACESWAP_OFFLINE']),
          environment: process.env,
          signal,
        },
        {
          decide: (plan, terms) => decide(plan, terms, signal),
          onProgress: (id, done, total) => display.show(id, done, total),
          onEnd: () => display.end(),
          warn: (message) => display.writeLine(`warning: ${printableLine(message)}`),
        },
      );
    },
    { name: 'models', format: formatPull },
  );
};
