import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** Why a file was not read. `code` is Node's (`ENOENT`, …), or ours: `ENOTFILE` for what is no regular file, `ETOOLARGE`. */
export class FileNotRead extends Error {
  override readonly name = 'FileNotRead';
  readonly code: string;

  constructor(message: string, code: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/**
 * Reads a file that must be small. Folders, pipes and devices, which could give bytes for ever, are not read, and neither is more
 * than `maxBytes`, whatever the file's size was said to be.
 *
 * @throws FileNotRead in words for people.
 */
export async function readBoundedFile(file: string, maxBytes: number): Promise<Buffer> {
  try {
    // Without O_NONBLOCK, opening a pipe that nobody writes to would never end; Windows has neither.
    const handle = await open(file, (constants.O_NONBLOCK ?? 0) | constants.O_RDONLY);
    try {
      const info = await handle.stat();
      if (!info.isFile()) throw new FileNotRead('it is not a regular file', 'ENOTFILE');
      const tooLarge = new FileNotRead(`it has more than ${maxBytes} bytes`, 'ETOOLARGE');
      if (info.size > maxBytes) throw tooLarge;
      let bytes = Buffer.alloc(info.size + 1);
      for (let length = 0; ; ) {
        const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length);
        if (bytesRead === 0) return bytes.subarray(0, length);
        length += bytesRead;
        if (length > maxBytes) throw tooLarge;
        // Some files of the system say that they have no size; others grow while they are read.
        if (length === bytes.length) bytes = Buffer.concat([bytes, Buffer.alloc(length + 4096)]);
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof FileNotRead) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new FileNotRead(
      code === 'ENOENT' ? 'there is no such file' : `reading it failed (${code})`,
      code,
      error,
    );
  }
}
