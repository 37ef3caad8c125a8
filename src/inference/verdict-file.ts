import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readBoundedFile } from '../bounded-file.js';

/** A verdict is one short object. */
const maxVerdictBytes = 64 * 1024;

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
