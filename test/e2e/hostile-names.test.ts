import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { test } from 'node:test';
import { locateTools } from '../../src/media/ffmpeg-tools.js';
import { ffmpeg, makeClip } from './clips.js';
import { assertFailure, faceswap, fixture, temporaryFolder } from './command-run.js';

const hopper = fixture('grace_hopper.jpg');
const inputs = temporaryFolder('hostile-names');
const clip = join(inputs, 'clip.mp4');
/** Clears the screen, sets the window's title, and would begin fields of ffprobe's plain output. */
const steeringTitle = '\u001b[2J\u001b]0;owned\u0007\u009b31m\nwidth=64\n[/STREAM]';
makeClip({
  shots: [{ photo: 'astronaut.png', frames: 12 }],
  rate: { num: 25, den: 1 },
  sound: true,
  output: [
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-c:a', 'aac'],
    ...['-metadata', `title=${steeringTitle}`, '-metadata:s:a', `title=${steeringTitle}`, clip],
  ],
});

const notWindows = process.platform === 'win32' ? { skip: 'Windows forbids such names' } : {};

/** Nothing that a terminal acts on, besides line breaks. */
const assertHarmless = (text: string): void =>
  assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);

/** An ffmpeg and an ffprobe that write every call into a file: words end with a zero byte, calls with two. */
const recordingTools = async (log: string): Promise<Readonly<Record<string, string>>> => {
  const { ffmpegPath, ffprobePath } = await locateTools();
  const record = (name: string, real: string): string => {
    const file = join(inputs, `recording-${name}`);
    writeFileSync(file, `#!/bin/sh\nprintf '%s\\0' "${name}" "$@" '' >> '${log}'\nexec '${real}' "$@"\n`);
    chmodSync(file, 0o755);
    return file;
  };
  return { FACESWAP_FFMPEG: record('ffmpeg', ffmpegPath), FACESWAP_FFPROBE: record('ffprobe', ffprobePath) };
};

test(
  'folders and files of any name work, and every file is opened with the lists of what may be opened',
  notWindows,
  async () => {
    const folder = join(temporaryFolder('names'), 'a\nnew \'line\' "and" $(quotes) #?& %d \u202e😀');
    mkdirSync(folder);
    // Decomposed and composed letters, a dash in front, a pattern, an address.
    const target = join(folder, "-i concat:a|b %03d [1-9] cafe\u0301 café 東京 it's \u001b[31m.mp4");
    const source = join(folder, '--help http: *?.jpg');
    const output = join(folder, '-y %d file:x \u2067.. .mp4');
    copyFileSync(clip, target);
    copyFileSync(hopper, source);
    const log = join(inputs, 'calls');
    const words = ['run', '-s', source, '-t', target, '-o', output, '--output-video-preset', 'ultrafast'];
    const result = await faceswap([...words, '--log-level', 'debug'], {
      environment: await recordingTools(log),
    });
    assert.equal(result.exitCode, 0, result.stderr);
    assert.deepEqual(result.survivors, []);
    assert.deepEqual(
      readdirSync(folder).sort(),
      [target, source, output].map((path) => path.slice(folder.length + 1)).sort(),
    );
    assertHarmless(result.stdout);
    assertHarmless(result.stderr);
    const frames = ffmpeg('-i', `file:${output}`, '-f', 'rawvideo', '-pix_fmt', 'gray', 'pipe:1');
    assert.equal(frames.length, 12 * 320 * 240);

    const calls = readFileSync(log, 'utf8')
      .split('\0\0')
      .map((call) => call.split('\0'));
    let opened = 0;
    for (const [tool, ...args] of calls) {
      for (const [at, word] of args.entries()) {
        const isInput = args[at - 1] === '-i';
        if (tool === 'ffmpeg' ? !isInput : word !== target) continue;
        const before = args.slice(args.lastIndexOf('-i', at - 2) + 1, at);
        if (word.startsWith('pipe:') || before.includes('lavfi')) continue;
        opened += 1;
        const call = [tool, ...args].join(' ');
        const protocols = before[before.indexOf('-protocol_whitelist') + 1];
        const formats = before[before.indexOf('-format_whitelist') + 1];
        assert.equal(before.includes('-protocol_whitelist') && protocols, 'file', call);
        assert.ok(before.includes('-format_whitelist') && formats !== undefined, call);
        assert.doesNotMatch(formats, /hls|dash|image2|sdp|imf/, call);
        if (formats.includes('concat')) assert.match(word, /^mux-\w+\.ffconcat$/, call);
        else assert.ok(isAbsolute(word), call);
      }
    }
    assert.ok(opened >= 6, `only ${opened} inputs were seen`);
  },
);

test('a name of 255 bytes works, and one more is an error that says so', notWindows, async () => {
  const folder = temporaryFolder('long');
  // Four bytes a letter.
  const longest = `${'😀'.repeat(62)}abc.mp4`;
  assert.equal(Buffer.byteLength(longest), 255);
  const words = ['run', '-s', hopper, '--output-video-preset', 'ultrafast', '--trim-frame-end', '2'];
  const result = await faceswap([...words, '-t', clip, '-o', join(folder, longest)]);
  assert.equal(result.exitCode, 0, result.stderr);
  assert.deepEqual(readdirSync(folder), [longest]);

  const tooLong = await faceswap([...words, '-t', clip, '-o', join(folder, `a${longest}`)]);
  assertFailure(tooLong, { exitCode: 3, line: /name of the file is too long/, folder }, [longest]);
  const absent = await faceswap([...words, '-t', join(folder, `a${longest}`), '-o', join(folder, 'out.mp4')]);
  assertFailure(absent, { exitCode: 3, line: /name of the file is too long/, folder }, [longest]);
});

test('names and tags in errors and in JSON cannot steer a terminal', notWindows, async () => {
  const folder = temporaryFolder('errors');
  const name = 'a\u001b[2J\u001b]0;owned\u0007\u009b31m\nerror: \u202ename.mp4';
  const target = join(folder, name);
  writeFileSync(target, 'no video');
  for (const json of [[], ['--json']]) {
    const words = ['run', '-s', hopper, '-t', target, '-o', join(folder, 'out.mp4'), ...json];
    const { exitCode, stdout, stderr } = await faceswap([...words, '--log-level', 'debug']);
    assert.equal(exitCode, 3, stderr);
    assertHarmless(stdout);
    assertHarmless(stderr);
    assert.match(stderr, /^error: .*\\u001b\[2J/m);
    if (json.length > 0) {
      const { error } = JSON.parse(stdout) as { error: { file: string } };
      assert.equal(error.file, target);
    }
  }
  const option = await faceswap(['run', `--\u001b[31m\u202ex`]);
  assert.equal(option.exitCode, 2);
  assertHarmless(option.stderr);
});

test('playlists and lists that are named like clips are refused, and nothing is left behind', async () => {
  const folder = temporaryFolder('lists');
  const target = join(folder, 'clip.mp4');
  for (const content of [
    '#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n',
    'ffconcat version 1.0\nfile /etc/passwd\n',
  ]) {
    writeFileSync(target, content);
    const result = await faceswap(['run', '-s', hopper, '-t', target, '-o', join(folder, 'out.mp4')]);
    assertFailure(result, { exitCode: 3, line: /neither a video nor an image/, folder }, ['clip.mp4']);
  }
});

test('a config that is a pipe, or a device without end, is refused at once', async (context) => {
  if (!existsSync('/dev/zero')) return context.skip('there is no /dev/zero');
  const result = await faceswap(['run', '--config', '/dev/zero']);
  assert.equal(result.exitCode, 2);
  assert.match(result.stderr, /^error: The config file cannot be read: it is not a regular file.*\n$/);
});
