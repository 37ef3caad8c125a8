import type { ImportedModel } from '../pipeline/models/model-import.js';
import type { ListedModel, ModelDetails, RemovedModel } from '../pipeline/models/model-listing.js';
import type { PlannedPull, PullResult } from '../pipeline/models/model-pull.js';
import { formatBytes } from '../pipeline/byte-size.js';
import { formatColumns, formatRows, type TableRow } from './table-rows.js';

const useTexts: Readonly<Record<ListedModel['use'], string>> = {
  any: 'any use',
  copyleft: 'any use, copyleft',
  restricted: 'any use but those that its licence excludes',
  research: 'research only',
  'non-commercial': 'non-commercial only',
  unknown: 'terms unknown',
};

const stateTexts: Readonly<Record<ListedModel['state'], string>> = {
  embedded: 'embedded',
  there: 'there',
  unverified: 'not verified',
  damaged: 'damaged',
  missing: 'missing',
};

const sizeText = (sizeBytes: number | null): string => (sizeBytes === null ? '-' : formatBytes(sizeBytes));

/** What `faceswap models list` prints. */
export const formatModelList = (models: readonly ListedModel[]): string => {
  if (models.length === 0) return 'No models.\n';
  return formatColumns([
    ['id', 'role', 'state', 'size', 'use', 'licence'],
    ...models.map(({ id, role, state, sizeBytes, use, licence, vendor }) => [
      id,
      role,
      stateTexts[state],
      sizeText(sizeBytes),
      useTexts[use],
      `${licence} (${vendor})`,
    ]),
  ]);
};

const inputText = ({ entry }: ModelDetails): readonly TableRow[] => {
  const { contract } = entry;
  return Object.entries(contract)
    .filter(([name]) => name !== 'kind')
    .map(
      ([name, value]) => [`  ${name}`, typeof value === 'string' ? value : JSON.stringify(value)] as const,
    );
};

/** What `faceswap models info` prints. */
export const formatModel = (model: ModelDetails): string => {
  const { entry, record, needs, variants } = model;
  const origin: readonly TableRow[] = entry.embedded
    ? [['origin', entry.origin]]
    : [
        ['published', entry.base === null ? 'nowhere: users bring it' : `FaceFusion's assets, ${entry.base}`],
        ['precision', entry.precision],
        ...(entry.aliases === undefined ? [] : [['also', entry.aliases.join(', ')] as const]),
        ...needs.map(({ id, state }) => ['needs', `${id} (${stateTexts[state]})`] as const),
        ...(variants.length === 0 ? [] : [['variants', variants.join(', ')] as const]),
      ];
  const seen: readonly TableRow[] =
    record === null
      ? []
      : [
          ['sha256', record.sha256],
          ['crc32', `${record.crc32}${record.publishedCrc32 === null ? '' : ', as published'}`],
          ['first seen', `${record.firstSeenAt}, ${record.source ?? 'brought by the user'}`],
        ];
  return formatRows([
    ['model', model.id],
    ['role', model.role],
    ['state', stateTexts[model.state]],
    ...(model.reason === undefined ? [] : [['', model.reason] as const]),
    ['file', model.file],
    ['size', sizeText(model.sizeBytes)],
    ['licence', `${model.licence} (${model.vendor}): ${useTexts[model.use]}`],
    ...origin,
    ...seen,
    ['contract', entry.contract.kind],
    ...inputText(model),
  ]);
};

/** What `faceswap models pull` shows before it fetches. */
export const formatPullPlan = (plan: readonly PlannedPull[]): string => {
  const sizes = plan.map(({ sizeBytes }) => sizeBytes);
  const known = sizes.filter((size) => size !== null).reduce((sum, size) => sum + size, 0);
  const unknown = sizes.includes(null);
  const total =
    known === 0 && unknown ? 'size unknown' : `${unknown ? 'at least ' : ''}${formatBytes(known)}`;
  return `${formatColumns(
    plan.map(({ entry: { id, licence, vendor, use }, sizeBytes }) => [
      id,
      sizeText(sizeBytes),
      useTexts[use],
      `${licence} (${vendor})`,
    ]),
  )}${plan.length} ${plan.length === 1 ? 'model' : 'models'} to fetch, ${total}\n`;
};

/** What `faceswap models pull` prints at its end. */
export const formatPull = (results: readonly PullResult[]): string =>
  formatColumns(results.map(({ id, outcome, sizeBytes, file }) => [outcome, id, sizeText(sizeBytes), file]));

/** What `faceswap models verify` prints. */
export const formatVerification = (models: readonly ListedModel[]): string => {
  if (models.length === 0) return 'No models.\n';
  return models
    .map(({ id, state, reason, file }) =>
      formatColumns([
        [
          state === 'there' || state === 'embedded' ? 'ok' : stateTexts[state],
          id,
          reason === undefined ? file : `${file}: ${reason}`,
        ],
      ]),
    )
    .join('');
};

/** What `faceswap models import` and `add` print. */
export const formatImport = ({ id, file, sizeBytes }: ImportedModel): string =>
  formatColumns([['taken', id, sizeText(sizeBytes), file]]);

/** What `faceswap models remove` prints. */
export const formatRemoval = (removed: readonly RemovedModel[]): string =>
  formatColumns(removed.map(({ id, file, wasThere }) => [wasThere ? 'removed' : 'not there', id, file]));
