/**
 * Identity of our chain against a plain warp, like for like: the same photos, frames, landmarks and descriptor. The plain warp
 * keeps the target's proportions and lays the texture in with a feathered edge, without matching its detail.
 * Run: `npx tsx bench/plain-warp.ts CLIP PHOTO...`; prints mean cosines to the source and to the target's own face.
 */
import { resolve } from 'node:path';
import { frameLayout, type PlanarFrame, wrapFrame } from '../src/imaging/planar-frame.js';
import { FrameDecoder } from '../src/media/decoder.js';
import { locateTools } from '../src/media/ffmpeg-tools.js';
import { probeTarget } from '../src/media/probe.js';
import { readStill } from '../src/media/still-image.js';
import { loadChainModels } from '../src/pipeline/chain-models.js';
import { zonesFor } from '../src/pipeline/mask-zones.js';
import { chainSettings } from '../src/pipeline/plan.js';
import { resolveRunOptions } from '../src/pipeline/resolve-run-options.js';
import { prepareSources } from '../src/pipeline/source-preparation.js';
import {
  cropFromBox,
  faceFlagThreshold,
  landmarkInputPx,
  pointsInCrop,
} from '../src/processors/face-landmarker/face-landmarker.js';
import { meshPointCount } from '../src/processors/face-landmarker/mesh-indices.js';
import { cosine } from '../src/processors/face-recognizer/face-recognizer.js';
import { AppearanceReader } from '../src/processors/face-swapper/appearance.js';
import { featureLift, matchColour, matchDetail } from '../src/processors/face-swapper/colour-match.js';
import { faceShape } from '../src/processors/face-swapper/face-shape.js';
import { MeshSwapper } from '../src/processors/face-swapper/mesh-swapper.js';
import { facingOf } from '../src/processors/face-swapper/rectify.js';
import { FaceBlender } from '../src/processors/multiband-blender/face-blender.js';

const [clip, ...photos] = process.argv.slice(2).map((file) => resolve(file));
if (clip === undefined || photos.length === 0) throw new Error('Usage: plain-warp.ts CLIP PHOTO...');

const settings = chainSettings(resolveRunOptions({ source: photos, target: clip, output: 'unused.mp4' }));
const models = await loadChainModels(settings);
const stills = await Promise.all(photos.map((file) => readStill(file)));
const { faces: sources } = await prepareSources(
  stills.map(({ widthPx, heightPx, rgb }, index) => ({
    index,
    file: photos[index] ?? '',
    widthPx,
    heightPx,
    rgb,
  })),
  settings,
);
const zones = zonesFor(settings);
const reader = new AppearanceReader(zones);
const swapper = new MeshSwapper(zones);
const blender = new FaceBlender();
const tools = await locateTools();
const target = await probeTarget(tools, clip);
const sums: Record<'ours' | 'plain', [number, number]> = { ours: [0, 0], plain: [0, 0] };
let count = 0;

async function frameAt(index: number): Promise<PlanarFrame> {
  const { format } = target.video;
  const decoder = new FrameDecoder({
    tools,
    target,
    range: { start: index, end: index + 1 },
    acquire: async () => new ArrayBuffer(frameLayout(format).byteLength),
    threads: 2,
  });
  for await (const { buffer } of decoder.frames()) return wrapFrame(format, buffer);
  throw new Error(`Frame ${index} was not decoded`);
}

for (let sample = 0; sample < 5; sample++) {
  const original = await frameAt(Math.floor(((sample + 0.5) * target.video.frameCount) / 5));
  for (const { box, rollRadians } of await models.detector.detectAll(original)) {
    const first = await models.landmarker.refine(original, cropFromBox(box, rollRadians));
    const mesh = await models.landmarker.read(original, first.crop);
    if (mesh.flag < faceFlagThreshold) continue;
    const appearance = reader.read(
      models.landmarker.input,
      landmarkInputPx,
      pointsInCrop(mesh, new Float32Array(3 * meshPointCount)),
      facingOf(mesh.points, new Float32Array(meshPointCount)),
    );
    const own = (await models.recognizer.identify(original, mesh.points)).descriptor;
    for (const source of sources) {
      for (const way of ['ours', 'plain'] as const) {
        const frame = { ...original, data: Uint8Array.from(original.data) };
        const colour = matchColour(source.appearance, appearance);
        const patch = swapper.draw(frame.format, {
          source,
          points: mesh.points,
          shape: way === 'ours' ? faceShape(mesh.points) : source.shape,
          colour,
          open: appearance.open,
        });
        if (patch === null) continue;
        const detailGain = matchDetail(source.appearance, appearance, colour.gain[0] as number);
        blender.blend(frame, patch, {
          mode: way === 'ours' ? 'multiband' : 'basic',
          detailGain,
          featureLift: featureLift(source.appearance, colour.gain[0] as number),
        });
        const { descriptor } = await models.recognizer.identify(frame, mesh.points);
        sums[way][0] += cosine(descriptor, source.descriptor);
        sums[way][1] += cosine(descriptor, own);
      }
      count++;
    }
  }
}
for (const [way, [toSource, toTarget]] of Object.entries(sums)) {
  console.log(
    `${way}: to source ${(toSource / count).toFixed(3)}, to target ${(toTarget / count).toFixed(3)}`,
  );
}
await models.dispose();
