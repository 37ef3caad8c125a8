/** What the time of a run is guessed from. */
export type EstimateInput = {
  /** Frames that are rendered. */
  readonly frames: number;
  readonly widthPx: number;
  readonly heightPx: number;
};

/** The machine that {@link estimateSeconds} speaks of. */
export const estimateMachine = '2 cores of a 2.3 GHz Xeon';

/** Once per run: worker, models and source photos at the start, joining and checking at the end. */
const startMs = 2300;

/** Per frame, whatever its size: the way through the threads, the fixed-size inputs of the detector. */
const frameMs = 3;

/** Per frame and million pixels: decoding, scene cuts, scaling for the detector, comparing, encoding. */
const megapixelMs = 40;

/** Per face: landmarks, identity, smoothing, swap and blend. */
const faceMs = 27;

/** How many faces a frame has is not known before it was searched. */
const facesPerFrame = 1;

/**
 * A rough guess of how long a run takes, in seconds: a fixed start, and per frame a base, a part per million
 * pixels and a part per face, one face per frame assumed. Nothing of the machine, the encoder, its preset or
 * the options goes into it; another machine, more faces or a slow preset easily double it.
 *
 * Measured with the built command on two virtual cores of a 2.3 GHz Xeon; with other work beside it the same
 * run took up to 1.7 times as long. To repeat, several times over:
 *
 *     faceswap run -s test/fixtures/grace_hopper.jpg -t ../shared/media/open/webcam_talk.mp4 -o out.mp4 --json --trim-frame-end N
 *
 * with N = 10 and 210 (400x300, one face), and on `cafe_passersby_occlusion_720p.mp4` with N = 10 and 70 (1.2
 * faces a frame). The differences of `wallMs` between the two N give the time per frame without the start: 30
 * and 75 ms on the idle machine. The sum of `stageMs` from `landmarks` to `monitor` over the faces gives the part
 * of a face (25 ms and more); what remains at the two sizes gives base and megapixel part. The constants give 35 ms
 * for the small clip and, with its 1.2 faces, 72 ms for the large one. They were taken before the pixel loops became
 * kernels, so they guess too much for large faces.
 */
export function estimateSeconds({ frames, widthPx, heightPx }: EstimateInput): number {
  const perFrameMs = frameMs + megapixelMs * ((widthPx * heightPx) / 1e6) + faceMs * facesPerFrame;
  return (startMs + frames * perFrameMs) / 1000;
}
