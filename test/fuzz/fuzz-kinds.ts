import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readConfigFile } from '../../src/cli/config-file.js';
import { FaceswapError } from '../../src/errors.js';
import { frameLayout } from '../../src/imaging/planar-frame.js';
import { dryRun } from '../../src/index.js';
import { CostCache } from '../../src/inference/cost-cache.js';
import { freeBatch } from '../../src/inference/free-batch.js';
import { guardModelFile } from '../../src/inference/model-guard.js';
import { readSignature } from '../../src/inference/model-signature.js';
import { inspectModel } from '../../src/inference/onnx-file.js';
import { createSession } from '../../src/inference/session.js';
import { FrameDecoder } from '../../src/media/decoder.js';
import { locateTools } from '../../src/media/ffmpeg-tools.js';
import { probeTarget } from '../../src/media/probe.js';
import { readStill } from '../../src/media/still-image.js';
import { checkComparable, compareWithBaseline, readBaseline } from '../../src/pipeline/benchmark/baseline.js';
import { benchmarkReport, cycle, entry } from '../pipeline/benchmark/unit-report.js';
import { DiskCache } from '../../src/pipeline/disk-cache.js';
import { silentLogger } from '../../src/pipeline/run-logger.js';
import { SegmentAnalysisReader } from '../../src/pipeline/segment-analysis.js';
import { runPage } from '../../src/report/run-page.js';
import { readStoredReport } from '../../src/report/stored-report.js';
import { worstFrames } from '../../src/report/worst-frames.js';
import { unitReport, unitReportLines, unitRow } from '../report/unit-rows.js';
import type { MutationMaterial } from './mutation.js';
import { analysisRange, analysisSeed, clipSeeds, fixture, modelSeeds, pictureSeeds } from './seed-files.js';

/** A mutated file and what may be done with it. */
export type FuzzCase = {
  readonly bytes: Uint8Array;
  /** The bytes as a file, in a folder that holds nothing else. */
  readonly file: string;
  /** The folder, for outputs and caches. */
  readonly folder: string;
  /** Deterministic choices: uniform in [0, 1). */
  readonly next: () => number;
  /** How often the whole command is run on a file that is good enough for it; 0 is never, 1 always. */
  readonly commandShare: number;
};

/** A kind of file and our readers of it. */
export type FuzzKind = {
  readonly extension: string;
  readonly dictionary: readonly (string | Uint8Array)[];
  readonly makeSeeds: (folder: string) => readonly Uint8Array[];
  /**
   * Reads the file in every way. Ends normally, or throws a FaceswapError of another kind than `bug`.
   *
   * @returns how far it came, for the statistics.
   */
  readonly exercise: (given: FuzzCase) => Promise<string>;
};

const tools = await locateTools();
const bin = fileURLToPath(new URL('../../bin/faceswap.js', import.meta.url));

/** Exit codes with which the command may end on a file that is not as it should be. */
const structuredExits: ReadonlySet<number> = new Set([0, 2, 3, 4, 5, 8, 9, 10]);

/** A complaint about the program, not about the file. */
export class Finding extends Error {
  override readonly name = 'Finding';
}

const runCommand = (words: readonly string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [bin, ...words], { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-20_000);
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const last = stderr.trimEnd().split('\n').at(-1) ?? '';
      if (code === null || !structuredExits.has(code)) {
        return reject(new Finding(`faceswap ${words.join(' ')} ended with ${signal ?? code}: ${stderr}`));
      }
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      if (/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(stderr)) {
        return reject(new Finding(`control characters on stderr: ${JSON.stringify(stderr)}`));
      }
      if (code !== 0 && !last.startsWith('error: ')) {
        return reject(new Finding(`exit code ${code} without an error line: ${stderr}`));
      }
      resolve(`exit ${code}`);
    });
  });

const runOn = (target: string, given: FuzzCase, output: string): Promise<string> => {
  const words = ['run', '-s', fixture('grace_hopper.jpg'), '-t', target, '-o', join(given.folder, output)];
  const isDry = given.next() < 0.5;
  return runCommand([
    ...words,
    '--output-video-preset',
    'ultrafast',
    '--overwrite',
    ...(isDry ? ['--dry-run'] : []),
  ]);
};

const videoKind = (extension: string, seeds: string, dictionary: FuzzKind['dictionary']): FuzzKind => ({
  extension,
  dictionary,
  makeSeeds: (folder) => clipSeeds[seeds]?.(folder) ?? [],
  exercise: async (given) => {
    const { file, folder, next, commandShare } = given;
    // Files that are refused at once are worth the whole command as well, but seldom.
    if (next() < commandShare / 4) return runOn(file, given, 'out.mkv');
    const target = await probeTarget(tools, file);
    if (next() < commandShare) return runOn(file, given, next() < 0.5 ? 'out.mp4' : 'out.mkv');
    if (next() < 0.3) {
      const output = join(folder, 'out.mp4');
      await dryRun({ source: fixture('grace_hopper.jpg'), target: file, output });
      return 'planned';
    }
    const { byteLength } = frameLayout(target.video.format);
    const start = Math.floor(next() * target.video.frameCount);
    const decoder = new FrameDecoder({
      tools,
      target,
      range: { start, end: Math.min(start + 4, target.video.frameCount) },
      acquire: () => Promise.resolve(new ArrayBuffer(byteLength)),
      threads: 1,
    });
    try {
      for await (const { buffer } of decoder.frames())
        if (buffer.byteLength !== byteLength) throw new Finding('size');
    } finally {
      await decoder.close();
    }
    return 'decoded';
  },
});

const pictureKind = (extension: string, dictionary: FuzzKind['dictionary']): FuzzKind => ({
  extension,
  dictionary,
  makeSeeds: (folder) => pictureSeeds[extension === 'jpg' ? 'jpeg' : extension]?.(folder) ?? [],
  exercise: async (given) => {
    const { widthPx, heightPx, rgb } = await readStill(given.file, given.next() < 0.5 ? 'source' : 'target');
    if (rgb.length !== 3 * widthPx * heightPx) throw new Finding('a picture of another size than it says');
    if (given.next() < given.commandShare / 4) return runOn(given.file, given, 'out.png');
    return 'read';
  },
});

const boxes = (names: string): readonly string[] => names.split(' ');

const hex = (...codes: readonly string[]): readonly Uint8Array[] =>
  codes.map((code) => Buffer.from(code, 'hex'));

const jsonTokens = [
  ...[
    '{',
    '}',
    '[',
    ']',
    '"',
    ':',
    ',',
    'null',
    'true',
    '1e999',
    '-1e999',
    '-0',
    'NaN',
    '\\u0000',
    '\\ud800',
  ],
  ...[
    '"__proto__"',
    '"constructor"',
    '"toString"',
    '[[[[[[[[',
    '{"a":{"a":{"a":',
    '9007199254740993',
    '\u0000',
    '\ufeff',
  ],
];

const entryFile = (payload: Uint8Array): Buffer =>
  Buffer.concat([
    Buffer.from('faceswap cache 1', 'ascii'),
    createHash('sha256').update(payload).digest(),
    payload,
  ]);

const presentReport = benchmarkReport([entry('720p', [cycle(1000, 1200), cycle(1100, 1250)])]);

const costs = JSON.stringify({
  version: 1,
  entries: [
    {
      modelHash: 'a',
      device: 'CPU',
      onnxruntimeVersion: '1',
      cost: {
        timings: [{ size: 1, msPerItem: 2, exact: true }],
        bytesPerItem: null,
        fixedBytes: null,
        failedSize: null,
      },
    },
  ],
});

/**
 * Everything that is fuzzed, by name. A new reader of files that users bring, or that lie where others can write, is added here.
 */
export const fuzzKinds: Readonly<Record<string, FuzzKind>> = {
  mp4: videoKind(
    'mp4',
    'mp4',
    boxes(
      'ftyp moov mvhd trak tkhd edts elst mdia mdhd hdlr minf vmhd smhd dinf dref stbl stsd avc1 avcC stts ctts stsc stsz stco co64 stss ' +
        'udta meta ilst mvex trex moof mfhd traf tfhd tfdt trun mdat free sidx url  alis colr pasp gmhd tmcd mp4a esds uuid senc saio saiz',
    ),
  ),
  mkv: videoKind(
    'mkv',
    'mkv',
    hex(
      '1a45dfa3',
      '18538067',
      '114d9b74',
      '1549a966',
      '1654ae6b',
      '1f43b675',
      '1c53bb6b',
      'ae',
      'e0',
      'b0',
      'ba',
      'a3',
      'a0',
      'e7',
      '63a2',
      '83',
      '86',
      '1941a469',
      '1254c367',
      'ec',
      '4286',
      '536e',
    ),
  ),
  webm: videoKind(
    'webm',
    'webm',
    hex(
      '1a45dfa3',
      '18538067',
      '1549a966',
      '1654ae6b',
      '1f43b675',
      '1c53bb6b',
      'e0',
      'b0',
      'ba',
      'a3',
      'a0',
      'e7',
      '53c0',
      '55b0',
      '55d0',
    ),
  ),
  avi: videoKind(
    'avi',
    'avi',
    boxes(
      'RIFF AVI  LIST hdrl avih strl strh strf movi idx1 00dc 01wb JUNK vids auds H264 MJPG indx odml INFO',
    ),
  ),
  ts: videoKind(
    'ts',
    'ts',
    hex(
      '47',
      '474000',
      '4741',
      '000001',
      '000001ba',
      '000001bb',
      '000001e0',
      '000001c0',
      '00000109',
      '00000167',
      '02b0',
      '00b0',
    ),
  ),
  png: pictureKind(
    'png',
    boxes('IHDR PLTE IDAT IEND tRNS iCCP eXIf pHYs gAMA cHRM sRGB tEXt zTXt iTXt acTL fcTL fdAT'),
  ),
  jpeg: pictureKind(
    'jpg',
    hex(
      'ffd8',
      'ffd9',
      'ffc0',
      'ffc2',
      'ffc4',
      'ffda',
      'ffdb',
      'ffdd',
      'ffe0',
      'ffe1',
      'ffe2',
      'ffee',
      '45786966',
      '4949',
      '4d4d',
    ),
  ),
  gif: pictureKind('gif', ['GIF87a', 'GIF89a', 'NETSCAPE2.0', ...hex('21f9', '2c', '3b', '21ff')]),
  webp: pictureKind('webp', boxes('RIFF WEBP VP8  VP8L VP8X ALPH ANIM ANMF ICCP EXIF XMP ')),
  tiff: pictureKind('tiff', [
    'II*\u0000',
    'MM\u0000*',
    ...hex(
      '0001',
      '0101',
      '0201',
      '0301',
      '0601',
      '1101',
      '1501',
      '1601',
      '1701',
      '1c01',
      '5301',
      '8773',
      '6987',
    ),
  ]),
  onnx: {
    extension: 'onnx',
    dictionary: [
      'Conv',
      'Relu',
      'MatMul',
      'batch',
      'location',
      '../../etc/passwd',
      ...hex('0a', '12', '2a', '3a', '42', '4a', '6a', '7001', '0801', 'ffffffff0f', '80808080808080808001'),
    ],
    makeSeeds: modelSeeds,
    exercise: async ({ bytes, file }) => {
      const attempts = [
        (): unknown => inspectModel(bytes),
        (): unknown => freeBatch(bytes),
        (): unknown => guardModelFile(file),
        (): unknown => readSignature(file),
      ];
      for (const attempt of attempts) {
        try {
          attempt();
        } catch (error) {
          // Each reader is tried, whatever the one before it says.
          if (!(error instanceof FaceswapError) || error.kind === 'bug') throw error;
        }
      }
      const session = await createSession(file, { providers: ['cpu'], intraOpThreads: 1 });
      await session.dispose();
      return 'loaded';
    },
  },
  config: {
    extension: 'json',
    dictionary: [
      ...jsonTokens,
      '"source"',
      '"target"',
      '"output"',
      '"trimStart"',
      '"output-video-quality"',
      '"blend"',
    ],
    makeSeeds: () => [
      Buffer.from(
        '{"source": ["a.png", "b.png"], "target": "clip.mp4", "output": "out.mp4", "output-video-quality": 80}',
      ),
      Buffer.from(
        '{\n "trimFrameStart": 3,\n "blend": "basic",\n "faceMaskPadding": [1, 2, 3, 4],\n "json": true\n}',
      ),
    ],
    exercise: async ({ file }) => {
      const values = await readConfigFile(file);
      if (Object.getPrototypeOf(values) !== Object.prototype) throw new Finding('another prototype');
      if ('a' in {} || Object.keys(Object.prototype).length > 0) throw new Finding('a polluted prototype');
      return 'accepted';
    },
  },
  analysis: {
    extension: 'bin',
    dictionary: hex(
      '00000000',
      'ffffffff',
      '0000c07f',
      '0000807f',
      '000080ff',
      '01465341',
      'ffff',
      '0300',
      '0100',
    ),
    makeSeeds: () => [analysisSeed()],
    exercise: async ({ bytes }) => {
      const packed = new Uint8Array(bytes).buffer;
      const reader = SegmentAnalysisReader.openFor(packed, analysisRange);
      if (reader === null) return 'not used';
      for (let at = 0; at < reader.frameCount; at += 1) reader.next();
      return 'used';
    },
  },
  entry: {
    extension: 'bin',
    dictionary: ['faceswap cache 1', 'faceswap cache 2'],
    makeSeeds: () => [
      entryFile(Buffer.alloc(0)),
      entryFile(Buffer.from('what was found out')),
      entryFile(analysisSeed()),
    ],
    exercise: async ({ bytes, folder }) => {
      writeFileSync(join(folder, 'key'), bytes);
      const found = await new DiskCache({ folder, logger: silentLogger }).read('key');
      return found === null ? 'not used' : 'used';
    },
  },
  costs: {
    extension: 'json',
    dictionary: [...jsonTokens, '"cost"', '"timings"', '"version"'],
    makeSeeds: () => [Buffer.from(costs)],
    exercise: async ({ bytes, folder }) => {
      writeFileSync(join(folder, 'model-costs.json'), bytes);
      const found = await new CostCache(folder).find({
        modelHash: 'a',
        device: 'CPU',
        onnxruntimeVersion: '1',
      });
      return found === null ? 'not used' : 'used';
    },
  },
  baseline: {
    extension: 'json',
    dictionary: [...jsonTokens, '"schema"', '"machine"', '"gpus"', '"entries"'],
    makeSeeds: () => [Buffer.from(JSON.stringify(presentReport))],
    exercise: async ({ file }) => {
      const baseline = await readBaseline(file);
      const { machine, settings } = presentReport;
      checkComparable(baseline, { file, machine, settings, resolutions: ['720p'] });
      const comparison = compareWithBaseline(baseline, presentReport, { file, maxRegressionPercent: 10 });
      return comparison.hasRegression ? 'worse' : 'alike';
    },
  },
  report: {
    extension: 'json',
    dictionary: [...jsonTokens, '"frames"', '"faces"', '"box"', '"config"', '"header"', '<script>', '">'],
    makeSeeds: () => {
      const report = unitReport([unitRow(0), unitRow(1), unitRow(2)], {
        warnings: [{ code: 'c', message: 'm', file: 'f' }],
      });
      return [Buffer.from(JSON.stringify(report, null, 2)), Buffer.from(unitReportLines(report))];
    },
    exercise: async ({ file }) => {
      const report = await readStoredReport(file);
      const page = runPage(report, worstFrames(report.rows, 10), { pictures: null, reason: 'none' });
      if (/<script/i.test(page)) throw new Finding('the page of a report holds a script');
      return report.form;
    },
  },
};

/** The dictionary as bytes, with the seeds. */
export const materialOf = (kind: FuzzKind, folder: string): MutationMaterial => ({
  seeds: kind.makeSeeds(folder),
  dictionary: kind.dictionary.map((word) => (typeof word === 'string' ? Buffer.from(word, 'utf8') : word)),
});
