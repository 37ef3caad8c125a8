import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { neuralChoices } from '../../src/pipeline/resolve-neural-options.js';
import { test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { resolveRunOptions, runOptionNames } from '../../src/pipeline/resolve-run-options.js';
import { defaultReferenceDistance } from '../../src/pipeline/selection/reference-distance.js';
import type { ProcessorName, RunConfig, RunOptions } from '../../src/pipeline/run-options.js';

const required = { source: 'a.png', target: 'b.mp4', output: 'c.mp4' };

/** Untyped on purpose: callers in plain JavaScript and config files can pass anything. */
const resolveAny = (options: Record<string, unknown>): RunConfig => {
  const given: Record<string, unknown> = { ...required, ...options };
  return resolveRunOptions(given as RunOptions);
};

test('every default is filled in', () => {
  assert.deepEqual(resolveRunOptions(required), {
    sources: [resolve('a.png')],
    target: resolve('b.mp4'),
    output: resolve('c.mp4'),
    processors: ['face_swapper'],
    faceSwapperModel: 'mesh',
    faceSwapperWeight: 0.5,
    faceSwapperPixelBoostPx: undefined,
    deepSwapperModel: undefined,
    deepSwapperMorph: 100,
    faceEnhancerModel: 'detail',
    faceEnhancerBlend: 0.8,
    faceEnhancerWeight: 0.5,
    faceEnhancerFaces: 'auto',
    faceDetectorModel: 'blazeface',
    faceDetectorSizePx: undefined,
    faceDetectorAngles: [0],
    faceDetectorMargin: { top: 0, right: 0, bottom: 0, left: 0 },
    faceLandmarkerModel: 'facemesh',
    faceLandmarkerScore: 0.5,
    faceClassifierModel: 'faceres',
    faceMaskTypes: ['box'],
    faceMaskAreas: ['upper-face', 'lower-face', 'mouth'],
    faceMaskRegions: [...neuralChoices.faceMaskRegions],
    faceOccluderModel: 'xseg_1',
    faceParserModel: 'bisenet_resnet_34',
    modelDir: undefined,
    precision: 'auto',
    compat: 'none',
    contentAnalyser: 'auto',
    policyCommand: undefined,
    policyTimeoutMs: 60_000,
    faceSelectorMode: 'many',
    faceSelectorOrder: 'large-small',
    faceSelectorGender: undefined,
    faceSelectorRaces: [],
    faceSelectorAgeStart: undefined,
    faceSelectorAgeEnd: undefined,
    faceSelectorRegions: [],
    referenceFaces: [],
    referenceFaceDistance: defaultReferenceDistance,
    referenceFrameNumber: undefined,
    referenceFacePosition: 0,
    maps: [],
    faceDetectorScore: 0.5,
    faceMaskBlur: 0.2,
    faceMaskPadding: { top: 0, right: 0, bottom: 0, left: 0 },
    landmarkSmoother: 'window',
    sceneCuts: 'auto',
    smootherWindow: 7,
    smootherAlpha: 0.25,
    blend: 'multiband',
    colorMatch: 'moments',
    matchGrain: false,
    needsCast: false,
    occlusion: 'auto',
    executionProviders: ['cpu'],
    deviceId: undefined,
    executionThreadCount: Math.min(4, availableParallelism()),
    workers: 'auto',
    batchSize: 'auto',
    maxMemoryBytes: undefined,
    vramLimitBytes: undefined,
    hwaccel: 'none',
    deinterlace: 'off',
    cache: true,
    outputVideoEncoder: undefined,
    outputVideoQuality: 80,
    outputVideoPreset: 'medium',
    outputVideoFps: undefined,
    trimStart: undefined,
    trimEnd: undefined,
    timeoutMs: undefined,
    onNoFace: 'fail',
    overwrite: false,
    strict: false,
    resume: 'auto',
    keepJob: false,
    jobDir: undefined,
    maxDiskBytes: undefined,
    report: undefined,
    minIdentity: undefined,
    maxJitter: undefined,
    minTpsnr: undefined,
    maxUnswapped: undefined,
    logLevel: 'info',
  } satisfies RunConfig);
});

type Good = {
  readonly given: unknown;
  readonly key: keyof RunConfig;
  readonly resolved: unknown;
  /** Options without which it would be refused. */
  readonly with?: Record<string, unknown>;
};
type Case = { readonly good: readonly Good[]; readonly bad: readonly (readonly [unknown, RegExp])[] };

const plain = (key: keyof RunConfig, ...values: unknown[]): Good[] =>
  values.map((given) => ({ given, key, resolved: given }));
const time = (microseconds: number) => ({ unit: 'time', microseconds });
const frame = (number: number) => ({ unit: 'frame', frame: number });

const table: Record<keyof RunOptions, Case> = {
  source: {
    good: [{ given: ['x.png', '/y.jpg'], key: 'sources', resolved: [resolve('x.png'), '/y.jpg'] }],
    bad: [
      [undefined, /^--source must be one or more image files, got nothing$/],
      [[], /^--source must be one or more image files, got \[\]$/],
      [['a.png', 3], /^--source must be one or more image files, got 3$/],
    ],
  },
  target: {
    good: plain('target', '/t.mp4'),
    bad: [['', /^--target must be a video or image file, got ""$/]],
  },
  output: { good: plain('output', '/o.mkv'), bad: [[1, /^--output must be the file to write, got 1$/]] },
  processors: {
    good: plain('processors', ['face_swapper']),
    bad: [
      [['face_swaper'], /^--processors must be one of face_swapper, .*, got "face_swaper"$/],
      [[], /^--processors must be a list of face_swapper, .*, got \[\]$/],
      [['face_swapper', 'face_swapper'], /without repetitions/],
    ],
  },
  faceSwapperModel: {
    good: plain('faceSwapperModel', 'mesh', 'inswapper_128'),
    bad: [
      ['inswaper_128', /^--face-swapper-model must be one of mesh, .*, got "inswaper_128"$/],
      ['xseg_1', /^--face-swapper-model must be one of mesh, /],
    ],
  },
  faceSwapperWeight: {
    good: plain('faceSwapperWeight', 0, 1),
    bad: [[1.1, /^--face-swapper-weight must be a number from 0 to 1, got 1.1$/]],
  },
  faceSwapperPixelBoost: {
    good: [
      { given: '512x512', key: 'faceSwapperPixelBoostPx', resolved: 512 },
      { given: 1024, key: 'faceSwapperPixelBoostPx', resolved: 1024 },
    ],
    bad: [
      ['512x256', /^--face-swapper-pixel-boost must be the side of a square in pixels/],
      ['big', /^--face-swapper-pixel-boost must be the side of a square in pixels/],
    ],
  },
  deepSwapperModel: {
    good: [{ given: 'me.dfm', key: 'deepSwapperModel', resolved: resolve('me.dfm') }],
    bad: [['someone', /^--deep-swapper-model must be the name of a model or a .dfm file, got "someone"$/]],
  },
  deepSwapperMorph: {
    good: plain('deepSwapperMorph', 0, 100),
    bad: [[101, /^--deep-swapper-morph must be a whole number from 0 to 100, got 101$/]],
  },
  faceEnhancerModel: {
    good: plain('faceEnhancerModel', 'detail', 'gfpgan_1.4'),
    bad: [['mesh', /^--face-enhancer-model must be one of detail, /]],
  },
  faceEnhancerBlend: {
    good: [{ given: 50, key: 'faceEnhancerBlend', resolved: 0.5 }],
    bad: [[0.5, /^--face-enhancer-blend must be a whole number from 0 to 100, got 0.5$/]],
  },
  faceEnhancerWeight: {
    good: plain('faceEnhancerWeight', 0.3),
    bad: [[2, /^--face-enhancer-weight must be a number from 0 to 1, got 2$/]],
  },
  faceEnhancerFaces: {
    good: plain('faceEnhancerFaces', 'auto', 'all'),
    bad: [['some', /^--face-enhancer-faces must be one of auto, all, got "some"$/]],
  },
  faceDetectorModel: {
    good: [
      ...plain('faceDetectorModel', 'blazeface', 'many', 'scrfd_2.5g'),
      { given: 'yolo_face', key: 'faceDetectorModel', resolved: 'yoloface_8n' },
    ],
    bad: [['yolo', /^--face-detector-model must be one of blazeface, many, .*, got "yolo"$/]],
  },
  faceDetectorSize: {
    good: [{ given: '640x640', key: 'faceDetectorSizePx', resolved: 640 }],
    bad: [['640x480', /^--face-detector-size must be the side of a square/]],
  },
  faceDetectorAngles: {
    good: plain('faceDetectorAngles', [0, 90, 180, 270]),
    bad: [
      [[45], /^--face-detector-angles must be a list of 0, 90, 180, 270/],
      [[0, 0], /^--face-detector-angles must be a list of 0, 90, 180, 270/],
    ],
  },
  faceDetectorMargin: {
    good: [{ given: [5], key: 'faceDetectorMargin', resolved: { top: 5, right: 5, bottom: 5, left: 5 } }],
    bad: [[[101], /^--face-detector-margin must be one to four numbers/]],
  },
  faceLandmarkerModel: {
    good: plain('faceLandmarkerModel', 'facemesh', '2dfan4', 'many'),
    bad: [['3dfan4', /^--face-landmarker-model must be one of facemesh, /]],
  },
  faceLandmarkerScore: {
    good: plain('faceLandmarkerScore', 0),
    bad: [[-1, /^--face-landmarker-score must be a number from 0 to 1, got -1$/]],
  },
  faceClassifierModel: {
    good: plain('faceClassifierModel', 'faceres', 'fairface'),
    bad: [['unfair', /^--face-classifier-model must be one of faceres, fairface, got "unfair"$/]],
  },
  faceMaskTypes: {
    good: plain('faceMaskTypes', ['box', 'occlusion']),
    bad: [
      [['bx'], /^--face-mask-types must be one of box, occlusion, area, region, got "bx"$/],
      [['box', 'box'], /^--face-mask-types must be a list without repetitions/],
    ],
  },
  faceMaskAreas: {
    good: plain('faceMaskAreas', ['mouth']),
    bad: [[[], /^--face-mask-areas must be a list of upper-face, lower-face, mouth, got \[\]$/]],
  },
  faceMaskRegions: {
    good: plain('faceMaskRegions', ['skin', 'nose']),
    bad: [[['hair'], /^--face-mask-regions must be one of skin, .*, got "hair"$/]],
  },
  faceOccluderModel: {
    good: plain('faceOccluderModel', 'xseg_3', 'many'),
    bad: [['xseg', /^--face-occluder-model must be one of many, /]],
  },
  faceParserModel: {
    good: plain('faceParserModel', 'bisenet_resnet_18'),
    bad: [['many', /^--face-parser-model must be one of bisenet/]],
  },
  modelDir: {
    good: [{ given: 'models', key: 'modelDir', resolved: resolve('models') }],
    bad: [['', /^--model-dir must be a folder, got ""$/]],
  },
  precision: {
    good: plain('precision', 'auto', 'fp32', 'fp16'),
    bad: [['int8', /^--precision must be one of auto, fp32, fp16, got "int8"$/]],
  },
  compat: {
    good: plain('compat', 'none', 'facefusion'),
    bad: [['roop', /^--compat must be one of none, facefusion, got "roop"$/]],
  },
  contentAnalyser: {
    good: plain('contentAnalyser', 'auto', 'require'),
    bad: [['none', /^--content-analyser must be one of auto, require, got "none"$/]],
  },
  policyCommand: {
    good: [
      { given: 'check --strict', key: 'policyCommand', resolved: ['check', '--strict'] },
      {
        given: `  './my check'  a"b c"d '"' "" $HOME;rm `,
        key: 'policyCommand',
        resolved: ['./my check', 'ab cd', '"', '', '$HOME;rm'],
      },
      { given: ['my check', 'a "b"'], key: 'policyCommand', resolved: ['my check', 'a "b"'] },
    ],
    bad: [
      [
        '',
        /^--policy-command must be a program with its arguments, as one text or as a list of words, got ""$/,
      ],
      ['check "half', /^--policy-command must be a program/],
      [[], /^--policy-command must be a program/],
      [[''], /^--policy-command must be a program/],
      [['a', 1], /^--policy-command must be a program/],
    ],
  },
  policyTimeout: {
    good: [{ given: 2.5, key: 'policyTimeoutMs', resolved: 2500 }],
    bad: [[0, /^--policy-timeout must be a number from 1 to 86400, got 0$/]],
  },
  faceSelectorMode: {
    good: plain('faceSelectorMode', 'many', 'one'),
    bad: [
      ['all', /^--face-selector-mode must be one of many, one, reference, got "all"$/],
      ['reference', /^--face-selector-mode reference must come with --reference-face$/],
    ],
  },
  faceSelectorOrder: {
    good: plain('faceSelectorOrder', 'left-right', 'worst-best'),
    bad: [['biggest', /^--face-selector-order must be one of left-right, .*, worst-best, got "biggest"$/]],
  },
  faceSelectorGender: {
    good: plain('faceSelectorGender', 'female', 'male'),
    bad: [['auto', /^--face-selector-gender must be one of female, male, got "auto"$/]],
  },
  faceSelectorRace: {
    good: [],
    bad: [
      ['white', /^--face-selector-race must come with --face-classifier-model fairface: faceres tells/],
      [[], /^--face-selector-race must be a list of white, black, latino, asian, indian, arabic, got \[\]$/],
    ],
  },
  faceSelectorAgeStart: {
    good: plain('faceSelectorAgeStart', 0, 100),
    bad: [
      [101, /^--face-selector-age-start must be a whole number from 0 to 100, got 101$/],
      [30.5, /^--face-selector-age-start must be a whole number/],
    ],
  },
  faceSelectorAgeEnd: {
    good: plain('faceSelectorAgeEnd', 0, 100),
    bad: [[-1, /^--face-selector-age-end must be a whole number from 0 to 100, got -1$/]],
  },
  faceSelectorRegion: {
    good: [
      {
        given: '0,5px,50%,100',
        key: 'faceSelectorRegions',
        resolved: [
          {
            x: { value: 0, unit: 'px' },
            y: { value: 5, unit: 'px' },
            width: { value: 50, unit: 'percent' },
            height: { value: 100, unit: 'px' },
          },
        ],
      },
    ],
    bad: [
      ['left', /^--face-selector-region must be x,y,width,height in pixels or percent, .*, got "left"$/],
      [[7], /^--face-selector-region must be .*, got 7$/],
      ['x'.repeat(100_000), /^--face-selector-region must be .{1,400}$/],
    ],
  },
  referenceFace: {
    good: [{ given: 'r.jpg', key: 'referenceFaces', resolved: [resolve('r.jpg')] }],
    bad: [
      [[], /^--reference-face must be one or more image files, got \[\]$/],
      ['', /^--reference-face must be one or more image files, got ""$/],
    ],
  },
  referenceFaceDistance: {
    good: plain('referenceFaceDistance', 0, 0.33, 1),
    bad: [[1.1, /^--reference-face-distance must be a number from 0 to 1, got 1.1$/]],
  },
  referenceFrameNumber: {
    good: plain('referenceFrameNumber', 0, 1000),
    bad: [[-1, /^--reference-frame-number must be a whole number of at least 0, got -1$/]],
  },
  referenceFacePosition: {
    good: [],
    bad: [
      [1.5, /^--reference-face-position must be a whole number of at least 0, got 1.5$/],
      [1, /^--reference-face-position must come with --reference-frame-number$/],
    ],
  },
  map: {
    good: [
      {
        given: 'person1=a.jpg',
        key: 'maps',
        resolved: [{ persons: ['person1'], references: [], sources: [resolve('a.jpg')] }],
      },
    ],
    bad: [['person1', /^--map must be PERSON=PHOTO/]],
  },
  faceDetectorScore: {
    good: plain('faceDetectorScore', 0, 0.33, 1),
    bad: [
      [1.5, /^--face-detector-score must be a number from 0 to 1, got 1.5$/],
      [Number.NaN, /got NaN$/],
      ['0.5', /got "0.5"$/],
    ],
  },
  faceMaskBlur: {
    good: plain('faceMaskBlur', 0, 1),
    bad: [[-0.1, /^--face-mask-blur must be .*, got -0.1$/]],
  },
  faceMaskPadding: {
    good: [
      { given: [1], key: 'faceMaskPadding', resolved: { top: 1, right: 1, bottom: 1, left: 1 } },
      { given: [1, 2], key: 'faceMaskPadding', resolved: { top: 1, right: 2, bottom: 1, left: 2 } },
      { given: [1, 2, 3], key: 'faceMaskPadding', resolved: { top: 1, right: 2, bottom: 3, left: 2 } },
      { given: [1, 2, 3, 4], key: 'faceMaskPadding', resolved: { top: 1, right: 2, bottom: 3, left: 4 } },
    ],
    bad: [
      [
        [1, 2, 3, 4, 5],
        /^--face-mask-padding must be one to four numbers from 0 to 100 .*, got \[1,2,3,4,5\]$/,
      ],
      [[101], /^--face-mask-padding must be/],
      [7, /^--face-mask-padding must be .*, got 7$/],
    ],
  },
  landmarkSmoother: {
    good: plain('landmarkSmoother', 'window', 'none'),
    bad: [['kalman', /^--landmark-smoother must be one of /]],
  },
  sceneCuts: {
    good: [
      ...plain('sceneCuts', 'auto', 'none'),
      { given: 'cuts.txt', key: 'sceneCuts', resolved: resolve('cuts.txt') },
      { given: './auto', key: 'sceneCuts', resolved: resolve('auto') },
    ],
    bad: [
      ['', /^--scene-cuts must be auto, none or a file, got ""$/],
      [['a.txt'], /^--scene-cuts must be auto, none or a file, got \["a.txt"\]$/],
    ],
  },
  smootherWindow: {
    good: plain('smootherWindow', 2, 7),
    bad: [
      [1, /^--smoother-window must be a whole number from 2 to 7, got 1$/],
      [8, /got 8$/],
      [2.5, /got 2.5$/],
    ],
  },
  smootherAlpha: {
    good: plain('smootherAlpha', 0.05, 1),
    bad: [
      [0, /^--smoother-alpha must be a number from 0.05 to 1, got 0$/],
      [1.1, /got 1.1$/],
    ],
  },
  blend: {
    good: plain('blend', 'multiband', 'basic', 'poisson', 'seamless'),
    bad: [['pyramid', /^--blend must be one of multiband, basic, poisson, seamless/]],
  },
  colorMatch: {
    good: [
      ...plain('colorMatch', 'none', 'moments', 'histogram', 'light'),
      { given: 'lab', key: 'colorMatch', resolved: 'moments' },
    ],
    bad: [[true, /^--color-match must be .*, got true$/]],
  },
  occlusion: {
    good: plain('occlusion', 'auto', 'none'),
    bad: [['hands', /^--occlusion must be one of auto, none/]],
  },
  executionProvider: {
    good: [
      { given: 'cuda', key: 'executionProviders', resolved: ['cuda'] },
      {
        given: ['tensorrt', 'cuda', 'cpu'],
        key: 'executionProviders',
        resolved: ['tensorrt', 'cuda', 'cpu'],
      },
      { given: ['directml', 'cpu'], key: 'executionProviders', resolved: ['dml', 'cpu'] },
    ],
    bad: [
      ['gpu', /^--execution-provider must be one of cpu, .*, got "gpu"$/],
      [[], /^--execution-provider must be one or more providers, got \[\]$/],
      [['cuda', 'cuda'], /^--execution-provider must be a list without repetitions/],
      [['dml', 'directml'], /^--execution-provider must be a list without repetitions/],
      [['cpu', 'cuda'], /^--execution-provider must be a list in which cpu comes last/],
    ],
  },
  deviceId: {
    good: [{ given: 1, key: 'deviceId', resolved: 1, with: { executionProvider: 'cuda' } }],
    bad: [
      [-1, /^--device-id must be a whole number from 0 to 255, got -1$/],
      [0, /^--device-id must come with --execution-provider cuda, tensorrt or directml$/],
    ],
  },
  executionThreadCount: {
    good: plain('executionThreadCount', 1, 64),
    bad: [
      [0, /^--execution-thread-count must be a whole number from 1 to 64, got 0$/],
      [1.5, /got 1.5$/],
    ],
  },
  workers: {
    good: plain('workers', 'auto', 1, 64),
    bad: [
      [0, /^--workers must be auto or a whole number from 1 to 64, got 0$/],
      [65, /got 65$/],
      [1.5, /got 1.5$/],
      ['2', /got "2"$/],
    ],
  },
  batchSize: {
    good: plain('batchSize', 'auto', 1, 64),
    bad: [['max', /^--batch-size must be auto or a whole number from 1 to 64, got "max"$/]],
  },
  maxMemory: {
    good: [
      { given: 1, key: 'maxMemoryBytes', resolved: 1 },
      { given: '512M', key: 'maxMemoryBytes', resolved: 512 * 2 ** 20 },
    ],
    bad: [
      ['lots', /^--max-memory must be a number of bytes or a size such as 512M or 2G, got "lots"$/],
      [0, /got 0$/],
      [true, /got true$/],
    ],
  },
  vramLimit: {
    good: [{ given: '6G', key: 'vramLimitBytes', resolved: 6 * 2 ** 30 }],
    bad: [[-1, /^--vram-limit must be a number of bytes or a size .*, got -1$/]],
  },
  hwaccel: {
    good: plain('hwaccel', 'none', 'auto', 'cuda'),
    bad: [['nvdec', /^--hwaccel must be one of none, auto, .*, got "nvdec"$/]],
  },
  deinterlace: {
    good: plain('deinterlace', 'off', 'bwdif', 'yadif'),
    bad: [['bwdiff', /^--deinterlace must be one of off, bwdif, yadif, got "bwdiff"/]],
  },
  cache: {
    good: plain('cache', true, false),
    bad: [['no', /^--cache must be true or false, got "no"$/]],
  },
  outputVideoEncoder: {
    good: plain('outputVideoEncoder', 'ffv1'),
    bad: [['', /^--output-video-encoder must be the name of an ffmpeg video encoder, got ""$/]],
  },
  outputVideoQuality: {
    good: plain('outputVideoQuality', 0, 100),
    bad: [[101, /^--output-video-quality must be a whole number from 0 to 100, got 101$/]],
  },
  outputVideoPreset: {
    good: plain('outputVideoPreset', 'ultrafast', 'veryslow'),
    bad: [['quick', /^--output-video-preset must be one of ultrafast, /]],
  },
  outputVideoFps: {
    good: [
      { given: '25', key: 'outputVideoFps', resolved: { num: 25, den: 1 } },
      { given: 12.5, key: 'outputVideoFps', resolved: { num: 25, den: 2 } },
      { given: 29.97, key: 'outputVideoFps', resolved: { num: 30_000, den: 1001 } },
      { given: '23.976', key: 'outputVideoFps', resolved: { num: 24_000, den: 1001 } },
      { given: 23.98, key: 'outputVideoFps', resolved: { num: 1199, den: 50 } },
      { given: '59.94', key: 'outputVideoFps', resolved: { num: 60_000, den: 1001 } },
      { given: '24000/1001', key: 'outputVideoFps', resolved: { num: 24_000, den: 1001 } },
      { given: '50/2', key: 'outputVideoFps', resolved: { num: 25, den: 1 } },
    ],
    bad: [
      [0, /^--output-video-fps must be a rate from 1 to 1000 such as .*, got 0$/],
      ['30fps', /got "30fps"$/],
      ['1/0', /got "1\/0"$/],
      [-25, /got -25$/],
    ],
  },
  trimFrameStart: {
    good: [{ given: 0, key: 'trimStart', resolved: frame(0) }],
    bad: [[-1, /^--trim-frame-start must be a whole number of at least 0, got -1$/]],
  },
  trimFrameEnd: {
    good: [{ given: 10, key: 'trimEnd', resolved: frame(10) }],
    bad: [[0, /^--trim-frame-end must be a whole number of at least 1, got 0$/]],
  },
  trimStart: {
    good: [
      { given: '00:01:02.5', key: 'trimStart', resolved: time(62_500_000) },
      { given: '1:02', key: 'trimStart', resolved: time(62_000_000) },
      { given: 62.5, key: 'trimStart', resolved: time(62_500_000) },
      { given: '0.000001', key: 'trimStart', resolved: time(1) },
      { given: 0.1, key: 'trimStart', resolved: time(100_000) },
    ],
    bad: [
      ['1:60', /^--trim-start must be a time in seconds or \[\[hh:\]mm:\]ss\[\.fraction\], got "1:60"$/],
      ['1:60:00', /^--trim-start must be/],
      [-1, /^--trim-start must be .*, got -1$/],
      ['abc', /^--trim-start must be/],
    ],
  },
  trimEnd: {
    good: [{ given: '90', key: 'trimEnd', resolved: time(90_000_000) }],
    bad: [[Number.POSITIVE_INFINITY, /^--trim-end must be .*, got Infinity$/]],
  },
  timeout: {
    good: [{ given: 90, key: 'timeoutMs', resolved: 90_000 }],
    bad: [
      [0, /^--timeout must be a number from 1 to 1000000, got 0$/],
      ['90', /^--timeout must be a number/],
    ],
  },
  onNoFace: {
    good: plain('onNoFace', 'fail', 'copy'),
    bad: [['skip', /^--on-no-face must be one of fail, copy/]],
  },
  matchGrain: {
    good: plain('matchGrain', true, false),
    bad: [['yes', /^--match-grain must be true or false, got "yes"$/]],
  },
  overwrite: {
    good: plain('overwrite', true),
    bad: [['yes', /^--overwrite must be true or false, got "yes"$/]],
  },
  strict: {
    good: plain('strict', true),
    bad: [['yes', /^--strict must be true or false, got "yes"$/]],
  },
  resume: {
    good: plain('resume', 'auto', 'never', 'require'),
    bad: [['requires', /^--resume must be one of auto, never, require, got "requires"$/]],
  },
  keepJob: {
    good: plain('keepJob', true),
    bad: [[1, /^--keep-job must be true or false, got 1$/]],
  },
  jobDir: {
    good: [{ given: 'jobs', key: 'jobDir', resolved: resolve('jobs') }],
    bad: [['', /^--job-dir must be a folder, got ""$/]],
  },
  maxDisk: {
    good: [{ given: '20G', key: 'maxDiskBytes', resolved: 20 * 2 ** 30 }],
    bad: [['much', /^--max-disk must be a number of bytes or a size such as 512M or 2G, got "much"$/]],
  },
  report: { good: plain('report', '/r.json'), bad: [['', /^--report must be the file to write, got ""$/]] },
  minIdentity: {
    good: plain('minIdentity', -1, 0, 0.4, 1),
    bad: [
      [1.1, /^--min-identity must be a number from -1 to 1, got 1.1$/],
      ['0.4', /^--min-identity must be a number from -1 to 1, got "0.4"$/],
    ],
  },
  maxJitter: {
    good: [
      ...plain('maxJitter', 0, 0.05, 1),
      { given: '5%', key: 'maxJitter', resolved: 0.05 },
      { given: ' 12.5 % ', key: 'maxJitter', resolved: 0.125 },
      { given: '0.2', key: 'maxJitter', resolved: 0.2 },
    ],
    bad: [
      [5, /^--max-jitter must be a share from 0 to 1 or in percent such as 5%, got 5$/],
      ['101%', /^--max-jitter must be a share/],
      [-0.1, /^--max-jitter must be a share/],
      [Number.NaN, /^--max-jitter must be a share/],
      ['1e-2', /^--max-jitter must be a share/],
    ],
  },
  minTpsnr: {
    good: plain('minTpsnr', 0, 30.5, 100),
    bad: [[101, /^--min-tpsnr must be a number from 0 to 100, got 101$/]],
  },
  maxUnswapped: {
    good: [{ given: '2%', key: 'maxUnswapped', resolved: 0.02 }],
    bad: [['few', /^--max-unswapped must be a share from 0 to 1 or in percent such as 5%, got "few"$/]],
  },
  logLevel: {
    good: plain('logLevel', 'silent', 'debug'),
    bad: [['trace', /^--log-level must be one of silent, /]],
  },
};

test('the table below names every option', () => {
  assert.deepEqual(Object.keys(table).sort(), [...runOptionNames].sort());
});

for (const [name, { good, bad }] of Object.entries(table)) {
  test(`${name} takes good values and refuses bad ones in one sentence`, () => {
    for (const { given, key, resolved, with: others } of good) {
      assert.deepEqual(resolveAny({ ...others, [name]: given })[key], resolved, JSON.stringify(given));
    }
    for (const [given, message] of bad) {
      assert.throws(
        () => resolveAny({ [name]: given }),
        (error) => {
          assert.ok(error instanceof FaceswapError);
          assert.equal(error.kind, 'usage');
          assert.match(error.message, message);
          return true;
        },
      );
    }
  });
}

test('a misspelt option or choice is refused with the nearest name', () => {
  const hintOf = (options: Record<string, unknown>): string | undefined => {
    try {
      resolveAny(options);
    } catch (error) {
      return error instanceof FaceswapError ? error.context.hint : undefined;
    }
    return undefined;
  };
  assert.equal(hintOf({ faceMaskBlurr: 0.2 }), 'Did you mean faceMaskBlur?');
  assert.equal(hintOf({ 'face-mask-blur': 0.2 }), 'Did you mean faceMaskBlur?');
  assert.equal(hintOf({ outputVideoPreset: 'veryfsat' }), 'Did you mean veryfast?');
  assert.equal(hintOf({ zzzzzzzz: 1 }), 'See the documentation of RunOptions');
});

test('photos of a face to put in may be left out where maps have them', () => {
  const options = { target: 'b.mp4', output: 'c.mp4' };
  assert.deepEqual(resolveRunOptions({ ...options, map: 'person1=a.jpg' }).sources, []);
  assert.throws(() => resolveRunOptions(options), /--source must be one or more image files, got nothing/);
});

test('a reference means the mode of that name, and it must be clear who is meant', () => {
  assert.equal(resolveAny({ referenceFace: 'r.jpg' }).faceSelectorMode, 'reference');
  assert.equal(resolveAny({ referenceFrameNumber: 3 }).faceSelectorMode, 'reference');
  const refusals: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{ referenceFace: 'r.jpg', faceSelectorMode: 'one' }, /--reference-face must be left out when .* is one/],
    [{ referenceFrameNumber: 0, faceSelectorMode: 'many' }, /--reference-frame-number must be left out/],
    [{ referenceFace: 'r.jpg', referenceFrameNumber: 0 }, /--reference-frame-number must be left out/],
    [{ referenceFace: 'r.jpg', map: 'person1=a.jpg' }, /--reference-face must be left out when --map/],
  ];
  for (const [options, message] of refusals) assert.throws(() => resolveAny(options), message);
});

test('the ages that are selected must hold one', () => {
  assert.throws(
    () => resolveAny({ faceSelectorAgeStart: 40, faceSelectorAgeEnd: 39 }),
    /--face-selector-age-end must be at least --face-selector-age-start \(40\), got 39/,
  );
});

test('a choice by race needs the model that tells it', () => {
  assert.throws(
    () => resolveAny({ faceSelectorRace: 'white' }),
    /--face-selector-race must come with --face-classifier-model fairface/,
  );
  const { faceSelectorRaces, needsCast } = resolveAny({
    faceSelectorRace: ['white', 'asian'],
    faceClassifierModel: 'fairface',
  });
  assert.deepEqual(faceSelectorRaces, ['white', 'asian']);
  assert.equal(needsCast, true);
  assert.throws(
    () => resolveAny({ faceSelectorRace: 'green', faceClassifierModel: 'fairface' }),
    /--face-selector-race must be one of white, black, latino, asian, indian, arabic, got "green"/,
  );
});

test('frame and time trims of the same end exclude each other, those of different ends do not', () => {
  assert.throws(
    () => resolveAny({ trimFrameStart: 1, trimStart: 1 }),
    /--trim-start must be left out when --trim-frame-start/,
  );
  assert.throws(
    () => resolveAny({ trimFrameEnd: 1, trimEnd: 1 }),
    /--trim-end must be left out when --trim-frame-end/,
  );
  const config = resolveAny({ trimFrameStart: 3, trimEnd: '2.5' });
  assert.deepEqual([config.trimStart, config.trimEnd], [frame(3), time(2_500_000)]);
});

test('an end that is not after the start is refused', () => {
  assert.throws(
    () => resolveAny({ trimFrameStart: 5, trimFrameEnd: 5 }),
    /--trim-frame-end must be greater than --trim-frame-start \(5\), got 5/,
  );
  assert.throws(
    () => resolveAny({ trimStart: '2', trimEnd: '1' }),
    /--trim-end must be greater than --trim-start/,
  );
});

test('an option that is undefined counts as not given', () => {
  assert.deepEqual(resolveAny({ blend: undefined, trimStart: undefined }), resolveRunOptions(required));
});

test('photos of a face to put in may be left out where no face is put in', () => {
  const options = { target: 'b.mp4', output: 'c.mp4' };
  const processors = ['face_enhancer'] as const;
  assert.deepEqual(resolveRunOptions({ ...options, processors }).sources, []);
  const given = resolveRunOptions({ ...options, processors, source: 'a.png' });
  assert.deepEqual(given.sources, [resolve('a.png')]);
});

test('a face is swapped once, and enhanced after that', () => {
  const resolved = (...processors: ProcessorName[]) =>
    resolveRunOptions({ ...required, processors }).processors;
  assert.deepEqual(resolved('face_swapper', 'face_enhancer'), ['face_swapper', 'face_enhancer']);
  assert.throws(
    () => resolved('face_swapper', 'deep_swapper'),
    /--processors takes face_swapper or deep_swapper, not both/,
  );
  assert.throws(
    () => resolved('face_enhancer', 'face_swapper'),
    /--processors must name face_swapper before face_enhancer/,
  );
});
