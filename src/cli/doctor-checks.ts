import { statfs } from 'node:fs/promises';
import { availableParallelism, freemem, tmpdir, totalmem } from 'node:os';
import { FaceswapError } from '../errors.js';
import { embeddedModelEntries, verifyModelFile } from '../inference/model-registry.js';
import {
  type FfmpegTools,
  listEncoders,
  listHardwareMethods,
  locateTools,
  tryHardwareDevice,
} from '../media/ffmpeg-tools.js';
import { hardwareMethods } from '../media/hardware-decoder.js';
import { type ProviderFinding, probeProviders } from '../pipeline/provider-probe.js';
import { providerAdvice } from './provider-advice.js';

/** `warn`: works, with a limit worth knowing; `fail`: a face swap cannot run. */
export type CheckStatus = 'ok' | 'warn' | 'fail';

/** One line of `faceswap doctor`. */
export type Check = {
  readonly area:
    | 'node'
    | 'ffmpeg'
    | 'encoders'
    | 'hwaccel'
    | 'provider'
    | 'model'
    | 'memory'
    | 'cores'
    | 'disk';
  readonly status: CheckStatus;
  readonly detail: string;
  /** What to do about it. */
  readonly advice?: string;
};

/** The lowest Node that package.json's `engines` names. */
const lowestNodeMajor = 20;

/** Encoders worth a word, in the order of the list. Those of `expected` are used by default for some container. */
const notedEncoders = {
  expected: ['libx264', 'libvpx-vp9', 'ffv1'],
  others: [
    'libx265',
    'libsvtav1',
    'libaom-av1',
    'prores_ks',
    'h264_nvenc',
    'hevc_nvenc',
    'h264_qsv',
    'hevc_qsv',
    'h264_videotoolbox',
    'hevc_videotoolbox',
    'h264_amf',
    'hevc_amf',
    'h264_vaapi',
    'hevc_vaapi',
  ],
} as const;

/** Below these a run of a 1080p video is likely to fail: the process and its two ffmpegs, and the job folder. */
const lowMemoryBytes = 2 ** 30;
const lowDiskBytes = 2 * 2 ** 30;

/** `1.5 GiB`. */
export const sizeText = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** Is this Node new enough? */
export const checkNode = (version: string): Check => {
  const enough = Number.parseInt(version, 10) >= lowestNodeMajor;
  return enough
    ? { area: 'node', status: 'ok', detail: version }
    : {
        area: 'node',
        status: 'fail',
        detail: `${version} is too old`,
        advice: `Install Node ${lowestNodeMajor} or newer`,
      };
};

const originText: Readonly<Record<FfmpegTools['origin'], string>> = {
  environment: 'named by FACESWAP_FFMPEG',
  path: 'found on PATH',
  package: 'from the optional npm packages',
};

/** Which of the noted encoders a build lists. */
export const checkEncoders = (listed: readonly string[]): Check => {
  const names = [...notedEncoders.expected, ...notedEncoders.others];
  const present = names.filter((name) => listed.includes(name));
  const absent = names.filter((name) => !listed.includes(name));
  const detail = `${present.join(' ') || 'none'}${absent.length === 0 ? '' : `; not there: ${absent.join(' ')}`}`;
  const wanted = notedEncoders.expected.filter((name) => !listed.includes(name));
  if (wanted.length === 0) return { area: 'encoders', status: 'ok', detail };
  return {
    area: 'encoders',
    status: 'warn',
    detail,
    advice: `Install an ffmpeg with ${wanted.join(', ')}, or choose another with --output-video-encoder`,
  };
};

/**
 * Which hardware decoders can be opened here: no more than that a run may try them with its target.
 *
 * @param tried of each method that the build lists why it cannot be opened; undefined where it can.
 */
export const checkHardware = (tried: Readonly<Record<string, string | undefined>>): Check => {
  const entries = Object.entries(tried);
  const usable = entries.filter(([, reason]) => reason === undefined).map(([name]) => name);
  const absent = entries.filter(([, reason]) => reason !== undefined);
  const reasons = absent.map(([name, reason]) => `${name} (${reason})`).join(', ');
  const detail = [
    usable.length === 0 ? 'none: the target is decoded in software' : usable.join(' '),
    ...(reasons === '' ? [] : [`not there: ${reasons}`]),
  ].join('; ');
  return { area: 'hwaccel', status: 'ok', detail };
};

const tryHardware = async (tools: FfmpegTools): Promise<Check> => {
  const listed = await listHardwareMethods(tools);
  const methods = hardwareMethods.filter((method) => listed.includes(method));
  const reasons = await Promise.all(methods.map((method) => tryHardwareDevice(tools, method)));
  return checkHardware(Object.fromEntries(methods.map((method, k) => [method, reasons[k]])));
};

const checkFfmpeg = async (): Promise<readonly Check[]> => {
  try {
    const tools = await locateTools();
    const encoders = await listEncoders(tools);
    return [
      {
        area: 'ffmpeg',
        status: 'ok',
        detail: `${tools.ffmpegVersion} at ${tools.ffmpegPath}, ${originText[tools.origin]}`,
      },
      { area: 'ffmpeg', status: 'ok', detail: `ffprobe at ${tools.ffprobePath}` },
      checkEncoders(encoders.map(({ name }) => name)),
      await tryHardware(tools),
    ];
  } catch (error) {
    const { message, context } = FaceswapError.from(error);
    return [
      {
        area: 'ffmpeg',
        status: 'fail',
        detail: message,
        advice: context.hint ?? 'Install ffmpeg and ffprobe',
      },
    ];
  }
};

/** One line per provider; only the CPU must work. */
export const checkProvider = (finding: ProviderFinding): Check => {
  const { name, devices = [] } = finding;
  if (finding.ok) {
    const where = devices.length < 2 ? '' : ` on each of the devices ${devices.join(', ')}`;
    return { area: 'provider', status: 'ok', detail: `${name} runs a model${where}` };
  }
  const detail = `${name} is not usable: ${finding.reason}`;
  if (name === 'cpu') {
    return { area: 'provider', status: 'fail', detail, advice: 'Reinstall the package: npm ci' };
  }
  const advice = providerAdvice(name, finding.reason);
  return { area: 'provider', status: 'warn', detail, ...(advice === undefined ? {} : { advice }) };
};

const checkProviders = async (): Promise<readonly Check[]> => {
  try {
    return (await probeProviders()).map(checkProvider);
  } catch (error) {
    const { message, context } = FaceswapError.from(error);
    const advice = context.hint ?? 'Reinstall the package: npm ci';
    return [{ area: 'provider', status: 'fail', detail: message, advice }];
  }
};

const checkModels = async (): Promise<readonly Check[]> => {
  try {
    const models = embeddedModelEntries();
    return await Promise.all(
      models.map(async (entry): Promise<Check> => {
        try {
          await verifyModelFile(entry);
          return { area: 'model', status: 'ok', detail: `${entry.id} (${entry.role}), hash as registered` };
        } catch (error) {
          return failedModel(error);
        }
      }),
    );
  } catch (error) {
    return [failedModel(error)];
  }
};

const failedModel = (error: unknown): Check => {
  const { message, context } = FaceswapError.from(error);
  return { area: 'model', status: 'fail', detail: message, advice: context.hint ?? 'Reinstall the package' };
};

/**
 * Memory that this process may use.
 *
 * @param limitBytes limit of the control group; 0, undefined or more than there is means none.
 */
export const checkMemory = (totalBytes: number, freeBytes: number, limitBytes: number | undefined): Check => {
  const limited = limitBytes !== undefined && limitBytes > 0 && limitBytes < totalBytes;
  const usable = Math.min(freeBytes, limited ? limitBytes : totalBytes);
  const limit = limited ? `, limited to ${sizeText(limitBytes)} by the control group` : '';
  const detail = `${sizeText(freeBytes)} free of ${sizeText(totalBytes)}${limit}`;
  if (usable >= lowMemoryBytes) return { area: 'memory', status: 'ok', detail };
  return {
    area: 'memory',
    status: 'warn',
    detail,
    advice: 'Free memory or raise the limit to 1 GiB or more',
  };
};

/** Free space for the job folder, which lies beside the output. */
export const checkDisk = (folder: string, freeBytes: number): Check => {
  const detail = `${sizeText(freeBytes)} free in ${folder}`;
  if (freeBytes >= lowDiskBytes) return { area: 'disk', status: 'ok', detail };
  return {
    area: 'disk',
    status: 'warn',
    detail,
    advice: 'Free space: rendered segments need it until the end of a run',
  };
};

const checkFolder = async (folder: string): Promise<Check> => {
  try {
    const { bavail, bsize } = await statfs(folder);
    return checkDisk(folder, bavail * bsize);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      area: 'disk',
      status: 'warn',
      detail: `${folder}: ${reason}`,
      advice: 'Check that the folder exists',
    };
  }
};

/** Looks at this machine. Takes about a second: ffmpeg is asked, models are hashed, each provider runs a tiny model. */
export const collectChecks = async (): Promise<readonly Check[]> => {
  const [ffmpeg, providers, models, here, temporary] = await Promise.all([
    checkFfmpeg(),
    checkProviders(),
    checkModels(),
    checkFolder(process.cwd()),
    checkFolder(tmpdir()),
  ]);
  return [
    checkNode(process.versions.node),
    ...ffmpeg,
    ...providers,
    ...models,
    checkMemory(totalmem(), freemem(), process.constrainedMemory()),
    { area: 'cores', status: 'ok', detail: `${availableParallelism()} for this process` },
    here,
    temporary,
  ];
};
