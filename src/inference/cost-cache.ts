import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readBoundedFile } from '../bounded-file.js';
import { type BatchCost, isBatchCost } from './batch-cost.js';

/** What the cost of a model depends on. */
export type CostKey = {
  /** SHA-256 of the model file as it was loaded. */
  readonly modelHash: string;
  /** The device by name and driver, or the CPU by name and thread count. */
  readonly device: string;
  readonly onnxruntimeVersion: string;
};

type Entry = CostKey & { readonly cost: BatchCost };

const formatVersion = 1;
const fileName = 'model-costs.json';

/** More than all entries that are kept take. */
const maxFileBytes = 2 ** 20;

/** Entries kept, the newest ones. One is about 400 bytes. */
const maxEntries = 100;

/**
 * What models cost, kept in one JSON file between runs. The cache is a convenience: a missing, damaged or foreign file
 * is an empty one. Two processes may use it at the same time; of two that write at once the later one wins, and the
 * other's entry is measured again some day.
 */
export class CostCache {
  readonly #folder: string;

  /** @param folder is made when something is kept */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The cost under this key, or null. */
  async find(key: CostKey): Promise<BatchCost | null> {
    return (await this.#read()).find((entry) => isSameKey(entry, key))?.cost ?? null;
  }

  /**
   * Keeps a cost, in place of an older one with the same key.
   *
   * @returns whether it could be written; what could not costs a measurement next time and nothing else
   */
  async keep(key: CostKey, cost: BatchCost): Promise<boolean> {
    const { modelHash, device, onnxruntimeVersion } = key;
    const others = (await this.#read()).filter((entry) => !isSameKey(entry, key));
    const entries = [{ modelHash, device, onnxruntimeVersion, cost }, ...others].slice(0, maxEntries);
    const partPath = join(this.#folder, `${fileName}.${randomUUID()}.part`);
    try {
      await mkdir(this.#folder, { recursive: true });
      await writeFile(partPath, JSON.stringify({ version: formatVersion, entries }));
      await rename(partPath, join(this.#folder, fileName));
      return true;
    } catch {
      await rm(partPath, { force: true }).catch(() => undefined);
      return false;
    }
  }

  /**
   * Notes a batch size for which memory ran out in use, where the cost under this key is known.
   *
   * @returns whether it is written
   */
  async keepFailure(key: CostKey, failedSize: number): Promise<boolean> {
    const cost = await this.find(key);
    if (cost === null || (cost.failedSize !== null && cost.failedSize <= failedSize)) return false;
    return this.keep(key, { ...cost, failedSize });
  }

  async #read(): Promise<readonly Entry[]> {
    let parsed: unknown;
    try {
      parsed = JSON.parse(
        (await readBoundedFile(join(this.#folder, fileName), maxFileBytes)).toString('utf8'),
      );
    } catch {
      return [];
    }
    if (typeof parsed !== 'object' || parsed === null) return [];
    const { version, entries } = parsed as Record<string, unknown>;
    if (version !== formatVersion || !Array.isArray(entries)) return [];
    return entries.filter(isEntry).slice(0, maxEntries);
  }
}

const isSameKey = (first: CostKey, second: CostKey): boolean =>
  first.modelHash === second.modelHash &&
  first.device === second.device &&
  first.onnxruntimeVersion === second.onnxruntimeVersion;

const isEntry = (value: unknown): value is Entry => {
  if (typeof value !== 'object' || value === null) return false;
  const { modelHash, device, onnxruntimeVersion, cost } = value as Record<string, unknown>;
  return (
    [modelHash, device, onnxruntimeVersion].every((part) => typeof part === 'string') && isBatchCost(cost)
  );
};
