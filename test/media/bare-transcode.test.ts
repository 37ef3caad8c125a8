import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { bareTranscodeArguments } from '../../src/media/bare-transcode.js';
import { measureProcess } from '../../src/media/benchmark/measured-process.js';
import { probeTarget } from '../../src/media/probe.js';
import type { TargetMedia } from '../../src/media/target-media.js';
import { encoderArguments, type VideoEncoding, videoEncodingFor } from '../../src/media/video-encoding.js';
import { decodeHashes, ffmpegOutput, inFolder, tools, transcodeSegments } from './media-fixtures.js';

const makeTarget = async (folder: string): Promise<TargetMedia> => {
  const file = join(folder, 'clip.mp4');
  ffmpegOutput(
    '-f',
    'lavfi',
    '-i',
    'testsrc2=size=160x90:rate=25',
    '-frames:v',
    '30',
    '-c:v',
    'libx264',
    file,
  );
  return probeTarget(tools, file, {});
};

const encodingOf = (target: TargetMedia, encoder = 'libx264'): VideoEncoding =>
  videoEncodingFor({ target, encoder, container: 'mp4', quality: 60, preset: 'fast', threads: 2 });

test('the bare transcode has every word of our encoder but its raw input', async () => {
  await inFolder(async (folder) => {
    const target = await makeTarget(folder);
    for (const encoder of ['libx264', 'libx265', 'libvpx-vp9', 'libsvtav1']) {
      const encoding = encodingOf(target, encoder);
      const words = encoderArguments(tools, encoding, 'out.mp4');
      const bare = bareTranscodeArguments({
        tools,
        target,
        encoding,
        decoderThreads: 3,
        hardware: undefined,
        file: 'out.mp4',
      });
      const after = words.slice(words.indexOf('pipe:0') + 1);
      assert.deepEqual(bare.slice(-after.length), after);
      assert.ok(bare.includes(target.file) && !bare.includes('rawvideo') && !bare.includes('pipe:0'));
      assert.ok(bare.join(' ').includes(`-threads 3 -i ${target.file}`));
      assert.ok(!bare.includes('-hwaccel'));
    }
  });
});

test('the bare transcode decodes on the hardware that a run was told to use', async () => {
  await inFolder(async (folder) => {
    const target = await makeTarget(folder);
    const options = { tools, target, encoding: encodingOf(target), decoderThreads: 1, file: 'out.mp4' };
    const words = bareTranscodeArguments({ ...options, hardware: { method: 'cuda', pixelFormat: 'nv12' } });
    const place = words.indexOf('-hwaccel');
    assert.equal(words[place + 1], 'cuda');
    assert.ok(place < words.indexOf('-i'), 'it is an option of the input');
  });
});

test('the bare transcode and our pipes give the same pictures', async () => {
  await inFolder(async (folder) => {
    const target = await makeTarget(folder);
    const encoding = encodingOf(target);
    const file = join(folder, 'bare.mp4');
    const words = bareTranscodeArguments({
      tools,
      target,
      encoding,
      decoderThreads: 1,
      hardware: undefined,
      file,
    });
    const { exit, stderr } = await measureProcess(tools.ffmpegPath, words, { stage: 'test' });
    assert.equal(exit.code, 0, stderr.join('\n'));
    const all = { start: 0, end: 30 };
    const [piped] = await transcodeSegments(target, encoding, [all], folder);
    assert.ok(piped);
    const bareHashes = await decodeHashes(await probeTarget(tools, file, {}), all);
    assert.equal(bareHashes.length, 30);
    assert.deepEqual(bareHashes, await decodeHashes(await probeTarget(tools, piped.file, {}), all));
  });
});
