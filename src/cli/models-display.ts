import cliProgress from 'cli-progress';
import { formatBytes } from '../pipeline/byte-size.js';
import { type DisplayStream, resolveProgressMode } from './progress-display.js';

/** What is shown of models that are being fetched: a bar on terminals, lines everywhere. */
export type ModelsDisplay = {
  show(id: string, doneBytes: number, totalBytes: number | null): void;
  /** Takes the bar away; the next model gets one of its own. */
  end(): void;
  /** Writes a whole line without damaging the bar. */
  writeLine(line: string): void;
};

/** A display on a stream; without a terminal it has no bar. */
export const createModelsDisplay = (stream: DisplayStream): ModelsDisplay => {
  const isBar = resolveProgressMode('auto', stream) === 'bar';
  let bar: cliProgress.SingleBar | undefined;
  let startMs = 0;
  let startBytes = 0;
  const end = (): void => {
    bar?.stop();
    bar = undefined;
  };
  return {
    show: (id, doneBytes, totalBytes) => {
      if (!isBar) return;
      if (bar === undefined) {
        bar = new cliProgress.SingleBar({
          stream,
          format: `${id} {bar} {done} of {size}  {rate}/s`,
          barCompleteChar: '=',
          barIncompleteChar: '-',
          barsize: 24,
          clearOnComplete: true,
          gracefulExit: false,
          // A hidden cursor would stay hidden after Ctrl-C.
          hideCursor: null,
        });
        startMs = performance.now();
        startBytes = doneBytes;
        bar.start(totalBytes ?? doneBytes, doneBytes, { done: '', size: '', rate: '-' });
      }
      const seconds = (performance.now() - startMs) / 1000;
      const rate = seconds < 0.5 ? '-' : formatBytes(Math.max(0, doneBytes - startBytes) / seconds);
      bar.setTotal(totalBytes ?? doneBytes);
      bar.update(doneBytes, {
        done: formatBytes(doneBytes),
        size: totalBytes === null ? '?' : formatBytes(totalBytes),
        rate,
      });
    },
    end,
    writeLine: (line) => {
      end();
      stream.write(`${line}\n`);
    },
  };
};
