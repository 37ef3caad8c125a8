import { type FileHandle, open } from 'node:fs/promises';
import { FaceswapError } from '../../errors.js';
import { maxModelBytes } from '../../inference/model-window.js';
import { formatBytes } from '../byte-size.js';
import { freeBytes } from '../disk-space.js';
import { fileFailure } from '../file-failure.js';
import { regularFileBytes } from '../job-file.js';
import { backoffMs, type Clock, type RetryPolicy } from '../retry.js';
import { type DownloadClient, headerText, type HostAnswer, networkFailure } from './download-client.js';
import { digestFile, type FileDigest } from './file-digest.js';
import { HostFailure } from './host-failure.js';
import { fileUrl, type ModelHost } from './model-hosts.js';
import { deletePart, readPart, writeResumeNote } from './part-file.js';

/** One model file to fetch. */
export type DownloadTask = {
  readonly id: string;
  /** Release and name of the file at the hosts. */
  readonly base: string;
  readonly remoteFile: string;
  /** Where the bytes go until they are whole. Bytes that lie there are not fetched again. */
  readonly part: string;
  /** Folder of the disk that must have room. */
  readonly folder: string;
  /** Looks at a file that is whole. @throws FaceswapError when it is not what was wanted: the next host is tried. */
  readonly check: (part: string) => void;
};

export type DownloadTools = {
  readonly client: DownloadClient;
  readonly hosts: readonly ModelHost[];
  readonly signal: AbortSignal;
  readonly clock: Pick<Clock, 'wait' | 'random'>;
  readonly retry: RetryPolicy;
  /** Largest file that is taken; undefined: what an ONNX file can be. */
  readonly limitBytes?: number | undefined;
  /** @param totalBytes null where the host does not say. */
  readonly onProgress: (doneBytes: number, totalBytes: number | null) => void;
  readonly warn: (message: string) => void;
};

/** A file that was fetched whole and lies in the task's part file. */
export type DownloadedFile = {
  readonly url: string;
  readonly digest: FileDigest;
  /** The sum that its publisher states and that it has; null where none is published. */
  readonly publishedCrc32: string | null;
};

/** A `.hash` file has eight characters. */
const maxHashBytes = 1024;

/** So much more than ever before makes the tries count anew: a bad line brings a large file all the same. */
const progressBytes = 2 ** 20;

/** A strong ETag, or the date of the last change: what `If-Range` takes. */
const validatorOf = (answer: HostAnswer): string | null => {
  const tag = headerText(answer, 'etag');
  if (tag !== undefined && !tag.startsWith('W/')) return tag;
  return headerText(answer, 'last-modified') ?? null;
};

const lengthOf = (text: string | undefined): number | null =>
  text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;

const statusFailure = (status: number, what: string): HostFailure =>
  new HostFailure(
    `it answered ${status} for ${what}`,
    status >= 500 || status === 408 || status === 425 || status === 429,
  );

/** The start and the whole length that a `206` answer tells. */
const rangeOf = (answer: HostAnswer): { start: number; totalBytes: number | null } | undefined => {
  const [, start, total] =
    /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15}|\*)$/.exec(headerText(answer, 'content-range') ?? '') ?? [];
  return start === undefined ? undefined : { start: Number(start), totalBytes: lengthOf(total) };
};

/**
 * The size that a host states for a file; null where it does not tell.
 *
 * @throws HostFailure when it does not have it.
 */
export async function askSize(
  url: string,
  { client, signal }: Pick<DownloadTools, 'client' | 'signal'>,
): Promise<number | null> {
  const answer = await client.request(url, { method: 'HEAD', signal });
  answer.body.destroy();
  if (answer.status !== 200) throw statusFailure(answer.status, 'the file');
  return lengthOf(headerText(answer, 'content-length'));
}

/** The CRC32 that a host publishes beside a file; null, with a warning, where it has none. */
const fetchCrc32 = async (
  url: string,
  id: string,
  { client, signal, warn }: DownloadTools,
): Promise<string | null> => {
  const answer = await client.request(url, { method: 'GET', signal });
  if (answer.status === 404 || answer.status === 410) {
    answer.body.destroy();
    warn(
      `${id}: its publisher gives no checksum (${url}); whether it came whole is known by its length alone`,
    );
    return null;
  }
  if (answer.status !== 200) {
    answer.body.destroy();
    throw statusFailure(answer.status, 'the checksum');
  }
  let text = '';
  try {
    for await (const chunk of answer.body) {
      text += (chunk as Buffer).toString('latin1');
      if (text.length > maxHashBytes) break;
    }
  } catch (error) {
    throw networkFailure(error, signal);
  } finally {
    answer.body.destroy();
  }
  const sum = text.trim().toLowerCase();
  if (!/^[0-9a-f]{8}$/.test(sum)) throw new HostFailure('its .hash file holds no CRC32', false);
  return sum;
};

const tooLarge = (limitBytes: number): HostFailure =>
  new HostFailure(`the file is larger than the limit of ${formatBytes(limitBytes)}`, false);

const checkRoom = async (folder: string, needBytes: number): Promise<void> => {
  const free = await freeBytes(folder);
  if (free === undefined || free >= needBytes) return;
  throw new FaceswapError(
    'resources',
    `There are ${formatBytes(free)} free, and the model needs ${formatBytes(needBytes)} more`,
    { file: folder, stage: 'models', hint: 'Free some space, or give another --model-dir' },
  );
};

const writeAll = async (handle: FileHandle, bytes: Buffer, at: number, part: string): Promise<void> => {
  try {
    // One call may write less than it is given.
    for (let done = 0; done < bytes.length; ) {
      done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
    }
  } catch (error) {
    throw fileFailure(error, part, 'models');
  }
};

type WritePlace = {
  readonly part: string;
  readonly start: number;
  readonly totalBytes: number | null;
  readonly limitBytes: number;
};

/** Writes what an answer holds into the part file and puts it on the disk. */
const writeBody = async (
  answer: HostAnswer,
  handle: FileHandle,
  place: WritePlace,
  { signal, onProgress }: DownloadTools,
): Promise<void> => {
  const { totalBytes, limitBytes } = place;
  let done = place.start;
  try {
    for await (const chunk of answer.body) {
      const bytes = chunk as Buffer;
      if (done + bytes.length > Math.min(limitBytes, totalBytes ?? limitBytes)) {
        throw totalBytes === null || totalBytes > limitBytes
          ? tooLarge(limitBytes)
          : new HostFailure('it sent more than it said', false);
      }
      await writeAll(handle, bytes, done, place.part);
      done += bytes.length;
      onProgress(done, totalBytes);
    }
  } catch (error) {
    if (error instanceof FaceswapError) throw error;
    throw networkFailure(error, signal);
  } finally {
    answer.body.destroy();
  }
  if (totalBytes !== null && done < totalBytes) {
    throw new HostFailure(`it ended after ${done} of ${totalBytes} bytes`, true);
  }
  await handle.sync().catch((error: unknown) => {
    throw fileFailure(error, place.part, 'models');
  });
};

/**
 * Asks a host for a file once, for the rest of it where a part is there.
 *
 * @returns whether bytes of an earlier request are in it.
 */
const fetchOnce = async (url: string, task: DownloadTask, tools: DownloadTools): Promise<boolean> => {
  const { client, signal, limitBytes = maxModelBytes } = tools;
  const { haveBytes, note } = await readPart(task.part);
  if (note !== null && note.totalBytes !== null && haveBytes === note.totalBytes) return true;
  const validator = note !== null && note.url === url ? note.validator : null;
  const answer = await client.request(url, {
    method: 'GET',
    signal,
    headers:
      haveBytes === 0
        ? {}
        : { range: `bytes=${haveBytes}-`, ...(validator === null ? {} : { 'if-range': validator }) },
  });
  const again = async (): Promise<boolean> => {
    answer.body.destroy();
    await deletePart(task.part);
    return fetchOnce(url, task, tools);
  };
  if (answer.status === 416 && haveBytes > 0) return again();
  if (answer.status !== 200 && answer.status !== 206) {
    answer.body.destroy();
    throw statusFailure(answer.status, 'the file');
  }
  const range = answer.status === 206 ? rangeOf(answer) : undefined;
  if (answer.status === 206) {
    const goesOn =
      haveBytes > 0 &&
      range?.start === haveBytes &&
      // Of a file of another length the part is a part of something else.
      (note === null ||
        note.totalBytes === null ||
        range.totalBytes === null ||
        range.totalBytes === note.totalBytes);
    if (!goesOn && haveBytes > 0) return again();
    if (!goesOn) {
      answer.body.destroy();
      throw new HostFailure('it sent a part that nobody had asked for', false);
    }
  }
  const start = range === undefined ? 0 : haveBytes;
  const totalBytes =
    range === undefined
      ? lengthOf(headerText(answer, 'content-length'))
      : (range.totalBytes ?? note?.totalBytes ?? null);
  try {
    if (totalBytes !== null && totalBytes > limitBytes) throw tooLarge(limitBytes);
    if (totalBytes !== null) await checkRoom(task.folder, totalBytes - start);
    // A whole answer takes the place of what is there, which then must not be taken for a part of it.
    if (start === 0) await deletePart(task.part);
    await writeResumeNote(task.part, { url, validator: validatorOf(answer), totalBytes });
    const handle = await open(task.part, start === 0 ? 'w' : 'r+').catch((error: unknown) => {
      throw fileFailure(error, task.part, 'models');
    });
    try {
      await writeBody(answer, handle, { part: task.part, start, totalBytes, limitBytes }, tools);
    } finally {
      await handle.close();
    }
  } finally {
    answer.body.destroy();
  }
  return start > 0;
};

/** Fetches a file from one host and looks at it. */
const fetchChecked = async (
  url: string,
  publishedCrc32: string | null,
  task: DownloadTask,
  tools: DownloadTools,
): Promise<DownloadedFile> => {
  const resumed = await fetchOnce(url, task, tools);
  const digest = await digestFile(task.part);
  if (publishedCrc32 !== null && publishedCrc32 !== digest.crc32) {
    await deletePart(task.part);
    // Bytes of two requests may be of two files; those of one are what the host has.
    throw new HostFailure(
      `the file has the CRC32 ${digest.crc32}, and ${publishedCrc32} was published`,
      resumed,
    );
  }
  try {
    task.check(task.part);
  } catch (error) {
    await deletePart(task.part);
    if (!(error instanceof FaceswapError) || error.kind !== 'model') throw error;
    throw new HostFailure(`what it has is not the model: ${error.message}`, resumed, error);
  }
  return { url, digest, publishedCrc32 };
};

/**
 * Fetches a model file, checked, into its part file: from the first host that has it whole. A host that is cut off is asked again for the rest,
 * after a wait that grows; what a host cannot do the next one may.
 *
 * @throws FaceswapError (model) when no host has it, with the reason of each; (resources) when the disk is too small. The part stays for a later try.
 */
export async function downloadModel(task: DownloadTask, tools: DownloadTools): Promise<DownloadedFile> {
  const { clock, retry, signal } = tools;
  const reasons: string[] = [];
  let lastCause: unknown;
  for (const host of tools.hosts) {
    const url = fileUrl(host, task.base, task.remoteFile);
    const hashUrl = fileUrl(host, task.base, task.remoteFile.replace(/\.[^.]+$/, '.hash'));
    if (url === undefined || hashUrl === undefined) continue;
    let farthest = (await regularFileBytes(task.part)) ?? 0;
    let published: string | null | undefined;
    for (let failures = 0; ; ) {
      try {
        if (published === undefined) published = await fetchCrc32(hashUrl, task.id, tools);
        return await fetchChecked(url, published, task, tools);
      } catch (error) {
        if (signal.aborted || !(error instanceof HostFailure)) throw error;
        const now = (await regularFileBytes(task.part)) ?? 0;
        failures = now >= farthest + progressBytes ? 1 : failures + 1;
        farthest = Math.max(farthest, now);
        if (error.again && failures < retry.tries) {
          await clock.wait(backoffMs(retry, failures, clock.random), signal);
          continue;
        }
        reasons.push(`${host.name}: ${error.message}`);
        lastCause = error;
        break;
      }
    }
  }
  const tried =
    reasons.length === 0 ? 'none of the hosts that were given has models like it' : reasons.join('; ');
  throw new FaceswapError('model', `The model "${task.id}" could not be fetched: ${tried}`, {
    stage: 'models',
    hint: `Try again later, give another --host, or bring a file of yours with: faceswap models import FILE --as ${task.id}`,
    cause: lastCause,
  });
}
