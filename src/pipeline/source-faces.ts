import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { embeddedModelEntries } from '../inference/model-registry.js';
import type { ChainModelFiles } from './chain-models.js';
import { contentHash } from '../media/content-hash.js';
import { readStill } from '../media/still-image.js';
import { packageVersion } from '../version.js';
import type { ChainSettings } from './face-chain.js';
import { throwIfInterrupted } from './interruption.js';
import { canonicalJson } from './plan.js';
import type { SourcePhoto } from './source-preparation.js';
import type { WorkerClient } from './worker-client.js';
import type { PreparedSources } from './worker-protocol.js';

type DecodedPhoto = Pick<SourcePhoto, 'widthPx' | 'heightPx' | 'rgb'>;

/** Decoded photos by the sha256 of their file: about five 12-megapixel photos. */
const photoCache = new LRUCache<string, DecodedPhoto>({
  maxSize: 192 * 1024 * 1024,
  sizeCalculation: (photo) => photo.rgb.byteLength + 1,
});

/** A prepared set of sources and the files that it was made from. */
type CachedSources = { readonly files: readonly string[]; readonly prepared: PreparedSources };

/** Where prepared sets of sources are kept, by what they were made from. */
export type SourceMemory = Pick<LRUCache<string, CachedSources>, 'get' | 'set'>;

/**
 * A memory for one batch.
 *
 * @param setCount sets of photos that each of its runs has prepared, at least 1
 */
export const createSourceMemory = (setCount: number): SourceMemory => new LRUCache({ max: setCount });

/** Prepared sets of sources; a set holds a texture and a mesh per photo, a few megabytes. */
const preparedCache = new LRUCache<string, CachedSources>({ max: 16 });

/** Names everything that the preparation's result depends on: photos in order, settings, models, our own code. */
const preparedKey = (
  hashes: readonly string[],
  settings: ChainSettings,
  files: ChainModelFiles | null,
): string =>
  createHash('sha256')
    .update(
      canonicalJson({
        hashes,
        settings,
        files,
        models: embeddedModelEntries().map(({ id, sha256 }) => [id, sha256]),
        version: packageVersion(),
      }),
    )
    .digest('hex');

const readPhoto = async (file: string): Promise<DecodedPhoto> => {
  const { widthPx, heightPx, rgb } = await readStill(file, 'source');
  return { widthPx, heightPx, rgb };
};

const cachedPhoto = async (file: string, sha256: string): Promise<DecodedPhoto> => {
  const photo = photoCache.get(sha256) ?? (await readPhoto(file));
  photoCache.set(sha256, photo);
  return photo;
};

/** The same photos may lie elsewhere than when they were prepared: says where they are now. */
const relocated = ({ files, prepared }: CachedSources, now: readonly string[]): PreparedSources => {
  const place = (file: string): string => now[files.indexOf(file)] ?? file;
  return {
    faces: prepared.faces.map((face) => ({ ...face, file: now[face.index] ?? face.file })),
    warnings: prepared.warnings.map((warning) =>
      warning.file === undefined ? warning : { ...warning, file: place(warning.file) },
    ),
  };
};

/** Who prepares the faces, and how. */
export type SourceLoading = {
  readonly worker: WorkerClient;
  /** Null or left out: the models of the package. */
  readonly models?: ChainModelFiles | null | undefined;
  /** False: neither use nor keep anything of other runs. */
  readonly cache: boolean;
  /** Used instead of the process's own memory, also where `cache` is false: the runs of one batch are one run. */
  readonly memory?: SourceMemory | undefined;
  readonly signal: AbortSignal | undefined;
};

/** Decodes the photos one after another and has the worker look for their faces. */
const preparePhotos = async (
  files: readonly string[],
  settings: ChainSettings,
  { worker, models = null, signal }: SourceLoading,
  decode: (file: string, index: number) => Promise<DecodedPhoto>,
): Promise<PreparedSources> => {
  const photos: SourcePhoto[] = [];
  for (const [index, file] of files.entries()) {
    throwIfInterrupted(signal);
    photos.push({ index, file, ...(await decode(file, index)) });
  }
  return worker.prepareSources(photos, settings, models);
};

/**
 * Reads the source photos and has a worker find and prepare their faces. Photos and results are kept by content for
 * later runs in the same process; the faces do not depend on where the files lie.
 *
 * @throws FaceswapError (media) for an unreadable photo, (noFace) when no photo has a usable face, (interrupted).
 */
export async function loadSourceFaces(
  files: readonly string[],
  settings: ChainSettings,
  loading: SourceLoading,
): Promise<PreparedSources> {
  const memory = loading.memory ?? (loading.cache ? preparedCache : undefined);
  if (memory === undefined) return preparePhotos(files, settings, loading, readPhoto);
  const hashes: string[] = [];
  for (const file of files) hashes.push(await contentHash(file, { signal: loading.signal }));
  const key = preparedKey(hashes, settings, loading.models ?? null);
  const cached = memory.get(key);
  if (cached !== undefined) return relocated(cached, files);
  const prepared = await preparePhotos(files, settings, loading, (file, index) =>
    loading.cache ? cachedPhoto(file, hashes[index] ?? '') : readPhoto(file),
  );
  memory.set(key, { files: [...files], prepared });
  return prepared;
}
