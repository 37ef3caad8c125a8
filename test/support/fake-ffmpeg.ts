import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const real = execFileSync('which', ['ffmpeg'], { encoding: 'utf8' }).trim();

/** An ffmpeg that misbehaves now and then. */
export type FakeFfmpeg = {
  /** Only calls with this text somewhere in an argument count: `pipe:1` is in those of decoders, `pipe:0` in those of encoders. */
  readonly argument: string;
  /** Which of the calls that count misbehaves, from 1 on; all when left out. */
  readonly call?: number;
  /** A line of shell: `$real "$@"` is the true thing, `$state` a folder to leave marks in. */
  readonly does: string;
};

/**
 * Makes a program for FACESWAP_FFMPEG around the real ffmpeg.
 *
 * @param folder where it and its marks go; it must exist.
 */
export const fakeFfmpeg = (folder: string, { argument, call, does }: FakeFfmpeg): string => {
  const state = join(folder, 'fake-ffmpeg');
  mkdirSync(state, { recursive: true });
  const file = join(state, 'ffmpeg');
  const lines = [
    '#!/bin/sh',
    `real='${real}'`,
    `state='${state}'`,
    'for word in "$@"; do',
    `  case "$word" in *'${argument}'*) counts=yes ;; esac`,
    'done',
    'if [ "$counts" = yes ]; then',
    '  number=1',
    // A folder can be made once only, so that calls at the same time get numbers of their own.
    '  while ! mkdir "$state/call-$number" 2>/dev/null; do number=$((number + 1)); done',
    `  if ${call === undefined ? 'true' : `[ $number = ${call} ]`}; then`,
    `    ${does}`,
    '  fi',
    'fi',
    'exec "$real" "$@"',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  chmodSync(file, 0o755);
  return file;
};
