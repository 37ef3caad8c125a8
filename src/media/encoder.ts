import { rmSync, writeFileSync } from 'node:fs';
import { FaceswapError } from '../errors.js';
import {
  type ChildExit,
  childFailure,
  interruptedError,
  type RunningTool,
  startTool,
  type ToolTrace,
} from './child-process.js';
import type { FfmpegTools } from './ffmpeg-tools.js';
import { addLightAtoms } from './light-atoms.js';
import { encoderArguments, encoderFilters, type VideoEncoding } from './video-encoding.js';

export type FrameEncoderOptions = {
  readonly tools: FfmpegTools;
  readonly encoding: VideoEncoding;
  /** Absolute path of the segment; its name may end in `.part`. */
  readonly file: string;
  /**
   * Slot of each frame that will be written, on the clock of the encoding, such as
   * `target.video.slots.subarray(start, end)`; without it the frames follow one another without gaps.
   */
  readonly slots?: ArrayLike<number> | undefined;
  readonly signal?: AbortSignal | undefined;
};

const stage = 'encode';

/** Longer filters are given in a file: Windows allows 32,767 characters on a command line, Linux 131,071 for one argument. */
const maxFilterCharacters = 16_000;

/** Writes the filters beside the segment where they are too long for the command line. */
const writeFilterFile = ({ encoding, file, slots }: FrameEncoderOptions): string | undefined => {
  const filters = encoderFilters(encoding, slots);
  if (filters.length <= maxFilterCharacters) return undefined;
  const filterFile = `${file}.filters`;
  try {
    writeFileSync(filterFile, filters);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FaceswapError('resources', `Cannot write the frame times: ${reason}`, {
      file: filterFile,
      stage,
      cause: error,
    });
  }
  return filterFile;
};

/** Encodes frames into one segment file with one ffmpeg child. */
export class FrameEncoder {
  readonly #options: FrameEncoderOptions;
  readonly #filterFile: string | undefined;
  readonly #child: RunningTool;
  #state: 'open' | 'finishing' | 'aborted' = 'open';

  /**
   * Starts ffmpeg.
   *
   * @throws FaceswapError (interrupted) when the signal is already aborted, (resources) when the frame times cannot be
   * written beside the segment.
   */
  constructor(options: FrameEncoderOptions) {
    const { tools, encoding, file, slots, signal } = options;
    this.#options = options;
    this.#filterFile = writeFilterFile(options);
    this.#child = startTool(
      tools.ffmpegPath,
      encoderArguments(tools, encoding, file, slots, this.#filterFile),
      { stdin: 'pipe', stdout: 'ignore', stage, signal },
    );
    // A dead child shows as EPIPE here; its exit, which write() and finish() report, says why it died.
    this.#child.process.stdin?.on('error', () => undefined);
  }

  /**
   * Hands a frame over (Y, U, V planes, tightly packed). Resolves when all its bytes are in the pipe, which is
   * when ffmpeg has room; the buffer is then the caller's again.
   *
   * @throws FaceswapError with ffmpeg's last words when it died, (interrupted) on abort.
   */
  async write(buffer: ArrayBuffer): Promise<void> {
    if (this.#state !== 'open') {
      throw new FaceswapError('bug', `A frame was written to an encoder that is ${this.#state}`, { stage });
    }
    const { stdin } = this.#child.process;
    const failed = await new Promise<boolean>((resolve) => {
      // A process that could not be started for want of file handles has no stdin at all.
      if (!stdin || stdin.destroyed) return resolve(true);
      stdin.write(new Uint8Array(buffer), (error) => resolve(error !== null && error !== undefined));
    });
    if (failed) throw this.#failure(await this.#child.exited);
  }

  /**
   * Ends the stream and waits until the file is complete.
   *
   * @throws FaceswapError with ffmpeg's last words when it failed, (interrupted) on abort.
   */
  async finish(): Promise<void> {
    if (this.#state !== 'open') {
      throw new FaceswapError('bug', `An encoder that is ${this.#state} was finished`, { stage });
    }
    this.#state = 'finishing';
    this.#child.process.stdin?.end();
    const exit = await this.#child.exited;
    this.#removeFilterFile();
    if (exit.code !== 0 || this.#options.signal?.aborted === true) throw this.#failure(exit);
    const { encoding, file } = this.#options;
    if (encoding.light !== undefined) await addLightAtoms(file, encoding.light);
  }

  /**
   * Kills ffmpeg and waits until it is gone; the file is left for the caller to delete. Safe at any time. False when ffmpeg
   * cannot be ended.
   */
  abort(): Promise<boolean> {
    this.#state = 'aborted';
    return this.#child.kill().finally(() => this.#removeFilterFile());
  }

  /** What ffmpeg was called with and the last that it said. */
  get trace(): ToolTrace {
    return { commandLine: this.#child.commandLine, stderr: this.#child.stderr.lines };
  }

  #removeFilterFile(): void {
    if (this.#filterFile !== undefined) rmSync(this.#filterFile, { force: true });
  }

  #failure(exit: ChildExit): FaceswapError {
    if (this.#options.signal?.aborted === true) return interruptedError(stage);
    const { encoding, file } = this.#options;
    return childFailure(`ffmpeg (${encoding.encoder})`, exit, this.#child.stderr.lines, { stage, file });
  }
}
