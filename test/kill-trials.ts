// Kills runs at random moments, continues them with the same command, and compares every output with that of a run that nothing interrupted:
//   npm run kill-trials -- 20
// Needs a build and Linux's /proc, in which the ffmpeg children are found: they have process groups of their own.
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL, fileURLToPath } from 'node:url';

const binPath = fileURLToPath(new URL('../bin/faceswap.js', import.meta.url));
const photoOf = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

/** Where trials happen: a clip of six short segments, two of them with a face, and its output of a run that nothing interrupted. */
export type TrialSetting = {
  readonly folder: string;
  readonly clip: string;
  readonly cache: string;
  /** Who gets which face, and other options of the runs. */
  readonly words: readonly string[];
  readonly sha256: string;
  /** From the start, and from the beginning of the rendering, to the end. */
  readonly wallMs: number;
  readonly renderMs: number;
};

/** When a run is killed: so long after it has written a text to stderr. */
export type KillMoment = { readonly atText: RegExp; readonly afterMs: number };

/** What is killed at once: the whole tree, or the command alone, so that its ffmpeg children find out by themselves. */
export type KillReach = 'tree' | 'command';

/** What one trial showed. */
export type Trial = {
  readonly moment: KillMoment;
  readonly reach: KillReach;
  readonly workers: number;
  /** What the kill left: nothing, segments that the next run took over, or the finished output. */
  readonly left: 'nothing' | 'job' | 'output';
  readonly segmentsKept: number;
};

let marks = 0;

/** Processes that carry a mark in their environment, which descendants inherit. */
const pidsMarked = (mark: string): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark);
      } catch {
        // It ended while we looked, or belongs to somebody else.
        return false;
      }
    })
    .map(Number);

const killAll = (mark: string): void => {
  // A process may have started another one while we looked.
  for (let pids = pidsMarked(mark); pids.length > 0; pids = pidsMarked(mark)) {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
  }
};

type Started = {
  readonly child: ChildProcess;
  readonly mark: string;
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
};

/** What a run needs to be started. */
type RunSetting = Pick<TrialSetting, 'clip' | 'cache' | 'words'>;

const startRun = (
  { clip, cache, words: options }: RunSetting,
  output: string,
  workers: number,
  onStderr: (stderr: string) => void = () => {},
): Started => {
  marks += 1;
  const [name, value] = ['FACESWAP_TRIAL', `${process.pid}-${marks}`];
  const words = ['run', '--json', '--progress', 'json', '--workers', String(workers)];
  const files = ['-t', clip, '-o', output, '--output-video-preset', 'ultrafast'];
  const child = spawn(process.execPath, [binPath, ...words, ...files, ...options], {
    env: { ...process.env, FACESWAP_CACHE_DIR: cache, [name]: value },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    onStderr(stderr);
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, mark: `${name}=${value}`, ended };
};

const hashOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

type Answer = {
  readonly report: { readonly outputSha256: string; readonly resumed: { segments: number } | null };
};

/** A run that must succeed. */
const runToEnd = async (
  setting: RunSetting,
  output: string,
  workers: number,
  onStderr: (stderr: string) => void = () => {},
): Promise<Answer['report']> => {
  const { code, stdout, stderr } = await startRun(setting, output, workers, onStderr).ended;
  assert.equal(code, 0, stderr.split('\n').slice(-4).join('\n'));
  return (JSON.parse(stdout) as Answer).report;
};

const rendering = /"phase":"render"/;

/** A face for everybody. */
const oneSource = ['-s', photoOf('grace_hopper.jpg')];

/** A face for one person of the clip, whom a photo names, laid in by its gradients. */
export const mappedSource = [
  ...['--map', `${photoOf('astronaut.png')}=${photoOf('grace_hopper.jpg')}`],
  ...['--blend', 'seamless'],
];

/** Makes the clip and renders it twice. @param folder is made, and deleted by the caller. */
export const prepareTrials = async (
  folder: string,
  words: readonly string[] = oneSource,
): Promise<TrialSetting> => {
  mkdirSync(folder, { recursive: true });
  const clip = join(folder, 'clip.mp4');
  const cache = join(folder, 'cache');
  // 24 frames are ten seconds at this rate, and as short as a segment may be.
  const rate = '12/5';
  const face = (label: string, frames: number): string =>
    `[0:v]trim=end_frame=${frames},setpts=PTS-STARTPTS,crop=280:210:90:20,scale=160:120,setsar=1,format=yuv420p,noise=alls=4:allf=t[${label}]`;
  const plain = '[1:v]trim=end_frame=96,setpts=PTS-STARTPTS,setsar=1,format=yuv420p,noise=alls=4:allf=t[b]';
  execFileSync('ffmpeg', [
    ...['-hide_banner', '-loglevel', 'error', '-nostdin', '-y'],
    ...['-loop', '1', '-framerate', rate, '-i', photoOf('astronaut.png')],
    ...['-f', 'lavfi', '-i', `color=c=0x305070:size=160x120:rate=${rate}`],
    ...['-filter_complex', `${face('a', 48)};${plain};[a][b]concat=n=2:v=1:a=0[v]`, '-map', '[v]'],
    ...[
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
      '-g',
      '24',
      '-keyint_min',
      '24',
      '-sc_threshold',
      '0',
      clip,
    ],
  ]);
  const output = join(folder, 'whole.mp4');
  // The first run fills the cache; the time of the second is that of those that are killed.
  const { outputSha256: sha256 } = await runToEnd({ clip, cache, words }, output, 1);
  rmSync(output);
  const startMs = performance.now();
  let renderStartMs = startMs;
  const again = await runToEnd({ clip, cache, words }, output, 1, (stderr) => {
    if (renderStartMs === startMs && rendering.test(stderr)) renderStartMs = performance.now();
  });
  const endMs = performance.now();
  assert.equal(again.outputSha256, sha256);
  return { folder, clip, cache, words, sha256, wallMs: endMs - startMs, renderMs: endMs - renderStartMs };
};

/**
 * Kills a run, continues it, and checks that nothing but a job folder is left by the kill, that the output has the bytes of the whole run, and
 * that nothing is left at the end.
 */
export const killTrial = async (
  setting: TrialSetting,
  trial: Pick<Trial, 'moment' | 'reach' | 'workers'> & { readonly workersAfter?: number },
): Promise<Trial> => {
  const { moment, reach, workers, workersAfter = workers } = trial;
  const folder = mkdtempSync(join(setting.folder, 'trial-'));
  const output = join(folder, 'out.mp4');
  let isKilled = false;
  let timer: NodeJS.Timeout | undefined;
  const kill = (): void => {
    if (isKilled) return;
    isKilled = true;
    if (reach === 'tree') killAll(started.mark);
    else started.child.kill('SIGKILL');
  };
  const started: Started = startRun(setting, output, workers, (stderr) => {
    if (timer !== undefined || !moment.atText.test(stderr)) return;
    if (moment.afterMs === 0) kill();
    timer = setTimeout(kill, moment.afterMs);
  });
  await started.ended;
  clearTimeout(timer);
  const names = readdirSync(folder);
  for (const name of names)
    assert.match(name, /^(?:out\.mp4|\.out\.mp4\.faceswap-[0-9a-f]{12}(?:\.old-.{8})?)$/);
  let segmentsKept = 0;
  if (names.includes('out.mp4')) {
    // The kill came when the output had its name already.
    execFileSync(process.execPath, [binPath, 'jobs', 'clean', '--all'], { cwd: folder });
  } else {
    const report = await runToEnd(setting, output, workersAfter);
    assert.equal(report.outputSha256, setting.sha256);
    segmentsKept = report.resumed?.segments ?? 0;
  }
  assert.equal(hashOf(output), setting.sha256);
  assert.deepEqual(readdirSync(folder), ['out.mp4']);
  killAll(started.mark);
  const left = names.includes('out.mp4') ? 'output' : segmentsKept > 0 ? 'job' : 'nothing';
  return { moment, reach, workers, left, segmentsKept };
};

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const main = async (count: number): Promise<void> => {
  if (!existsSync('/proc/self/environ')) throw new Error('the children can be found on Linux only');
  const folder = mkdtempSync(join(tmpdir(), 'faceswap-kill-trials-'));
  try {
    const setting = await prepareTrials(folder);
    say(`whole run: ${Math.round(setting.wallMs)} ms, sha256 ${setting.sha256}`);
    for (const workers of [2, 3]) {
      const output = join(folder, `workers-${workers}.mp4`);
      assert.equal((await runToEnd(setting, output, workers)).outputSha256, setting.sha256);
      say(`${workers} workers: the same sha256`);
    }
    for (let number = 1; number <= count; number += 1) {
      // Most of the moments lie in the rendering and the steps after it.
      const isEarly = Math.random() < 0.2;
      const afterMs = Math.round(
        Math.random() * (isEarly ? setting.wallMs - setting.renderMs : setting.renderMs),
      );
      const reach = Math.random() < 0.5 ? 'tree' : 'command';
      const workers = 1 + Math.floor(3 * Math.random());
      const workersAfter = 1 + Math.floor(3 * Math.random());
      const { left, segmentsKept } = await killTrial(setting, {
        moment: { atText: isEarly ? /"phase":"probe"/ : rendering, afterMs },
        reach,
        workers,
        workersAfter,
      });
      say(
        `trial ${number}: ${reach} killed ${afterMs} ms after the begin of ${isEarly ? 'the run' : 'rendering'} with ${workers} workers, left ${left}, ${segmentsKept} of 6 segments kept, continued with ${workersAfter}: the same sha256`,
      );
    }
    say(`${count} trials, one sha256`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(Number(process.argv[2] ?? 20));
}
