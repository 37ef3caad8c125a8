/**
 * Makes docs/images/blend-modes.jpg, the picture of docs/blending.md: the two portraits with each other's face, in all ways
 * of blending. Both photos are in the public domain (NASA; US Navy). Needs a built checkout.
 *
 *     node scripts/blend-picture.mjs
 */
import { spawn } from 'node:child_process';
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const astronaut = join(root, 'test', 'fixtures', 'astronaut.png');
const hopper = join(root, 'test', 'fixtures', 'grace_hopper.jpg');
const picture = join(root, 'docs', 'images', 'blend-modes.jpg');

/** One line of the picture each: the head as width:height:x:y of the photo, and how colours are matched. */
const rows = [
  { source: astronaut, target: hopper, head: '300:360:96:110', colours: 'lab' },
  { source: hopper, target: astronaut, head: '170:204:140:10', colours: 'lab' },
  { source: hopper, target: astronaut, head: '170:204:140:10', colours: 'none' },
];
const modes = ['basic', 'multiband', 'poisson', 'seamless'];
const tile = { widthPx: 210, heightPx: 252 };

const runChild = (path, args) =>
  new Promise((resolve, reject) => {
    const child = spawn(path, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`${path} ended with ${code}`))));
  });

const folder = await mkdtemp(join(tmpdir(), 'blend-picture-'));
try {
  const { locateTools } = await import(new URL('../dist/media/ffmpeg-tools.js', import.meta.url).href);
  const { ffmpegPath } = await locateTools();
  const inputs = [];
  const heads = [];
  for (const [row, { source, target, head, colours }] of rows.entries()) {
    const files = [target];
    for (const blend of modes) {
      const file = join(folder, `${row}-${blend}.png`);
      await runChild(process.execPath, [
        join(root, 'bin', 'faceswap.js'),
        ...['run', '-s', source, '-t', target, '-o', file, '--blend', blend, '--color-match', colours],
        ...['--log-level', 'error'],
      ]);
      files.push(file);
    }
    for (const file of files) {
      heads.push(head);
      inputs.push('-i', file);
    }
  }
  const { widthPx, heightPx } = tile;
  const scaled = heads.map(
    (head, i) => `[${i}:v]crop=${head},scale=${widthPx}:${heightPx}:flags=lanczos,format=rgb24[t${i}]`,
  );
  const columns = modes.length + 1;
  const places = heads
    .map((_, i) => `${(i % columns) * (widthPx + 4)}_${Math.floor(i / columns) * (heightPx + 4)}`)
    .join('|');
  const joined = `${heads.map((_, i) => `[t${i}]`).join('')}xstack=inputs=${heads.length}:layout=${places}:fill=white`;
  await mkdir(join(root, 'docs', 'images'), { recursive: true });
  await runChild(ffmpegPath, [
    ...['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', ...inputs],
    ...['-filter_complex', [...scaled, joined].join(';'), '-frames:v', '1'],
    ...['-pix_fmt', 'yuvj444p', '-q:v', '3', '-bitexact', picture],
  ]);
  console.log(picture);
} finally {
  await rm(folder, { recursive: true, force: true });
}
