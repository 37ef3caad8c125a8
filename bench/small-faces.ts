/**
 * Recall of one full detector scan for small faces: the two portraits of `test/fixtures`, scaled so that the mesh has the
 * given height, at random places of a noisy grey frame. Run: `npx tsx bench/small-faces.ts`.
 */
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { frameFromRgb } from '../src/imaging/rgb-frame.js';
import { loadEmbeddedModels } from '../src/pipeline/embedded-models.js';
import { cropFromBox, faceFlagThreshold } from '../src/processors/face-landmarker/face-landmarker.js';
import { boundsOf } from '../src/processors/face-landmarker/mesh-bounds.js';

const placesPerPortrait = 10;
const models = await loadEmbeddedModels({
  executionProvider: 'cpu',
  executionThreadCount: 2,
  faceDetectorScore: 0.5,
});
let state = 1;
const random = (): number => {
  state = (state * 1103515245 + 12345) % 2 ** 31;
  return state / 2 ** 31;
};

const portraits = [];
for (const name of ['astronaut.png', 'grace_hopper.jpg']) {
  const file = fileURLToPath(new URL(`../test/fixtures/${name}`, import.meta.url));
  const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const frame = frameFromRgb({ widthPx: info.width, heightPx: info.height, rgb: data });
  const [face] = await models.detector.detectLarge(frame);
  if (face === undefined) throw new Error(`No face in ${name}`);
  const mesh = await models.landmarker.refine(frame, cropFromBox(face.box, face.rollRadians));
  portraits.push({ file, widthPx: info.width, heightPx: info.height, box: boundsOf(mesh.points) });
}

for (const [widthPx, heightPx] of [
  [1920, 1080],
  [3840, 2160],
] as const) {
  for (const at1080 of [24, 32, 40, 64, 128]) {
    const facePx = (at1080 * heightPx) / 1080;
    let found = 0;
    let total = 0;
    for (const portrait of portraits) {
      const scale = facePx / portrait.box.height;
      const size = {
        width: Math.round(portrait.widthPx * scale),
        height: Math.round(portrait.heightPx * scale),
      };
      const small = await sharp(portrait.file)
        .removeAlpha()
        .resize({ ...size, fit: 'fill' })
        .raw()
        .toBuffer();
      for (let place = 0; place < placesPerPortrait; place++) {
        const left = Math.floor(random() * (widthPx - size.width));
        const top = Math.floor(random() * (heightPx - size.height));
        const rgb = new Uint8Array(3 * widthPx * heightPx);
        for (let i = 0; i < rgb.length; i++) rgb[i] = 90 + random() * 20;
        for (let y = 0; y < size.height; y++) {
          const line = small.subarray(3 * y * size.width, 3 * (y + 1) * size.width);
          rgb.set(line, 3 * ((top + y) * widthPx + left));
        }
        const frame = frameFromRgb({ widthPx, heightPx, rgb });
        const x = left + (portrait.box.x + portrait.box.width / 2) * scale;
        const y = top + (portrait.box.y + portrait.box.height / 2) * scale;
        const hit = (await models.detector.detectAll(frame)).find(
          ({ box }) => Math.hypot(box.x + box.width / 2 - x, box.y + box.height / 2 - y) < facePx / 2,
        );
        total++;
        if (hit === undefined) continue;
        const mesh = await models.landmarker.refine(frame, cropFromBox(hit.box, hit.rollRadians));
        if (mesh.flag >= faceFlagThreshold) found++;
      }
    }
    console.log(`${widthPx}x${heightPx}: face ${facePx} px tall, found ${found} of ${total}`);
  }
}
await models.dispose();
