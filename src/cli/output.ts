/** Writes a result to stdout; nothing else of the program does. */
export const writeResult = (text: string): void => {
  process.stdout.write(text);
};

/** Writes a message to stderr. */
export const writeError = (text: string): void => {
  process.stderr.write(text);
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
