import { FaceswapError } from '../errors.js';
import { integer, type RawProbe, type RawStream, text } from './stream-probe.js';

/**
 * How large a target may be. A file of a few bytes can announce any size; what it announces is bounded here before memory is
 * taken for it. All limits are far above what cameras and editors make.
 */
export const mediaLimits = {
  /** Longest side of a picture; what H.264 and most encoders end at. */
  sidePx: 16_384,
  /** A frame of 8K by 8K: 96 MiB as 8-bit 4:2:0, of which several are held. */
  pixels: 8192 * 8192,
  /** A film with sound and subtitles in all languages and its fonts has about a hundred; each may have to be tried in the output's container. */
  streams: 256,
  /** All codec headers and attachments (fonts, cover art) together, which ffmpeg holds in memory. */
  extraBytes: 256 * 2 ** 20,
  durationSeconds: 31 * 24 * 3600,
} as const;

const stage = 'probe';

/**
 * Checks how many streams a file has and what they weigh.
 *
 * @throws FaceswapError (media).
 */
export function checkStreamBounds({ streams }: RawProbe, file: string): void {
  if (streams.length > mediaLimits.streams) {
    throw new FaceswapError(
      'media',
      `The file has ${streams.length} streams, more than ${mediaLimits.streams}`,
      {
        file,
        stage,
      },
    );
  }
  const extraBytes = streams.reduce((sum, record) => sum + (integer(record, 'extradata_size') ?? 0), 0);
  if (extraBytes > mediaLimits.extraBytes) {
    throw new FaceswapError('media', 'Attachments and headers of the file take more than 256 MiB', {
      file,
      stage,
      hint: 'Leave the attachments out: ffmpeg -i IN -map 0 -map -0:t -c copy OUT.mkv',
    });
  }
}

/**
 * Checks the picture size that a video stream announces.
 *
 * @throws FaceswapError (media) when there is none, or when it is too large.
 */
export function checkPictureBounds(record: RawStream, file: string): void {
  const widthPx = integer(record, 'width') ?? 0;
  const heightPx = integer(record, 'height') ?? 0;
  if (widthPx < 1 || heightPx < 1) {
    throw new FaceswapError(
      'media',
      `The ${text(record, 'codec_name') ?? 'unknown'} video has no picture size`,
      {
        file,
        stage,
        hint: 'The stream is damaged or empty',
      },
    );
  }
  if (Math.max(widthPx, heightPx) <= mediaLimits.sidePx && widthPx * heightPx <= mediaLimits.pixels) return;
  throw new FaceswapError('media', `The picture is too large: ${widthPx}x${heightPx}`, {
    file,
    stage,
    hint: `At most ${mediaLimits.sidePx} pixels a side and ${mediaLimits.pixels / 2 ** 20} Mi pixels in all; scale it down first`,
  });
}

/**
 * Checks how long a video lasts by the times of its frames.
 *
 * @throws FaceswapError (media).
 */
export function checkDurationBounds(seconds: number, file: string): void {
  if (seconds <= mediaLimits.durationSeconds) return;
  throw new FaceswapError('media', 'By its timestamps the video lasts longer than a month', {
    file,
    stage,
    hint: 'Its timestamps are damaged; remux it, or cut it into parts',
  });
}
