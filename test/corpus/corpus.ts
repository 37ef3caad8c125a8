/**
 * Runs the command over whole folders of media and checks every output against its target: frame by frame in time,
 * stream by stream, and in its pixels outside of the faces. Files that cannot be rendered must end with the documented error.
 * Run: `npm run build:code && npm run corpus -- FOLDER... [--only PART-OF-NAME]`. Takes about an hour on two cores for the folders that
 * come with the project's media; not part of `npm test`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { locateTools } from '../../src/media/ffmpeg-tools.js';
import type { FrameRow, RunReport } from '../../src/index.js';
import { documentedErrors, extraArguments, type DocumentedError } from './expectations.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string', default: '' } },
});
if (positionals.length === 0) throw new Error('Usage: corpus.ts FOLDER... [--only PART-OF-NAME]');

const command = fileURLToPath(new URL('../../bin/faceswap.js', import.meta.url));
const source = fileURLToPath(new URL('../fixtures/astronaut.png', import.meta.url));
const tools = await locateTools();
const scratch = mkdtempSync(join(tmpdir(), 'faceswap-corpus-'));
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));

type Stream = Readonly<Record<string, unknown>> & {
  readonly index: number;
  readonly codec_type: string;
  readonly codec_name?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly disposition?: Readonly<Record<string, number>>;
};

type Packet = {
  readonly stream_index: number;
  readonly pts_time?: string;
  readonly flags: string;
  readonly data_hash?: string;
};

type Frame = { readonly best_effort_timestamp_time?: string };

const ask = <Answer>(file: string, ...words: readonly string[]): Answer => {
  const { status, stdout, stderr } = spawnSync(
    tools.ffprobePath,
    ['-v', 'error', '-of', 'json', ...words, file],
    { maxBuffer: 1 << 30 },
  );
  if (status !== 0) throw new Error(`ffprobe cannot read ${file}: ${stderr.toString()}`);
  return JSON.parse(stdout.toString()) as Answer;
};

const streamsOf = (file: string): readonly Stream[] =>
  ask<{ streams: readonly Stream[] }>(file, '-show_streams').streams;

const isCover = (stream: Stream): boolean => stream.disposition?.['attached_pic'] === 1;

/** The stream that is processed: the default one of those that are no cover art. */
const videoOf = (streams: readonly Stream[]): Stream => {
  const videos = streams.filter((stream) => stream.codec_type === 'video' && !isCover(stream));
  const chosen = videos.find(({ disposition }) => disposition?.['default'] === 1) ?? videos[0];
  if (chosen === undefined) throw new Error('no video');
  return chosen;
};

/** When each shown frame is decoded to, in seconds. */
const frameTimes = (file: string, stream: Stream): readonly number[] =>
  ask<{ frames: readonly Frame[] }>(
    file,
    ...['-select_streams', String(stream.index), '-show_entries', 'frame=best_effort_timestamp_time'],
  ).frames.map(({ best_effort_timestamp_time: time }) => Number(time));

const packetsOf = (file: string, stream: Stream): readonly Packet[] =>
  ask<{ packets: readonly Packet[] }>(
    file,
    ...['-select_streams', String(stream.index), '-show_packets', '-show_data_hash', 'md5'],
  ).packets;

const problems: string[] = [];
let current = '';
const expect = (holds: boolean, problem: string): void => {
  if (!holds) problems.push(`${current}: ${problem}\n`);
};

/** What a container's clock can be off by, in seconds. */
const clockSeconds = (file: string): number => (/\.(mkv|webm)$/.test(file) ? 0.00101 : 0.0001);

const compareTimes = (target: string, output: string, report: RunReport): void => {
  const [before, after] = [videoOf(streamsOf(target)), videoOf(streamsOf(output))];
  const [wanted, found] = [frameTimes(target, before), frameTimes(output, after)];
  expect(wanted.length === found.length, `${found.length} frames instead of ${wanted.length}`);
  expect(report.media.frameCount === wanted.length, `the report says ${report.media.frameCount} frames`);
  const tolerance = clockSeconds(target) + clockSeconds(output);
  const off = wanted.map((seconds, k) =>
    Math.abs(seconds - (wanted[0] ?? 0) - ((found[k] ?? Number.NaN) - (found[0] ?? 0))),
  );
  const worst = off.reduce((most, value) => Math.max(most, value), 0);
  expect(worst <= tolerance, `a frame is ${(1000 * worst).toFixed(2)} ms off`);
};

/** Fields that must not change; a target that says nothing may get what players assume. */
const pictureFields = ['color_range', 'color_space', 'color_transfer', 'color_primaries'] as const;

const comparePicture = (target: string, output: string): void => {
  const [before, after] = [videoOf(streamsOf(target)), videoOf(streamsOf(output))];
  const turned = JSON.stringify(before).match(/"rotation":-?(90|270)\b/) !== null;
  const size = (stream: Stream, swap: boolean): string =>
    (swap ? [stream['height'], stream['width']] : [stream['width'], stream['height']]).join('x');
  expect(size(after, false) === size(before, turned), `size ${size(after, false)}`);
  for (const field of pictureFields) {
    const wanted = before[field];
    if (wanted === undefined || wanted === 'unknown') continue;
    // QuickTime has no range for codecs that do not carry it.
    if (field === 'color_range' && output.endsWith('.mov')) continue;
    expect(after[field] === wanted, `${field} is ${String(after[field])} instead of ${String(wanted)}`);
  }
};

const compareStreams = (target: string, output: string, report: RunReport): void => {
  const [before, after] = [streamsOf(target), streamsOf(output)];
  const dropped = new Set(report.media.streamsDropped.map(({ index }) => index));
  const own = videoOf(before).index;
  for (const type of ['audio', 'subtitle', 'attachment']) {
    const wanted = before.filter(
      (stream) => stream.codec_type === type && stream.index !== own && !dropped.has(stream.index),
    );
    const found = after.filter((stream) => stream.codec_type === type);
    expect(found.length >= wanted.length, `${found.length} streams of ${type} instead of ${wanted.length}`);
    wanted.forEach((stream, k) => {
      const twin = found[k];
      if (twin === undefined) return;
      const language = stream.tags?.['language'];
      if (language !== undefined && language !== 'und') {
        expect(twin.tags?.['language'] === language, `language of ${type} ${k}`);
      }
      if (type !== 'audio') return;
      expect(twin.codec_name === stream.codec_name, `codec of sound ${k}`);
      const hashes = (file: string, which: Stream): string =>
        packetsOf(file, which)
          .filter(({ flags }) => !flags.includes('D'))
          .map(({ data_hash: hash }) => hash)
          .join();
      expect(hashes(target, stream) === hashes(output, twin), `packets of sound ${k} differ`);
    });
  }
};

const decodeGray = (file: string): { readonly pixels: Buffer; readonly width: number } => {
  const size = spawnSync(tools.ffmpegPath, [
    ...['-v', 'error', '-i', file, '-map', '0:v:0', '-frames:v', '1'],
    ...['-f', 'image2pipe', '-c:v', 'pgm', '-pix_fmt', 'gray', 'pipe:1'],
  ]).stdout;
  const header = /^P5\s+(\d+)\s+(\d+)\s+255\s/.exec(size.subarray(0, 40).toString('latin1'));
  if (header === null) throw new Error(`${file} cannot be decoded`);
  return { pixels: size.subarray(header[0].length), width: Number(header[1]) };
};

/** Mean difference of the first frame's luma outside of all faces, in levels. */
const compareOutside = (target: string, output: string, rows: readonly FrameRow[]): void => {
  const [before, after] = [decodeGray(target), decodeGray(output)];
  expect(before.pixels.length === after.pixels.length, 'the decoded pictures have different sizes');
  const boxes = (rows[0]?.faces ?? []).map(({ box }) => box);
  let [sum, count] = [0, 0];
  for (let at = 0; at < before.pixels.length; at += 1) {
    const [x, y] = [at % before.width, Math.floor(at / before.width)];
    const inFace = boxes.some(
      ({ x: left, y: top, width, height }) =>
        x > left - 0.5 * width && x < left + 1.5 * width && y > top - 0.5 * height && y < top + 1.5 * height,
    );
    if (inFace) continue;
    sum += Math.abs((before.pixels[at] ?? 0) - (after.pixels[at] ?? 0));
    count += 1;
  }
  if (count > 0)
    expect(sum / count < 3, `the picture outside of the faces is ${(sum / count).toFixed(1)} levels off`);
};

const isImage = (file: string): boolean => /\.(png|jpe?g|webp|avif|tiff?)$/i.test(file);

/** The output of a target: its own container where we can write it. */
const outputOf = (target: string): string => {
  const extension = extname(target).toLowerCase();
  return join(scratch, `${basename(target, extname(target))}${extension === '.avif' ? '.png' : extension}`);
};

const checkFailure = (
  { exitCode, says }: DocumentedError,
  result: { readonly status: number | null; readonly stderr: string },
  output: string,
): void => {
  expect(result.status === exitCode, `exit ${result.status} instead of ${exitCode}: ${result.stderr.trim()}`);
  expect(says.test(result.stderr), `says ${result.stderr.trim()}`);
  expect(!existsSync(output), 'left an output');
};

const runOne = (target: string): string => {
  current = basename(target);
  const output = outputOf(target);
  const reportFile = join(scratch, 'report.json');
  const isMoving = !isImage(target);
  const words = [
    ...['run', '--json', '--overwrite', '--no-cache', '-s', source, '-t', target, '-o', output],
    ...[
      '--report',
      reportFile,
      ...(isMoving && !/\.(gif)$/.test(target) ? ['--output-video-preset', 'ultrafast'] : []),
    ],
    ...(extraArguments[current] ?? []),
  ];
  const started = performance.now();
  const child = spawnSync(process.execPath, [command, ...words], { maxBuffer: 1 << 30 });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const stderr = child.stderr.toString();
  const error = documentedErrors[current];
  if (error !== undefined) {
    checkFailure(error, { status: child.status, stderr }, output);
    return `exit ${child.status} in ${seconds} s: ${stderr.trim().split('\n').at(-1) ?? ''}`;
  }
  if (child.status !== 0) {
    expect(false, `exit ${child.status}: ${stderr.trim().split('\n').at(-1) ?? ''}`);
    return 'failed';
  }
  const { report } = JSON.parse(child.stdout.toString()) as { report: RunReport };
  const { frames } = JSON.parse(readFileSync(reportFile, 'utf8')) as { frames: readonly FrameRow[] };
  if (report.media.kind === 'video' && !/\.(gif|webp)$/.test(target)) {
    compareTimes(target, output, report);
    comparePicture(target, output);
    compareStreams(target, output, report);
  }
  // What ffmpeg makes of CMYK is not what its profile says.
  if (!/\.(gif|webp|avif)$|cmyk/.test(target)) compareOutside(target, output, frames);
  const { facesSwapped, facesFilled } = report.quality;
  rmSync(output);
  return `${report.status}, ${report.media.frameCount} frames, ${facesSwapped + facesFilled} faces in ${seconds} s`;
};

const files = positionals
  .map((folder) => resolve(folder))
  .flatMap((folder) =>
    readdirSync(folder)
      .sort()
      .map((name) => join(folder, name)),
  )
  .filter((file) => statSync(file).isFile() && extname(file) !== '.json' && file.includes(values.only));
for (const [index, file] of files.entries()) {
  const known = problems.length;
  let line: string;
  try {
    line = runOne(file);
  } catch (error) {
    line = 'could not be checked';
    expect(false, error instanceof Error ? error.message : String(error));
  }
  process.stdout.write(
    `${index + 1}/${files.length} ${problems.length === known ? 'ok ' : 'BAD'} ${basename(file)}: ${line}\n`,
  );
  for (const problem of problems.slice(known)) process.stdout.write(`    ${problem}\n`);
}
process.stdout.write(`${files.length} files, ${problems.length} problems\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
