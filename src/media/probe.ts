import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { FaceswapError } from '../errors.js';
import type { BitDepth, ColourRange, PlanarFormat } from '../imaging/planar-frame.js';
import { colourTagsOf, matrixOf } from './colour-tags.js';
import type { FfmpegTools } from './ffmpeg-tools.js';
import { readFrameTable } from './frame-table.js';
import { sniffMediaKind } from './media-kind.js';
import { checkDurationBounds, checkPictureBounds, checkStreamBounds } from './media-bounds.js';
import { parseRational, rationalToNumber } from './rational.js';
import {
  dispositionsOf,
  integer,
  mediaStream,
  mediaStreams,
  probeStreams,
  type RawProbe,
  type RawStream,
  storedAspectRatio,
  tagsOf,
  text,
} from './stream-probe.js';
import type { SupportedPixelFormat, TargetMedia } from './target-media.js';
import { constantFrameRate, slotsToSeconds } from './timeline.js';

const stage = 'probe';

type Sampling = {
  readonly x: 0 | 1;
  readonly y: 0 | 1;
  readonly bitDepth: BitDepth;
  /** Whether the name alone says full range. */
  readonly full: boolean;
};

const supportedPixelFormats: Readonly<Record<SupportedPixelFormat, Sampling>> = {
  yuv420p: { x: 1, y: 1, bitDepth: 8, full: false },
  yuvj420p: { x: 1, y: 1, bitDepth: 8, full: true },
  yuv422p: { x: 1, y: 0, bitDepth: 8, full: false },
  yuvj422p: { x: 1, y: 0, bitDepth: 8, full: true },
  yuv444p: { x: 0, y: 0, bitDepth: 8, full: false },
  yuvj444p: { x: 0, y: 0, bitDepth: 8, full: true },
  yuv420p10le: { x: 1, y: 1, bitDepth: 10, full: false },
  yuv422p10le: { x: 1, y: 0, bitDepth: 10, full: false },
  yuv444p10le: { x: 0, y: 0, bitDepth: 10, full: false },
};

/** Transfer functions of high dynamic range, by ffprobe's names. */
const hdrTransfers: Readonly<Record<string, string>> = { smpte2084: 'PQ', 'arib-std-b67': 'HLG' };

const isSupportedPixelFormat = (name: string): name is SupportedPixelFormat =>
  Object.hasOwn(supportedPixelFormats, name);

const rotationOf = (record: RawStream): number => {
  // The probe lays the fields of side data flat into the stream. ffprobe counts the display matrix
  // anticlockwise, the older `rotate` tag clockwise.
  const matrix = integer(record, 'rotation');
  return matrix === undefined ? Number(tagsOf(record)['rotate'] ?? 0) : -matrix;
};

const uprightRotation = (degrees: number, file: string): 0 | 90 | 180 | 270 => {
  const turn = ((Math.round(degrees) % 360) + 360) % 360;
  if (turn === 0 || turn === 90 || turn === 180 || turn === 270) return turn;
  throw new FaceswapError('media', `The video is rotated by ${turn} degrees, which is not supported yet`, {
    file,
    stage,
    hint: 'Only quarter turns can be shown upright',
  });
};

const chooseVideo = (probe: RawProbe, file: string): RawStream => {
  const videos = probe.streams.filter(
    (record) => text(record, 'codec_type') === 'video' && !dispositionsOf(record).includes('attached_pic'),
  );
  const chosen = videos.find((record) => dispositionsOf(record).includes('default')) ?? videos[0];
  if (chosen !== undefined) return chosen;
  const hasAudio = probe.streams.some((record) => text(record, 'codec_type') === 'audio');
  throw new FaceswapError('media', 'The file has no video stream', {
    file,
    stage,
    hint: hasAudio ? 'It holds sound only' : undefined,
  });
};

const stillImageDemuxers = /^(image2|[a-z0-9]+_pipe|mjpeg|gif|apng|webp)$/;

const checkSupported = (record: RawStream, file: string): SupportedPixelFormat => {
  const pixelFormat = text(record, 'pix_fmt');
  if (pixelFormat === undefined) {
    throw new FaceswapError(
      'media',
      `The ${text(record, 'codec_name') ?? 'unknown'} video cannot be decoded`,
      {
        file,
        stage,
        hint: 'The stream is damaged, or this ffmpeg has no decoder for it',
      },
    );
  }
  if (!isSupportedPixelFormat(pixelFormat)) {
    throw new FaceswapError('media', `Pixel format ${pixelFormat} is not supported yet`, {
      file,
      stage,
      hint: 'Convert it to 8 or 10 bits first: ffmpeg -i IN -map 0 -c copy -c:v libx264 -crf 12 -pix_fmt yuv420p OUT.mkv',
    });
  }
  const transfer = text(record, 'color_transfer') ?? '';
  const hdrName = Object.hasOwn(hdrTransfers, transfer) ? hdrTransfers[transfer] : undefined;
  if (hdrName !== undefined) {
    throw new FaceswapError('media', `HDR video (${hdrName}, ${transfer}) is not supported yet`, {
      file,
      stage,
      hint:
        'Convert it to standard range first: ffmpeg -i IN -map 0 -c copy -vf zscale=t=linear:npl=100,format=gbrpf32le,' +
        'zscale=p=bt709,tonemap=hable,zscale=t=bt709:m=bt709:r=tv,format=yuv420p10le -c:v libx264 -crf 12 OUT.mkv',
    });
  }
  const fieldOrder = text(record, 'field_order');
  if (fieldOrder !== undefined && /^(tt|bb|tb|bt)$/.test(fieldOrder)) {
    throw new FaceswapError('media', 'Interlaced video is not supported yet', {
      file,
      stage,
      hint: 'Deinterlace it first: ffmpeg -i IN -map 0 -c copy -vf bwdif=mode=send_frame -c:v libx264 -crf 12 OUT.mkv',
    });
  }
  return pixelFormat;
};

const planarFormat = (
  record: RawStream,
  pixelFormat: SupportedPixelFormat,
  size: { widthPx: number; heightPx: number },
): PlanarFormat => {
  const { x, y, bitDepth, full } = supportedPixelFormats[pixelFormat];
  const isFull = full || text(record, 'color_range') === 'pc';
  const range: ColourRange = isFull ? 'full' : 'limited';
  const matrix = matrixOf(text(record, 'color_space'), integer(record, 'height') ?? 0);
  return { ...size, bitDepth, chromaShiftX: x, chromaShiftY: y, matrix, range };
};

/**
 * Reads all that faceswap needs to know about a target video. The video stream is the one that ffmpeg and
 * players would choose among those that are not cover art: the first with the `default` disposition, else the
 * first. Untagged colour is taken as BT.601 below 720 lines and as BT.709 from there on.
 *
 * @throws FaceswapError (media) for files that are missing, empty, damaged, renamed images, without video, of
 * a kind that is not supported yet (more than 10 bits, alpha, HDR, interlaced, variable frame rate); (interrupted).
 */
export async function probeTarget(
  tools: FfmpegTools,
  file: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<TargetMedia> {
  const path = resolve(file);
  if ((await sniffMediaKind(path)) === 'image') {
    throw new FaceswapError('media', 'The file is an image, not a video', { file: path, stage });
  }
  const probe = await probeStreams(tools, path, options);
  const formatName = text(probe.format, 'format_name') ?? 'unknown';
  if (stillImageDemuxers.test(formatName)) {
    throw new FaceswapError('media', `The file holds a picture (${formatName}), not a video`, {
      file: path,
      stage,
    });
  }
  checkStreamBounds(probe, path);
  const record = chooseVideo(probe, path);
  const pixelFormat = checkSupported(record, path);
  checkPictureBounds(record, path);
  const storedWidthPx = integer(record, 'width') ?? 0;
  const storedHeightPx = integer(record, 'height') ?? 0;
  const rotationDegrees = uprightRotation(rotationOf(record), path);
  const isTurned = rotationDegrees === 90 || rotationDegrees === 270;
  const storedAspect = storedAspectRatio(record) ?? { num: 1, den: 1 };
  const stream = mediaStream(record);
  const { ptsTicks, keyframes } = await readFrameTable(tools, path, stream.index, options);
  const spanTicks = (ptsTicks.at(-1) ?? 0) - (ptsTicks[0] ?? 0);
  checkDurationBounds(spanTicks * rationalToNumber(stream.timeBase), path);
  const timeline = constantFrameRate(ptsTicks, stream.timeBase, [
    parseRational(text(record, 'r_frame_rate')),
    parseRational(text(record, 'avg_frame_rate')),
  ]);
  if (timeline === undefined) {
    throw new FaceswapError('media', 'Variable frame rate is not supported yet', {
      file: path,
      stage,
      hint: 'Make it constant first: ffmpeg -i IN -map 0 -c copy -vf fps=30 -c:v libx264 -crf 12 OUT.mkv',
    });
  }
  const { frameRate, slots } = timeline;
  const streams = mediaStreams(probe);
  const startSeconds = Number(text(probe.format, 'start_time') ?? 0);
  return {
    kind: 'video',
    file: path,
    sizeBytes: (await stat(path)).size,
    formatName,
    durationSeconds: slotsToSeconds((slots.at(-1) ?? 0) + 1, frameRate),
    video: {
      streamIndex: stream.index,
      codecName: stream.codecName ?? 'unknown',
      pixelFormat,
      format: planarFormat(record, pixelFormat, {
        widthPx: isTurned ? storedHeightPx : storedWidthPx,
        heightPx: isTurned ? storedWidthPx : storedHeightPx,
      }),
      storedWidthPx,
      storedHeightPx,
      rotationDegrees,
      sampleAspectRatio: isTurned ? { num: storedAspect.den, den: storedAspect.num } : storedAspect,
      frameRate,
      timeBase: stream.timeBase,
      colour: colourTagsOf(record),
      ptsTicks,
      keyframes,
      slots,
      frameCount: ptsTicks.length,
    },
    streams,
    audioStreams: streams.filter(({ type }) => type === 'audio'),
    startMicroseconds: Number.isFinite(startSeconds) ? Math.round(startSeconds * 1e6) : 0,
    tags: tagsOf(probe.format),
  };
}
