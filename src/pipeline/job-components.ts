import { arch, platform } from 'node:process';
import { onnxruntimeVersion } from '../inference/onnxruntime-version.js';
import { modelHash } from '../inference/model-hash.js';
import { embeddedModelEntries } from '../inference/model-registry.js';
import type { FfmpegTools } from '../media/ffmpeg-tools.js';
import { packageVersion } from '../version.js';
import { neuralFilesOf } from './chain-files.js';
import type { ChainModelFiles } from './chain-models.js';
import { hashOfCode } from './code-hash.js';
import type { JobComponents } from './job-record.js';
import { canonicalJson } from './plan.js';
import { optionFlag } from './option-checks.js';
import { faceMapText } from './selection/face-map.js';
import type { RunConfig } from './run-options.js';
import type { PreparedVideo } from './video-preparation.js';

/**
 * Fields of the configuration that decide no byte of a segment, or that another component says more exactly. All others, also those
 * that are added one day, are components.
 */
const otherFields: ReadonlySet<string> = new Set([
  'sources',
  'maps',
  'referenceFaces',
  'target',
  'output',
  'report',
  'minIdentity',
  'maxJitter',
  'minTpsnr',
  'maxUnswapped',
  'overwrite',
  'logLevel',
  'onNoFace',
  'resume',
  'keepJob',
  'jobDir',
  'maxDiskBytes',
  'timeoutMs',
  'strict',
  'executionThreadCount',
  'workers',
  'maxMemoryBytes',
  'vramLimitBytes',
  'cache',
  // What these come to stands in `frames`, `scene cuts`, `decoder`, `encoder` and `frame rate`.
  'trimStart',
  'trimEnd',
  'sceneCuts',
  'hwaccel',
  'outputVideoEncoder',
  'outputVideoFps',
  // What may refuse a run changes nothing of it.
  'contentAnalyser',
  'policyCommand',
  'policyTimeoutMs',
] satisfies (keyof RunConfig)[]);

const textOf = (value: unknown): string => (typeof value === 'string' ? value : canonicalJson(value));

const modelComponents = async (models: ChainModelFiles | null): Promise<JobComponents> => {
  if (models === null) {
    return Object.fromEntries(embeddedModelEntries().map(({ id, sha256 }) => [`model ${id}`, sha256]));
  }
  const { swapper, neural, detector, landmarker, recognizer } = models;
  const fetched = neural === null ? [] : neuralFilesOf(neural);
  const all = {
    detector,
    landmarker,
    recognizer,
    ...(swapper === null ? {} : { swapper: swapper.file }),
    ...Object.fromEntries(fetched.map(([use, { file }]) => [use, file])),
  };
  const hashes = await Promise.all(
    Object.entries(all).map(async ([name, file]) => [`model ${name}`, await modelHash(file)] as const),
  );
  return {
    ...Object.fromEntries(hashes),
    'swapper contract': canonicalJson(swapper?.contract ?? null),
    ...Object.fromEntries(fetched.map(([use, { contract }]) => [`contract ${use}`, canonicalJson(contract)])),
  };
};

/** Photos by their contents, in the places in which their paths stand in the configuration. */
const photoComponents = (
  { sources, maps, referenceFaces }: RunConfig,
  photoSha256s: ReadonlyMap<string, string>,
): JobComponents => {
  const hashOf = (file: string): string => photoSha256s.get(file) ?? '';
  const numbered = (name: string, values: readonly string[]): readonly (readonly [string, string])[] =>
    values.map((value, index) => [`${name} ${index + 1}`, value]);
  const mapValues = maps.map((map) =>
    faceMapText({ ...map, references: map.references.map(hashOf), sources: map.sources.map(hashOf) }),
  );
  return Object.fromEntries([
    ...numbered('source', sources.map(hashOf)),
    ...numbered('reference face', referenceFaces.map(hashOf)),
    ...numbered('map', mapValues),
  ]);
};

/** What a job's components are made of. */
export type ComponentInput = {
  readonly config: RunConfig;
  readonly prepared: Pick<PreparedVideo, 'plan' | 'encoding' | 'decoder' | 'mux'>;
  readonly tools: FfmpegTools;
  /** sha256 (hex) of the input files' contents; of photos by their paths. */
  readonly targetSha256: string;
  readonly photoSha256s: ReadonlyMap<string, string>;
  /** Null: the models of the package. */
  readonly models: ChainModelFiles | null;
};

/**
 * Everything that decides the bytes of a job's segments. Files count by their contents, wherever they lie.
 *
 * @throws FaceswapError (model) when a model cannot be read, (unavailable) without onnxruntime.
 */
export async function jobComponents(input: ComponentInput): Promise<JobComponents> {
  const { config, prepared, tools, targetSha256, photoSha256s, models } = input;
  const { plan, encoding, decoder, mux } = prepared;
  const options = Object.entries(config)
    .filter(([name]) => !otherFields.has(name))
    .map(([name, value]) => [optionFlag(name).slice(2), textOf(value ?? null)] as const);
  return {
    ...Object.fromEntries(options),
    // In a folder for several jobs the name alone does not tell two outputs apart.
    ...(config.jobDir === undefined ? {} : { output: config.output }),
    ...photoComponents(config, photoSha256s),
    target: targetSha256,
    frames: `${plan.range.start} to ${plan.range.end}`,
    'frame rate': `${plan.outputFrameRate.num}/${plan.outputFrameRate.den}`,
    segments: String(plan.segments.length),
    'scene cuts': plan.sceneCuts === null ? 'found' : plan.sceneCuts.join(' '),
    plan: plan.fingerprint,
    container: mux.container,
    encoder: encoding.encoder,
    'encoder threads': String(encoding.threads),
    decoder: decoder.hwaccel,
    ...(await modelComponents(models)),
    'faceswap version': packageVersion(),
    'faceswap code': await hashOfCode(),
    'ffmpeg version': tools.ffmpegVersion,
    'onnxruntime version': onnxruntimeVersion(),
    platform: `${platform} ${arch}`,
  };
}
