import { cropToFrame } from '../../src/imaging/affine.js';
import { kernels } from '../../src/imaging/kernels/kernels.js';
import { MembraneSolver } from '../../src/imaging/membrane.js';
import type { PlanarFrame } from '../../src/imaging/planar-frame.js';
import { PyramidSteps } from '../../src/imaging/pyramid.js';
import { Scratch } from '../../src/imaging/scratch.js';
import type { FacePatch } from '../../src/processors/face-swapper/mesh-swapper.js';
import { CropPaster, type SwappedCrop } from '../../src/processors/multiband-blender/crop-paster.js';
import { type BlendSettings, FaceBlender } from '../../src/processors/multiband-blender/face-blender.js';
import { softBoxMask } from '../../src/processors/multiband-blender/soft-mask.js';
import { deepened } from '../../test/support/deep-frames.js';
import { plainDrawn } from '../../test/support/reference/crop-paster.js';
import { PlainFaceBlender } from '../../test/support/reference/face-blender.js';
import { membraneSize, plainMembrane } from '../../test/support/reference/membrane.js';
import { PlainPyramidSteps } from '../../test/support/reference/pyramid.js';
import { formatOf, paintFrame, skinPicture } from '../../test/support/unit-frames.js';
import { seededRandom } from '../../test/support/unit-random.js';
import type { KernelEntry } from './kernel-entry.js';

const gains = Float32Array.of(0.9, 1.1, 1.05);

/** Inputs of several entries lie in kernel memory at once, and must not be lost to its growth. */
const roomForAll = (): void => kernels().memory.reserve(2 ** 29);

const paintedFrame = (widthPx: number, heightPx: number, bitDepth: 8 | 10): PlanarFrame => {
  const frame = paintFrame(formatOf(widthPx, heightPx), skinPicture);
  return bitDepth === 8 ? frame : deepened(frame);
};

/** A drawn face as the mesh swapper gives it, in kernel memory: an ellipse of noise, eyes and mouth moved by some pixels. */
const drawnFace = (facePx: number, { format }: PlanarFrame): FacePatch => {
  const scratch = new Scratch();
  const random = seededRandom(3);
  const height = Math.round(1.15 * facePx);
  const margin = 0.22 * height + 4;
  const even = (value: number): number => 2 * Math.round(value / 2);
  const region = {
    x: even((format.widthPx - facePx) / 2 - margin),
    y: even((format.heightPx - height) / 2 - margin),
    width: even(facePx + 2 * margin),
    height: even(height + 2 * margin),
  };
  const count = region.width * region.height;
  const plane = (name: string, length: number, value: (i: number) => number): Float32Array => {
    const out = scratch.floats(name, length);
    for (let i = 0; i < length; i++) out[i] = value(i);
    return out;
  };
  const distance = (i: number): number => {
    const x = ((i % region.width) + 0.5 - region.width / 2) / (facePx / 2);
    const y = (Math.floor(i / region.width) + 0.5 - region.height / 2) / (height / 2);
    return Math.hypot(x, y);
  };
  const moved = (i: number): number => (distance(i) < 0.8 ? 5 * (0.8 - distance(i)) : 0);
  return {
    region,
    faceWidthPx: facePx,
    planes: [
      plane('0', count, () => random.between(90, 170)),
      plane('1', count / 4, () => random.between(100, 120)),
      plane('2', count / 4, () => random.between(140, 160)),
    ],
    coverage: plane('coverage', count, (i) => (distance(i) < 1 ? 1 : 0)),
    mask: plane('mask', count, (i) => Math.min(1, Math.max(0, 6 - 6 * distance(i)))),
    outline: null,
    placeX: plane('x', count, (i) => (i % region.width) + moved(i)),
    placeY: plane('y', count, (i) => Math.floor(i / region.width) - moved(i)),
  };
};

const blending = (
  mode: BlendSettings['mode'],
  facePx: number,
  [widthPx, heightPx, bitDepth]: readonly [number, number, 8 | 10],
): KernelEntry => {
  const plain = new PlainFaceBlender();
  const kernel = new FaceBlender();
  let frame: PlanarFrame;
  let untouched: PlanarFrame['data'];
  let patch: FacePatch;
  // Both write into the same frame; it is put back first, which is in both times.
  const run = (blender: Pick<FaceBlender, 'blend'>): void => {
    frame.data.set(untouched);
    blender.blend(frame, patch, { mode, detailGain: gains, featureLift: 0.5 });
  };
  return {
    name: `blend ${mode} of a ${facePx} px face at ${heightPx}p${bitDepth === 10 ? ' 10 bits' : ''}`,
    prepare: () => {
      roomForAll();
      frame = paintedFrame(widthPx, heightPx, bitDepth);
      untouched = frame.data.slice();
      patch = drawnFace(facePx, frame);
    },
    plain: () => run(plain),
    kernel: () => run(kernel),
  };
};

const pasting = (sizePx: number, sidePx: number): KernelEntry => {
  const paster = new CropPaster();
  const format = formatOf(1920, 1080);
  let swapped: SwappedCrop;
  let region: FacePatch['region'];
  return {
    name: `paste of a ${sizePx} px crop as ${sidePx} px at 1080p`,
    prepare: () => {
      roomForAll();
      const random = seededRandom(4);
      const crop = new Scratch().floats('crop', 3 * sizePx * sizePx);
      for (let i = 0; i < crop.length; i++) crop[i] = random.next();
      swapped = {
        crop,
        mask: softBoxMask(sizePx, 0.3, [0, 0, 0, 0]),
        sizePx,
        toFrame: cropToFrame({ x: 960, y: 540 }, sidePx, 0.1, sizePx),
        faceShare: 0.62,
      };
      const patch = paster.patch(format, swapped);
      if (patch === null) throw new Error('The crop lies outside of the frame');
      region = patch.region;
    },
    plain: () => plainDrawn(format, swapped, region),
    kernel: () => paster.patch(format, swapped),
  };
};

const steps = (sizePx: number): KernelEntry => {
  const scratch = new Scratch();
  const plain = new PlainPyramidSteps();
  const kernel = new PyramidSteps();
  let fine: Float32Array;
  let coarse: Float32Array;
  const run = (pyramid: Pick<PyramidSteps, 'reduce' | 'expandAdd'>): void => {
    pyramid.reduce(fine, sizePx, sizePx, coarse);
    pyramid.expandAdd(coarse, sizePx, sizePx, fine, -1);
  };
  return {
    name: `pyramid step and back, ${sizePx}²`,
    prepare: () => {
      roomForAll();
      fine = scratch.floats('fine', sizePx * sizePx).fill(1);
      coarse = scratch.floats('coarse', (sizePx * sizePx) / 4);
    },
    plain: () => run(plain),
    kernel: () => run(kernel),
  };
};

/** A membrane over a square, held along a ring. */
const membrane = (sizePx: number): KernelEntry => {
  const solver = new MembraneSolver();
  const size = membraneSize(sizePx, sizePx);
  const count = size.width * size.height;
  const held = (i: number): number => {
    const [x, y] = [
      (2 * (i % size.width)) / size.width - 1,
      (2 * Math.floor(i / size.width)) / size.height - 1,
    ];
    const radius = Math.hypot(x, y);
    return radius > 0.8 && radius < 0.95 ? 0.01 : 0;
  };
  const diagonal = Float32Array.from({ length: count }, (_, i) => 4.00001 + held(i));
  const rhs = Float32Array.from({ length: count }, (_, i) => held(i) * 30);
  return {
    name: `membrane over ${sizePx}²`,
    prepare: () => {
      roomForAll();
      solver.layOut(sizePx, sizePx);
      const { buffer } = kernels().memory;
      for (let y = 0; y < size.height; y++) {
        const line = 4 * y * solver.stride;
        const row = [y * size.width, (y + 1) * size.width] as const;
        new Float32Array(buffer, solver.rhs + line, size.width).set(rhs.subarray(...row));
        new Float32Array(buffer, solver.diagonal + line, size.width).set(diagonal.subarray(...row));
      }
    },
    plain: () => plainMembrane(rhs, diagonal, size),
    kernel: () => solver.solve(),
  };
};

export const blendingEntries: readonly KernelEntry[] = [
  ...(['basic', 'multiband', 'poisson', 'seamless'] as const).map((mode) =>
    blending(mode, 400, [1920, 1080, 8]),
  ),
  blending('poisson', 400, [1920, 1080, 10]),
  blending('poisson', 1000, [3840, 2160, 8]),
  membrane(400),
  blending('multiband', 300, [1920, 1080, 8]),
  blending('multiband', 500, [1920, 1080, 8]),
  blending('multiband', 500, [1920, 1080, 10]),
  blending('multiband', 1000, [3840, 2160, 8]),
  blending('basic', 500, [1920, 1080, 8]),
  pasting(128, 500),
  pasting(128, 800),
  pasting(512, 250),
  steps(128),
];
