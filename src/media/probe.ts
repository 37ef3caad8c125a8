import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { FaceswapError } from '../errors.js';
import type { PlanarFormat } from '../imaging/planar-frame.js';
import { announcedEnd } from './announced-end.js';
import { colourTagsOf, matrixOf } from './colour-tags.js';
import { type FfmpegTools, requireDecoder } from './ffmpeg-tools.js';
import { type FrameTable, readFrameTable } from './frame-table.js';
import { readLight } from './hdr-metadata.js';
import { checkHdr, hdrSignalOf } from './hdr-signal.js';
import { sniffMediaKind } from './media-kind.js';
import { checkDurationBounds, checkPictureBounds, checkStreamBounds } from './media-bounds.js';
import { type Orientation, readOrientation } from './orientation.js';
import {
  arrivingFilters,
  type FramePixelFormat,
  framePixelFormat,
  isFullRangeName,
  pixelLayout,
} from './pixel-formats.js';
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
import type { DecodingRequest, Deinterlacer, SupportedPixelFormat, TargetMedia } from './target-media.js';
import { slotsToSeconds, timelineOf } from './timeline.js';

const stage = 'probe';

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

/** Decoders that give the alpha of WebM, which lies beside the pictures and which ffmpeg's own decoders leave out. */
const alphaDecoders: Readonly<Record<string, string>> = { vp8: 'libvpx', vp9: 'libvpx-vp9' };

const alphaDecoderOf = (record: RawStream): string | undefined => {
  const codec = text(record, 'codec_name') ?? '';
  const hasAlpha = tagsOf(record)['alpha_mode'] === '1' && text(record, 'pix_fmt') === 'yuv420p';
  return hasAlpha && Object.hasOwn(alphaDecoders, codec) ? alphaDecoders[codec] : undefined;
};

/** What the frames come as: ffprobe's name, or with a decoder of our choice that decoder's. */
const decodedFormatOf = (record: RawStream): string | undefined =>
  alphaDecoderOf(record) === undefined ? text(record, 'pix_fmt') : 'yuva420p';

const isInterlaced = (record: RawStream): boolean =>
  /^(tt|bb|tb|bt)$/.test(text(record, 'field_order') ?? '');

/** Layouts that both deinterlacers take without conversion in every ffmpeg since 4.0. */
const canDeinterlace = (pixelFormat: FramePixelFormat): boolean => {
  const { bitDepth, alpha, isRgb } = pixelLayout(pixelFormat);
  return bitDepth === 8 || (!alpha && !isRgb);
};

const checkInterlacing = (
  record: RawStream,
  file: string,
  pixelFormat: FramePixelFormat,
  deinterlacer: Deinterlacer | undefined,
): void => {
  if (deinterlacer === undefined && isInterlaced(record)) {
    throw new FaceswapError('media', 'The video is interlaced, and a face cannot be put into half lines', {
      file,
      stage,
      hint: 'Give --deinterlace bwdif: the output is then progressive, with one frame for each of the target',
    });
  }
  if (deinterlacer !== undefined && !canDeinterlace(pixelFormat)) {
    throw new FaceswapError('media', `${deinterlacer} cannot deinterlace ${pixelFormat}`, {
      file,
      stage,
      hint: 'It takes YUV of any depth, and RGB and alpha of 8 bits',
    });
  }
};

const decodingRequest = (
  record: RawStream,
  decodedFormat: string,
  orientation: Orientation,
  deinterlacer: Deinterlacer | undefined,
): DecodingRequest | undefined => {
  const decoder = alphaDecoderOf(record);
  const layoutFilters = arrivingFilters(decodedFormat);
  // A stream that does not say that it is interlaced may be so in parts: then the flag of each frame decides.
  const which = isInterlaced(record) ? 'all' : 'interlaced';
  const pictureFilters = [
    ...(deinterlacer === undefined ? [] : [`${deinterlacer}=mode=send_frame:deint=${which}`]),
    ...orientation.filters,
  ];
  if (decoder === undefined && pictureFilters.length + layoutFilters.length === 0) return undefined;
  return { decoder, deinterlacer, pictureFilters, layoutFilters };
};

const checkSupported = (record: RawStream, file: string): FramePixelFormat => {
  const decodedFormat = decodedFormatOf(record);
  const pixelFormat = decodedFormat === undefined ? undefined : framePixelFormat(decodedFormat);
  if (decodedFormat === undefined) {
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
  if (pixelFormat === undefined) {
    throw new FaceswapError('media', `Pixel format ${decodedFormat} is not supported yet`, {
      file,
      stage,
      hint:
        'YUV 4:2:0, 4:2:2 and 4:4:4 and RGB of 8, 10 or 12 bits are; ' +
        'convert it first: ffmpeg -i IN -map 0 -c copy -c:v libx264 -crf 12 -pix_fmt yuv420p OUT.mkv',
    });
  }
  if (pixelLayout(pixelFormat).isRgb && text(record, 'color_range') === 'tv') {
    throw new FaceswapError('media', 'RGB video of limited range is not supported yet', {
      file,
      stage,
      hint: 'Convert it to RGB of full range first',
    });
  }
  checkHdr(record, file);
  return pixelFormat;
};

const planarFormat = (
  record: RawStream,
  pixelFormat: FramePixelFormat,
  size: { widthPx: number; heightPx: number },
): PlanarFormat => {
  const { chromaShiftX, chromaShiftY, bitDepth, alpha, isRgb } = pixelLayout(pixelFormat);
  const isFull =
    isRgb || isFullRangeName(text(record, 'pix_fmt') ?? '') || text(record, 'color_range') === 'pc';
  const hdr = isRgb ? undefined : hdrSignalOf(record);
  const space = text(record, 'color_space') ?? (hdr === undefined ? undefined : 'bt2020nc');
  return {
    ...size,
    bitDepth,
    chromaShiftX,
    chromaShiftY,
    matrix: isRgb ? 'rgb' : matrixOf(space, integer(record, 'height') ?? 0),
    range: isFull ? 'full' : 'limited',
    ...(alpha ? { alpha } : {}),
    ...(hdr === undefined ? {} : { hdr }),
  };
};

/** The pixel format that ffmpeg is asked for: the layout's, or the old name of it that the stream has. */
const requestedFormat = (record: RawStream, pixelFormat: FramePixelFormat): SupportedPixelFormat => {
  const stored = text(record, 'pix_fmt');
  return stored === 'yuvj420p' || stored === 'yuvj422p' || stored === 'yuvj444p' ? stored : pixelFormat;
};

/**
 * The length of the last frame, where the stream's own length says more than its packet: in MP4 the lengths of packets are
 * those of decoding, which are not those of the frames when B-frames change the order.
 */
const withStreamEnd = (table: FrameTable, record: RawStream): FrameTable => {
  const length = integer(record, 'duration_ts');
  if (length === undefined) return table;
  const last = table.ptsTicks.at(-1) ?? 0;
  const toEnd = (integer(record, 'start_pts') ?? 0) + length - last;
  return toEnd > (table.lastDurationTicks ?? 0) ? { ...table, lastDurationTicks: toEnd } : table;
};

/**
 * Reads all that faceswap needs to know about a target video. The video stream is the one that ffmpeg and
 * players would choose among those that are not cover art: the first with the `default` disposition, else the
 * first. Untagged colour is taken as BT.601 below 720 lines and as BT.709 from there on, and as BT.2020 where the transfer function is
 * one of high dynamic range.
 *
 * @throws FaceswapError (media) for files that are missing, empty, damaged, renamed images, without video, of
 * a kind that is not supported yet (more than 12 bits, Dolby Vision without a picture of its own, interlaced without a
 * deinterlacer); (unavailable) when this ffmpeg has no decoder that keeps the alpha; (interrupted).
 */
export async function probeTarget(
  tools: FfmpegTools,
  file: string,
  options: { signal?: AbortSignal | undefined; deinterlacer?: Deinterlacer | undefined } = {},
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
  checkInterlacing(record, path, pixelFormat, options.deinterlacer);
  const orientation = await readOrientation(tools, path, record, options);
  const decoding = decodingRequest(
    record,
    decodedFormatOf(record) ?? pixelFormat,
    orientation,
    options.deinterlacer,
  );
  if (decoding?.decoder !== undefined) await requireDecoder(tools, decoding.decoder, path);
  const storedWidthPx = integer(record, 'width') ?? 0;
  const storedHeightPx = integer(record, 'height') ?? 0;
  const { rotationDegrees } = orientation;
  const isTurned = rotationDegrees === 90 || rotationDegrees === 270;
  const storedAspect = storedAspectRatio(record) ?? { num: 1, den: 1 };
  const stream = mediaStream(record);
  const table = withStreamEnd(await readFrameTable(tools, path, stream.index, options), record);
  const spanTicks = (table.ptsTicks.at(-1) ?? 0) - (table.ptsTicks[0] ?? 0);
  checkDurationBounds(spanTicks * rationalToNumber(stream.timeBase), path);
  const timeline = timelineOf(table, stream.timeBase, [
    parseRational(text(record, 'r_frame_rate')),
    parseRational(text(record, 'avg_frame_rate')),
  ]);
  const hasLight = hdrSignalOf(record) !== undefined || text(record, 'dv_profile') !== undefined;
  const light = hasLight ? await readLight(tools, path, stream.index, { ...options, stage }) : undefined;
  const streams = mediaStreams(probe);
  const startSeconds = Number(text(probe.format, 'start_time') ?? 0);
  return {
    kind: 'video',
    file: path,
    sizeBytes: (await stat(path)).size,
    formatName,
    durationSeconds: slotsToSeconds(timeline.endSlot, timeline.clock),
    video: {
      streamIndex: stream.index,
      codecName: stream.codecName ?? 'unknown',
      pixelFormat: requestedFormat(record, pixelFormat),
      format: planarFormat(record, pixelFormat, {
        widthPx: isTurned ? storedHeightPx : storedWidthPx,
        heightPx: isTurned ? storedWidthPx : storedHeightPx,
      }),
      storedWidthPx,
      storedHeightPx,
      rotationDegrees,
      sampleAspectRatio: isTurned ? { num: storedAspect.den, den: storedAspect.num } : storedAspect,
      ...timeline,
      timeBase: stream.timeBase,
      colour: colourTagsOf(record),
      ...(light === undefined ? {} : { light }),
      ptsTicks: table.ptsTicks,
      keyframes: table.keyframes,
      frameCount: table.ptsTicks.length,
      ...(decoding === undefined ? {} : { decoding }),
    },
    streams,
    audioStreams: streams.filter(({ type }) => type === 'audio'),
    startMicroseconds: Number.isFinite(startSeconds) ? Math.round(startSeconds * 1e6) : 0,
    tags: tagsOf(probe.format),
    chapterTags: probe.chapters.map(tagsOf),
    announcedEndSeconds: await announcedEnd(tools, path, { probe, table, stream }, options),
  };
}
