import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { loadRegistry } from '../inference/model-registry.js';
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

type CachedSources = { readonly files: readonly string[]; readonly prepared: PreparedSources };

/** Prepared sets of sources; a set holds a texture and a mesh per photo, a few megabytes. */
const preparedCache = new LRUCache<string, CachedSources>({ max: 16 });

/** Names everything that the preparation's result depends on: photos in order, settings, models, our own code. */
const preparedKey = (hashes: readonly string[], settings: ChainSettings): string =>
  createHash('sha256')
    .update(
      canonicalJson({
        hashes,
        settings,
        models: loadRegistry().models.map(({ id, sha256 }) => [id, sha256]),
        version: packageVersion(),
      }),
    )
    .digest('hex');

const decodePhoto = async (file: string, sha256: string): Promise<DecodedPhoto> => {
  const cached = photoCache.get(sha256);
  if (cached !== undefined) return cached;
  const { widthPx, heightPx, rgb } = await readStill(file, 'source');
  const photo = { widthPx, heightPx, rgb };
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

/**
 * Reads the source photos and has a worker find and prepare their faces. Photos and results are kept by content for
 * later runs in the same process; the faces do not depend on where the files lie.
 *
 * @throws FaceswapError (media) for an unreadable photo, (noFace) when no photo has a usable face, (interrupted).
 */
export async function loadSourceFaces(
  files: readonly string[],
  settings: ChainSettings,
  { worker, signal }: { readonly worker: WorkerClient; readonly signal: AbortSignal | undefined },
): Promise<PreparedSources> {
  const hashes: string[] = [];
  for (const file of files) hashes.push(await contentHash(file, { signal }));
  const key = preparedKey(hashes, settings);
  const cached = preparedCache.get(key);
  if (cached !== undefined) return relocated(cached, files);
  const photos: SourcePhoto[] = [];
  for (const [index, file] of files.entries()) {
    throwIfInterrupted(signal);
    photos.push({ index, file, ...(await decodePhoto(file, hashes[index] ?? '')) });
  }
  const prepared = await worker.prepareSources(photos, settings);
  preparedCache.set(key, { files: [...files], prepared });
  return prepared;
}
