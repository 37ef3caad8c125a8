import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { muxLosses } from '../../src/media/mux-losses.js';
import { planMux } from '../../src/media/mux-plan.js';
import { probeTarget } from '../../src/media/probe.js';
import type { TargetMedia } from '../../src/media/target-media.js';
import { ffmpegOutput, inFolder, tools } from './media-fixtures.js';

const chapters = [
  ';FFMETADATA1\ntitle=Whole',
  '[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=One',
  '[CHAPTER]\nTIMEBASE=1/1000\nSTART=500\nEND=1000\ntitle=Two\n',
].join('\n');

const subtitles = '1\n00:00:00,100 --> 00:00:00,900\nHello\n';

/** Matroska with styled subtitles, chapters, an attachment, a time code, titles and a tag that only it can hold. */
const makeRich = async (folder: string): Promise<string> => {
  const [list, text, font, file] = ['chapters.txt', 'text.srt', 'font.ttf', 'rich.mkv'].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  await writeFile(list, chapters);
  await writeFile(text, subtitles);
  await writeFile(font, 'no real font');
  ffmpegOutput(
    ...[
      '-f',
      'lavfi',
      '-i',
      'testsrc2=s=64x48:r=25:d=1',
      '-f',
      'lavfi',
      '-i',
      'sine=d=1',
      '-i',
      text,
      '-i',
      list,
    ],
    ...['-map', '0', '-map', '1', '-map', '2', '-map_metadata', '3', '-map_chapters', '3'],
    ...['-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-preset', 'ultrafast', '-c:a', 'aac', '-c:s', 'ass'],
    ...['-attach', font, '-metadata:s:3', 'mimetype=application/x-truetype-font', '-metadata', 'mykey=mine'],
    ...['-metadata', 'creation_time=2020-01-02T03:04:05Z', '-metadata:s:a', 'language=eng'],
    ...['-metadata:s:a', 'title=Sound', '-metadata:s:v', 'timecode=01:00:00:00', file],
  );
  return file;
};

const lossesIn = async (target: TargetMedia, name: string): Promise<readonly string[]> => {
  const plan = await planMux({ tools, target, outputFile: name, videoEncoder: 'libx264' });
  return muxLosses(target, plan).map(({ message }) => message);
};

test('everything that a container cannot hold is named before the run, and nothing else', () =>
  inFolder(async (folder) => {
    const target = await probeTarget(tools, await makeRich(folder));
    assert.deepEqual(await lossesIn(target, '/out.mkv'), []);
    assert.deepEqual(await lossesIn(target, '/out.mp4'), [
      'Stream 3 (attachment, ttf) is left out: .mp4 files cannot hold it',
      'Stream 2 (subtitle, ass) becomes mov_text: styles and places on the picture may be lost',
      '.mp4 files cannot hold the tags mykey, title (stream 1)',
    ]);
    assert.deepEqual(await lossesIn(target, '/out.ts'), [
      'Stream 2 (subtitle, ass) is left out: .ts files cannot hold it',
      'Stream 3 (attachment, ttf) is left out: .ts files cannot hold it',
      '.ts files cannot hold chapters (2)',
      '.ts files cannot hold the tags title, mykey, creation_time, timecode (stream 0), title (stream 1)',
    ]);
  }));

test('tracks of chapters and time codes in an MP4 are written anew and are no loss', () =>
  inFolder(async (folder) => {
    const rich = await makeRich(folder);
    const source = join(folder, 'rich.mp4');
    ffmpegOutput('-i', rich, '-map', '0:v', '-map', '0:a', '-c', 'copy', '-timecode', '01:00:00:00', source);
    const target = await probeTarget(tools, source);
    assert.deepEqual(
      target.streams.map(({ codecTag }) => codecTag),
      ['avc1', 'mp4a', 'text', 'tmcd'],
    );
    assert.deepEqual(await lossesIn(target, '/out.mp4'), []);
  }));
