import { FaceswapError } from '../errors.js';
import type { HdrPrimaries, HdrSignal, HdrTransfer } from '../imaging/tone-curve.js';
import { integer, type RawStream, text } from './stream-probe.js';

/** Transfer functions of high dynamic range, by ffprobe's names. */
const transfers: Readonly<Record<string, HdrTransfer>> = { smpte2084: 'pq', 'arib-std-b67': 'hlg' };

/** Primaries of high dynamic range, by ffprobe's names. */
const primariesNames: Readonly<Record<string, HdrPrimaries>> = {
  bt2020: 'bt2020',
  smpte432: 'p3',
  bt709: 'bt709',
};

const stage = 'probe';

const transferOf = (record: RawStream): HdrTransfer | undefined => {
  const transfer = text(record, 'color_transfer') ?? '';
  return Object.hasOwn(transfers, transfer) ? transfers[transfer] : undefined;
};

/**
 * What the R'G'B' values of a stream of high dynamic range mean; undefined for standard range. Primaries that the stream does not tell
 * are those of BT.2100.
 */
export function hdrSignalOf(record: RawStream): HdrSignal | undefined {
  const transfer = transferOf(record);
  if (transfer === undefined) return undefined;
  const primaries = text(record, 'color_primaries') ?? 'bt2020';
  return { transfer, primaries: primariesNames[primaries] ?? 'bt2020' };
}

/** Tags of tracks whose picture needs Dolby's metadata; tracks that can be shown without have those of their codec. */
const dolbyTags = /^(dvh1|dvhe|dva1|dvav|dav1)$/;

/**
 * Refuses streams whose light or colours cannot be told from their samples.
 *
 * @throws FaceswapError (media) for Dolby Vision whose base layer is no picture (such as profile 5), for ICtCp, and for primaries that
 * no standard of high dynamic range has
 */
export function checkHdr(record: RawStream, file: string): void {
  const profile = integer(record, 'dv_profile');
  const compatibility = integer(record, 'dv_bl_signal_compatibility_id');
  const isDolbyOnly =
    profile === undefined
      ? dolbyTags.test(text(record, 'codec_tag_string') ?? '')
      : profile === 5 || compatibility === 0;
  if (isDolbyOnly) {
    throw new FaceswapError(
      'media',
      `Dolby Vision${profile === undefined ? '' : ` profile ${profile}`} is not supported: without Dolby's metadata it has no viewable picture`,
      {
        file,
        stage,
        hint: 'Use a version in HDR10, HLG or standard range, or Dolby Vision of profile 7 or 8, which contains one',
      },
    );
  }
  const space = text(record, 'color_space') ?? '';
  if (space === 'ictcp' || space === 'ipt-c2') {
    throw new FaceswapError('media', `Video in ${space === 'ictcp' ? 'ICtCp' : 'IPT'} is not supported yet`, {
      file,
      stage,
      hint: 'Convert it first: ffmpeg -i IN -map 0 -c copy -vf zscale=m=2020_ncl,format=yuv420p10le -c:v libx265 -crf 12 OUT.mkv',
    });
  }
  const primaries = text(record, 'color_primaries');
  if (
    transferOf(record) !== undefined &&
    primaries !== undefined &&
    !Object.hasOwn(primariesNames, primaries)
  ) {
    throw new FaceswapError('media', `HDR video with the primaries ${primaries} is not supported yet`, {
      file,
      stage,
      hint: 'Convert it first: ffmpeg -i IN -map 0 -c copy -vf zscale=p=2020:m=2020_ncl,format=yuv420p10le -c:v libx265 -crf 12 OUT.mkv',
    });
  }
}
