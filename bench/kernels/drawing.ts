import type { PlanarFormat } from '../../src/imaging/planar-frame.js';
import { landmarkInputPx } from '../../src/processors/face-landmarker/face-landmarker.js';
import { meshPointCount } from '../../src/processors/face-landmarker/mesh-indices.js';
import {
  allocateAppearance,
  AppearanceReader,
  appearanceSize,
} from '../../src/processors/face-swapper/appearance.js';
import { faceShape } from '../../src/processors/face-swapper/face-shape.js';
import { MeshSwapper, type SwapRequest } from '../../src/processors/face-swapper/mesh-swapper.js';
import { facingOf } from '../../src/processors/face-swapper/rectify.js';
import { toneSide } from '../../src/processors/face-swapper/skin-tones.js';
import { PlainAppearanceReader } from '../../test/support/reference/appearance.js';
import { plainDraw } from '../../test/support/reference/mesh-swapper.js';
import { plainZones, sourceFaceOf } from '../../test/support/unit-faces.js';
import { formatOf, paintFrame, skinPicture } from '../../test/support/unit-frames.js';
import { placedFace } from '../../test/support/unit-meshes.js';
import { seededRandom } from '../../test/support/unit-random.js';
import type { KernelEntry } from './kernel-entry.js';

/** A face of that width (outline to outline), slightly turned, in the middle of a frame. */
const drawing = (facePx: number, widthPx: number, heightPx: number, hasField = false): KernelEntry => {
  const format: PlanarFormat = formatOf(widthPx, heightPx);
  const swapper = new MeshSwapper(plainZones);
  const field = hasField ? new Float32Array(3 * toneSide ** 2).fill(2) : null;
  let request: SwapRequest;
  return {
    name: `draw a ${facePx} px face at ${heightPx}p${hasField ? ' with a colour field' : ''}`,
    prepare: () => {
      const photo = paintFrame(formatOf(700, 700, 'rgb'), skinPicture);
      const source = sourceFaceOf(photo, placedFace({ x: 350, y: 330, eyesPx: 260 }));
      // The mean face is 1.6 times as wide as its eyes are apart.
      const points = placedFace({
        x: widthPx / 2,
        y: heightPx / 2,
        eyesPx: facePx / 1.6,
        yaw: 0.2,
        roll: 0.1,
      });
      request = {
        source,
        points,
        shape: faceShape(points),
        colour: { gain: Float32Array.of(1.1, 0.9, 0.9), offset: Float32Array.of(-5, 1, 1), field },
        open: new Float32Array(appearanceSize ** 2).fill(1),
      };
    },
    plain: () => plainDraw(format, request, plainZones),
    kernel: () => swapper.draw(format, request),
  };
};

const reading = (): KernelEntry => {
  const reader = new AppearanceReader(plainZones);
  const plainReader = new PlainAppearanceReader(plainZones);
  const out = allocateAppearance();
  const points = placedFace({ x: 96, y: 96, eyesPx: 80, yaw: 0.2 });
  const facing = facingOf(points, new Float32Array(meshPointCount));
  const crop = new Float32Array(3 * landmarkInputPx ** 2);
  return {
    name: 'read the appearance of a face',
    prepare: () => {
      const random = seededRandom(1);
      for (let i = 0; i < crop.length; i++) crop[i] = random.between(0.3, 0.7);
    },
    plain: () => plainReader.read(crop, landmarkInputPx, points, facing),
    kernel: () => reader.read(crop, landmarkInputPx, points, facing, out),
  };
};

export const drawingEntries: readonly KernelEntry[] = [
  reading(),
  drawing(100, 1920, 1080),
  drawing(500, 1920, 1080),
  drawing(500, 1920, 1080, true),
  drawing(1000, 3840, 2160),
];
