import assert from 'node:assert/strict';
import test from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import {
  listEncoders,
  locateTools,
  parseEncoders,
  passthroughArguments,
  requireEncoder,
} from '../../src/media/ffmpeg-tools.js';
import { tools } from './media-fixtures.js';

test('the encoder table keeps video encoders with their descriptions and drops the legend', () => {
  // Lines as ffmpeg 5.1.9 prints them.
  const table = [
    'Encoders:',
    ' V..... = Video',
    ' A..... = Audio',
    ' ------',
    ' V....D libx264              libx264 H.264 / AVC / MPEG-4 AVC / MPEG-4 part 10 (codec h264)',
    ' VFS... ffv1                 FFmpeg video codec #1',
    ' A....D aac                  AAC (Advanced Audio Coding)',
  ].join('\n');
  assert.deepEqual(parseEncoders(table), [
    { name: 'libx264', description: 'libx264 H.264 / AVC / MPEG-4 AVC / MPEG-4 part 10 (codec h264)' },
    { name: 'ffv1', description: 'FFmpeg video codec #1' },
  ]);
});

test('the encoders of the installed ffmpeg are asked once', async () => {
  assert.equal(listEncoders(tools), listEncoders(tools));
  assert.ok((await listEncoders(tools)).some(({ name }) => name === 'ffv1'));
});

test('an encoder that is not there is refused with those that are', async () => {
  await assert.rejects(requireEncoder(tools, 'libx999'), (error) => {
    assert.ok(error instanceof FaceswapError);
    assert.equal(error.exitCode, 9);
    assert.match(String(error), /libx999.*ffv1/);
    return true;
  });
});

test('an environment variable that names no program is an error and not passed over', async () => {
  await assert.rejects(locateTools({ ...process.env, FACESWAP_FFMPEG: '/nowhere/ffmpeg' }), (error) => {
    assert.ok(error instanceof FaceswapError);
    assert.equal(error.exitCode, 9);
    assert.match(String(error), /FACESWAP_FFMPEG/);
    return true;
  });
});

test('the environment variables win over PATH', async () => {
  const { ffmpegPath, ffprobePath } = tools;
  const found = await locateTools({ PATH: '', FACESWAP_FFMPEG: ffmpegPath, FACESWAP_FFPROBE: ffprobePath });
  assert.equal(found.origin, 'environment');
  assert.equal(found.ffmpegPath, ffmpegPath);
});

test('each ffmpeg gets the spelling of frame passthrough that it knows', () => {
  const spelling = (ffmpegVersion: string): string | undefined =>
    passthroughArguments({ ...tools, ffmpegVersion })[0];
  assert.equal(spelling('5.1.9-0+deb12u1'), '-fps_mode');
  assert.equal(spelling('n7.1'), '-fps_mode');
  assert.equal(spelling('4.4.2'), '-vsync');
  assert.equal(spelling('5.0'), '-vsync');
  assert.equal(spelling('N-47683-g0e8eb07980-static'), '-vsync');
});
