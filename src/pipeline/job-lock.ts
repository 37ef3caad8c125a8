import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { link, open, readFile, rm, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { z } from 'zod';
import { FaceswapError } from '../errors.js';
import { fileFailure } from './file-failure.js';
import { codeOf, readOwnJson } from './job-file.js';

/**
 * Which process holds a job. A process number comes back after a while, so on Linux the number of the boot and the process's start on the
 * kernel's own clock tell two of the same number apart; no clock that anybody can set is asked.
 */
const ownerSchema = z.strictObject({
  pid: z.int().positive(),
  host: z.string().max(300),
  /** Null where the system does not tell. */
  boot: z.string().max(100).nullable(),
  /** Ticks from the boot to the start of the process; null where the system does not tell. */
  startTicks: z.string().max(30).nullable(),
  /** When the job was taken, for people. */
  since: z.string().max(40),
  token: z.string().regex(/^[0-9a-f]{16}$/),
});

export type JobOwner = z.infer<typeof ownerSchema>;

/** Most bytes that the description of an owner takes. */
const ownerBytes = 2000;

const textOf = async (file: string): Promise<string | null> => {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch {
    // Only Linux has these files, and a process may end while we look.
    return null;
  }
};

const startTicksOf = async (pid: number | 'self'): Promise<string | null> => {
  const stat = await textOf(`/proc/${pid}/stat`);
  // The second field is the program's name, which may contain anything; the start is the twentieth after it.
  return stat === null ? null : (/^.*\) (?:\S+ ){19}(\d+) /s.exec(stat)?.[1] ?? null);
};

const bootOf = (): Promise<string | null> => textOf('/proc/sys/kernel/random/boot_id');

/** This process as an owner. */
export async function describeSelf(): Promise<JobOwner> {
  return {
    pid: process.pid,
    host: hostname(),
    boot: await bootOf(),
    startTicks: await startTicksOf('self'),
    since: new Date().toISOString(),
    token: randomBytes(8).toString('hex'),
  };
}

/** Whether the process is there; `unknown` for one of another machine. */
export async function ownerState(owner: JobOwner): Promise<'alive' | 'dead' | 'unknown'> {
  if (owner.host !== hostname()) return 'unknown';
  if (owner.boot !== null && owner.boot !== (await bootOf())) return 'dead';
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // EPERM: it is there and belongs to somebody else.
    if (codeOf(error) === 'ESRCH') return 'dead';
  }
  const ticks = owner.startTicks === null ? null : await startTicksOf(owner.pid);
  return ticks !== null && ticks !== owner.startTicks ? 'dead' : 'alive';
}

/** Who holds the lock: undefined for nobody, null when the file does not say. */
export async function readOwner(file: string): Promise<JobOwner | null | undefined> {
  const value = await readOwnJson(file, ownerBytes);
  if (value !== undefined) return ownerSchema.safeParse(value).data ?? null;
  try {
    const handle = await open(file, 'r');
    await handle.close();
    return null;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw fileFailure(error, file, 'plan');
  }
}

const busy = (file: string, owner: JobOwner | null, state: 'alive' | 'unknown'): FaceswapError => {
  const who = owner === null ? 'somebody' : `process ${owner.pid} on ${owner.host}`;
  return new FaceswapError(
    'usage',
    state === 'alive'
      ? `Another run is working on this job: ${who}`
      : `The job is locked by ${who}, which cannot be asked from here`,
    {
      file,
      stage: 'plan',
      hint:
        state === 'alive'
          ? 'Wait for its end or stop it'
          : 'If nothing runs there any more, delete this file',
    },
  );
};

/** Gives a file its name and its contents in one step. @returns false when the name is taken. */
const createExclusively = async (file: string, text: string): Promise<boolean> => {
  const part = `${file}.${randomBytes(4).toString('hex')}.part`;
  try {
    const handle = await open(part, 'wx');
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    try {
      await link(part, file);
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      // Some file systems have no hard links; there the file is empty for a moment, which counts as locked.
      const direct = await open(file, 'wx');
      try {
        await direct.writeFile(text);
        await direct.sync();
      } finally {
        await direct.close();
      }
    }
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(part, { force: true });
  }
};

/** Held by this process until it is released. */
export type JobLock = {
  readonly owner: JobOwner;
  /** Gives the lock back; may be called twice, also when the folder is gone. */
  readonly release: () => Promise<void>;
  /** The same for the end of the process, which waits for nothing. */
  readonly releaseNow: () => void;
};

/**
 * Takes a lock file for this process. The lock of a process that is gone is taken over: whoever may take it away is decided by a second
 * lock that bears the dead owner's token, so that of several that find it only one does.
 *
 * @throws FaceswapError (usage) when another process holds it; else what the file system says, such as `ENOENT` for a folder that is gone.
 */
export async function takeLock(file: string): Promise<JobLock> {
  const owner = await describeSelf();
  const text = `${JSON.stringify(owner)}\n`;
  const lock: JobLock = {
    owner,
    release: () => rm(file, { force: true }),
    releaseNow: () => rmSync(file, { force: true }),
  };
  if (await createExclusively(file, text)) return lock;
  const holder = await readOwner(file);
  if (holder === null) throw busy(file, null, 'unknown');
  if (holder !== undefined) {
    const state = await ownerState(holder);
    if (state !== 'dead') throw busy(file, holder, state);
    const guard = await takeLock(`${file}-${holder.token}`);
    try {
      if ((await readOwner(file))?.token === holder.token) await unlink(file);
    } finally {
      await guard.release();
    }
  }
  if (await createExclusively(file, text)) return lock;
  throw busy(file, (await readOwner(file)) ?? null, 'alive');
}
