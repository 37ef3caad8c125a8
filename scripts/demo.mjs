/**
 * `npm run demo`: makes a short clip of two portraits under a moving camera and swaps the face in it, with what
 * `npm ci` has built and nothing else. Writes into demo/.
 *
 *     npm run demo
 *     npm run demo -- --landmark-smoother none     further options go to `faceswap run`
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const fixtures = join(root, 'test', 'fixtures');
const folder = join(root, 'demo');
const clip = join(folder, 'clip.mp4');
const output = join(folder, 'swapped.mp4');
const report = join(folder, 'report.json');

const framesPerSecond = 25;
const shotSeconds = 3.6;

/**
 * The two shots: a 4:3 part of each portrait around the head, in pixels of the photo. Both photos are in the public
 * domain (NASA; US Navy).
 */
const shots = [
  { photo: 'astronaut.png', crop: '440:330:12:12' },
  { photo: 'grace_hopper.jpg', crop: '480:360:16:60' },
];

/** The photo whose face both people get: the first one another's, the second her own. */
const source = join(fixtures, 'grace_hopper.jpg');

/**
 * The camera, known in closed form: a window of `zoom` times the picture around a centre, turned by `roll`. `in` is the
 * frame's number and `seconds` stands for it below. Windows stay inside the picture: at most 0.87 of it, 0.03 off its
 * middle, turned by 0.035 rad.
 */
const seconds = `in/${framesPerSecond}`;
const camera = {
  zoom: `(0.76+0.11*sin(${seconds}*1.9))`,
  centreX: `W*(0.5+0.03*sin(${seconds}*2.7))`,
  centreY: `H*(0.5+0.02*sin(${seconds}*2.1+1))`,
  roll: `(0.035*sin(${seconds}*1.6))`,
};

/** The corner of the window in the direction (±1, ±1), as expressions for ffmpeg's perspective filter. */
const corner = (index, signX, signY) => {
  const halfWidth = `(${signX}*0.5*W*${camera.zoom})`;
  const halfHeight = `(${signY}*0.5*H*${camera.zoom})`;
  const x = `${camera.centreX}+${halfWidth}*cos${camera.roll}-${halfHeight}*sin${camera.roll}`;
  const y = `${camera.centreY}+${halfWidth}*sin${camera.roll}+${halfHeight}*cos${camera.roll}`;
  return [`x${index}='${x}'`, `y${index}='${y}'`];
};

/** The window is read with cubic interpolation at twice the final size, so that slow motion has no pixel steps. */
const shotFilter = ({ crop }, index) => {
  const corners = [corner(0, -1, -1), corner(1, 1, -1), corner(2, -1, 1), corner(3, 1, 1)].flat();
  return [
    `[${index}:v]crop=${crop}`,
    'scale=1280:960:flags=lanczos',
    'format=yuv444p',
    `perspective=sense=source:interpolation=cubic:eval=frame:${corners.join(':')}`,
    'scale=640:480:flags=area',
    `noise=alls=5:allf=t:all_seed=${index + 1}`,
    `format=yuv420p,setsar=1[shot${index}]`,
  ].join(',');
};

const clipArguments = () => {
  const durationSeconds = shots.length * shotSeconds;
  const pictures = shots.flatMap(({ photo }) => [
    ...['-loop', '1', '-framerate', String(framesPerSecond), '-t', String(shotSeconds)],
    ...['-i', join(fixtures, photo)],
  ]);
  const sounds = [
    `sine=frequency=220:sample_rate=48000:duration=${durationSeconds}`,
    `anoisesrc=color=pink:amplitude=0.05:seed=1:sample_rate=48000:duration=${durationSeconds}`,
  ].flatMap((sound) => ['-f', 'lavfi', '-i', sound]);
  const filters = [
    ...shots.map(shotFilter),
    `${shots.map((_, index) => `[shot${index}]`).join('')}concat=n=${shots.length}:v=1:a=0[picture]`,
    `[${shots.length}:a][${shots.length + 1}:a]amix=inputs=2:duration=shortest[sound]`,
  ];
  return [
    ...['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', ...pictures, ...sounds],
    ...['-filter_complex', filters.join(';'), '-map', '[picture]', '-map', '[sound]'],
    ...['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '16', '-c:a', 'aac', '-b:a', '96k', clip],
  ];
};

/** Runs a child that talks to our own terminal; resolves with its exit code. */
const runChild = (path, args) =>
  new Promise((resolve, reject) => {
    const child = spawn(path, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    // Ctrl-C reaches the child as well; we wait for its answer.
    process.on('SIGINT', () => {});
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });

const shown = (file) => relative(process.cwd(), file);

const main = async () => {
  const tools = join(root, 'dist', 'media', 'ffmpeg-tools.js');
  if (!existsSync(tools)) throw new Error('faceswap is not built. Run npm ci, or npm run build');
  const { locateTools } = await import(new URL('../dist/media/ffmpeg-tools.js', import.meta.url).href);
  const { ffmpegPath } = await locateTools();

  mkdirSync(folder, { recursive: true });
  console.log(`Making a clip of two portraits: ${shown(clip)}`);
  const made = await runChild(ffmpegPath, clipArguments());
  if (made !== 0) throw new Error(`ffmpeg could not make the clip (exit code ${made})`);

  const words = [
    ...['run', '--source', source, '--target', clip, '--output', output],
    ...['--report', report, '--overwrite', ...process.argv.slice(2)],
  ];
  console.log(
    `Swapping: faceswap ${words.map((word) => (word.startsWith(root) ? shown(word) : word)).join(' ')}\n`,
  );
  const exitCode = await runChild(process.execPath, [join(root, 'bin', 'faceswap.js'), ...words]);
  if (exitCode === 0) {
    console.log(`\nbefore:  ${clip}\nafter:   ${output}\nreport:  ${report}`);
    console.log('The second shot shows the source person herself: she gets her own face back.');
  }
  return exitCode;
};

try {
  process.exitCode = await main();
} catch (error) {
  console.error(
    `error: ${error instanceof Error && error.name !== 'FaceswapError' ? error.message : String(error)}`,
  );
  process.exitCode = error?.exitCode ?? 1;
}
