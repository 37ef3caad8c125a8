import { FaceswapError } from '../errors.js';
import { frameLayout } from '../imaging/planar-frame.js';
import { type BytePipe, openBytePipe } from './byte-pipe.js';
import {
  childFailure,
  inputProtection,
  interruptedError,
  type RunningTool,
  saysUnreadable,
  startTool,
  type ToolTrace,
} from './child-process.js';
import { type FfmpegTools, hardwareReason, passthroughArguments } from './ffmpeg-tools.js';
import type { HardwareDecoder } from './hardware-decoder.js';
import { type Rational, rationalToNumber } from './rational.js';
import { frameSeconds, halfStepSeconds, type TargetMedia } from './target-media.js';
import { relayFilters } from './video-encoding.js';

/** Frame indexes `[start, end)`. */
export type FrameRange = { readonly start: number; readonly end: number };

/** A decoded frame; `buffer` came from `acquire` and belongs to the receiver. */
export type DecodedFrame = { readonly index: number; readonly buffer: ArrayBuffer };

export type FrameDecoderOptions = {
  readonly tools: FfmpegTools;
  readonly target: TargetMedia;
  readonly range: FrameRange;
  /** Only these frames of the range, ascending, its first among them: ffmpeg decodes the others and throws them away. */
  readonly only?: readonly number[] | undefined;
  /** Gives a buffer of exactly one frame; decoding waits until it resolves. */
  readonly acquire: () => Promise<ArrayBuffer>;
  /** Takes back a buffer that was acquired and never delivered (failure, early stop). */
  readonly release?: ((buffer: ArrayBuffer) => void) | undefined;
  /** Called for each frame on the way to the first one that is thrown away. */
  readonly onSkip?: (() => void) | undefined;
  /** Decoder threads of ffmpeg; they change no pixel. */
  readonly threads: number;
  /** Decode in hardware; without it in software. */
  readonly hardware?: HardwareDecoder | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** What ffmpeg's showinfo filter said about a frame, before the frame's bytes were written. */
type FrameNote = {
  readonly seconds: number;
  /** As it left the decoder, before it was turned into the target's own. */
  readonly pixelFormat: string;
  readonly widthPx: number;
  readonly heightPx: number;
};

/** How to reach the first frame: where to seek, and whether earlier frames may come and are thrown away. */
type Approach = { readonly seekSeconds: number | undefined; readonly mayComeEarlier: boolean };

/** Thrown inside when a seek landed on the wrong frame and another approach may succeed. */
class WrongStart extends Error {
  override readonly name = 'WrongStart';
}

const stage = 'decode';
const softwareHint = 'Decode in software: --hwaccel none';

/** Reads showinfo's lines into a queue that the frame reader consumes in step with the bytes. */
class FrameNotes {
  readonly #notes: FrameNote[] = [];
  #timeBase: Rational | undefined;
  #wake: (() => void) | undefined;
  #hasEnded = false;

  /** Takes one line of stderr; true when it needs not be kept for error messages. */
  readonly take = (line: string): boolean => {
    const config = /\[Parsed_showinfo_\d+ @ [^\]]*\] (?:\[info\] )?config in time_base: (\d+)\/(\d+)/.exec(
      line,
    );
    if (config !== null) this.#timeBase = { num: Number(config[1]), den: Number(config[2]) };
    const note =
      /\[Parsed_showinfo_\d+ @ [^\]]*\] (?:\[info\] )?n: *\d+ pts: *(-?\d+|NOPTS) .* fmt:(\w+) .* ?s:(\d+)x(\d+) /.exec(
        line,
      );
    if (note !== null) {
      this.#notes.push({
        seconds:
          this.#timeBase === undefined ? Number.NaN : Number(note[1]) * rationalToNumber(this.#timeBase),
        pixelFormat: note[2] ?? '',
        widthPx: Number(note[3]),
        heightPx: Number(note[4]),
      });
      this.#wake?.();
    }
    return !/\[(warning|error|fatal|panic)\]/.test(line);
  };

  end(): void {
    this.#hasEnded = true;
    this.#wake?.();
  }

  /** The note of the next frame; undefined when ffmpeg ended without one. */
  async next(): Promise<FrameNote | undefined> {
    while (this.#notes.length === 0 && !this.#hasEnded) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    return this.#notes.shift();
  }
}

/**
 * Options before the target as an input: the decoder, where it needs another than ffmpeg's own choice, and that its pictures come as they
 * are stored. They are put upright by our own filters, because older ffmpeg does not know mirrored pictures, and because a picture that is
 * turned has no fields to be deinterlaced.
 */
export const decoderArguments = ({ video }: TargetMedia): readonly string[] => {
  const decoder = video.decoding?.decoder;
  return ['-noautorotate', ...(decoder === undefined ? [] : [`-c:${video.streamIndex}`, decoder])];
};

/**
 * What ffmpeg's `select` filter must compute to let these frames pass: a balanced tree over their times, which does not depend on where a
 * seek has landed.
 */
const selectExpression = (target: TargetMedia, frames: readonly number[]): string => {
  const middle = frames.length >> 1;
  const [frame = 0] = frames;
  if (middle === 0) {
    return `lt(abs(t-(${frameSeconds(target, frame)})),${halfStepSeconds(target, frame)})`;
  }
  const second = frames[middle] ?? 0;
  const border = frameSeconds(target, second) - halfStepSeconds(target, second);
  const [before, after] = [frames.slice(0, middle), frames.slice(middle)];
  return `if(lt(t,${border}),${selectExpression(target, before)},${selectExpression(target, after)})`;
};

/**
 * Decodes a range of frames with one ffmpeg child: planar rawvideo in the stream's own pixel format, upright,
 * every frame checked against the packet table by its timestamp and size. The check costs about 3 % of the
 * decoding time (1080p H.264) and is what makes a seek trustworthy: some containers land frames late.
 *
 * When a seek does land wrong, the child is started again at an earlier keyframe, then at the start of the file,
 * and frames are thrown away until the right one comes.
 */
export class FrameDecoder {
  readonly #options: FrameDecoderOptions;
  #pixelFormat: string | undefined;
  #child: RunningTool | undefined;
  /** Acquired, not yet delivered. */
  #held: ArrayBuffer | undefined;
  #isClosed = false;

  constructor(options: FrameDecoderOptions) {
    const { range, target, only } = options;
    if (range.start < 0 || range.end > target.video.frameCount || range.start > range.end) {
      throw new FaceswapError(
        'bug',
        `Frames [${range.start}, ${range.end}) are outside the ${target.video.frameCount} of the target`,
      );
    }
    const isInOrder = only?.every(
      (frame, at) => frame < range.end && (at === 0 || frame > (only[at - 1] ?? 0)),
    );
    if (only !== undefined && !(isInOrder === true && only[0] === range.start)) {
      throw new FaceswapError('bug', 'The frames to be decoded are not in order');
    }
    this.#options = options;
  }

  /**
   * The pixel format in which the last frame left ffmpeg's decoder, such as `nv12` from hardware; undefined before the
   * first. What is delivered is always the target's own.
   */
  get decodedPixelFormat(): string | undefined {
    return this.#pixelFormat;
  }

  /**
   * The frames in order. Leaving the loop early ends the child. Call it once.
   *
   * @throws FaceswapError (media) with the frame when the file ends early, changes its picture size or has
   * wrong timestamps; (resources) when ffmpeg is killed; (unavailable) when the hardware fails or software takes over
   * from it; (interrupted) on abort.
   */
  async *frames(): AsyncGenerator<DecodedFrame, void, void> {
    const { range, target } = this.#options;
    if (range.start === range.end) return;
    const approaches = this.#approaches();
    try {
      for (const [attempt, approach] of approaches.entries()) {
        try {
          yield* this.#decode(approach);
          return;
        } catch (error) {
          if (!(error instanceof WrongStart)) throw error;
          if (attempt === approaches.length - 1) {
            throw new FaceswapError('media', `Cannot reach the frame: ${error.message}`, {
              file: target.file,
              frame: range.start,
              stage,
              hint: 'Its timestamps or index are damaged; remux it: ffmpeg -i IN -map 0 -c copy OUT.mkv',
            });
          }
        }
      }
    } finally {
      if (this.#held !== undefined) this.#options.release?.(this.#held);
      this.#held = undefined;
    }
  }

  /**
   * Ends the child and waits until it is gone. Safe to call at any time and more than once. False when the child cannot be
   * ended.
   */
  async close(): Promise<boolean> {
    this.#isClosed = true;
    return (await this.#child?.kill()) ?? true;
  }

  /** What the last child was called with and the last that it said; undefined before the first. */
  get trace(): ToolTrace | undefined {
    if (this.#child === undefined) return undefined;
    return { commandLine: this.#child.commandLine, stderr: this.#child.stderr.lines };
  }

  #approaches(): Approach[] {
    const { range, target } = this.#options;
    const fromStart: Approach = { seekSeconds: undefined, mayComeEarlier: true };
    if (range.start === 0) return [{ seekSeconds: undefined, mayComeEarlier: false }, fromStart];
    // A deinterlacer must have seen the frame before, or the first frame would differ from what it is in a longer range.
    const framesBefore = target.video.decoding?.deinterlacer === undefined ? 0 : 1;
    // ffmpeg counts the seek time from the start of the file, and lands on the first frame at or after it: half
    // a step early leaves room for rounding on both sides.
    const seekTo = (frame: number): number =>
      Math.max(
        0,
        frameSeconds(target, frame) - target.startMicroseconds / 1e6 - halfStepSeconds(target, frame),
      );
    const direct: Approach = {
      seekSeconds: seekTo(range.start - framesBefore),
      mayComeEarlier: framesBefore > 0,
    };
    const safeKeyframe = target.video.keyframes.lastIndexOf(1, Math.max(0, range.start - 48));
    if (safeKeyframe <= 0) return [direct, fromStart];
    return [direct, { seekSeconds: seekTo(safeKeyframe), mayComeEarlier: true }, fromStart];
  }

  #arguments({ seekSeconds, mayComeEarlier }: Approach): string[] {
    const { tools, target, range, only, threads, hardware } = this.#options;
    const { pixelFormat, colour, streamIndex, decoding } = target.video;
    // The note is taken before the samples are laid out anew, so that it tells what the decoder gave.
    const relay =
      hardware === undefined ? (decoding?.layoutFilters ?? []) : relayFilters(colour.range, pixelFormat);
    const filters = [
      ...(decoding?.pictureFilters ?? []),
      ...(only === undefined ? [] : [`select='${selectExpression(target, only)}'`]),
      'showinfo=checksum=0',
      ...relay,
    ];
    return [
      ...['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'repeat+level+info'],
      ...inputProtection,
      ...(hardware === undefined ? [] : ['-hwaccel', hardware.method]),
      ...['-threads', String(threads), '-copyts'],
      ...(seekSeconds === undefined ? [] : ['-ss', seekSeconds.toFixed(6)]),
      ...decoderArguments(target),
      ...['-i', target.file, '-map', `0:${streamIndex}`],
      ...['-vf', filters.join(',')],
      ...passthroughArguments(tools),
      ...(mayComeEarlier ? [] : ['-frames:v', String(only?.length ?? range.end - range.start)]),
      ...['-f', 'rawvideo', '-pix_fmt', pixelFormat, 'pipe:1'],
    ];
  }

  async *#decode(approach: Approach): AsyncGenerator<DecodedFrame, void, void> {
    const { tools, range, only, target, signal, acquire } = this.#options;
    if (this.#isClosed) return;
    const notes = new FrameNotes();
    const pipe = await openBytePipe();
    let child: RunningTool;
    try {
      child = startTool(tools.ffmpegPath, this.#arguments(approach), {
        stdin: 'ignore',
        stdout: pipe.childEnd,
        stage,
        signal,
        onStderrLine: notes.take,
      });
    } catch (error) {
      pipe.close();
      throw error;
    }
    this.#child = child;
    pipe.attach(child.process.stdout);
    child.process.stderr?.once('close', () => notes.end());
    child.process.once('error', () => notes.end());
    const { byteLength } = frameLayout(target.video.format);
    const count = only?.length ?? range.end - range.start;
    try {
      let position = 0;
      while (position < count) {
        const index = only?.[position] ?? range.start + position;
        this.#held ??= await acquire();
        const held = this.#held;
        if (held.byteLength !== byteLength) {
          throw new FaceswapError(
            'bug',
            `A frame buffer has ${held.byteLength} bytes instead of ${byteLength}`,
          );
        }
        const filled = await pipe.fill(new Uint8Array(held));
        if (signal?.aborted === true) throw interruptedError(stage);
        if (this.#isClosed) return;
        if (filled < byteLength) throw await this.#endedEarly(child, index);
        if (!this.#isExpected(await notes.next(), index, approach)) {
          this.#options.onSkip?.();
          continue;
        }
        this.#held = undefined;
        yield { index, buffer: held };
        position += 1;
      }
      if (!approach.mayComeEarlier) await this.#expectEnd(pipe);
    } finally {
      pipe.close();
      await child.kill();
    }
  }

  /**
   * Bytes after the last frame mean that some before were not what they were taken for.
   *
   * @throws FaceswapError (media)
   */
  async #expectEnd(pipe: BytePipe): Promise<void> {
    const { range, target, signal } = this.#options;
    const surplus = await pipe.fill(new Uint8Array(1));
    if (surplus === 0 || signal?.aborted === true || this.#isClosed) return;
    throw new FaceswapError('media', `ffmpeg gave more bytes than ${range.end - range.start} frames have`, {
      file: target.file,
      frame: range.end - 1,
      stage,
      hint: 'Another program than ffmpeg writes to its output: check FACESWAP_FFMPEG',
    });
  }

  /**
   * Whether the frame that came is number `index`; false when it is an earlier one to be thrown away.
   *
   * @throws WrongStart when the first frame is another one, FaceswapError (media) when a later one is.
   */
  #isExpected(note: FrameNote | undefined, index: number, approach: Approach): boolean {
    const { range, target } = this.#options;
    const { format } = target.video;
    const expected = frameSeconds(target, index);
    const early = note === undefined ? Number.NaN : expected - note.seconds;
    if (note === undefined || !(Math.abs(early) < halfStepSeconds(target, index))) {
      const isFirst = index === range.start;
      if (isFirst && approach.mayComeEarlier && early > 0) return false;
      const came = `a frame at ${note?.seconds.toFixed(3)} s came where one at ${expected.toFixed(3)} s should be`;
      if (isFirst) throw new WrongStart(came);
      throw new FaceswapError('media', `Frames are missing or damaged: ${came}`, {
        file: target.file,
        frame: index,
        stage,
        hint: 'Repair the file by converting it once: ffmpeg -i IN -map 0 -c copy -c:v libx264 -crf 12 OUT.mkv',
      });
    }
    if (note.widthPx !== format.widthPx || note.heightPx !== format.heightPx) {
      throw new FaceswapError(
        'media',
        `The picture size changes from ${format.widthPx}x${format.heightPx} to ${note.widthPx}x${note.heightPx}`,
        {
          file: target.file,
          frame: index,
          stage,
          hint: 'Cut the file there and process the parts separately',
        },
      );
    }
    this.#pixelFormat = note.pixelFormat;
    const { hardware } = this.#options;
    if (hardware?.pixelFormat !== undefined && note.pixelFormat !== hardware.pixelFormat) {
      throw new FaceswapError(
        'unavailable',
        `Decoding with ${hardware.method} was given up by ffmpeg: ${note.pixelFormat} came instead of ${hardware.pixelFormat}`,
        { file: target.file, frame: index, stage, hint: softwareHint },
      );
    }
    return true;
  }

  /** Waits for the child's end and says why frame `index` never came. */
  async #endedEarly(child: RunningTool, index: number): Promise<Error> {
    const { target, range, signal, hardware } = this.#options;
    const context = { file: target.file, frame: index, stage };
    const exit = await child.exited;
    if (signal?.aborted === true) return interruptedError(stage);
    if (hardware !== undefined && exit.code !== null && exit.code !== 0) {
      const { lines } = child.stderr;
      return new FaceswapError(
        'unavailable',
        `Decoding with ${hardware.method} failed: ${hardwareReason(lines)}`,
        { ...context, hint: softwareHint },
      );
    }
    if (exit.code !== 0 || saysUnreadable(child.stderr.lines)) {
      return childFailure('ffmpeg', exit, child.stderr.lines, context);
    }
    if (index === range.start && index > 0) return new WrongStart('the video ended before it');
    return new FaceswapError(
      'media',
      `The video ends at frame ${index}, before the ${target.video.frameCount} frames that its index lists`,
      {
        ...context,
        hint: `The file is cut off or damaged; --trim-frame-end ${index} processes what is there`,
      },
    );
  }
}
