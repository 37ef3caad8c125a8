import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readBoundedFile } from '../bounded-file.js';
import { modelHash } from './model-hash.js';

/** What models are rewritten to is kept in files beside what was found out about them. Several processes may do so at the same time. */

/** A verdict is one short object. */
const maxVerdictBytes = 64 * 1024;

export type WrittenParts =
  | { readonly ok: true; readonly sha256: string }
  | { readonly ok: false; readonly reason: string };

/** Writes a file part by part. Not being able to keep a copy is a result and no failure: the original still works. */
export async function writeParts(path: string, parts: readonly Uint8Array[]): Promise<WrittenParts> {
  const hash = createHash('sha256');
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, 'wx');
    try {
      for (const part of parts) {
        hash.update(part);
        await file.writeFile(part);
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { ok: false, reason: `its rewritten copy cannot be kept: ${why}` };
  }
  return { ok: true, sha256: hash.digest('hex') };
}

/** Whether a kept file is still what was written; a missing one is not. */
export async function isIntact(path: string, sha256: string): Promise<boolean> {
  try {
    return (await modelHash(path)) === sha256;
  } catch {
    return false;
  }
}

/** A verdict that cannot be read is none: it is found again. */
export async function readVerdict<T>(
  path: string,
  isVerdict: (value: unknown) => value is T,
): Promise<T | null> {
  try {
    const parsed: unknown = JSON.parse((await readBoundedFile(path, maxVerdictBytes)).toString('utf8'));
    return isVerdict(parsed) ? parsed : null;
  } catch {
    return null;
  }
}

/** A verdict that cannot be kept is found again by the next run, which is all that its loss costs. */
export async function keepVerdict(path: string, verdict: object): Promise<void> {
  const partPath = `${path}.${randomUUID()}.part`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(partPath, JSON.stringify(verdict));
    await rename(partPath, path);
  } catch {
    await rm(partPath, { force: true }).catch(() => undefined);
  }
}
