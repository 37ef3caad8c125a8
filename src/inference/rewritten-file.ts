import { createHash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { modelHash } from './model-hash.js';

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
