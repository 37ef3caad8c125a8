import { type Logger, pino } from 'pino';
import type { LogLevel } from '../pipeline/run-options.js';
import { printableLine, printableText } from '../printable-text.js';

/** How log lines look: one readable line each, or pino's NDJSON. */
export type LogFormat = 'text' | 'json';

const levelNames: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};

/** Keys that pino adds to every line and that say nothing to a reader at the terminal. */
const ownKeys: ReadonlySet<string> = new Set(['level', 'time', 'pid', 'hostname', 'msg']);

const fieldText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** Turns one NDJSON line of pino into `level: message key=value …`; info lines carry no level. */
export const readableLine = (line: string): string => {
  const record = JSON.parse(line) as Record<string, unknown>;
  const level = levelNames[Number(record['level'])] ?? String(record['level']);
  const fields = Object.entries(record)
    .filter(([key]) => !ownKeys.has(key))
    .map(([key, value]) => ` ${key}=${fieldText(value)}`);
  const prefix = level === 'info' ? '' : `${level}: `;
  return `${prefix}${String(record['msg'] ?? '')}${fields.join('')}`;
};

/**
 * The logger of a command. Lines are written synchronously, so that none is lost when the process ends.
 *
 * @param writeLine takes a finished line without its line break.
 */
export const createCommandLog = (
  level: LogLevel,
  format: LogFormat,
  writeLine: (line: string) => void,
): Logger => {
  const write = (line: string): void =>
    writeLine(format === 'json' ? printableText(line.trimEnd()) : printableLine(readableLine(line)));
  return pino({ level, base: null }, { write });
};
