import { readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { FaceswapError } from '../errors.js';
import { slotCount } from '../media/target-media.js';
import { formatBytes } from './byte-size.js';
import { fileFailure } from './file-failure.js';
import { codeOf, regularFileBytes } from './job-file.js';
import type { RunWarning } from './run-report.js';
import type { PreparedVideo } from './video-preparation.js';

/**
 * Bits per pixel that x264 takes at crf 23 for ordinary film: between 0.05 (still, clean) and 0.2 (noise, movement); half as many for every
 * six steps of crf, as its manual says. Other lossy encoders are taken for x264.
 */
const bitsPerPixelAtCrf23 = 0.1;

/** Share of its raw size that FFV1 leaves of film. */
const losslessShare = 0.5;

/** Bits per pixel of ProRes 422 HQ, which does not depend on the picture. */
const proresBitsPerPixel = 3.5;

/** An estimate may be wrong by this factor to both sides. */
const estimateSpread = 8;

const videoBytes = ({ target, encoding, frameBytes, plan }: SpaceInput): number => {
  const frames = plan.outputFrameCount;
  if (encoding.encoder === 'ffv1') return frames * frameBytes * losslessShare;
  const { widthPx, heightPx } = target.video.format;
  const crf = 51 - (51 * encoding.quality) / 100;
  const bitsPerPixel =
    encoding.encoder === 'prores_ks' ? proresBitsPerPixel : bitsPerPixelAtCrf23 * 2 ** ((23 - crf) / 6);
  return Math.min((frames * widthPx * heightPx * bitsPerPixel) / 8, frames * frameBytes);
};

type SpaceInput = Pick<PreparedVideo, 'target' | 'plan' | 'encoding' | 'frameBytes'>;

/** A rough guess of what a run writes, in bytes. */
export type SpaceNeed = {
  /** Segments, and the output that is joined from them and lies beside them for a moment. */
  readonly likelyBytes: number;
  /** Less than this has hardly ever been enough. */
  readonly leastBytes: number;
};

/**
 * Guesses the space that a run needs. A picture of the target's own quality takes what the target takes, so that the lower bound is that of the
 * two guesses that is smaller.
 *
 * @param doneBytes of segments that lie there already.
 */
export function spaceNeed(input: SpaceInput, doneBytes: number): SpaceNeed {
  const { target, plan } = input;
  const share =
    slotCount(target.video, plan.range) /
    Math.max(1, slotCount(target.video, { start: 0, end: target.video.frameCount }));
  const targetBytes = target.sizeBytes * share;
  const likely = videoBytes(input);
  const least = Math.min(likely / estimateSpread, targetBytes / 2);
  return {
    likelyBytes: Math.max(0, Math.round(2 * likely - doneBytes)),
    leastBytes: Math.max(0, Math.round(2 * least - doneBytes)),
  };
}

/** Free bytes for us where a folder lies; undefined where the system does not tell. */
export async function freeBytes(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch (error) {
    if (codeOf(error) === 'ENOSYS' || codeOf(error) === 'ENOTSUP') return undefined;
    throw fileFailure(error, folder, 'plan');
  }
}

/**
 * Compares the need with what is there.
 *
 * @returns a warning where it may be too little; undefined where it is enough.
 * @throws FaceswapError (resources) where it is plainly too little.
 */
export function checkSpace(need: SpaceNeed, free: number, folder: string): RunWarning | undefined {
  const { likelyBytes, leastBytes } = need;
  if (free < leastBytes) {
    throw new FaceswapError(
      'resources',
      `There are ${formatBytes(free)} free, and the run needs about ${formatBytes(likelyBytes)}`,
      {
        file: folder,
        stage: 'plan',
        hint: 'Free some space, give another --job-dir or a lower --output-video-quality',
      },
    );
  }
  if (free >= likelyBytes) return undefined;
  return {
    code: 'disk-space',
    message: `There are ${formatBytes(free)} free, and the run may need about ${formatBytes(likelyBytes)}`,
    file: folder,
  };
}

/** Bytes of all files in a folder and those below it; what disappears meanwhile counts as nothing. */
export async function folderBytes(folder: string): Promise<number> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const sizes = await Promise.all(
      entries.map(async (entry) => {
        const path = join(folder, entry.name);
        return entry.isDirectory() ? folderBytes(path) : ((await regularFileBytes(path)) ?? 0);
      }),
    );
    return sizes.reduce((sum, bytes) => sum + bytes, 0);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 0;
    throw fileFailure(error, folder, 'encode');
  }
}

/** Looks at the folder come at most this often while frames pass. */
const lookIntervalMs = 500;

/** Keeps a job folder below `--max-disk`. */
export class DiskLimit {
  readonly #folder: string;
  readonly #limitBytes: number;
  #lastLookMs = Number.NEGATIVE_INFINITY;
  #failure: unknown;

  constructor(folder: string, limitBytes: number) {
    this.#folder = folder;
    this.#limitBytes = limitBytes;
  }

  /**
   * Call it for every frame: it looks at the folder now and then and tells at a later call.
   *
   * @throws FaceswapError (resources) when the folder was too large.
   */
  watch(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const nowMs = performance.now();
    if (nowMs - this.#lastLookMs < lookIntervalMs) return;
    this.#lastLookMs = nowMs;
    this.check().catch((error: unknown) => {
      this.#failure = error;
    });
  }

  /**
   * @param more bytes that are about to be written.
   * @throws FaceswapError (resources) when the folder is too large, or will be.
   */
  async check(more = 0): Promise<void> {
    const bytes = (await folderBytes(this.#folder)) + more;
    if (bytes <= this.#limitBytes) return;
    throw new FaceswapError(
      'resources',
      more > 0
        ? `Segments and output together take ${formatBytes(bytes)}, more than --max-disk allows (${formatBytes(this.#limitBytes)})`
        : `The job has reached --max-disk (${formatBytes(this.#limitBytes)})`,
      { file: this.#folder, stage: more > 0 ? 'mux' : 'encode', hint: 'Give a larger --max-disk' },
    );
  }
}
