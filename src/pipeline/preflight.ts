import { constants } from 'node:fs';
import { access, lstat, open, realpath, stat } from 'node:fs/promises';
import { dirname, extname, join, relative } from 'node:path';
import { FaceswapError } from '../errors.js';
import { animationFormatOf, probeAnimation } from '../media/animated-image.js';
import { type FfmpegTools, requireEncoder } from '../media/ffmpeg-tools.js';
import { type MediaKind, sniffMediaKind } from '../media/media-kind.js';
import { defaultVideoEncoder, isVideoFile, outputContainer } from '../media/output-container.js';
import { stillFormatOf } from '../media/still-image.js';
import { fileFailure } from './file-failure.js';
import { nearestFolder } from './output-folder.js';
import { optionFlag } from './option-checks.js';
import type { RunConfig, RunOptions } from './run-options.js';

/** What a file is, whatever it is called. */
export type FileIdentity = { readonly path: string; readonly device: bigint; readonly inode: bigint };

/**
 * Looks at an input: a regular file that can be read and is not empty.
 *
 * @throws FaceswapError (media) when it is not.
 */
export const inputIdentity = async (option: keyof RunOptions, file: string): Promise<FileIdentity> => {
  try {
    const path = await realpath(file);
    const status = await stat(path, { bigint: true });
    if (!status.isFile()) {
      throw new FaceswapError('media', `${optionFlag(option)} is not a regular file`, {
        file,
        stage: 'preflight',
      });
    }
    if (status.size === 0n) {
      throw new FaceswapError('media', 'The file is empty', { file, stage: 'preflight' });
    }
    const handle = await open(path, 'r');
    await handle.close();
    return { path, device: status.dev, inode: status.ino };
  } catch (error) {
    throw fileFailure(error, file, 'preflight');
  }
};

/** Whether the folder of a file to be written must be there, or is made when the work begins. */
export type OutputFolders = 'there' | 'made-later';

/** Where a folder that must be writable really lies. */
const writableFolder = async (folder: string): Promise<string> => {
  try {
    const real = await realpath(folder);
    if (!(await stat(real)).isDirectory()) {
      throw new FaceswapError('media', 'The place for the output is not a folder', {
        file: folder,
        stage: 'preflight',
      });
    }
    await access(real, constants.W_OK | constants.X_OK);
    return real;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new FaceswapError('media', 'The output folder does not exist', {
        file: folder,
        stage: 'preflight',
        cause: error,
        hint: 'Make it first',
      });
    }
    throw fileFailure(error, folder, 'preflight');
  }
};

/** Where a file to be written really lies; its folder must be writable, or the nearest one above that is there. */
const outputPath = async (file: string, folders: OutputFolders): Promise<string> => {
  const folder = folders === 'there' ? dirname(file) : await nearestFolder(dirname(file));
  return join(await writableFolder(folder), relative(folder, file));
};

/**
 * Checks that a folder can be written to, or made where it is missing.
 *
 * @throws FaceswapError (media) when it cannot.
 */
export async function checkOutputFolder(folder: string): Promise<void> {
  await writableFolder(await nearestFolder(folder));
}

const existingIdentity = async (path: string): Promise<FileIdentity | undefined> => {
  try {
    const real = await realpath(path);
    const status = await stat(real, { bigint: true });
    if (status.isDirectory()) {
      throw new FaceswapError('usage', 'The output is a folder', { file: path, hint: 'Give a file name' });
    }
    return { path: real, device: status.dev, inode: status.ino };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw fileFailure(error, path, 'preflight');
  }
};

/** A link to nothing has no identity, but its name is taken. */
const isBrokenLink = async (path: string): Promise<boolean> => {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw fileFailure(error, path, 'preflight');
  }
};

const sameFile = (a: FileIdentity, b: FileIdentity): boolean =>
  a.path === b.path || (a.inode !== 0n && a.inode === b.inode && a.device === b.device);

/**
 * Looks at the place of a file to be written: its folder, and that it is new, or to be replaced, and none of the inputs.
 *
 * @returns where it really lies.
 * @throws FaceswapError `media` for the folder, `usage` for the name.
 */
export const checkWritten = async (
  option: 'output' | 'report' | 'contactSheet',
  file: string,
  {
    config,
    inputs,
    folders,
  }: {
    readonly config: Pick<RunConfig, 'overwrite'>;
    readonly inputs: readonly { readonly option: keyof RunOptions; readonly identity: FileIdentity }[];
    readonly folders: OutputFolders;
  },
): Promise<string> => {
  const path = await outputPath(file, folders);
  const existing = await existingIdentity(path);
  for (const input of inputs) {
    const same = existing === undefined ? input.identity.path === path : sameFile(existing, input.identity);
    if (!same) continue;
    throw new FaceswapError(
      'usage',
      `${optionFlag(option)} must be another file than ${optionFlag(input.option)}`,
      {
        file,
        hint: 'Inputs are never overwritten',
      },
    );
  }
  const isTaken = existing !== undefined || (await isBrokenLink(path));
  if (isTaken && !config.overwrite) {
    throw new FaceswapError('usage', `${optionFlag(option)} must be a new file, but it exists already`, {
      file,
      hint: 'Give --overwrite to replace it',
    });
  }
  return path;
};

/** Options that mean nothing for an image. */
export const videoOptions = [
  'outputVideoEncoder',
  'outputVideoQuality',
  'outputVideoPreset',
  'outputVideoFps',
  'hwaccel',
  'deinterlace',
  'sceneCuts',
  'trimFrameStart',
  'trimFrameEnd',
  'trimStart',
  'trimEnd',
  'strict',
  'timeout',
  'resume',
  'keepJob',
  'jobDir',
  'maxDisk',
  'maxJitter',
  'minTpsnr',
] as const satisfies (keyof RunOptions)[];

/** Options that mean nothing for an animated image as the output. */
const encoderOptions = [
  'outputVideoEncoder',
  'outputVideoQuality',
  'outputVideoPreset',
  'outputVideoFps',
] as const satisfies (keyof RunOptions)[];

const refuseOptions = (
  options: RunOptions,
  names: readonly (keyof RunOptions)[],
  { file, when }: { readonly file: string; readonly when: string },
): void => {
  const given = names.find((name) => options[name] !== undefined);
  if (given === undefined) return;
  throw new FaceswapError('usage', `${optionFlag(given)} must be left out when ${when}`, { file });
};

/** What a target is: an `animation` is an animated image whose pictures all count. */
export type TargetKind = MediaKind | 'animation';

/** Whether an output shows moving pictures; `.webp` can be either. */
const movesIn = (output: string): 'always' | 'maybe' | 'never' => {
  const format = animationFormatOf(output);
  if (format !== undefined) return format === 'gif' ? 'always' : 'maybe';
  return isVideoFile(output) ? 'always' : 'never';
};

/**
 * Looks at a target that is an image: with a still picture as the output, only the first one of an animation counts.
 *
 * @throws FaceswapError (usage) when a still picture is to become a video, (media) for a damaged animation.
 */
const imageKind = async ({ target, output }: RunConfig): Promise<TargetKind> => {
  const moves = movesIn(output);
  if (moves === 'never') {
    stillFormatOf(output);
    return 'image';
  }
  const animation = await probeAnimation(target);
  if (animation !== undefined && (animation.frameCount > 1 || moves === 'always')) return 'animation';
  if (moves === 'maybe') return 'image';
  throw new FaceswapError('usage', `A still image cannot become a ${extname(output)} file`, {
    file: target,
    hint: 'An image output ends in .png, .jpg, .webp, .tiff or .avif',
  });
};

/**
 * Checks the files before any work: inputs are there and readable, the output's folder is writable, the output is
 * none of the inputs (also by another name or link) and does not exist unless `overwrite`, and its extension fits
 * what the target is.
 *
 * @param options what `config` was resolved from: only they tell an option that was given from its default.
 * @param folders whether the folders of output and report must be there.
 * @returns what the target is, by its content.
 * @throws FaceswapError `media` for inputs and folders, `usage` for contradictions between options.
 */
export async function checkFiles(
  config: RunConfig,
  options: RunOptions,
  folders: OutputFolders = 'there',
): Promise<TargetKind> {
  const target = await inputIdentity('target', config.target);
  const photos = async (option: 'source' | 'map' | 'referenceFace', files: readonly string[]) =>
    Promise.all(files.map(async (file) => ({ option, identity: await inputIdentity(option, file) })));
  const inputs = [
    { option: 'target' as const, identity: target },
    ...(await photos('source', config.sources)),
    ...(await photos(
      'map',
      config.maps.flatMap(({ references, sources }) => [...references, ...sources]),
    )),
    ...(await photos('referenceFace', config.referenceFaces)),
  ];
  const output = await checkWritten('output', config.output, { config, inputs, folders });
  if (config.report !== undefined) {
    const report = await checkWritten('report', config.report, { config, inputs, folders });
    if (report === output) throw new FaceswapError('usage', '--report must be another file than --output');
  }
  if (extname(config.output) === '') {
    throw new FaceswapError('usage', '--output must have an extension that names its format', {
      file: config.output,
      hint: 'For example .mp4, .mkv, .mov, .webm; .png, .jpg or .webp for an image target; .gif for an animated one',
    });
  }
  if ((await sniffMediaKind(config.target)) === 'video') {
    outputContainer(config.output);
    return 'video';
  }
  const kind = await imageKind(config);
  if (kind === 'image') {
    refuseOptions(options, videoOptions, { file: config.target, when: 'the target is an image' });
    return kind;
  }
  refuseOptions(options, ['hwaccel'], { file: config.target, when: 'the target is an animated image' });
  if (animationFormatOf(config.output) !== undefined) {
    refuseOptions(options, encoderOptions, { file: config.output, when: 'the output is an animated image' });
  }
  return kind;
}

/**
 * The encoder that a video run uses: the one asked for, else the output container's default.
 *
 * @throws FaceswapError (unavailable) when this ffmpeg does not have it.
 */
export async function checkEncoder(tools: FfmpegTools, config: RunConfig): Promise<string> {
  const encoder = config.outputVideoEncoder ?? defaultVideoEncoder(outputContainer(config.output));
  await requireEncoder(tools, encoder);
  return encoder;
}
