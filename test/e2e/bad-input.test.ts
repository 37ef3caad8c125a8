import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ffmpeg, ffmpegPath, makeClip } from './clips.js';
import { assertFailure, type CommandSetting, faceswap, fixture, temporaryFolder } from './command-run.js';

const hopper = fixture('grace_hopper.jpg');
const inputs = temporaryFolder('bad-inputs');
const clip = join(inputs, 'clip.mp4');
makeClip({
  shots: [{ photo: 'astronaut.png', frames: 75 }],
  rate: { num: 25, den: 1 },
  output: ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '14', clip],
});

const input = (name: string, make: (file: string) => void): string => {
  const file = join(inputs, name);
  make(file);
  return file;
};

type Mistake = {
  readonly says: string;
  readonly exitCode: number;
  readonly line: RegExp;
  readonly source?: string;
  readonly target?: string;
  /** Name in the output folder, or an absolute path. */
  readonly output?: string;
  readonly setting?: CommandSetting;
};

const absent = join(inputs, 'absent.mp4');
const mistakes: readonly Mistake[] = [
  { says: 'a target that is not there', exitCode: 3, line: /does not exist.*absent\.mp4/, target: absent },
  { says: 'a source that is not there', exitCode: 3, line: /does not exist.*absent\.mp4/, source: absent },
  {
    says: 'a target of zero bytes',
    exitCode: 3,
    line: /empty/,
    target: input('zero.mp4', (file) => writeFileSync(file, '')),
  },
  {
    says: 'a jpeg that is named mp4',
    exitCode: 3,
    line: /named \.mp4 but its content is an image/,
    target: input('photo.mp4', (file) => copyFileSync(hopper, file)),
  },
  {
    says: 'a video that is named jpg',
    exitCode: 3,
    line: /named \.jpg but its content is a video/,
    target: input('clip.jpg', (file) => copyFileSync(clip, file)),
    output: 'out.jpg',
  },
  {
    says: 'a target without a picture',
    exitCode: 3,
    line: /no video stream/,
    target: input('sound.mp4', (file) => {
      ffmpeg('-f', 'lavfi', '-i', 'sine=duration=1', '-c:a', 'aac', file);
    }),
  },
  {
    says: 'text that is named mp4',
    exitCode: 3,
    line: /neither a video nor an image/,
    target: input('text.mp4', (file) => writeFileSync(file, 'to be filmed\n')),
  },
  {
    says: 'a source without a face',
    exitCode: 5,
    line: /No face was found in the source photo/,
    source: input('wall.png', (file) => {
      ffmpeg('-f', 'lavfi', '-i', 'testsrc2=size=320x240', '-frames:v', '1', file);
    }),
  },
  { says: 'an output that is the target', exitCode: 2, line: /another file than --target/, output: clip },
  {
    says: 'an output folder that is not there',
    exitCode: 3,
    line: /output folder does not exist/,
    output: join(inputs, 'absent', 'out.mp4'),
  },
  {
    says: 'an output without an extension',
    exitCode: 2,
    line: /--output must have an extension/,
    output: 'out',
  },
  {
    says: 'an ffmpeg that is not there',
    exitCode: 9,
    line: /FACESWAP_FFMPEG names no program/,
    setting: { environment: { FACESWAP_FFMPEG: join(inputs, 'absent-ffmpeg') } },
  },
  {
    says: 'an ffmpeg that does not run',
    exitCode: 9,
    line: /ffmpeg does not run/,
    setting: {
      environment: {
        FACESWAP_FFMPEG: input('broken-ffmpeg', (file) => {
          writeFileSync(file, '#!/bin/sh\nexit 1\n');
          chmodSync(file, 0o755);
        }),
      },
    },
  },
];

for (const {
  says,
  exitCode,
  line,
  source = hopper,
  target = clip,
  output = 'out.mp4',
  setting,
} of mistakes) {
  test(`${says}: exit code ${exitCode}, one line, nothing left behind`, async () => {
    const folder = temporaryFolder('mistake');
    const inputsBefore = readdirSync(inputs);
    const path = output.startsWith('/') ? output : join(folder, output);
    const result = await faceswap(['run', '-s', source, '-t', target, '-o', path], setting);
    assertFailure(result, { exitCode, line, folder });
    assert.deepEqual(readdirSync(inputs), inputsBefore);
  });
}

/** Somebody whom permissions hold: ourselves, or with root's rights the user that owns nothing. */
const ordinaryUser = process.getuid?.() === 0 ? 65534 : undefined;
const bin = fileURLToPath(new URL('../../bin/faceswap.js', import.meta.url));
const reachable =
  process.platform !== 'win32' &&
  spawnSync(
    process.execPath,
    [bin, '--version'],
    ordinaryUser === undefined ? {} : { uid: ordinaryUser, gid: ordinaryUser },
  ).status === 0;

test(
  'a folder that may not be written: exit code 3, one line, nothing left behind',
  reachable ? {} : { skip: 'no user here is held by permissions and can run the command' },
  async () => {
    const folder = temporaryFolder('locked');
    const locked = join(folder, 'locked');
    mkdirSync(locked);
    chmodSync(inputs, 0o755);
    chmodSync(folder, 0o755);
    chmodSync(locked, 0o555);
    const words = ['run', '-s', hopper, '-t', clip, '-o', join(locked, 'out.mp4')];
    const result = await faceswap(words, { userId: ordinaryUser });
    assertFailure(result, { exitCode: 3, line: /locked/, folder: locked });
  },
);

test('an existing output is kept, unless --overwrite is given', async () => {
  const folder = temporaryFolder('existing');
  const output = join(folder, 'out.mp4');
  copyFileSync(clip, output);
  const result = await faceswap(['run', '-s', hopper, '-t', clip, '-o', output]);
  assertFailure(result, { exitCode: 2, line: /--overwrite/, folder }, ['out.mp4']);
});

test('a source photo with several people is used with a warning that says so', async () => {
  const folder = temporaryFolder('several');
  const pair = join(inputs, 'pair.png');
  const scaled = ['-filter_complex', '[0]scale=-1:512[a];[1]crop=300:300:75:0,scale=512:512[b];[a][b]hstack'];
  ffmpeg('-i', hopper, '-i', fixture('astronaut.png'), ...scaled, pair);
  const words = ['-s', pair, '-t', clip, '-o', join(folder, 'out.mp4'), '--trim-frame-end', '5'];
  const { exitCode, stderr } = await faceswap(['run', ...words]);
  assert.equal(exitCode, 0, stderr);
  assert.match(stderr, /shows 2 faces; the largest one is used/);
  assert.deepEqual(readdirSync(folder), ['out.mp4']);
});

for (const [name, signal] of [
  ['Ctrl-C twice', 'SIGINT'],
  ['SIGTERM', 'SIGTERM'],
] as const) {
  test(`${name} in the middle: exit code 130, nothing left behind, no child alive`, async () => {
    const folder = temporaryFolder('interrupted');
    let sent = false;
    let sentTwice = false;
    let children = 0;
    const result = await faceswap(
      ['run', '-s', hopper, '-t', clip, '-o', join(folder, 'out.mp4'), '--progress', 'json'],
      {
        onStderr: (stderr, child, alive) => {
          if (signal === 'SIGINT' && !sentTwice && /segments in flight/.test(stderr)) {
            sentTwice = true;
            child.kill(signal);
          }
          if (sent || !stderr.includes('"type":"frames"')) return;
          sent = true;
          children = alive().filter((line) => line.includes('rawvideo')).length;
          child.kill(signal);
        },
      },
    );
    assert.ok(sent, 'the run ended before it could be interrupted');
    if (existsSync('/proc/self/environ')) assert.equal(children, 2, 'ffmpeg decodes and encodes');
    assert.equal(result.exitCode, 130, result.stderr);
    assert.match(result.stderr.trimEnd().split('\n').at(-1) ?? '', /^error: .*nothing was written/);
    assert.deepEqual(result.survivors, []);
    assert.deepEqual(readdirSync(folder), []);
  });
}

test('Ctrl-C once: the segment in flight is finished and kept, and the same command makes the output of it', async () => {
  const folder = temporaryFolder('drained');
  const words = ['run', '-s', hopper, '-t', clip, '-o', join(folder, 'out.mp4'), '--progress', 'json'];
  let sent = false;
  const stopped = await faceswap(words, {
    onStderr: (stderr, child) => {
      if (sent || !stderr.includes('"type":"frames"')) return;
      sent = true;
      child.kill('SIGINT');
    },
  });
  assert.equal(stopped.exitCode, 130, stopped.stderr);
  assert.match(stopped.stderr, /stopping: segments in flight are finished, no more are begun/);
  assert.match(
    stopped.stderr,
    /\nerror: Stopped on request: 1 of \d+ segments are done and kept: the same command/,
  );
  assert.deepEqual(stopped.survivors, []);
  assert.match(readdirSync(folder).join(), /^\.out\.mp4\.faceswap-[0-9a-f]{12}$/);
  const continued = await faceswap(words);
  assert.equal(continued.exitCode, 0, continued.stderr);
  assert.deepEqual(readdirSync(folder), ['out.mp4']);
});

/** An ffmpeg that behaves, except that the one that reads from (`pipe:1`) or writes to us (`pipe:0`) dies early. */
const dyingFfmpeg = (argument: 'pipe:0' | 'pipe:1'): string => {
  const file = join(inputs, `dying-${argument.replace(':', '')}`);
  const death =
    argument === 'pipe:0'
      ? 'head -c 1500000 > /dev/null; kill -9 $$'
      : '"$real" "$@" | head -c 1500000; kill -9 $$';
  writeFileSync(
    file,
    `#!/bin/sh\nreal='${ffmpegPath}'\nfor argument in "$@"; do\n  if [ "$argument" = '${argument}' ]; then ${death}; fi\ndone\nexec "$real" "$@"\n`,
  );
  chmodSync(file, 0o755);
  return file;
};

for (const [says, argument] of [
  ['encoder', 'pipe:0'],
  ['decoder', 'pipe:1'],
] as const) {
  test(
    `an ffmpeg ${says} that is killed in the middle: exit code 8, one line, nothing left behind`,
    existsSync('/bin/sh') ? {} : { skip: 'there is no /bin/sh' },
    async () => {
      const folder = temporaryFolder('killed');
      // Without the warnings about its retries.
      const words = ['run', '-s', hopper, '-t', clip, '-o', join(folder, 'out.mp4'), '--log-level', 'error'];
      const result = await faceswap(words, { environment: { FACESWAP_FFMPEG: dyingFfmpeg(argument) } });
      assertFailure(result, { exitCode: 8, line: /killed by SIGKILL/, folder });
    },
  );
}
