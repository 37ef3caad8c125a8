import { FileNotRead } from '../bounded-file.js';
import { FaceswapError } from '../errors.js';

const codeOf = (error: unknown): string | undefined => {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
};

/** Whether a failure means that the disk is full, whoever found out: node, ffmpeg or the picture library. */
export function isDiskFull(error: FaceswapError): boolean {
  if (error.kind !== 'resources') return false;
  return /disk is full|out of disk space|no space left on device|disk quota exceeded/i.test(error.message);
}

/**
 * Turns a failure of the file system into the error that its reader can act on: a full disk is `resources`,
 * a missing or forbidden file is `media`, the rest is unexpected.
 */
export function fileFailure(error: unknown, file: string, stage: string): FaceswapError {
  if (error instanceof FaceswapError) return error;
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new FaceswapError('resources', 'The disk is full', {
        file,
        stage,
        cause: error,
        hint: 'Free some space or choose another output folder',
      });
    case 'EMFILE':
    case 'ENFILE':
      return new FaceswapError('resources', 'Too many open files', {
        file,
        stage,
        cause: error,
        hint: 'Raise the limit (ulimit -n) or lower --workers',
        retry: 'again',
      });
    case 'EIO':
    case 'ESTALE':
    case 'ETIMEDOUT':
      return new FaceswapError(
        'media',
        'The file cannot be read or written: its disk or share does not answer',
        {
          file,
          stage,
          cause: error,
          hint: 'Check the disk or the network share',
          retry: 'again',
        },
      );
    case 'ENOENT':
      return new FaceswapError('media', 'The file does not exist', { file, stage, cause: error });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new FaceswapError('media', 'The file may not be accessed', {
        file,
        stage,
        cause: error,
        hint: 'Check its permissions and those of its folder',
      });
    case 'ENAMETOOLONG':
      return new FaceswapError('media', 'The name of the file is too long for its disk', {
        file,
        stage,
        cause: error,
        hint: 'Most disks take 255 bytes for a name, where a letter beyond English takes two to four',
      });
    case 'EISDIR':
    case 'ENOTDIR':
    case 'ELOOP':
    case 'EINVAL':
    case 'EILSEQ':
      return new FaceswapError('media', `The path cannot be used (${String(codeOf(error))})`, {
        file,
        stage,
        cause: error,
      });
    default:
      if (error instanceof FileNotRead) {
        return new FaceswapError('media', `The file cannot be read: ${error.message}`, {
          file,
          stage,
          cause: error,
        });
      }
      return FaceswapError.from(error, stage);
  }
}
