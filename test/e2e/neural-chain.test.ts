import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { loadRegistry } from '../../src/inference/model-registry.js';
import { encodeModel } from '../../src/inference/onnx-file.js';
import { writeDetectorStandIns } from '../support/stand-ins/detectors.js';
import { writeStandInEnhancers } from '../support/stand-ins/enhancer.js';
import { writeLandmarkerStandIns } from '../support/stand-ins/landmarkers.js';
import { writeStandInOccluders } from '../support/stand-ins/occluder.js';
import { writeStandInParsers } from '../support/stand-ins/parser.js';
import { swapperStandIn, writeSwapperStandIns } from '../support/stand-ins/swappers.js';
import { decodeFrames } from './clips.js';
import {
  assertFailure,
  faceswap,
  fixture,
  needsShared,
  readRows,
  runToReport,
  shared,
  temporaryFolder,
} from './command-run.js';

const folder = temporaryFolder('neural-chain');
const at = (name: string): string => join(folder, name);
const models = at('models');
const talk = 'open/webcam_talk.mp4';
const frames = 7;
const widthPx = 400;

/** Where the clip shows its face, in its own pixels; the detector's input is 640 pixels wide and its frame is not enlarged. */
const face = { x: 152, y: 108, width: 106, height: 128, score: 0.9 };

before(() => {
  writeDetectorStandIns(models, [face]);
  writeLandmarkerStandIns(models);
  writeSwapperStandIns(models, 'inswapper_128', 'negative');
  writeSwapperStandIns(models, 'hyperswap_1a_256', 'echo');
  writeStandInEnhancers(models);
  writeStandInOccluders(models);
  writeStandInParsers(models);
});

const chain = [
  ...['--model-dir', models, '--processors', 'face_swapper', 'face_enhancer'],
  ...['--face-detector-model', 'yolo_face', '--face-landmarker-model', '2dfan4'],
  ...['--face-enhancer-model', 'gfpgan_1.4', '--face-enhancer-faces', 'all'],
  ...['--face-mask-types', 'box', 'occlusion', 'region'],
];

const render = (swapper: string, name: string, ...words: readonly string[]) =>
  runToReport([
    ...['-s', fixture('astronaut.png'), '-t', shared(talk), '-o', at(name), '--overwrite'],
    ...['--trim-frame-end', String(frames), '--output-video-encoder', 'ffv1'],
    ...[...chain, '--face-swapper-model', swapper, '--report', at(`${name}.json`), ...words],
  ]);

describe('a chain of fetched models on a real clip', needsShared(talk), () => {
  test('finds, swaps, masks and enhances its face, the same in batches and with two workers', async () => {
    const report = await render('inswapper_128', 'one.mkv', '--batch-size', '1', '--workers', '1');
    assert.equal(report.quality.facesSwapped, frames);
    const rows = readRows(at('one.mkv.json'));
    for (const { faces } of rows) {
      assert.deepEqual(
        faces.map(({ outcome, enhanced }) => [outcome, enhanced]),
        [['swapped', true]],
      );
    }
    const [was, is] = [shared(talk), at('one.mkv')].map((file) => decodeFrames(file, frames, 'yuv444p'));
    const isInside = (x: number, y: number): boolean =>
      x > face.x - 100 && x < face.x + face.width + 100 && y > face.y - 100 && y < face.y + face.height + 60;
    let changed = 0;
    for (const [t, before] of (was ?? []).entries()) {
      const after = is?.[t];
      assert.ok(after !== undefined, `frame ${t}`);
      const planeLength = before.length / 3;
      for (let i = 0; i < before.length; i++) {
        if (before[i] === after[i]) continue;
        changed++;
        const pixel = i % planeLength;
        assert.ok(isInside(pixel % widthPx, Math.floor(pixel / widthPx)), `frame ${t}, pixel ${pixel}`);
      }
    }
    assert.ok(changed > 5000 * frames, `${changed} samples changed`);
    const batched = await render('inswapper_128', 'four.mkv', '--batch-size', '4', '--workers', '2');
    assert.equal(batched.outputSha256, report.outputSha256);
    assert.deepEqual(batched.quality, report.quality);
  });

  test('takes half precision and a pixel boost, and a swapper that copies leaves who is in the clip', async () => {
    const words = ['--face-swapper-pixel-boost', '512x512', '--precision', 'fp16'];
    const report = await render('hyperswap_1a_256', 'boost.mkv', ...words);
    assert.equal(report.quality.facesSwapped, frames);
    assert.ok((report.quality.identityToTarget?.p50 ?? 0) > 0.8, 'the copied face is the target’s own');
  });

  test('a model that is missing is named with all others and the command that fetches them', async () => {
    const own = temporaryFolder('neural-missing');
    const result = await faceswap([
      ...['run', '-s', fixture('astronaut.png'), '-t', shared(talk), '-o', join(own, 'out.mp4')],
      ...['--model-dir', join(own, 'none'), '--face-swapper-model', 'ghost_1_256'],
      ...['--processors', 'face_swapper', 'face_enhancer', '--face-enhancer-model', 'codeformer'],
    ]);
    assertFailure(result, {
      exitCode: 4,
      line: /faceswap models pull .*ghost_1_256.*arcface_w600k_r50.*crossface_ghost.*codeformer/,
      folder: own,
    });
  });

  test('a model that changed since it was first seen is refused', async () => {
    const entry = loadRegistry().models.find(({ id }) => id === 'inswapper_128');
    assert.ok(entry !== undefined && entry.contract.kind === 'swapper', 'the registry has the swapper');
    writeFileSync(join(models, entry.file), encodeModel(swapperStandIn(entry.contract, 'double')));
    const own = temporaryFolder('neural-changed');
    const result = await faceswap([
      ...['run', '-s', fixture('astronaut.png'), '-t', shared(talk), '-o', join(own, 'out.mp4')],
      ...['--model-dir', models, '--face-swapper-model', 'inswapper_128'],
    ]);
    assertFailure(result, { exitCode: 4, line: /inswapper_128.*models/, folder: own });
  });
});
