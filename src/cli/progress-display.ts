import cliProgress from 'cli-progress';
import type { ProgressEvent, RunPhase } from '../pipeline/progress.js';
import { printableText } from '../printable-text.js';
import type { ProgressMode } from './run-option-table.js';

/** Where progress and log lines go: stderr, or a stand-in with the same three members. */
export type DisplayStream = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** What is shown of a running job. */
export type ProgressDisplay = {
  show(event: ProgressEvent): void;
  /** Writes a whole line without damaging a bar that is on the screen. */
  writeLine(line: string): void;
  /** Takes the bar away for good. */
  stop(): void;
};

/**
 * What `--progress` comes to on a given stream: bars only ever on a terminal that can move its cursor.
 */
export const resolveProgressMode = (
  mode: ProgressMode,
  stream: { readonly isTTY?: boolean },
  terminalName: string | undefined = process.env['TERM'],
): Exclude<ProgressMode, 'auto'> => {
  if (mode === 'json' || mode === 'none') return mode;
  return stream.isTTY === true && terminalName !== 'dumb' ? 'bar' : 'none';
};

/** Seconds as `1:02:03` or `2:03`. */
export const clockText = (seconds: number | null): string => {
  if (seconds === null || !Number.isFinite(seconds)) return '-:--';
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
};

const eraseLine = '\r\u001b[2K';

const createBarDisplay = (stream: DisplayStream, label: string): ProgressDisplay => {
  const bar = new cliProgress.SingleBar({
    stream,
    format: `${label}{phase} {bar} {value}/{total} frames  {fps} fps  ETA {left}  {faces} faces`,
    barCompleteChar: '=',
    barIncompleteChar: '-',
    barsize: 24,
    clearOnComplete: true,
    // Interruption is handled by the command itself, which still has things to say below the bar.
    gracefulExit: false,
    // A hidden cursor would stay hidden after a second Ctrl-C.
    hideCursor: null,
    // A line written above the bar takes the bar's line; it must come back although no figure changed.
    forceRedraw: true,
  });
  let phase: RunPhase = 'probe';
  let running = false;
  let stopped = false;
  const payload = { phase: phase.padEnd(7), fps: '-', left: '-:--', faces: 0 };
  return {
    show: (event) => {
      // A failed run may still have events to read; a bar started again would keep the process alive.
      if (stopped) return;
      if (event.type === 'phase') {
        phase = event.phase;
        if (running) bar.update({ phase: phase.padEnd(7) });
      } else if (event.type === 'frames') {
        if (!running) bar.start(event.total, 0, payload);
        running = true;
        bar.update(event.done, {
          phase: phase.padEnd(7),
          fps: event.framesPerSecond.toFixed(1),
          left: clockText(event.etaSeconds),
          faces: event.facesSwapped,
        });
      }
    },
    writeLine: (line) => {
      stream.write(running ? `${eraseLine}${line}\n` : `${line}\n`);
      if (running) bar.render();
    },
    stop: () => {
      if (running) bar.stop();
      running = false;
      stopped = true;
    },
  };
};

/**
 * Shows progress as a bar, as one JSON object per event and line, or not at all; lines are written in every mode.
 *
 * @param label stands before a bar.
 */
export const createProgressDisplay = (
  mode: Exclude<ProgressMode, 'auto'>,
  stream: DisplayStream,
  label = '',
): ProgressDisplay => {
  if (mode === 'bar') return createBarDisplay(stream, label);
  const writeLine = (line: string): void => {
    stream.write(`${line}\n`);
  };
  return {
    show: (event) => {
      if (mode === 'json') writeLine(printableText(JSON.stringify(event)));
    },
    writeLine,
    stop: () => {},
  };
};
