import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { modelHash } from '../inference/model-hash.js';
import { embeddedModelEntries } from '../inference/model-registry.js';
import { contentHash } from '../media/content-hash.js';
import type { TargetMedia } from '../media/target-media.js';
import { packageVersion } from '../version.js';
import { cacheFolder } from './cache-folder.js';
import { analysisFilesOf } from './chain-files.js';
import type { ChainModelFiles } from './chain-models.js';
import { hashOfCode } from './code-hash.js';
import { DiskCache } from './disk-cache.js';
import type { ChainSettings } from './face-chain.js';
import { canonicalJson, type PlanSegment } from './plan.js';
import type { RunLogger } from './run-logger.js';
import { segmentAnalysisVersion } from './segment-analysis.js';

/** Bytes at each end of the target that tell most files apart without reading them whole. */
const sampleBytes = 64 * 1024;

/**
 * Settings that come after the analysis. All others, also those that are added one day, are part of the key. Threads of a model do not
 * change what it gives (see `planWorkers`).
 */
const laterSettings: ReadonlySet<string> = new Set([
  'faceSelectorMode',
  'faceSelectorOrder',
  'faceSelectorRegions',
  'landmarkSmoother',
  'smootherWindow',
  'smootherAlpha',
  'blend',
  'colorMatch',
  'occlusion',
  'executionThreadCount',
  'faceSwapperModel',
  'faceSwapperWeight',
  'faceSwapperPixelBoostPx',
  'deepSwapperModel',
  'deepSwapperMorph',
  'faceEnhancerBlend',
  'faceEnhancerWeight',
  'faceEnhancerFaces',
  'faceMaskTypes',
  'faceMaskAreas',
  'faceMaskRegions',
  'faceOccluderModel',
  'faceParserModel',
  // A key of its own says whether an entry has what a cast needs.
  'needsCast',
] satisfies (keyof ChainSettings)[]);

/** What an {@link AnalysisCache} is opened for. */
export type AnalysisCacheOptions = {
  readonly target: TargetMedia;
  readonly settings: ChainSettings;
  /** Null: the models of the package. */
  readonly models: ChainModelFiles | null;
  /** Whatever else decides which pixels come out of the decoder: its version, the hardware that it uses. */
  readonly decoding: Readonly<Record<string, string>>;
  readonly logger: RunLogger;
  /** sha256 of the whole target, where somebody computes it already. */
  readonly targetSha256?: Promise<string> | undefined;
  /** Another place than {@link cacheFolder}, for tests. */
  readonly folder?: string | undefined;
};

/** Files may be replaced under their names, so what is in them counts. */
const fetchedModelHashes = async (models: ChainModelFiles | null): Promise<readonly string[][]> => {
  const files = models === null || models.neural === null ? [] : analysisFilesOf(models.neural);
  const hashes: string[][] = [];
  for (const { id, file } of files) hashes.push([id, await modelHash(file)]);
  return hashes;
};

const endsOfFile = async (file: string, sizeBytes: number): Promise<string> => {
  const hash = createHash('sha256');
  const handle = await open(file, 'r');
  try {
    const buffer = Buffer.alloc(sampleBytes);
    for (const position of [0, Math.max(0, sizeBytes - sampleBytes)]) {
      const { bytesRead } = await handle.read(buffer, 0, sampleBytes, position);
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
  return hash.digest('hex');
};

/**
 * What was found out about a target in earlier runs, segment by segment: a run with another source needs neither detector nor
 * landmark model. Kept on disk by the content of the target and by all that the analysis depends on.
 *
 * A key needs the sha256 of the whole target, which takes seconds for gigabytes. It has two parts, of which the first needs only
 * the target's size and both ends: when nothing is kept under that, the first segment need not wait, and the hash is computed beside
 * the rendering, to keep what that finds. A target that is so large that its hash is not there when the run is over leaves nothing.
 */
export class AnalysisCache {
  readonly #options: AnalysisCacheOptions;
  readonly #cache: DiskCache;
  readonly #facts: string;
  readonly #group: string;
  #mayHave: boolean;
  readonly #stopHash = new AbortController();
  /** Under way or done, by the index of the segment. */
  readonly #saves = new Map<number, Promise<void>>();
  #hash: Promise<string | null> | undefined;

  private constructor(
    options: AnalysisCacheOptions,
    found: { cache: DiskCache; facts: string; group: string; mayHave: boolean },
  ) {
    this.#options = options;
    this.#cache = found.cache;
    this.#facts = found.facts;
    this.#group = found.group;
    this.#mayHave = found.mayHave;
    // Only a run that may be spared its analysis begins to hash before it renders.
    if (found.mayHave) void this.#targetHash();
  }

  /** Opens the cache for a target; null, with a note in the debug log, when it cannot be used. */
  static async open(options: AnalysisCacheOptions): Promise<AnalysisCache | null> {
    try {
      return await AnalysisCache.#open(options);
    } catch (error) {
      options.logger.debug({ err: error }, 'the analysis of the target is not kept');
      return null;
    }
  }

  static async #open(options: AnalysisCacheOptions): Promise<AnalysisCache> {
    const { target, settings, models, decoding, logger } = options;
    const facts = canonicalJson({
      form: segmentAnalysisVersion,
      version: packageVersion(),
      code: await hashOfCode(),
      models: embeddedModelEntries().map(({ id, sha256 }) => [id, sha256]),
      fetched: await fetchedModelHashes(models),
      settings: Object.fromEntries(Object.entries(settings).filter(([name]) => !laterSettings.has(name))),
      decoding,
      stream: target.video.streamIndex,
      format: target.video.format,
      frameRate: target.video.frameRate,
    });
    const group = createHash('sha256')
      .update(facts)
      .update(String(target.sizeBytes))
      .update(await endsOfFile(target.file, target.sizeBytes))
      .digest('hex')
      .slice(0, 24);
    const cache = new DiskCache({ folder: options.folder ?? join(cacheFolder(), 'analysis'), logger });
    return new AnalysisCache(options, { cache, facts, group, mayHave: await cache.hasPrefix(group) });
  }

  /**
   * The packed analysis of a segment, see `segment-analysis.ts`, or null when there is none. What was saved by this run counts as well. One
   * that was made for a cast serves every run; a run that needs a cast takes no other.
   */
  async load(segment: PlanSegment): Promise<ArrayBuffer | null> {
    if (!this.#mayHave) {
      void this.#targetHash();
      return null;
    }
    await this.#saves.get(segment.index);
    for (const hasCast of this.#options.settings.needsCast ? [true] : [false, true]) {
      const key = await this.#keyOf(segment, hasCast);
      const packed = key === null ? null : await this.#cache.read(key);
      if (packed !== null) return packed;
    }
    return null;
  }

  /** Keeps the packed analysis of a segment; works on after it returns, until {@link close}. */
  save(segment: PlanSegment, packed: ArrayBuffer): void {
    const work = async (): Promise<void> => {
      const key = await this.#keyOf(segment, this.#options.settings.needsCast);
      if (key !== null) await this.#cache.write(key, new Uint8Array(packed));
    };
    this.#mayHave = true;
    this.#saves.set(segment.index, work());
  }

  /** Gives up a hash that is not there yet and waits until all that can be kept is. */
  async close(): Promise<void> {
    this.#stopHash.abort();
    await Promise.all(this.#saves.values());
  }

  async #keyOf({ decode }: PlanSegment, hasCast: boolean): Promise<string | null> {
    const target = await this.#targetHash();
    if (target === null) return null;
    const key = createHash('sha256')
      .update(canonicalJson({ target, facts: this.#facts, decode, hasCast }))
      .digest('hex');
    return `${this.#group}-${key.slice(0, 40)}`;
  }

  /** Null when it was given up or the file cannot be read, which the decoder will tell better. */
  #targetHash(): Promise<string | null> {
    const { target, targetSha256, logger } = this.#options;
    this.#hash ??= (targetSha256 ?? contentHash(target.file, { signal: this.#stopHash.signal })).catch(
      (error: unknown) => {
        logger.debug({ err: error }, 'the analysis of the target is not kept');
        return null;
      },
    );
    return this.#hash;
  }
}
