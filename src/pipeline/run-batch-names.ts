import { basename, isAbsolute, relative, resolve, sep } from 'node:path';
import { FaceswapError } from '../errors.js';
import { hasMediaExtension } from '../media/media-kind.js';
import {
  expandNameTemplate,
  hasPlaceholder,
  type NameTemplate,
  parseNameTemplate,
  templateExpression,
  templateFolder,
} from './name-template.js';
import type { BatchConfig } from './run-batch-options.js';
import { type FoundTarget, nameParts, targetMeaning } from './target-list.js';

/** Gives the absolute path of what is written for a target. */
export type BatchNames = {
  readonly pathOf: (target: string, index: number) => string;
  /** Those of the files that were found which are no targets but outputs of an earlier batch. */
  readonly earlierOutputs: (found: readonly FoundTarget[]) => ReadonlySet<string>;
};

const isInside = (folder: string, path: string): boolean => {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
};

/**
 * Outputs that lie in a folder of their own below the one that was searched. Where the two are one folder, nothing is
 * left out: an output in the place of its target is refused later.
 */
const outputsBelow = (
  folder: string,
  isOutput: (file: string) => boolean,
): ((found: FoundTarget) => boolean) => {
  return ({ file, searchedFolder }) =>
    searchedFolder !== null && isInside(searchedFolder, folder) && isInside(folder, file) && isOutput(file);
};

const folderNames = (folder: string, nameOf: (target: string) => string): BatchNames => {
  const isEarlier = outputsBelow(folder, () => true);
  return {
    pathOf: (target) => resolve(folder, nameOf(target)),
    earlierOutputs: (found) => new Set(found.filter(isEarlier).map(({ file }) => file)),
  };
};

/** For each target the paths that its outputs may have: one, or one for each index that it may have had. */
const outputTests = (
  found: readonly FoundTarget[],
  template: NameTemplate,
  sourceName: string,
): ((file: string) => boolean) => {
  const valuesOf = (target: string) => {
    const { name, extension } = nameParts(target);
    return { source_name: sourceName, target_name: name, target_extension: extension };
  };
  const hasIndex = template.tokens.some((token) => 'placeholder' in token && token.placeholder === 'index');
  if (hasIndex) {
    const tests = found.map(({ file }) => ({
      file,
      expression: templateExpression(template, valuesOf(file)),
    }));
    return (output) => tests.some(({ file, expression }) => file !== output && expression.test(output));
  }
  const makers = new Map<string, string[]>();
  for (const { file } of found) {
    const output = expandNameTemplate(template, { index: 0, ...valuesOf(file) }, file);
    makers.set(output, [...(makers.get(output) ?? []), file]);
  }
  return (output) => (makers.get(output) ?? []).some((file) => file !== output);
};

/**
 * With `--overwrite` an earlier output would be replaced; where it may as well be one of the user's own files, which lies among the
 * targets and is only named like an output, that must not happen.
 */
const refuseToOverwrite = (file: string): FaceswapError =>
  new FaceswapError('usage', 'This file is among the targets, and its name is that of an output', {
    file,
    hint: 'Inputs are never overwritten: write into another folder, or give --skip-existing in place of --overwrite',
  });

const templateNames = (template: NameTemplate, { config, overwrite }: BatchConfig): BatchNames => {
  const sourceName = nameParts(config.sources[0] ?? '').name;
  const anyOutput = templateExpression(template, { source_name: sourceName });
  const isEarlierBelow = outputsBelow(templateFolder(template), (file) => anyOutput.test(file));
  return {
    pathOf: (target, index) => {
      const { name, extension } = nameParts(target);
      const values = { index, source_name: sourceName, target_name: name, target_extension: extension };
      return expandNameTemplate(template, values, target);
    },
    earlierOutputs: (found) => {
      const isOutput = outputTests(found, template, sourceName);
      const earlier = found.filter((candidate) => {
        if (candidate.searchedFolder === null) return false;
        if (isEarlierBelow(candidate)) return true;
        if (!isOutput(candidate.file)) return false;
        if (overwrite) throw refuseToOverwrite(candidate.file);
        return true;
      });
      return new Set(earlier.map(({ file }) => file));
    },
  };
};

/**
 * How the outputs of a batch are called: by the template, or by the target's own name in the folder. One target that is named
 * itself may have a plain file as its output.
 *
 * @throws FaceswapError (usage) for a bad template, and for a file where a folder is needed.
 */
export async function outputNames(batch: BatchConfig): Promise<BatchNames> {
  const { output, values } = batch;
  if (hasPlaceholder(output) || /[{}]/.test(output)) {
    return templateNames(parseNameTemplate(output, '--output'), batch);
  }
  const folder = resolve(output);
  const place = await targetMeaning(folder);
  const isFile = place === 'file' || (place !== 'folder' && hasMediaExtension(output));
  if (!isFile) return folderNames(folder, (target) => basename(target));
  const [only] = values;
  if (values.length === 1 && only !== undefined && (await targetMeaning(only)) === 'file') {
    return { pathOf: () => folder, earlierOutputs: () => new Set() };
  }
  throw new FaceswapError(
    'usage',
    '--output must be a folder or hold a placeholder for more than one target',
    {
      file: folder,
      hint: 'For example swapped/ or "{target_name}_swapped{target_extension}"',
    },
  );
}

/**
 * How the reports of a batch are called; undefined without `--report`. In a folder a report has the target's whole name and
 * `.json`.
 *
 * @throws FaceswapError (usage) as {@link outputNames}.
 */
export async function reportNames(batch: BatchConfig): Promise<Pick<BatchNames, 'pathOf'> | undefined> {
  const { report, values } = batch;
  if (report === undefined) return undefined;
  if (hasPlaceholder(report) || /[{}]/.test(report)) {
    return templateNames(parseNameTemplate(report, '--report'), batch);
  }
  const folder = resolve(report);
  const isFile = (await targetMeaning(folder)) === 'file' || /\.jsonl?$/i.test(report);
  if (!isFile) return folderNames(folder, (target) => `${basename(target)}.json`);
  const [only] = values;
  if (values.length === 1 && only !== undefined && (await targetMeaning(only)) === 'file') {
    return { pathOf: () => folder };
  }
  throw new FaceswapError(
    'usage',
    '--report must be a folder or hold a placeholder for more than one target',
    {
      file: folder,
      hint: 'For example reports/ or "reports/{target_name}.json"',
    },
  );
}
