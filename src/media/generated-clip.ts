import { rm } from 'node:fs/promises';
import { childFailure, inputProtection, pictureProtection, runTool } from './child-process.js';
import type { FfmpegTools } from './ffmpeg-tools.js';

/** Frames per second of every generated clip. */
export const clipFrameRate = 25;

/** Frames between two keyframes: segments of a run can begin every two seconds. */
export const clipKeyframeInterval = 50;

/** Longer clips repeat a part of at most this many frames: encoding 4K takes minutes, repeating it no time. */
const maxLoopFrames = 250;

/**
 * Strength of the temporal noise, in levels. With 3 a 720p clip needs 0.14 bits per pixel at crf 18 and 0.38 at crf 10 of libx264
 * medium, which is what camera footage of people in a café needs (0.11 and 0.31); without noise it is a third of that, and the encoder
 * would have too little to do for a fair comparison.
 */
const noiseLevels = 3;

/** Always the same noise. */
const noiseSeed = 7;

/** The part of the portrait (512 × 512) that is laid into the frame, and the share of its height that the face fills. */
const portraitCrop = { x: 128, y: 5, widthPx: 200, heightPx: 210, faceShare: 0.46 } as const;

/** Face height of a clip with one face, as a share of the frame's height. */
const singleFaceShare = 0.3;

/** Share of a cell of the grid that the portrait may fill at most, so that it has room to move. */
const cellShare = 0.8;

/** Where one portrait moves: its top left corner is at the centre ± the amplitude; all in pixels. */
type PortraitPath = {
  readonly centreX: number;
  readonly centreY: number;
  readonly amplitudeX: number;
  readonly amplitudeY: number;
};

/** Size of the portraits and the paths they take. */
export type PortraitLayout = {
  readonly widthPx: number;
  readonly heightPx: number;
  /** Height of each face, brows to chin and a little more, in pixels. */
  readonly faceHeightPx: number;
  readonly paths: readonly PortraitPath[];
};

export type GeneratedClipOptions = {
  readonly tools: FfmpegTools;
  /** The portrait that comes with the package (512 × 512, see {@link portraitCrop}). */
  readonly portrait: string;
  /** The `.mp4` to write; one that is there is replaced. */
  readonly file: string;
  readonly widthPx: number;
  readonly heightPx: number;
  /** 1 to 8. */
  readonly faces: number;
  readonly frames: number;
  readonly signal?: AbortSignal | undefined;
};

const even = (value: number): number => 2 * Math.round(value / 2);

/**
 * Lays the portraits on a grid of one row up to three faces, else two; each moves inside its cell, so that faces never cover one
 * another.
 */
export function layOutPortraits(widthPx: number, heightPx: number, faces: number): PortraitLayout {
  const rows = faces <= 3 ? 1 : 2;
  const columns = Math.ceil(faces / rows);
  const cellWidth = widthPx / columns;
  const cellHeight = heightPx / rows;
  const aspect = portraitCrop.widthPx / portraitCrop.heightPx;
  const portraitHeight = even(
    Math.min(
      (singleFaceShare / portraitCrop.faceShare) * heightPx,
      cellShare * cellHeight,
      (cellShare * cellWidth) / aspect,
    ),
  );
  const portraitWidth = even(portraitHeight * aspect);
  const paths = Array.from({ length: faces }, (_, index): PortraitPath => {
    const centreX = (index % columns) * cellWidth + (cellWidth - portraitWidth) / 2;
    const centreY = Math.floor(index / columns) * cellHeight + (cellHeight - portraitHeight) / 2;
    return {
      centreX: Math.round(centreX),
      centreY: Math.round(centreY),
      amplitudeX: Math.floor(0.45 * (cellWidth - portraitWidth)),
      amplitudeY: Math.floor(0.45 * (cellHeight - portraitHeight)),
    };
  });
  return {
    widthPx: portraitWidth,
    heightPx: portraitHeight,
    faceHeightPx: portraitHeight * portraitCrop.faceShare,
    paths,
  };
}

/** How a clip is made of equal parts. */
export type ClipLoop = { readonly frames: number; readonly repeats: number };

/** The part that is encoded and how often it is played; together at least `frames`, and fewer than one more per repeat. */
export function planLoop(frames: number): ClipLoop {
  const repeats = Math.ceil(frames / maxLoopFrames);
  return { frames: Math.ceil(frames / repeats), repeats };
}

const portraitFilters = ({ widthPx, heightPx, faces, frames }: GeneratedClipOptions): string[] => {
  const loop = planLoop(frames);
  // A loop holds one whole turn, so that its end meets its beginning; a clip that is played once ends where it may.
  const turnFrames = loop.repeats === 1 ? maxLoopFrames : loop.frames;
  const layout = layOutPortraits(widthPx, heightPx, faces);
  const { x, y } = portraitCrop;
  const split = layout.paths.map((_, index) => `[face${index}]`).join('');
  const overlays = layout.paths.map(({ centreX, centreY, amplitudeX, amplitudeY }, index) => {
    // Each face begins elsewhere on its path.
    const turn = `2*PI*(n/${turnFrames}+${index}/${faces})`;
    const place = `x='${centreX}+${amplitudeX}*sin(${turn})':y='${centreY}+${amplitudeY}*cos(2*${turn})'`;
    return `[scene${index}][face${index}]overlay=${place}:eval=frame:format=yuv420[scene${index + 1}]`;
  });
  return [
    `[1:v]crop=${portraitCrop.widthPx}:${portraitCrop.heightPx}:${x}:${y},` +
      `scale=${layout.widthPx}:${layout.heightPx}:flags=bicubic:out_color_matrix=bt709:out_range=tv,` +
      `format=yuv420p,split=${faces}${split}`,
    ...overlays,
  ];
};

/**
 * The ffmpeg command line for the part that is repeated: a moving test picture at a quarter of the size, enlarged so that its edges are as
 * soft as a camera's; portraits that move over it; noise over all. Only sources and filters are used that ffmpeg had in 2018.
 *
 * The bytes are the same every time on one machine: noise and paths are fixed, one filter thread, as many encoder threads everywhere.
 */
export function clipArguments(options: GeneratedClipOptions, file: string): string[] {
  const { widthPx, heightPx, faces, frames, portrait } = options;
  const { frames: loopFrames } = planLoop(frames);
  const size = `${even(widthPx / 4)}x${even(heightPx / 4)}`;
  const filters = [
    `[0:v]scale=${widthPx}:${heightPx}:flags=bicubic:out_color_matrix=bt709:out_range=tv,format=yuv420p[scene0]`,
    ...portraitFilters(options),
    `[scene${faces}]noise=alls=${noiseLevels}:allf=t:all_seed=${noiseSeed},format=yuv420p[clip]`,
  ];
  return [
    ...['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'repeat+level+warning', '-y'],
    ...['-filter_complex_threads', '1'],
    ...['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${clipFrameRate}`],
    ...pictureProtection,
    ...['-i', portrait, '-filter_complex', filters.join(';'), '-map', '[clip]'],
    ...[
      '-frames:v',
      String(loopFrames),
      '-c:v',
      'libx264',
      '-preset',
      'medium',
      '-crf',
      '18',
      '-threads',
      '4',
    ],
    ...[
      '-g',
      String(clipKeyframeInterval),
      '-keyint_min',
      String(clipKeyframeInterval),
      '-sc_threshold',
      '0',
    ],
    ...['-color_range', 'tv', '-colorspace', 'bt709', '-color_primaries', 'bt709', '-color_trc', 'bt709'],
    ...['-fflags', '+bitexact', '-flags', '+bitexact', '-f', 'mp4', file],
  ];
}

/** The command line that plays a file several times into another, without encoding. */
const repeatArguments = (from: string, repeats: number, file: string): string[] => [
  ...['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'repeat+level+warning', '-y'],
  ...inputProtection,
  ...['-stream_loop', String(repeats - 1), '-i', from, '-c', 'copy', '-f', 'mp4', file],
];

const runFfmpeg = async (
  { tools, file, signal }: GeneratedClipOptions,
  words: readonly string[],
): Promise<void> => {
  const { exit, stderr } = await runTool(tools.ffmpegPath, words, { stage: 'clip', signal });
  if (exit.code !== 0) throw childFailure('ffmpeg', exit, stderr, { stage: 'clip', file });
};

/**
 * Makes a clip with faces that move: H.264, yuv420p, BT.709, {@link clipFrameRate}, a keyframe every {@link clipKeyframeInterval} frames.
 *
 * @returns the number of frames, see {@link planLoop}.
 * @throws FaceswapError with ffmpeg's last words when it failed, (resources) when the disk is full, (interrupted) on abort.
 */
export async function generateClip(options: GeneratedClipOptions): Promise<number> {
  const { file, frames } = options;
  const loop = planLoop(frames);
  if (loop.repeats === 1) {
    await runFfmpeg(options, clipArguments(options, file));
    return loop.frames;
  }
  const part = `${file}.part`;
  try {
    await runFfmpeg(options, clipArguments(options, part));
    await runFfmpeg(options, repeatArguments(part, loop.repeats, file));
  } finally {
    await rm(part, { force: true });
  }
  return loop.frames * loop.repeats;
}
