import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allocateFrame, type PlanarFormat, type PlanarFrame } from '../../../src/imaging/planar-frame.js';
import type { FrameRegion } from '../../../src/processors/face-swapper/mesh-swapper.js';
import { FrameMonitor } from '../../../src/processors/quality-monitor/frame-monitor.js';
import { plainMaskedSsim } from '../../support/reference/monitor.js';
import { formatOf, samplingNames } from '../../support/unit-frames.js';
import { placedFace } from '../../support/unit-meshes.js';
import { forAll, type Random, seededRandom } from '../../support/unit-random.js';
import { assertClose } from '../../support/unit-values.js';

const noiseFrame = (format: PlanarFormat, random: Random): PlanarFrame => {
  const frame = allocateFrame(format);
  const peak = 255 << (format.bitDepth - 8);
  for (let i = 0; i < frame.data.length; i++) frame.data[i] = random.integer(0, peak + 1);
  return frame;
};

/** A disc that fills a region and is opaque in the middle. */
const discIn = ({ width, height }: FrameRegion): Float32Array =>
  Float32Array.from({ length: width * height }, (_, i) => {
    const x = (i % width) - (width - 1) / 2;
    const y = Math.floor(i / width) - (height - 1) / 2;
    return Math.min(1, Math.max(0, 2.5 * (1 - Math.hypot((2 * x) / width, (2 * y) / height))));
  });

/** Changes luma where a mask in a region has any opacity. */
const draw = (frame: PlanarFrame, region: FrameRegion, mask: Float32Array, random: Random): void => {
  for (let i = 0; i < mask.length; i++) {
    if (mask[i] === 0) continue;
    const x = region.x + (i % region.width);
    const y = region.y + Math.floor(i / region.width);
    frame.data[y * frame.format.widthPx + x] = random.integer(0, 256 << (frame.format.bitDepth - 8));
  }
};

const face = (number: number) => {
  const points = placedFace({ x: 60, y: 50, eyesPx: 30 });
  return { face: number, box: { x: 30, y: 20, width: 60, height: 60 }, points, pointsBefore: points };
};

const randomRegion = (format: PlanarFormat, random: Random): FrameRegion => {
  const width = random.integer(8, Math.min(60, format.widthPx) + 1);
  const height = random.integer(8, Math.min(60, format.heightPx) + 1);
  const even = (most: number) => random.integer(0, most + 1) & ~1;
  return { x: even(format.widthPx - width), y: even(format.heightPx - height), width, height };
};

test('similarity is that of the whole frame by the masks of all faces, at all depths, samplings and sizes', () => {
  const monitor = new FrameMonitor();
  forAll(60, (random) => {
    const sampling = samplingNames[random.integer(0, samplingNames.length)]!;
    const format = {
      ...formatOf(random.integer(9, 140), random.integer(9, 100), sampling),
      bitDepth: ([8, 10, 12] as const)[random.integer(0, 3)]!,
    };
    const { widthPx, heightPx, bitDepth } = format;
    const frame = noiseFrame(format, random);
    const before = Array.from(frame.data.subarray(0, widthPx * heightPx));
    const union = new Uint8Array(widthPx * heightPx);
    monitor.startFrame(frame);
    const count = random.integer(1, 4);
    for (let number = 0; number < count; number++) {
      const region = randomRegion(format, random);
      const mask = discIn(region);
      monitor.mark(number, { region, mask });
      draw(frame, region, mask, random);
      for (const [i, opacity] of mask.entries()) {
        const at = (region.y + Math.floor(i / region.width)) * widthPx + region.x + (i % region.width);
        union[at] = Math.max(union[at]!, Math.floor(Math.min(255, Math.fround(opacity) * 255 + 0.999)));
      }
    }
    monitor.finishFrame(frame);
    const expected = plainMaskedSsim(
      { data: before, widthPx },
      { data: frame.data, widthPx },
      { data: union, widthPx },
      { left: 0, top: 0, right: widthPx, bottom: heightPx },
      255 << (bitDepth - 8),
    );
    const { ssimOutside } = monitor;
    if (expected.outsideCount === 0) assert.equal(ssimOutside, null);
    else assertClose(ssimOutside!, expected.outside / expected.outsideCount, 1e-9);
    if (count > 1) return;
    const { ssimInside } = monitor.figuresOf(face(0));
    if (expected.insideCount === 0) assert.equal(ssimInside, null);
    else assertClose(ssimInside!, expected.inside / expected.insideCount, 1e-9);
  });
  monitor.dispose();
});

test('outside of what is drawn similarity is exactly one, until a sample there changes', () => {
  const random = seededRandom(3);
  const format = formatOf(321, 243);
  const monitor = new FrameMonitor();
  const region = { x: 120, y: 80, width: 90, height: 101 };
  const mask = discIn(region);
  const ssimAfter = (change: (frame: PlanarFrame) => void): number | null => {
    const frame = noiseFrame(format, random);
    monitor.startFrame(frame);
    monitor.mark(5, { region, mask });
    draw(frame, region, mask, random);
    change(frame);
    monitor.finishFrame(frame);
    return monitor.ssimOutside;
  };
  assert.equal(
    ssimAfter(() => {}),
    1,
  );
  for (const at of [0, 319, 321 * 100 + 3, 321 * 100 + 318, 321 * 239]) {
    const ssim = ssimAfter((frame) => {
      frame.data[at] = frame.data[at]! ^ 0x80;
    });
    assert.ok(ssim !== null && ssim < 1 && ssim > 0.999, `sample ${at}`);
  }
  assert.equal(
    ssimAfter(() => {}),
    1,
  );
  monitor.dispose();
});

test('a frame in which nothing is drawn has tPSNR and nothing that is of a mask', () => {
  const random = seededRandom(4);
  const monitor = new FrameMonitor();
  const format = formatOf(120, 100);
  for (const isFirst of [true, false]) {
    const frame = noiseFrame(format, random);
    monitor.startFrame(frame);
    monitor.finishFrame(frame);
    assert.equal(monitor.ssimOutside, null);
    const figures = monitor.figuresOf(face(1));
    assert.equal(figures.seam, null);
    assert.equal(figures.ssimInside, null);
    assert.equal(figures.tpsnrOutputDb === null, isFirst);
    assert.equal(figures.tpsnrAlignedSourceDb === null, isFirst);
    assert.equal(figures.tpsnrOutputDb, figures.tpsnrSourceDb);
  }
  monitor.forget();
  const frame = noiseFrame(format, random);
  monitor.startFrame(frame);
  monitor.finishFrame(frame);
  assert.equal(monitor.figuresOf(face(1)).tpsnrOutputDb, null);
  monitor.dispose();
});

test('a track that was not there in the frame before has no aligned tPSNR', () => {
  const monitor = new FrameMonitor();
  const frame = noiseFrame(formatOf(120, 100), seededRandom(6));
  for (let k = 0; k < 2; k++) {
    monitor.startFrame(frame);
    monitor.finishFrame(frame);
  }
  const { tpsnrOutputDb, tpsnrAlignedOutputDb } = monitor.figuresOf({ ...face(1), pointsBefore: null });
  assert.equal(tpsnrOutputDb, 100);
  assert.equal(tpsnrAlignedOutputDb, null);
  monitor.dispose();
});
