import { type Affine, cropToFrame } from '../../src/imaging/affine.js';
import { FrameCropper } from '../../src/imaging/frame-crop.js';
import type { BitDepth, PlanarFrame } from '../../src/imaging/planar-frame.js';
import { plainCrop } from '../../test/support/reference/frame-crop.js';
import type { KernelEntry } from './kernel-entry.js';
import { noiseFrame } from './noise-frame.js';

const cropEntry = (
  name: string,
  size: readonly [number, number, BitDepth],
  sizePx: number,
  toFrame: Affine,
): KernelEntry => {
  const cropper = new FrameCropper();
  const out = new Float32Array(3 * sizePx * sizePx);
  const scaling = { scale: 1, offset: 0 };
  let frame: PlanarFrame;
  return {
    name,
    prepare: () => {
      frame = noiseFrame(...size);
    },
    plain: () => plainCrop(frame, toFrame, sizePx, sizePx, out, scaling),
    kernel: () => cropper.crop(frame, toFrame, sizePx, sizePx, out, scaling),
  };
};

const whole = (sidePx: number): Affine => cropToFrame({ x: sidePx / 2, y: sidePx / 2 }, sidePx, 0, 256);

export const sampling: readonly KernelEntry[] = [
  cropEntry(
    'sampling: crop of a face of 100 px (enlarged), 1080p',
    [1920, 1080, 8],
    192,
    cropToFrame({ x: 900, y: 500 }, 150, 0.2, 192),
  ),
  cropEntry(
    'sampling: crop of a face of 300 px, 1080p',
    [1920, 1080, 8],
    192,
    cropToFrame({ x: 900, y: 500 }, 450, 0.2, 192),
  ),
  cropEntry(
    'sampling: crop of a face of 600 px, 1080p',
    [1920, 1080, 8],
    192,
    cropToFrame({ x: 900, y: 540 }, 900, 0.2, 192),
  ),
  cropEntry(
    'sampling: crop of a face of 600 px, 2160p',
    [3840, 2160, 8],
    192,
    cropToFrame({ x: 1900, y: 1000 }, 900, 0.2, 192),
  ),
  cropEntry(
    'sampling: crop of a face of 600 px, 2160p 10 bits',
    [3840, 2160, 10],
    192,
    cropToFrame({ x: 1900, y: 1000 }, 900, 0.2, 192),
  ),
  cropEntry('sampling: crop of a whole frame, 1080p', [1920, 1080, 8], 256, whole(1920)),
  cropEntry('sampling: crop of a whole frame, 2160p', [3840, 2160, 8], 256, whole(3840)),
];
