import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  cropFromBox,
  landmarkInputPx,
  pointsInCrop,
} from '../../../src/processors/face-landmarker/face-landmarker.js';
import { Scratch } from '../../../src/imaging/scratch.js';
import { AppearanceReader, appearanceSize } from '../../../src/processors/face-swapper/appearance.js';
import { glassesContrast, glassesContrastThreshold } from '../../../src/processors/face-swapper/glasses.js';
import { facingOf } from '../../../src/processors/face-swapper/rectify.js';
import { loadChainModels } from '../../../src/pipeline/chain-models.js';
import { zonesFor } from '../../../src/pipeline/mask-zones.js';
import { resolveRunOptions } from '../../../src/pipeline/resolve-run-options.js';
import { type PortraitName, portraitFrame, portraitStill } from '../../support/unit-portraits.js';
import { formatOf } from '../../support/unit-frames.js';

const config = resolveRunOptions({ source: 's.png', target: 't.mp4', output: 'o.mp4' });

/** Reads a portrait as the chain does. */
const appearanceOf = async (name: PortraitName) => {
  const models = await loadChainModels(config);
  const frame = portraitFrame(await portraitStill(name), name, formatOf(320, 320, 'rgb'));
  const [face] = await models.detector.detectLarge(frame);
  assert.ok(face !== undefined, `${name} has a face`);
  const first = await models.landmarker.refine(frame, cropFromBox(face.box, face.rollRadians));
  const mesh = await models.landmarker.read(frame, first.crop);
  assert.equal(models.landmarker.input.length, 3 * landmarkInputPx ** 2, 'the crop is at hand');
  return new AppearanceReader(zonesFor(config)).read(
    models.landmarker.input,
    landmarkInputPx,
    pointsInCrop(mesh, new Float32Array(3 * 468)),
    facingOf(mesh.points, new Float32Array(468)),
  );
};

test('a portrait with thick glasses is told from one without', async () => {
  const withGlasses = (await appearanceOf('hopper')).glasses;
  const without = (await appearanceOf('astronaut')).glasses;
  assert.ok(withGlasses > glassesContrastThreshold, `with glasses ${withGlasses}`);
  assert.ok(without < glassesContrastThreshold - 2, `without ${without}`);
});

test('the rims of glasses are marked around the eyes and not on the cheeks', async () => {
  const { rims } = await appearanceOf('hopper');
  const sumOf = (fromRow: number, toRow: number): number =>
    rims
      .subarray(
        Math.round(fromRow * appearanceSize) * appearanceSize,
        Math.round(toRow * appearanceSize) * appearanceSize,
      )
      .reduce((sum, value) => sum + value, 0);
  const eyes = sumOf(0.2, 0.5);
  const below = sumOf(0.65, 1);
  assert.ok(eyes > 100, `texels marked around the eyes: ${eyes}`);
  assert.equal(below, 0);
});

test('shading and single edges have no ridge, so an even ramp shows no glasses', () => {
  const size = 128;
  const ramp = Float32Array.from(
    { length: size * size },
    (_, i) => (i % size) / 2 + Math.floor(i / size) / 4,
  );
  const flat = new Float32Array(size * size).fill(10);
  assert.ok(glassesContrast([ramp, flat, flat], size, new Scratch()) < 1e-3, 'no contrast');
});
