/**
 * How often the tracker finds a small face in the first frame of a shot, that is with one full scan: faces cut out of portraits,
 * scaled so that the mesh has the given height, at random places of a noisy grey frame. Found means that the landmark model
 * accepts the face and that its mesh lies where the face is, so that it would be swapped; anything else that is reported
 * counts as false.
 *
 * Run: `npx tsx bench/small-faces.ts [PHOTO...]`; every face of every photo counts. Without photos: the two portraits of
 * `test/fixtures`.
 */
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import type { Box } from '../src/imaging/affine.js';
import { frameFromRgb } from '../src/imaging/rgb-frame.js';
import { loadChainModels } from '../src/pipeline/chain-models.js';
import { detectionTiles } from '../src/processors/face-detector/detection-tiles.js';
import { cropFromBox, faceFlagThreshold } from '../src/processors/face-landmarker/face-landmarker.js';
import { boundsOf } from '../src/processors/face-landmarker/mesh-bounds.js';
import { FaceTracker } from '../src/processors/face-tracker/face-tracker.js';

/** A rectangle of a photo around one face, and the bounds of its mesh in that rectangle. */
type Portrait = {
  readonly file: string;
  readonly cut: {
    readonly left: number;
    readonly top: number;
    readonly width: number;
    readonly height: number;
  };
  readonly face: Box;
};

const placesPerPortrait = 10;
/** What is shown around a face, in heights of the face: clothes and hair distract the detector. */
const surroundings = 1.2;
const fixtures = ['astronaut.png', 'grace_hopper.jpg'].map((name) =>
  fileURLToPath(new URL(`../test/fixtures/${name}`, import.meta.url)),
);
const photos = process.argv.length > 2 ? process.argv.slice(2) : fixtures;
const models = await loadChainModels({
  executionProviders: ['cpu'],
  executionThreadCount: 2,
  faceDetectorScore: 0.5,
});
let state = 1;
const random = (): number => {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  return state / 2 ** 32;
};

const portraits: Portrait[] = [];
for (const file of photos) {
  const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const frame = frameFromRgb({ widthPx: info.width, heightPx: info.height, rgb: data });
  for (const { box, rollRadians } of await models.detector.detectAll(frame)) {
    const mesh = await models.landmarker.refine(frame, cropFromBox(box, rollRadians));
    if (mesh.flag < faceFlagThreshold) continue;
    const { x, y, width, height } = boundsOf(mesh.points);
    const margin = surroundings * height;
    const left = Math.max(0, Math.round(x - margin));
    const top = Math.max(0, Math.round(y - margin));
    const right = Math.min(info.width, Math.round(x + width + margin));
    const bottom = Math.min(info.height, Math.round(y + height + margin));
    portraits.push({
      file,
      cut: { left, top, width: right - left, height: bottom - top },
      face: { x: x - left, y: y - top, width, height },
    });
  }
}
console.log(`${portraits.length} faces of ${photos.length} photos at ${placesPerPortrait} places each`);

for (const [widthPx, heightPx] of [
  [1920, 1080],
  [3840, 2160],
] as const) {
  const noise = new Uint8Array(3 * widthPx * heightPx);
  for (let i = 0; i < noise.length; i++) noise[i] = 90 + random() * 20;
  for (const at1080 of [24, 32, 40, 64, 128]) {
    const facePx = (at1080 * heightPx) / 1080;
    let found = 0;
    let wrong = 0;
    let scanMs = 0;
    for (const { file, cut, face } of portraits) {
      const scale = facePx / face.height;
      const width = Math.round(cut.width * scale);
      const height = Math.round(cut.height * scale);
      const small = await sharp(file)
        .removeAlpha()
        .extract(cut)
        .resize({ width, height, fit: 'fill' })
        .raw()
        .toBuffer();
      for (let place = 0; place < placesPerPortrait; place++) {
        const left = Math.floor(random() * (widthPx - width));
        const top = Math.floor(random() * (heightPx - height));
        const rgb = noise.slice();
        for (let y = 0; y < height; y++) {
          rgb.set(small.subarray(3 * y * width, 3 * (y + 1) * width), 3 * ((top + y) * widthPx + left));
        }
        const centreX = left + (face.x + face.width / 2) * scale;
        const centreY = top + (face.y + face.height / 2) * scale;
        const tracker = new FaceTracker(models, 25);
        const sightings = await tracker.follow(frameFromRgb({ widthPx, heightPx, rgb }), 0, () => {});
        scanMs += tracker.times.detectMs;
        const hits = sightings.filter(({ mesh }) => {
          const seen = boundsOf(mesh.points);
          const offPx = Math.hypot(seen.x + seen.width / 2 - centreX, seen.y + seen.height / 2 - centreY);
          return offPx < facePx / 4 && Math.abs(seen.height / facePx - 1) < 0.3;
        }).length;
        found += Math.min(1, hits);
        wrong += sightings.length - Math.min(1, hits);
      }
    }
    const total = portraits.length * placesPerPortrait;
    const tileCount = detectionTiles(widthPx, heightPx).length;
    console.log(
      `${widthPx}x${heightPx}: face ${facePx} px tall, found ${found} of ${total}, ${wrong} false; ` +
        `${Math.round(scanMs / total)} ms of detector a scan (${tileCount} windows and the closer look)`,
    );
  }
}
await models.dispose();
