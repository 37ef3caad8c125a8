import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { FrameRow, RunReport } from '../../src/index.js';

const binPath = fileURLToPath(new URL('../../bin/faceswap.js', import.meta.url));
const builtEntry = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const sharedFolder = fileURLToPath(new URL('../../../shared/media/', import.meta.url));

/** The two photos that the repository carries. */
export const fixture = (name: 'astronaut.png' | 'grace_hopper.jpg'): string =>
  fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

/** A file of the shared media, or undefined where that folder is absent. */
export const sharedFile = (name: string): string | undefined => {
  const file = join(sharedFolder, name);
  return existsSync(file) ? file : undefined;
};

/** Options for a test that needs files of the shared media; it skips itself with a message when one is absent. */
export const needsShared = (...names: readonly string[]): { skip?: string } => {
  const absent = names.find((name) => sharedFile(name) === undefined);
  return absent === undefined ? {} : { skip: `the shared media are absent (${absent})` };
};

/** The path of a shared file in a test that {@link needsShared} has let through. */
export const shared = (name: string): string => {
  const file = sharedFile(name);
  assert.ok(file, name);
  return file;
};

/** A folder that is deleted when the test file has ended. */
export const temporaryFolder = (name: string): string => {
  const folder = mkdtempSync(join(tmpdir(), `faceswap-e2e-${name}-`));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

/** Tests neither find what earlier ones kept nor leave anything in the user's own cache. */
const cache = temporaryFolder('cache');

/** What a finished command left behind. */
export type CommandResult = {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Command lines of processes that the command started and that outlived it; empty where there is no /proc. */
  readonly survivors: readonly string[];
};

/** How a command is started, beyond its words. */
export type CommandSetting = {
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Group and user to run as. */
  readonly userId?: number | undefined;
  /** Sees stderr as it grows, the running child, and on demand the command lines of it and its descendants. */
  readonly onStderr?:
    | ((stderr: string, child: ChildProcess, alive: () => readonly string[]) => void)
    | undefined;
};

/** Every command gets its own mark in the environment, which its descendants inherit. */
let marks = 0;

const processesMarked = (mark: string): readonly string[] => {
  if (!existsSync('/proc/self/environ')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
        if (!environment.includes(mark)) return [];
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
      } catch {
        // It ended while we looked, or belongs to somebody else.
        return [];
      }
    });
};

/** Runs the built command as its users do and waits for its end. */
export const faceswap = (
  words: readonly string[],
  { environment = {}, userId, onStderr }: CommandSetting = {},
): Promise<CommandResult> => {
  assert.ok(existsSync(builtEntry), 'dist/ is missing: run npm run build before these tests');
  const [markName, markValue] = ['FACESWAP_TEST_MARK', `${process.pid}-${marks++}`];
  const mark = `${markName}=${markValue}`;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [binPath, ...words], {
      env: { ...process.env, FACESWAP_CACHE_DIR: cache, ...environment, [markName]: markValue },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(userId === undefined ? {} : { uid: userId, gid: userId }),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      onStderr?.(stderr, child, () => processesMarked(mark));
    });
    child.once('error', reject);
    child.once('close', (exitCode) =>
      resolve({ exitCode, stdout, stderr, survivors: processesMarked(mark) }),
    );
  });
};

/** A run that must succeed: its report as `--json` prints it. */
export const runToReport = async (
  words: readonly string[],
  setting: CommandSetting = {},
): Promise<RunReport> => {
  const { exitCode, stdout, stderr, survivors } = await faceswap(['run', '--json', ...words], setting);
  assert.equal(exitCode, 0, stderr);
  assert.deepEqual(survivors, []);
  const answer = JSON.parse(stdout) as { ok: true; report: RunReport };
  assert.equal(answer.ok, true);
  return answer.report;
};

/** The rows of a file that `--report` wrote. */
export const readRows = (file: string): readonly FrameRow[] =>
  (JSON.parse(readFileSync(file, 'utf8')) as { frames: readonly FrameRow[] }).frames;

/** Checks a failed run: its exit code, one line on stderr, nothing on stdout, nothing left in the folder, no child alive. */
export const assertFailure = (
  result: CommandResult,
  expected: { readonly exitCode: number; readonly line: RegExp; readonly folder: string },
  left: readonly string[] = [],
): void => {
  const { exitCode, stdout, stderr, survivors } = result;
  assert.equal(exitCode, expected.exitCode, stderr);
  assert.equal(stdout, '');
  const lines = stderr.split('\n');
  assert.equal(lines.length, 2, `more than one line: ${stderr}`);
  assert.equal(lines[1], '');
  assert.match(lines[0] ?? '', /^error: /);
  assert.match(lines[0] ?? '', expected.line);
  assert.deepEqual(survivors, []);
  assert.deepEqual(readdirSync(expected.folder).sort(), [...left].sort());
};
