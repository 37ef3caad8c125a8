import type { PlanarFrame } from '../../src/imaging/planar-frame.js';
import { LumaThumbnail, thumbnailCells } from '../../src/processors/landmark-smoother/luma-thumbnail.js';
import { boxPsnrDb, boxSsim, LumaHistory } from '../../src/processors/quality-monitor/frame-comparison.js';
import { plainSquaredDifferences, plainSsim } from '../../test/support/reference/comparison.js';
import { plainThumbnail } from '../../test/support/reference/thumbnail.js';
import type { KernelEntry } from './kernel-entry.js';
import { noiseFrame } from './noise-frame.js';

const [widthPx, heightPx] = [1920, 1080];
const area = { left: 701, top: 250, right: 1201, bottom: 750 };
const box = { x: area.left, y: area.top, width: 500, height: 500 };

const comparisonEntries = (bitDepth: 8 | 10): KernelEntry[] => {
  const history = new LumaHistory();
  const prepare = (): void => {
    const frame = noiseFrame(widthPx, heightPx, bitDepth);
    history.push(frame);
    frame.data.reverse();
    history.push(frame);
  };
  const planes = () => {
    const { before, latest } = history;
    if (before === null || latest === null) throw new Error('prepare() comes first');
    return { before, latest };
  };
  const plain = <T>(
    work: (first: { data: ArrayLike<number>; widthPx: number }, second: typeof first) => T,
  ): T => {
    const { before, latest } = planes();
    return work({ data: before, widthPx }, { data: latest, widthPx });
  };
  return [
    {
      name: `comparison: PSNR of 500×500, ${bitDepth} bits`,
      prepare,
      plain: () => plain((first, second) => plainSquaredDifferences(first, second, area)),
      kernel: () => boxPsnrDb(planes().before, planes().latest, widthPx, heightPx, box),
    },
    {
      name: `comparison: SSIM of 500×500, ${bitDepth} bits`,
      prepare,
      plain: () => plain((first, second) => plainSsim(first, second, area, bitDepth === 8 ? 255 : 1020)),
      kernel: () => boxSsim(planes().before, planes().latest, widthPx, heightPx, box),
    },
  ];
};

const thumbnail = new LumaThumbnail();
const means = new Float32Array(thumbnailCells);
let frame: PlanarFrame;

export const comparison: readonly KernelEntry[] = [
  ...comparisonEntries(8),
  ...comparisonEntries(10),
  {
    name: 'comparison: thumbnail, 1080p',
    prepare: () => {
      frame = noiseFrame(widthPx, heightPx, 8);
    },
    plain: () => plainThumbnail(frame),
    kernel: () => {
      thumbnail.read(frame, means);
    },
  },
];
