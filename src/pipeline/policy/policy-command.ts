import { describeExit } from '../../media/child-process.js';
import { askProgram, type ProgramAnswer } from '../../media/program-answer.js';
import { printableLine } from '../../printable-text.js';
import type { RunLogger } from '../run-logger.js';
import type { PolicyPoint } from './policy-report.js';

/** A frame that a policy command may look at. */
export type CommandSample = {
  /** From the first frame of the target or output. */
  readonly timeSeconds: number;
  readonly frame: number;
  /** Absolute path of a PNG that is deleted when the command has answered. */
  readonly file: string;
};

/** What a policy command is asked: one JSON object on its stdin. */
export type CommandQuestion = {
  readonly version: 1;
  readonly point: PolicyPoint;
  /** Absolute paths, here and below. */
  readonly target: string;
  readonly sources: readonly string[];
  /** The name that the output is to get. */
  readonly output: string;
  /** `after`: where the finished output lies, which has not got its name yet. */
  readonly outputFile?: string;
  /** Of the target before, of the output after. */
  readonly samples: readonly CommandSample[];
  /** sha256 (hex) of the options with all their defaults. */
  readonly configDigest: string;
};

/** What it said, or why that counts as a refusal. */
export type CommandVerdict =
  | {
      readonly allow: true;
      readonly said: string;
      readonly details: Readonly<Record<string, unknown>> | null;
    }
  | {
      readonly allow: false;
      readonly reason: string;
      /** Whether it answered as it should; else the reason is what went wrong. */
      readonly answered: boolean;
    };

/** An answer is a few lines; whatever is longer is none. */
const maxAnswerBytes = 1024 * 1024;

/** A reason stands in one line of the terminal. */
const maxReasonChars = 500;

const shortLine = (text: string): string => {
  const line = printableLine(text).trim();
  return line.length > maxReasonChars ? `${line.slice(0, maxReasonChars)}…` : line;
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const failed = (reason: string): CommandVerdict => ({ allow: false, reason, answered: false });

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

/** What an answer means: all but a well-formed permission is a refusal. */
function verdictOf(answer: ProgramAnswer, timeoutMs: number): CommandVerdict {
  switch (answer.outcome) {
    case 'not-started':
      return failed(`it could not be started: ${answer.reason}`);
    case 'too-slow':
      return failed(`it did not answer within ${timeoutMs / 1000} s and was ended`);
    case 'too-much-output':
      return failed(`it wrote more than ${maxAnswerBytes} bytes and was ended`);
    case 'ended':
      break;
  }
  const { exit, stdout, stderr } = answer;
  if (exit.code !== 0) {
    const last = stderr.at(-1);
    return failed(`it ended with ${describeExit(exit)}${last === undefined ? '' : `: ${shortLine(last)}`}`);
  }
  const value = parsed(stdout);
  if (!isObject(value)) return failed('its answer is not one JSON object');
  const { allow, reason, details } = value;
  if (typeof allow !== 'boolean') return failed('its answer has no "allow" that is true or false');
  if (reason !== undefined && typeof reason !== 'string')
    return failed('the "reason" of its answer is no text');
  if (details !== undefined && !isObject(details)) return failed('the "details" of its answer are no object');
  const said = reason === undefined ? '' : shortLine(reason);
  if (!allow) return { allow, reason: said === '' ? 'it gave no reason' : said, answered: true };
  return { allow: true, said: said === '' ? 'allowed' : said, details: details ?? null };
}

/**
 * Asks a policy command. What it writes to stderr goes to the log.
 *
 * @param words program and arguments.
 * @throws FaceswapError (interrupted) on abort.
 */
export async function askPolicyCommand(
  words: readonly string[],
  question: CommandQuestion,
  {
    timeoutMs,
    logger,
    signal,
  }: { readonly timeoutMs: number; readonly logger: RunLogger; readonly signal: AbortSignal | undefined },
): Promise<CommandVerdict> {
  const answer = await askProgram(words, {
    input: `${JSON.stringify(question)}\n`,
    timeoutMs,
    maxOutputBytes: maxAnswerBytes,
    stage: 'policy',
    signal,
    onStderrLine: (line) => logger.info(`policy command: ${shortLine(line)}`),
  });
  return verdictOf(answer, timeoutMs);
}
