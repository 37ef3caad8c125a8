import { lstat, rm, stat } from 'node:fs/promises';
import { z } from 'zod';
import { FaceswapError } from '../../errors.js';
import { fileFailure } from '../file-failure.js';
import { codeOf, readOwnFile, readOwnJson, writeWhole } from '../job-file.js';
import { modelFolderFailure } from './model-folder-failure.js';
import { digestFile, type FileDigest } from './file-digest.js';

/** What is kept of a model file when it is first seen, beside it as `<file>.json`. */
const recordSchema = z.strictObject({
  version: z.literal(1),
  id: z.string().max(300),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  crc32: z.string().regex(/^[0-9a-f]{8}$/),
  sizeBytes: z.int().min(0),
  /** Time of the last change when the sum was made: a file of the same size and time is taken for the same. */
  mtimeMs: z.number(),
  /** Where it was fetched; null for a file that the user brought. */
  source: z.string().max(4096).nullable(),
  /** The CRC32 that its publisher states and that it has; null where none was there. */
  publishedCrc32: z
    .string()
    .regex(/^[0-9a-f]{8}$/)
    .nullable(),
  firstSeenAt: z.string().max(40),
});

export type ModelRecord = z.infer<typeof recordSchema>;

/** What a record says besides the bytes. */
export type ModelOrigin = Pick<ModelRecord, 'id' | 'source' | 'publishedCrc32'>;

/** Most bytes that a record takes. */
const maxRecordBytes = 16_384;

/** Name of the record of a model file. */
export const recordFile = (file: string): string => `${file}.json`;

/** What was seen of a file; undefined where nothing was, `damaged` where that cannot be read any more. */
export async function readRecord(file: string): Promise<ModelRecord | 'damaged' | undefined> {
  const path = recordFile(file);
  const record = recordSchema.safeParse(await readOwnJson(path, maxRecordBytes)).data;
  if (record !== undefined) return record;
  try {
    await lstat(path);
    return 'damaged';
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw fileFailure(error, path, 'models');
  }
}

/** Systems that let nobody write into a folder answer one of these. */
const readOnly: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS']);

/**
 * Keeps what was seen of a file, in place of what was kept before.
 *
 * @returns false where the folder cannot be written: a folder that others look after is used as it is.
 */
export async function writeRecord(file: string, digest: FileDigest, origin: ModelOrigin): Promise<boolean> {
  const record: ModelRecord = {
    version: 1,
    id: origin.id,
    sha256: digest.sha256,
    crc32: digest.crc32,
    sizeBytes: digest.sizeBytes,
    mtimeMs: digest.mtimeMs,
    source: origin.source,
    publishedCrc32: origin.publishedCrc32,
    firstSeenAt: new Date().toISOString(),
  };
  return keep(file, record);
}

const keep = async (file: string, record: ModelRecord): Promise<boolean> => {
  try {
    await writeWhole(recordFile(file), `${JSON.stringify(record, null, 2)}\n`);
    return true;
  } catch (error) {
    if (error instanceof FaceswapError && readOnly.has(codeOf(error.cause))) return false;
    throw error;
  }
};

/** Forgets what was seen of a file. */
export const deleteRecord = (file: string): Promise<void> => rm(recordFile(file), { force: true });

/** The CRC32 in a `.hash` file that lies beside a model, as FaceFusion keeps it; null where there is none. */
export async function publishedCrc32Beside(file: string): Promise<string | null> {
  const text = await readOwnFile(file.replace(/\.[^.]+$/, '.hash'), 64);
  const sum = text?.trim().toLowerCase();
  return sum !== undefined && /^[0-9a-f]{8}$/.test(sum) ? sum : null;
}

/** How a model file compares with what was seen of it. */
export type FileState =
  | { readonly state: 'missing' }
  /** There, and nobody has looked at it yet. */
  | { readonly state: 'unverified'; readonly sizeBytes: number }
  | { readonly state: 'there'; readonly sizeBytes: number; readonly record: ModelRecord }
  | {
      readonly state: 'damaged';
      readonly sizeBytes: number;
      /** Null where it cannot be read, or a published sum was compared. */
      readonly record: ModelRecord | null;
      readonly reason: string;
    };

/**
 * Compares a model file with its record.
 *
 * @param how `changed` reads the file only where its size or time is not the recorded one, `whole` always.
 * @throws FaceswapError (media) when the file cannot be read.
 */
export async function fileState(file: string, how: 'changed' | 'whole'): Promise<FileState> {
  const info = await stat(file).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw fileFailure(error, file, 'models');
  });
  if (info === undefined || !info.isFile()) return { state: 'missing' };
  const sizeBytes = info.size;
  const record = await readRecord(file);
  if (record === undefined) return { state: 'unverified', sizeBytes };
  if (record === 'damaged') {
    const reason = `what was seen of it cannot be read (${recordFile(file)})`;
    return { state: 'damaged', sizeBytes, record: null, reason };
  }
  const isSame = record.sizeBytes === sizeBytes && record.mtimeMs === info.mtimeMs;
  if (isSame && how === 'changed') return { state: 'there', sizeBytes, record };
  const digest = await digestFile(file);
  if (digest.sha256 === record.sha256) {
    if (!isSame) await keep(file, { ...record, mtimeMs: digest.mtimeMs });
    return { state: 'there', sizeBytes, record };
  }
  const reason = `it has ${sizeBytes} bytes with sha256 ${digest.sha256}; first seen were ${record.sizeBytes} bytes with ${record.sha256}`;
  return { state: 'damaged', sizeBytes, record, reason };
}

/**
 * Trusts a file that nobody has looked at yet: reads it, compares it with a `.hash` file beside it, and keeps what it is.
 *
 * @throws FaceswapError (model) when it has not the published sum.
 */
export async function recordFirstSight(file: string, id: string): Promise<FileDigest> {
  const [digest, publishedCrc32] = [await digestFile(file), await publishedCrc32Beside(file)];
  if (publishedCrc32 !== null && publishedCrc32 !== digest.crc32) {
    throw new FaceswapError(
      'model',
      `The model "${id}" is damaged: its CRC32 is ${digest.crc32}, its .hash file says ${publishedCrc32}`,
      { file, hint: `Fetch it anew with: faceswap models pull --force ${id}` },
    );
  }
  await writeRecord(file, digest, { id, source: null, publishedCrc32 });
  return digest;
}

/** The error for a model that is not what it was. */
export const changedModel = (id: string, file: string, reason: string): FaceswapError =>
  new FaceswapError('model', `The model "${id}" is not the one that was first seen: ${reason}`, {
    file,
    hint: `If you have changed it, accept it with: faceswap models import FILE --as ${id}; else fetch it with: faceswap models pull --force ${id}`,
  });

/**
 * Makes sure before a run that a model is the one that was seen first, and keeps what it is when it never was seen.
 *
 * @throws FaceswapError (model) when it has changed.
 */
export async function assureModel(id: string, file: string): Promise<void> {
  try {
    const found = await fileState(file, 'changed');
    if (found.state === 'unverified') await recordFirstSight(file, id);
    if (found.state === 'damaged') throw changedModel(id, file, found.reason);
  } catch (error) {
    throw modelFolderFailure(error);
  }
}
