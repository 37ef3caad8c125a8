import { FaceswapError } from '../errors.js';
import { childFailure, inputProtection, runTool } from './child-process.js';
import type { FfmpegTools } from './ffmpeg-tools.js';
import { integer, type RawStream, text } from './stream-probe.js';

/** CIE x and y. */
export type Chromaticity = readonly [number, number];

/** The display that a picture was graded on (SMPTE ST 2086); luminances in cd/m². */
export type MasteringDisplay = {
  readonly red: Chromaticity;
  readonly green: Chromaticity;
  readonly blue: Chromaticity;
  readonly white: Chromaticity;
  readonly minLuminance: number;
  readonly maxLuminance: number;
};

/** The brightest pixel and the brightest mean of a frame (CTA-861.3), in cd/m²; 0 is not known. */
export type ContentLight = { readonly maxContent: number; readonly maxAverage: number };

/** The metadata of HDR10 that holds for a whole video. Plain data. */
export type HdrMetadata = {
  readonly mastering?: MasteringDisplay;
  readonly contentLight?: ContentLight;
};

/** What a video says about its light. */
export type LightDescription = {
  readonly metadata: HdrMetadata;
  /** Names of what is there and cannot be carried into another video. */
  readonly notCarried: readonly string[];
};

/** Units of HEVC's SEI message, of `mdcv` and of x265's options: chromaticities in 0.00002, luminances in 0.0001 cd/m². */
export const chromaticityUnits = 50_000;
export const luminanceUnits = 10_000;

/** The largest values that 16 and 32 bits hold in these units. */
const maxChromaticity = 65_535 / chromaticityUnits;
const maxLuminance = 0xffff_ffff / luminanceUnits;

const number = (record: RawStream, key: string, limit: number): number | undefined => {
  const [, num, den] = /^(\d+)\/(\d+)$/.exec(text(record, key) ?? '') ?? [];
  const value = Number(num) / Number(den);
  return value >= 0 && value <= limit ? value : undefined;
};

const chromaticity = (record: RawStream, name: string): Chromaticity | undefined => {
  const x = number(record, `${name}_x`, maxChromaticity);
  const y = number(record, `${name}_y`, maxChromaticity);
  return x === undefined || y === undefined || y === 0 ? undefined : [x, y];
};

/** Undefined where anything of it is missing or cannot be. */
const masteringOf = (record: RawStream): MasteringDisplay | undefined => {
  const [red, green, blue, white] = ['red', 'green', 'blue', 'white_point'].map((name) =>
    chromaticity(record, name),
  );
  const min = number(record, 'min_luminance', maxLuminance);
  const max = number(record, 'max_luminance', maxLuminance);
  if (red === undefined || green === undefined || blue === undefined || white === undefined) return undefined;
  if (min === undefined || max === undefined || max <= min) return undefined;
  return { red, green, blue, white, minLuminance: min, maxLuminance: max };
};

/** Undefined where it says nothing. */
const contentLightOf = (record: RawStream): ContentLight | undefined => {
  const maxContent = integer(record, 'max_content') ?? 0;
  const maxAverage = integer(record, 'max_average') ?? 0;
  const isPossible = [maxContent, maxAverage].every((value) => value >= 0 && value <= 65_535);
  return isPossible && maxContent + maxAverage > 0 ? { maxContent, maxAverage } : undefined;
};

const isRecord = (value: unknown): value is RawStream =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const recordsOf = (holder: unknown, key: string): readonly RawStream[] => {
  const list = isRecord(holder) ? holder[key] : undefined;
  return Array.isArray(list) ? list.filter(isRecord) : [];
};

/** ffprobe's names of metadata that changes from frame to frame; they differ between its versions. */
const dynamicKinds: readonly (readonly [RegExp, string])[] = [
  [/2094-40|HDR10\+/i, 'HDR10+'],
  [/Dolby Vision|DOVI/i, 'Dolby Vision'],
  [/CUVA|Vivid/i, 'HDR Vivid'],
];

/** The description in the side data of a stream and of its first frame; what the stream says goes before. */
export const lightDescription = (sideData: readonly RawStream[]): LightDescription => {
  const typeOf = (record: RawStream): string => text(record, 'side_data_type') ?? '';
  const masterings = sideData.filter((record) => /^Mastering display/i.test(typeOf(record)));
  const lights = sideData.filter((record) => /^Content light level/i.test(typeOf(record)));
  const mastering = masterings.map(masteringOf).find((found) => found !== undefined);
  const contentLight = lights.map(contentLightOf).find((found) => found !== undefined);
  const dynamic = dynamicKinds.filter(([pattern]) => sideData.some((record) => pattern.test(typeOf(record))));
  const isIncomplete = masterings.length > 0 && mastering === undefined;
  return {
    metadata: {
      ...(mastering === undefined ? {} : { mastering }),
      ...(contentLight === undefined ? {} : { contentLight }),
    },
    notCarried: [
      ...dynamic.map(([, name]) => name),
      ...(isIncomplete ? ['incomplete mastering display'] : []),
    ],
  };
};

/**
 * What a video says about its light, in its container or with its first frame, which is decoded.
 *
 * @throws FaceswapError (media) when ffprobe cannot read it, (interrupted).
 */
export async function readLight(
  tools: FfmpegTools,
  file: string,
  streamIndex: number,
  options: { readonly signal?: AbortSignal | undefined; readonly stage: string },
): Promise<LightDescription> {
  const { stage } = options;
  const { exit, stdout, stderr } = await runTool(
    tools.ffprobePath,
    [
      ...['-v', 'error', ...inputProtection, '-select_streams', String(streamIndex)],
      ...['-show_streams', '-show_frames', '-read_intervals', '%+#1', '-of', 'json', file],
    ],
    { ...options, file },
  );
  if (exit.code !== 0) throw childFailure('ffprobe', exit, stderr, { stage, file });
  let answer: unknown;
  try {
    answer = JSON.parse(stdout);
  } catch (cause) {
    throw new FaceswapError('media', 'ffprobe gave no description of the first frame', {
      file,
      stage,
      cause,
    });
  }
  const holders = [...recordsOf(answer, 'streams'), ...recordsOf(answer, 'frames').slice(0, 1)];
  return lightDescription(holders.flatMap((holder) => recordsOf(holder, 'side_data_list')));
}

/**
 * Whether two descriptions are the same but for the rounding of the formats on the way: AV1 counts chromaticities in 1/65536 and
 * luminances in 1/256 and 1/16384.
 */
export function sameMastering(first: MasteringDisplay, second: MasteringDisplay): boolean {
  const places = (display: MasteringDisplay): readonly number[] =>
    [display.red, display.green, display.blue, display.white].flat();
  const others = places(second);
  return (
    places(first).every((value, k) => Math.abs(value - (others[k] as number)) < 4e-5) &&
    Math.abs(first.maxLuminance - second.maxLuminance) < 0.01 &&
    Math.abs(first.minLuminance - second.minLuminance) < 1e-4
  );
}

/** `G(x,y)B(x,y)R(x,y)WP(x,y)L(max,min)`, as x264, x265 and SVT-AV1 take it. */
export function masteringText(
  { red, green, blue, white, maxLuminance: max, minLuminance: min }: MasteringDisplay,
  inUnits: boolean,
): string {
  const pair = (name: string, [first, second]: Chromaticity, units: number): string =>
    inUnits
      ? `${name}(${Math.round(first * units)},${Math.round(second * units)})`
      : `${name}(${first.toFixed(5)},${second.toFixed(5)})`;
  return [
    pair('G', green, chromaticityUnits),
    pair('B', blue, chromaticityUnits),
    pair('R', red, chromaticityUnits),
    pair('WP', white, chromaticityUnits),
    pair('L', [max, min], luminanceUnits),
  ].join('');
}
