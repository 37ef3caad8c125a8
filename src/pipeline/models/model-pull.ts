import { mkdir, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FaceswapError } from '../../errors.js';
import type { ExternalModelEntry } from '../../inference/model-contracts.js';
import { loadRegistry } from '../../inference/model-registry.js';
import { checkSignature } from '../../inference/model-signature.js';
import { externalModel, modelFilePath } from '../../inference/model-store.js';
import { fileFailure } from '../file-failure.js';
import { syncFolder } from '../job-file.js';
import { type Clock, defaultRetryPolicy, type RetryPolicy, systemClock } from '../retry.js';
import { acceptTerms, type LicenceTerms, openTerms } from './licence-acceptance.js';
import { type ClientLimits, DownloadClient } from './download-client.js';
import { askSize, downloadModel } from './model-download.js';
import { deletePart } from './part-file.js';
import { HostFailure } from './host-failure.js';
import { fileUrl, type ModelHost } from './model-hosts.js';
import { withModelLock } from './model-lock.js';
import { changedModel, fileState, readRecord, recordFirstSight, writeRecord } from './model-record.js';

/** A model that is about to be fetched. */
export type PlannedPull = {
  readonly entry: ExternalModelEntry;
  /** Null where no host told. */
  readonly sizeBytes: number | null;
};

/** What a pull came to for one model. */
export type PullResult = {
  readonly id: string;
  readonly file: string;
  /** `fetched`, or `there`: it was there before, or another process brought it meanwhile. */
  readonly outcome: 'fetched' | 'there';
  readonly sizeBytes: number;
  /** Where it was fetched; null for one that was there. */
  readonly url: string | null;
  readonly sha256: string;
};

/** Who is told what a pull does, and decides. */
export type PullListener = {
  /** Called once before anything is fetched. @returns whether the terms are accepted; not asked where there are none. */
  readonly decide: (plan: readonly PlannedPull[], terms: readonly LicenceTerms[]) => Promise<boolean>;
  readonly onProgress: (id: string, doneBytes: number, totalBytes: number | null) => void;
  readonly onEnd: (id: string) => void;
  readonly warn: (message: string) => void;
};

export type PullOptions = {
  /** Absolute path of the model folder. */
  readonly folder: string;
  readonly hosts: readonly ModelHost[];
  /** Fetch what is there as well, and trust what comes. */
  readonly force: boolean;
  /** Ask no host. */
  readonly offline: boolean;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly clock?: Pick<Clock, 'wait' | 'random'> | undefined;
  readonly retry?: RetryPolicy | undefined;
  readonly limits?: ClientLimits | undefined;
  /** Largest file that is taken. */
  readonly limitBytes?: number | undefined;
};

/**
 * The models of some names and all that they need, each once, needed ones first.
 *
 * @throws FaceswapError (model) for a name that nobody bears, (usage) for one that comes with the package.
 */
export function withNeeds(ids: readonly string[], folder: string): readonly ExternalModelEntry[] {
  const embedded = new Set(loadRegistry().models.flatMap((model) => (model.embedded ? [model.id] : [])));
  const found = new Map<string, ExternalModelEntry>();
  const visit = (id: string, way: readonly string[]): void => {
    if (embedded.has(id)) throw new FaceswapError('usage', `The model "${id}" comes with the package`);
    const entry = externalModel(id, folder);
    if (found.has(entry.id) || way.includes(entry.id)) return;
    for (const need of entry.needs) visit(need, [...way, entry.id]);
    found.set(entry.id, entry);
  };
  for (const id of ids) visit(id, []);
  return [...found.values()];
}

const remoteFileOf = ({ file }: ExternalModelEntry): string => file.slice(file.lastIndexOf('/') + 1);

/** A model that lies there and is what it was, or is seen for the first time now; undefined for one that must be fetched. */
const present = async (entry: ExternalModelEntry, folder: string): Promise<PullResult | undefined> => {
  const file = modelFilePath(entry, folder);
  const found = await fileState(file, 'changed');
  if (found.state === 'missing' || found.state === 'damaged') return undefined;
  const { sizeBytes } = found;
  const sha256 =
    found.state === 'there' ? found.record.sha256 : (await recordFirstSight(file, entry.id)).sha256;
  return { id: entry.id, file, outcome: 'there', sizeBytes, url: null, sha256 };
};

type PullTools = {
  readonly client: DownloadClient;
  readonly clock: Pick<Clock, 'wait' | 'random'>;
  readonly listener: PullListener;
};

/** What the first host that answers says of the size. */
const sizeOf = async (
  entry: ExternalModelEntry,
  { hosts, signal }: PullOptions,
  { client }: PullTools,
): Promise<number | null> => {
  for (const host of hosts) {
    const url = fileUrl(host, entry.base ?? '', remoteFileOf(entry));
    if (url === undefined) continue;
    try {
      return await askSize(url, { client, signal });
    } catch (error) {
      // The download asks the same hosts again and tells what is wrong with them.
      if (!(error instanceof HostFailure)) throw error;
    }
  }
  return null;
};

const pullOne = async (
  entry: ExternalModelEntry,
  options: PullOptions,
  { client, clock, listener }: PullTools,
): Promise<PullResult> => {
  const { folder, hosts, force, signal, retry = defaultRetryPolicy, limitBytes } = options;
  const { id, contract } = entry;
  const file = modelFilePath(entry, folder);
  const onWait = (): void => listener.warn(`${id}: another process is fetching it; waiting`);
  return withModelLock<PullResult>(file, { clock, signal, onWait }, async () => {
    const there = force ? undefined : await present(entry, folder);
    if (there !== undefined) return there;
    const known = force ? undefined : await readRecord(file);
    const part = `${file}.part`;
    const { url, digest, publishedCrc32 } = await downloadModel(
      {
        id,
        base: entry.base ?? '',
        remoteFile: remoteFileOf(entry),
        part,
        folder: dirname(file),
        check: (whole) => checkSignature(whole, contract, file),
      },
      {
        client,
        hosts,
        signal,
        clock,
        retry,
        limitBytes,
        onProgress: (done, total) => listener.onProgress(id, done, total),
        warn: listener.warn,
      },
    );
    if (known !== undefined && (known === 'damaged' || known.sha256 !== digest.sha256)) {
      await deletePart(part);
      const before =
        known === 'damaged' ? 'what was first seen cannot be read' : `first seen was ${known.sha256}`;
      throw changedModel(id, file, `${url} now has sha256 ${digest.sha256}; ${before}`);
    }
    try {
      await rename(part, file);
      await deletePart(part);
      await syncFolder(dirname(file));
      const { mtimeMs } = await stat(file);
      await writeRecord(file, { ...digest, mtimeMs }, { id, source: url, publishedCrc32 });
    } catch (error) {
      throw fileFailure(error, file, 'models');
    }
    const { sizeBytes, sha256 } = digest;
    return { id, file, outcome: 'fetched', sizeBytes, url, sha256 };
  }).finally(() => listener.onEnd(id));
};

const notAccepted = (terms: readonly LicenceTerms[]): FaceswapError =>
  new FaceswapError(
    'usage',
    `These licences were not accepted: ${terms.map(({ licence, vendor }) => `${licence} (${vendor})`).join(', ')}`,
    { hint: 'Read them, then give --accept-license' },
  );

/**
 * Brings models and what they need into the model folder: asks for sizes and licences first, fetches what is not there, checks it, and gives it
 * its name when it is whole. Several processes may do so at the same time.
 *
 * @throws FaceswapError (model) when a model cannot be fetched or is not what was seen first, (usage) when a licence is not accepted,
 *   (resources) for a full disk; the signal's reason when it aborts. What was fetched by then stays.
 */
export async function pullModels(
  ids: readonly string[],
  options: PullOptions,
  listener: PullListener,
): Promise<readonly PullResult[]> {
  const { folder, force, offline, signal, clock = systemClock } = options;
  const entries = withNeeds(ids, folder);
  const there = new Map<string, PullResult>();
  for (const entry of entries) {
    // Files that users bring are never fetched, not even by force.
    const found = force && entry.base !== null ? undefined : await present(entry, folder);
    if (found !== undefined) there.set(entry.id, found);
    else if (entry.base === null) {
      throw new FaceswapError('model', `The model "${entry.id}" is published nowhere`, {
        file: modelFilePath(entry, folder),
        hint: `Bring it with: faceswap models import FILE --as ${entry.id}`,
      });
    }
  }
  const wanted = entries.filter(({ id }) => !there.has(id));
  if (wanted.length > 0) {
    const named = wanted.map(({ id }) => id).join(', ');
    if (offline) {
      throw new FaceswapError('model', `These models are not there, and no host may be asked: ${named}`, {
        file: folder,
        hint: 'Leave out --offline and FACESWAP_OFFLINE, or bring files with: faceswap models import FILE',
      });
    }
    for (const entry of wanted) {
      const at = dirname(modelFilePath(entry, folder));
      await mkdir(at, { recursive: true }).catch((error: unknown) => {
        throw fileFailure(error, at, 'models');
      });
    }
    const client = new DownloadClient(options.environment, options.limits);
    const tools: PullTools = { client, clock, listener };
    try {
      const plan = await Promise.all(
        wanted.map(async (entry) => ({ entry, sizeBytes: await sizeOf(entry, options, tools) })),
      );
      const terms = await openTerms(folder, wanted);
      const accepted = await listener.decide(plan, terms);
      if (terms.length > 0) {
        if (!accepted) throw notAccepted(terms);
        await acceptTerms(folder, terms, { clock, signal });
      }
      for (const entry of wanted) there.set(entry.id, await pullOne(entry, options, tools));
    } finally {
      await client.close();
    }
  }
  return entries.flatMap(({ id }) => there.get(id) ?? []);
}
