import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import type { PlanarFormat } from '../../src/imaging/planar-frame.js';
import { frameLayout } from '../../src/imaging/planar-frame.js';
import {
  boundSwapperGmac,
  type GeneratedModelPaths,
  writeGeneratedModels,
} from '../../src/inference/generated-models.js';
import { embeddedModelEntries } from '../../src/inference/model-registry.js';
import { inspectModel } from '../../src/inference/onnx-file.js';
import { createSession } from '../../src/inference/session.js';
import { FaceDetector } from '../../src/processors/face-detector/face-detector.js';
import { cropFromMesh, FaceLandmarker } from '../../src/processors/face-landmarker/face-landmarker.js';
import { FaceRecognizer } from '../../src/processors/face-recognizer/face-recognizer.js';
import { faceLayout } from '../../src/processors/face-swapper/face-layout.js';
import { headPose } from '../../src/processors/face-swapper/head-pose.js';
import { FaceTracker } from '../../src/processors/face-tracker/face-tracker.js';
import { seededRandom } from '../support/unit-random.js';

const cpu = { providers: ['cpu'], intraOpThreads: 1 };
const mesh = faceLayout.shape;

/** A frame of noise that is nowhere black. */
const noiseFrame = (widthPx: number, heightPx: number) => {
  const format: PlanarFormat = {
    widthPx,
    heightPx,
    bitDepth: 8,
    chromaShiftX: 1,
    chromaShiftY: 1,
    matrix: 'bt709',
    range: 'limited',
  };
  const layout = frameLayout(format);
  const random = seededRandom(1);
  const data = Uint8Array.from({ length: layout.byteLength }, () => random.integer(60, 190));
  return { format, layout, data };
};

describe('generated models', () => {
  const folder = mkdtempSync(join(tmpdir(), 'faceswap-generated-'));
  let paths: GeneratedModelPaths;
  before(async () => {
    paths = await writeGeneratedModels(join(folder, 'one'), { kind: 'null', faces: 1, mesh });
  });
  after(() => rmSync(folder, { recursive: true }));

  it('the same options give the same bytes', async () => {
    const again = await writeGeneratedModels(join(folder, 'again'), { kind: 'null', faces: 1, mesh });
    for (const id of ['blazeface', 'facemesh', 'faceres', 'swapper'] as const)
      assert.deepEqual(readFileSync(again[id]), readFileSync(paths[id]));
  });

  it('their signatures are those of the models that they stand for', () => {
    for (const { id, contract } of embeddedModelEntries()) {
      const summary = inspectModel(readFileSync(paths[id as keyof GeneratedModelPaths]));
      assert.deepEqual(
        summary.inputs.map(({ name, dims }) => ({ name, dims })),
        [{ name: contract.input.name, dims: contract.input.dims }],
      );
      assert.deepEqual(
        summary.outputs.map(({ name, dims }) => ({ name, dims })),
        contract.outputs.map(({ name, dims }) => ({ name, dims })),
      );
    }
  });

  for (const [faces, widthPx, heightPx] of [
    [1, 854, 480],
    [3, 854, 480],
    [8, 854, 480],
    [4, 480, 854],
    [2, 640, 480],
  ] as const) {
    it(`a tracker finds ${faces} in ${widthPx} × ${heightPx} and follows them without moving`, async () => {
      const set = await writeGeneratedModels(join(folder, `${faces}-${widthPx}`), {
        kind: 'null',
        faces,
        mesh,
        frameAspect: widthPx / heightPx,
      });
      const detectorSession = await createSession(set.blazeface, cpu);
      const landmarkerSession = await createSession(set.facemesh, cpu);
      const recognizerSession = await createSession(set.faceres, cpu);
      const tracker = new FaceTracker(
        {
          detector: new FaceDetector(detectorSession, 0.5),
          landmarker: new FaceLandmarker(landmarkerSession),
          recognizer: new FaceRecognizer(recognizerSession),
        },
        7,
      );
      const frame = noiseFrame(widthPx, heightPx);
      const first = await tracker.follow(frame, 0, () => {});
      assert.equal(first.length, faces);
      for (let index = 1; index < 8; index++) {
        const sightings = await tracker.follow(frame, index, () => {});
        assert.deepEqual(
          sightings.map(({ trackId }) => trackId),
          first.map(({ trackId }) => trackId),
        );
        for (const [i, sighting] of sightings.entries()) {
          const before = first[i]!.mesh;
          assert.equal(sighting.mesh.flag, 1);
          for (let k = 0; k < mesh.length; k++)
            assert.ok(Math.abs(sighting.mesh.points[k]! - before.points[k]!) < 1e-3);
        }
      }
      for (const { mesh: found } of first) {
        const { centre, sidePx } = cropFromMesh(found.points);
        assert.ok(Math.abs(sidePx - found.crop.sidePx) < 1e-3);
        assert.ok(centre.x > 0 && centre.x < widthPx && centre.y > 0 && centre.y < heightPx);
        for (const angle of Object.values(headPose(found.points))) assert.ok(Math.abs(angle) < 1e-3);
      }
      await detectorSession.dispose();
      await landmarkerSession.dispose();
      await recognizerSession.dispose();
    });
  }

  it('a batch of inputs gets the same answer for each', async () => {
    const session = await createSession(paths.facemesh, cpu);
    const { landmarks, flag } = await session.run({
      input: { data: new Float32Array(3 * 3 * 192 * 192), dims: [3, 3, 192, 192] },
    });
    assert.deepEqual(flag, Float32Array.of(1, 1, 1));
    assert.deepEqual(landmarks?.subarray(2 * 1404), landmarks?.subarray(0, 1404));
    await session.dispose();
  });

  it('everybody has the same identity', async () => {
    const session = await createSession(paths.faceres, cpu);
    const identity = await new FaceRecognizer(session).identify(
      noiseFrame(320, 240),
      mesh.map((value) => 50 * value + 100),
    );
    const length = identity.descriptor.reduce((sum, value) => sum + value * value, 0);
    assert.ok(Math.abs(length - 1) < 1e-4);
    assert.equal(identity.ageYears, 35);
    await session.dispose();
  });

  it('the swapper of no cost gives back what it gets', async () => {
    const session = await createSession(paths.swapper, cpu);
    const random = seededRandom(2);
    const target = Float32Array.from({ length: 2 * 3 * 128 * 128 }, random.next);
    const { output } = await session.run({
      target: { data: target, dims: [2, 3, 128, 128] },
      source: { data: new Float32Array(1024), dims: [2, 512] },
    });
    assert.deepEqual(output, target);
    await session.dispose();
  });

  it('the bound swapper uses both inputs, stays finite and hardly changes the picture', async () => {
    const set = await writeGeneratedModels(join(folder, 'bound'), {
      kind: 'bound',
      faces: 1,
      mesh,
      channels: 2,
    });
    const session = await createSession(set.swapper, cpu);
    const random = seededRandom(3);
    const target = Float32Array.from({ length: 3 * 128 * 128 }, random.next);
    const swap = async (source: Float32Array): Promise<Float32Array> => {
      const feeds = {
        target: { data: target, dims: [1, 3, 128, 128] },
        source: { data: source, dims: [1, 512] },
      };
      return (await session.run(feeds))['output'] as Float32Array;
    };
    const first = await swap(Float32Array.from({ length: 512 }, random.normal));
    assert.ok(first.every((value, i) => Math.abs(value - target[i]!) <= 2e-6));
    assert.ok(first.some((value, i) => value !== target[i]));
    assert.notDeepEqual(await swap(Float32Array.from({ length: 512 }, random.normal)), first);
    await session.dispose();
  });

  it('at full size it computes what the makers of INSwapper_128 state', () => {
    // 174.7 thousand million: README of deepinsight/inswapper-512-live.
    assert.ok(Math.abs(boundSwapperGmac() - 174.7) < 0.2, String(boundSwapperGmac()));
    assert.ok(Math.abs(boundSwapperGmac(32) * 16 - boundSwapperGmac()) < 3);
  });

  it('options out of range are refused', async () => {
    const refused = (options: Partial<Parameters<typeof writeGeneratedModels>[1]>) =>
      assert.rejects(
        writeGeneratedModels(join(folder, 'refused'), { kind: 'null', faces: 1, mesh, ...options }),
        (error) => error instanceof FaceswapError && error.kind === 'bug',
      );
    await refused({ faces: 0 });
    await refused({ faces: 9 });
    await refused({ frameAspect: 1 });
    await refused({ mesh: new Float32Array(3) });
    await refused({ kind: 'bound', channels: 0 });
  });
});
