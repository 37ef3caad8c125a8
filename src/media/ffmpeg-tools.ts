import { constants } from 'node:fs';
import { access, chmod, stat } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { FaceswapError } from '../errors.js';
import { lastWords, runTool } from './child-process.js';

/** Where ffmpeg and ffprobe were found. */
export type FfmpegTools = {
  readonly ffmpegPath: string;
  readonly ffprobePath: string;
  /** First word after `ffmpeg version`, such as `5.1.9-0+deb12u1`. */
  readonly ffmpegVersion: string;
  /** Of ffmpeg. `environment`: FACESWAP_FFMPEG; `path`: found on PATH; `package`: the optional npm packages. */
  readonly origin: 'environment' | 'path' | 'package';
};

/** A video encoder that an ffmpeg build lists. Listed does not mean that its hardware is there. */
export type VideoEncoderInfo = { readonly name: string; readonly description: string };

type Tool = 'ffmpeg' | 'ffprobe';
type FoundTool = { readonly path: string; readonly origin: FfmpegTools['origin'] };

const stage = 'tools';
const installHint =
  'Install it: "apt install ffmpeg" (Debian, Ubuntu), "brew install ffmpeg" (macOS), "winget install ffmpeg" (Windows), ' +
  'or set FACESWAP_FFMPEG and FACESWAP_FFPROBE to the two programs';

const isExecutable = async (path: string): Promise<boolean> => {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
};

const firstExecutable = async (paths: readonly string[]): Promise<string | undefined> => {
  for (const path of paths) if (await isExecutable(path)) return path;
  return undefined;
};

const fromEnvironment = async (
  tool: Tool,
  environment: NodeJS.ProcessEnv,
): Promise<FoundTool | undefined> => {
  const variable = `FACESWAP_${tool.toUpperCase()}`;
  const path = environment[variable];
  if (path === undefined || path === '') return undefined;
  if (await isExecutable(path)) return { path, origin: 'environment' };
  throw new FaceswapError('unavailable', `${variable} names no program that can be executed`, {
    file: path,
    stage,
    hint: `Correct ${variable} or unset it`,
  });
};

const fromPath = async (tool: Tool, environment: NodeJS.ProcessEnv): Promise<FoundTool | undefined> => {
  const fileName = process.platform === 'win32' ? `${tool}.exe` : tool;
  const folders = (environment['PATH'] ?? environment['Path'] ?? '').split(delimiter);
  const candidates = folders.filter((folder) => folder !== '').map((folder) => join(folder, fileName));
  const path = await firstExecutable(candidates);
  return path === undefined ? undefined : { path, origin: 'path' };
};

const packagePath = (module: unknown): string | undefined => {
  if (typeof module !== 'object' || module === null) return undefined;
  const holder: unknown = 'default' in module ? module.default : module;
  if (typeof holder !== 'object' || holder === null || !('path' in holder)) return undefined;
  return typeof holder.path === 'string' ? holder.path : undefined;
};

const fromPackage = async (tool: Tool): Promise<FoundTool | undefined> => {
  const packageName: string = `@${tool}-installer/${tool}`;
  let path: string | undefined;
  try {
    path = packagePath(await import(packageName));
  } catch {
    // Optional: neither its absence nor a platform that it does not serve is an error.
    return undefined;
  }
  if (path === undefined) return undefined;
  if (!(await isExecutable(path))) {
    // Some npm versions unpack the binaries without the executable bit; in a read-only installation this fails
    // and the tool counts as absent.
    await chmod(path, 0o755).catch(() => undefined);
  }
  return (await isExecutable(path)) ? { path, origin: 'package' } : undefined;
};

/**
 * Finds ffmpeg and ffprobe: the environment variables FACESWAP_FFMPEG and FACESWAP_FFPROBE, then PATH, then the
 * optional npm packages. When only FACESWAP_FFMPEG is set, an ffprobe beside it is preferred to the one on PATH.
 *
 * @throws FaceswapError (unavailable) when one is nowhere or ffmpeg does not run.
 */
export async function locateTools(environment: NodeJS.ProcessEnv = process.env): Promise<FfmpegTools> {
  const ffmpeg =
    (await fromEnvironment('ffmpeg', environment)) ??
    (await fromPath('ffmpeg', environment)) ??
    (await fromPackage('ffmpeg'));
  if (ffmpeg === undefined) {
    throw new FaceswapError('unavailable', 'ffmpeg was not found', { stage, hint: installHint });
  }
  const sibling = join(dirname(ffmpeg.path), process.platform === 'win32' ? 'ffprobe.exe' : 'ffprobe');
  const ffprobePath =
    (await fromEnvironment('ffprobe', environment))?.path ??
    (await firstExecutable([sibling])) ??
    (await fromPath('ffprobe', environment))?.path ??
    (await fromPackage('ffprobe'))?.path;
  if (ffprobePath === undefined) {
    throw new FaceswapError('unavailable', 'ffprobe was not found', { stage, hint: installHint });
  }
  const { exit, stdout, stderr } = await runTool(ffmpeg.path, ['-hide_banner', '-version'], { stage });
  const version = /^ffmpeg version (\S+)/m.exec(stdout)?.[1];
  if (exit.code !== 0 || version === undefined) {
    throw new FaceswapError('unavailable', `ffmpeg does not run: ${lastWords(stderr)}`, {
      file: ffmpeg.path,
      stage,
      hint: installHint,
    });
  }
  return { ffmpegPath: ffmpeg.path, ffprobePath, ffmpegVersion: version, origin: ffmpeg.origin };
}

/**
 * The arguments that hand every frame through with its own timestamp. `-fps_mode` came with ffmpeg 5.1, where
 * `-vsync` began to be deprecated; builds whose version is no plain number get the older spelling, which all
 * releases up to 7 accept.
 */
export function passthroughArguments(tools: FfmpegTools): readonly string[] {
  const [, major, minor] = /^n?(\d{1,2})\.(\d+)/.exec(tools.ffmpegVersion) ?? [];
  const isModern = Number(major ?? 0) > 5 || (major === '5' && Number(minor ?? 0) >= 1);
  return isModern ? ['-fps_mode', 'passthrough'] : ['-vsync', '0'];
}

/**
 * The option that takes a video filter chain from a file. `-filter_script` is deprecated since ffmpeg 7 and gone in 8; builds
 * whose version is no plain number are told apart by their number of commits (7.0 has about 114,000).
 */
export function filterFileOption({ ffmpegVersion }: FfmpegTools): string {
  const major = /^n?(\d{1,2})\./.exec(ffmpegVersion)?.[1];
  const commits = /^N-(\d+)/.exec(ffmpegVersion)?.[1];
  return Number(major ?? 0) >= 7 || Number(commits ?? 0) >= 115_000 ? '-/filter:v' : '-filter_script:v';
}

/**
 * Checks that this ffmpeg can encode frames at times of their own (`-enc_time_base`, ffmpeg 4) and can give a packet a
 * length when it is copied (`setts`, ffmpeg 4.4).
 *
 * @throws FaceswapError (unavailable) that names what is missing.
 */
export async function requireVariableRate(
  tools: FfmpegTools,
  needs: { readonly setsDuration: boolean },
): Promise<void> {
  const [options, filters] = await Promise.all([
    runTool(tools.ffmpegPath, ['-hide_banner', '-h', 'long'], { stage }),
    runTool(tools.ffmpegPath, ['-hide_banner', '-bsfs'], { stage }),
  ]);
  const missing = [
    ...(/^-enc_time_base\b/m.test(options.stdout) ? [] : ['the option -enc_time_base']),
    ...(!needs.setsDuration || /^setts\s*$/m.test(filters.stdout) ? [] : ['the bitstream filter setts']),
  ];
  if (missing.length === 0) return;
  throw new FaceswapError(
    'unavailable',
    `This ffmpeg (${tools.ffmpegVersion}) cannot keep a variable frame rate: ${missing.join(' and ')} is missing`,
    {
      file: tools.ffmpegPath,
      stage,
      hint: 'Install ffmpeg 4.4 or later, or make the rate constant, for example --output-video-fps 30',
    },
  );
}

/** Reads the table that `ffmpeg -encoders` prints; audio and subtitle encoders are left out. */
export function parseEncoders(text: string): readonly VideoEncoderInfo[] {
  const encoders: VideoEncoderInfo[] = [];
  for (const line of text.split('\n')) {
    const match = /^ V[A-Z.]{5} (\S+)\s+(.*)$/.exec(line.trimEnd());
    if (match?.[1] !== undefined && match[1] !== '=') {
      encoders.push({ name: match[1], description: match[2] ?? '' });
    }
  }
  return encoders;
}

const encodersByPath = new Map<string, Promise<readonly VideoEncoderInfo[]>>();

/**
 * The video encoders that this ffmpeg was built with. Asked once per ffmpeg and process; a failure is not kept.
 *
 * @throws FaceswapError (unavailable) when ffmpeg does not run.
 */
export function listEncoders(tools: FfmpegTools): Promise<readonly VideoEncoderInfo[]> {
  const known = encodersByPath.get(tools.ffmpegPath);
  if (known !== undefined) return known;
  const asked = runTool(tools.ffmpegPath, ['-hide_banner', '-encoders'], { stage }).then((result) => {
    const encoders = parseEncoders(result.stdout);
    if (result.exit.code === 0 && encoders.length > 0) return encoders;
    throw new FaceswapError('unavailable', `ffmpeg lists no encoders: ${lastWords(result.stderr)}`, {
      file: tools.ffmpegPath,
      stage,
      hint: installHint,
    });
  });
  encodersByPath.set(tools.ffmpegPath, asked);
  asked.catch(() => encodersByPath.delete(tools.ffmpegPath));
  return asked;
}

/**
 * Checks that this ffmpeg was built with a decoder that a file needs.
 *
 * @throws FaceswapError (unavailable) when it was not.
 */
export async function requireDecoder(tools: FfmpegTools, name: string, file: string): Promise<void> {
  const { stdout } = await runTool(tools.ffmpegPath, ['-hide_banner', '-h', `decoder=${name}`], { stage });
  if (stdout.startsWith(`Decoder ${name} `)) return;
  throw new FaceswapError('unavailable', `The alpha of this video needs ffmpeg's decoder "${name}"`, {
    file,
    stage,
    hint: 'This ffmpeg was built without it, and its own decoder would leave the alpha out; install a full build',
  });
}

/**
 * Checks that this ffmpeg was built with an encoder. Whether an encoder of hardware works is found out with the settings
 * of the run, by `requireEncoding`.
 *
 * @throws FaceswapError (unavailable) that lists what is there.
 */
export async function requireEncoder(tools: FfmpegTools, name: string): Promise<VideoEncoderInfo> {
  const encoders = await listEncoders(tools);
  const found = encoders.find((encoder) => encoder.name === name);
  if (found !== undefined) return found;
  const there = encoders
    .map((encoder) => encoder.name)
    .filter((other) => /^(lib(x26[45]|x264rgb|vpx-vp9|svtav1|aom-av1)|ffv1|prores_ks)$/.test(other))
    .join(', ');
  throw new FaceswapError('unavailable', `This ffmpeg has no encoder "${name}"`, {
    file: tools.ffmpegPath,
    stage,
    hint: `It has: ${there === '' ? 'none of the encoders that faceswap drives' : there}`,
  });
}

/** Reads the pixel formats out of what `ffmpeg -h encoder=NAME` prints; undefined where it names none. */
export const parsePixelFormats = (help: string): readonly string[] | undefined =>
  /^\s*Supported pixel formats: *(.+)$/m.exec(help)?.[1]?.trim().split(/\s+/);

const helpByEncoder = new Map<string, Promise<string>>();

/**
 * The pixel formats that an encoder of this build takes, devices (`vaapi`) included; undefined where ffmpeg does not say.
 * Builds differ: libx264 and libx265 may be built for 8 bits only. Asked once per ffmpeg, encoder and process; a failure is not kept.
 *
 * @throws FaceswapError (unavailable) when ffmpeg does not run.
 */
export async function encoderPixelFormats(
  tools: FfmpegTools,
  name: string,
): Promise<readonly string[] | undefined> {
  const key = JSON.stringify([tools.ffmpegPath, name]);
  let asked = helpByEncoder.get(key);
  if (asked === undefined) {
    asked = runTool(tools.ffmpegPath, ['-hide_banner', '-h', `encoder=${name}`], { stage }).then(
      ({ stdout }) => stdout,
    );
    helpByEncoder.set(key, asked);
    asked.catch(() => helpByEncoder.delete(key));
  }
  return parsePixelFormats(await asked);
}

/** Reads the list that `ffmpeg -hwaccels` prints. */
export const parseHardwareMethods = (text: string): readonly string[] => {
  const [, list = ''] = text.split(/^Hardware acceleration methods:\s*$/m);
  return [...new Set(list.split(/\s+/).filter((name) => name !== ''))];
};

/**
 * ffmpeg's names of the ways to decode in hardware that this build knows. Known does not mean that the hardware is there.
 *
 * @throws FaceswapError (unavailable) when ffmpeg does not run.
 */
export async function listHardwareMethods(tools: FfmpegTools): Promise<readonly string[]> {
  const { stdout } = await runTool(tools.ffmpegPath, ['-hide_banner', '-hwaccels'], { stage });
  return parseHardwareMethods(stdout);
}

/**
 * Opens a device as decoding in hardware would.
 *
 * @returns undefined when it is there, else ffmpeg's last words.
 */
export async function tryHardwareDevice(tools: FfmpegTools, method: string): Promise<string | undefined> {
  const { exit, stderr } = await runTool(
    tools.ffmpegPath,
    [
      ...['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'repeat+level+verbose'],
      ...['-init_hw_device', method, '-f', 'lavfi', '-i', 'color=s=16x16:d=0.04', '-f', 'null', '-'],
    ],
    { stage },
  );
  return exit.code === 0 ? undefined : hardwareReason(stderr);
}

/**
 * The line that says why a device or its decoder is not there. Later lines only pass the failure on, and some drivers say
 * the reason with a low level.
 */
export function hardwareReason(lines: readonly string[]): string {
  const words = lines.filter((line) =>
    /cannot|could not|failed|no device|not supported|unsupported|no such|error/i.test(line),
  );
  const reason = words.find((line) => /AVHWDeviceContext|hwaccel|Failed setup/.test(line)) ?? words[0];
  if (reason === undefined) return lastWords(lines, 1);
  return lastWords([reason], 1)
    .replace(/^(\[[^\]]*\] )+/, '')
    .replace(/\.$/, '');
}
