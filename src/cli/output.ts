import { printableText } from '../printable-text.js';

/** Writes a result to stdout, with nothing in it that could steer a terminal; nothing else of the program does. */
export const writeResult = (text: string): void => {
  process.stdout.write(printableText(text));
};

/** Writes a message to stderr, with nothing in it that could steer a terminal. */
export const writeError = (text: string): void => {
  process.stderr.write(printableText(text));
};

/**
 * Lets the program go on when the reader of its output has gone (`faceswap … | head`): what is printed is lost,
 * the work and the exit code are not. Other failures of the stream stay failures.
 */
export const ignoreClosedPipes = (): void => {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
};
