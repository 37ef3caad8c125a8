import type { PlanarFrame } from '../../src/imaging/planar-frame.js';
import { Scratch } from '../../src/imaging/scratch.js';
import { alignedPsnrDb } from '../../src/processors/quality-monitor/aligned-psnr.js';
import { FaceMasks } from '../../src/processors/quality-monitor/face-masks.js';
import { LumaHistory } from '../../src/processors/quality-monitor/frame-comparison.js';
import { FrameMonitor } from '../../src/processors/quality-monitor/frame-monitor.js';
import { blocksOf, maskedSsim } from '../../src/processors/quality-monitor/masked-ssim.js';
import { seamError } from '../../src/processors/quality-monitor/seam-error.js';
import { plainAlignedError, plainMaskedSsim, plainSeam } from '../../test/support/reference/monitor.js';
import { placedFace } from '../../test/support/unit-meshes.js';
import type { KernelEntry } from './kernel-entry.js';
import { noiseFrame } from './noise-frame.js';

const [widthPx, heightPx] = [1920, 1080];
/** About what is blended for a face of 400 × 500 pixels. */
const region = { x: 700, y: 200, width: 580, height: 720 };
const area = { left: 700, top: 200, right: 1280, bottom: 920 };
const box = { x: 790, y: 310, width: 400, height: 500 };
const toPast = { a: 1.01, b: 0.02, c: -3.3, d: -0.02, e: 1.01, f: 2.2 };
/** What {@link alignedPsnrDb} makes of such a box. */
const step = 7;

const history = new LumaHistory();
const masks = new FaceMasks();
const scratch = new Scratch();
let frame: PlanarFrame;

const discMask = (): Float32Array => {
  const mask = scratch.floats('mask', region.width * region.height);
  for (let i = 0; i < mask.length; i++) {
    const x = (2 * (i % region.width)) / region.width - 1;
    const y = (2 * Math.floor(i / region.width)) / region.height - 1;
    mask[i] = Math.min(1, Math.max(0, 5 * (0.7 - Math.hypot(x, y))));
  }
  return mask;
};

const prepare = (): void => {
  frame = noiseFrame(widthPx, heightPx, 8);
  history.push(frame);
  frame.data.reverse();
  history.push(frame);
  masks.begin(frame.format);
  masks.mark(1, { region, mask: discMask() });
};

const planes = () => {
  const { before, latest } = history;
  if (before === null || latest === null) throw new Error('prepare() comes first');
  return { before, latest, first: { data: before, widthPx }, second: { data: latest, widthPx } };
};

const whole = new FrameMonitor();
const points = placedFace({ x: 990, y: 560, eyesPx: 180 });

export const monitor: readonly KernelEntry[] = [
  {
    name: 'monitor: SSIM by mask, 580×720',
    prepare,
    plain: () => plainMaskedSsim(planes().first, planes().second, { data: masks.plane, widthPx }, area, 255),
    kernel: () =>
      maskedSsim(planes().before, planes().latest, masks.plane, widthPx, blocksOf(area, widthPx, heightPx)),
  },
  {
    name: 'monitor: seam, 580×720',
    prepare,
    plain: () => plainSeam(planes().first, planes().second, { data: masks.plane, widthPx }, area),
    kernel: () => seamError(planes().before, planes().latest, masks.plane, widthPx, area),
  },
  {
    name: 'monitor: aligned PSNR, 400×500',
    prepare,
    plain: () =>
      plainAlignedError(
        planes().first,
        planes().second,
        heightPx,
        { left: box.x, top: box.y, right: box.x + box.width, bottom: box.y + box.height },
        toPast,
        step,
      ),
    kernel: () => alignedPsnrDb(planes().before, planes().latest, widthPx, heightPx, box, toPast),
  },
  {
    // The plain figures of one face together, without what the frame costs.
    name: 'monitor: all of a 1080p frame with one face of 400 pixels',
    prepare,
    plain: () => {
      plainMaskedSsim(planes().first, planes().second, { data: masks.plane, widthPx }, area, 255);
      plainSeam(planes().first, planes().second, { data: masks.plane, widthPx }, area);
    },
    kernel: () => {
      whole.startFrame(frame);
      whole.mark(1, { region, mask: scratch.floats('mask', region.width * region.height) });
      whole.finishFrame(frame);
      whole.figuresOf({ face: 1, box, points, pointsBefore: points });
    },
  },
];
