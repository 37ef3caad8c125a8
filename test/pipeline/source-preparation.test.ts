import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import sharp, { type Sharp } from 'sharp';
import { FaceswapError } from '../../src/errors.js';
import { embeddedModelFiles } from '../../src/pipeline/chain-models.js';
import { chainSettings } from '../../src/pipeline/plan.js';
import { resolveRunOptions } from '../../src/pipeline/resolve-run-options.js';
import { prepareSources, type SourcePhoto } from '../../src/pipeline/source-preparation.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const settings = chainSettings(resolveRunOptions({ source: 's.png', target: 't.mp4', output: 'o.mp4' }));

const photoOf = async (image: Sharp, file: string, index = 0): Promise<SourcePhoto> => {
  const { data, info } = await image.removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { index, file, widthPx: info.width, heightPx: info.height, rgb: new Uint8Array(data) };
};

const codesFor = async (image: Sharp): Promise<readonly string[]> => {
  const { warnings } = await prepareSources([await photoOf(image, 'photo.png')], settings);
  return warnings.map(({ code }) => code);
};

test('a sharp frontal portrait is taken without a remark', async () => {
  assert.deepEqual(await codesFor(sharp(fixture('astronaut.png'))), []);
});

test('generated models, which find no face in a photo, are not asked for one', async () => {
  const photo = await photoOf(sharp(fixture('astronaut.png')), 'astronaut.png');
  const generated = { ...embeddedModelFiles(), detector: 'generated.onnx', landmarker: 'generated.onnx' };
  const { faces } = await prepareSources([photo], settings, generated);
  assert.equal(faces.length, 1);
});

test('a portrait out of focus is warned about', async () => {
  // Four hundredths of the face's 107 pixels: features are there, pores and lashes are not.
  assert.deepEqual(await codesFor(sharp(fixture('astronaut.png')).blur(4.3)), ['source-blurred']);
});

test('a small face is warned about', async () => {
  assert.deepEqual(await codesFor(sharp(fixture('astronaut.png')).resize(256)), ['source-too-small']);
});

test('of several faces the largest is taken, and that is said', async () => {
  const small = await sharp(fixture('astronaut.png')).png().toBuffer();
  const pair = sharp(fixture('grace_hopper.jpg'))
    .extend({ right: 512, background: '#808080' })
    .composite([{ input: small, left: 512, top: 0 }]);
  const photo = await photoOf(sharp(await pair.png().toBuffer()), 'pair.png');
  const { faces, warnings } = await prepareSources([photo], settings);
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['source-with-several-faces'],
  );
  // The larger one is some 200 pixels wide, the other 107.
  assert.ok((faces[0]?.widthPx ?? 0) > 150, `width ${faces[0]?.widthPx}`);
});

test('a photo without a face among others is left out with a warning', async () => {
  const photos = [
    await photoOf(sharp(fixture('astronaut.png')), 'astronaut.png', 0),
    await photoOf(
      sharp({ create: { width: 320, height: 240, channels: 3, background: '#336699' } }),
      'wall.png',
      1,
    ),
  ];
  const { faces, warnings } = await prepareSources(photos, settings);
  assert.deepEqual(
    faces.map(({ index }) => index),
    [0],
  );
  assert.deepEqual(
    warnings.map(({ code, file }) => [code, file]),
    [['source-without-face', 'wall.png']],
  );
});

test('photos without any face end the run with exit code 5 and the name of the file', async () => {
  const wall = sharp({ create: { width: 320, height: 240, channels: 3, background: '#336699' } });
  await assert.rejects(prepareSources([await photoOf(wall, 'wall.png')], settings), (error: unknown) => {
    assert.ok(error instanceof FaceswapError, String(error));
    assert.equal(error.exitCode, 5, 'the exit code');
    assert.equal(error.context.file, 'wall.png', 'the file');
    return true;
  });
});
