import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AlignedCropper } from '../../src/imaging/aligned-cropper.js';
import { warpTemplates } from '../../src/imaging/warp-templates.js';
import { fittedSimilarity, placeInFrame } from '../support/five-point-mesh.js';
import { formatOf, paintFrame, type Picture } from '../support/unit-frames.js';
import { forAll, type Random } from '../support/unit-random.js';
import { assertClose, at } from '../support/unit-values.js';

/** The contract's table. */
const table = {
  arcface_112_v1: [
    [0.35473214, 0.45658929],
    [0.64526786, 0.45658929],
    [0.5, 0.61154464],
    [0.37913393, 0.776875],
    [0.62086607, 0.776875],
  ],
  arcface_112_v2: [
    [0.34191607, 0.46157411],
    [0.65653393, 0.45983393],
    [0.500225, 0.64050536],
    [0.37097589, 0.82469196],
    [0.63151696, 0.82325089],
  ],
  arcface_128: [
    [0.36167656, 0.40387734],
    [0.63696719, 0.40235469],
    [0.50019687, 0.56044219],
    [0.38710391, 0.72160547],
    [0.61507734, 0.72034453],
  ],
  dfl_whole_face: [
    [0.35342266, 0.39285716],
    [0.62797622, 0.39285716],
    [0.48660713, 0.5401786],
    [0.38839287, 0.68750011],
    [0.59821427, 0.68750011],
  ],
  ffhq_512: [
    [0.37691676, 0.46864664],
    [0.62285697, 0.46912813],
    [0.50123859, 0.61331904],
    [0.39308822, 0.725411],
    [0.61150205, 0.72490465],
  ],
  mtcnn_512: [
    [0.36562865, 0.46733799],
    [0.63305391, 0.46585885],
    [0.50019127, 0.61942959],
    [0.39032951, 0.77598822],
    [0.61178945, 0.77476328],
  ],
  styleganex_384: [
    [0.42353745, 0.52289879],
    [0.57725008, 0.52319972],
    [0.50123859, 0.61331904],
    [0.43364461, 0.68337652],
    [0.57015325, 0.68306005],
  ],
} as const;

test('the templates are those of the contract', () => {
  for (const [name, points] of Object.entries(table)) {
    assert.deepEqual([...warpTemplates[name as keyof typeof table]], points.flat(), name);
  }
  assert.deepEqual(Object.keys(warpTemplates), Object.keys(table));
});

const unevenFace = (random: Random): Float32Array => {
  const mean = [-0.5, -0.4, 0.5, -0.4, 0, 0.1, -0.35, 0.6, 0.35, 0.6];
  const scale = random.between(20, 300);
  const turn = random.between(-3, 3);
  const [cos, sin] = [Math.cos(turn) * scale, Math.sin(turn) * scale];
  return Float32Array.from({ length: 10 }, (_, i) => {
    const [x, y] = [at(mean, i & ~1), at(mean, i | 1)];
    const placed = i % 2 === 0 ? cos * x - sin * y + 400 : sin * x + cos * y + 300;
    return placed + random.between(-0.15, 0.15) * scale;
  });
};

test('a face is aligned by the least-squares similarity, measured in the crop', () => {
  forAll(60, (random) => {
    const five = unevenFace(random);
    for (const arithmetic of ['ours', 'facefusion'] as const) {
      const shift = arithmetic === 'ours' ? 0.5 : 0;
      for (const sizePx of [112, 128, 512]) {
        const wanted = warpTemplates.arcface_128.map((share) => share * sizePx - shift);
        const similarity = fittedSimilarity(five, wanted);
        const { a, b, c, d, e, f } = new AlignedCropper(arithmetic).align('arcface_128', sizePx, five);
        for (const [x, y] of [
          [0, 0],
          [sizePx, 0],
          [0, sizePx],
          [sizePx, sizePx],
        ] as const) {
          const [frameX, frameY] = placeInFrame(similarity, x, y);
          assertClose(a * x + b * y + c, frameX, 1e-3, 'x');
          assertClose(d * x + e * y + f, frameY, 1e-3, 'y');
        }
      }
    }
  });
});

const noise: Picture = (x, y) => [((x * 37 + y * 11) % 97) / 97, ((x * 5 + y * 71) % 89) / 89, (x % 7) / 7];

test('the crop of FaceFusion lies between four pixels of whole levels, is not averaged, and repeats the edge', () => {
  const [widthPx, heightPx] = [40, 30];
  const frame = paintFrame(formatOf(widthPx, heightPx, 'rgb'), noise);
  const cropper = new AlignedCropper('facefusion');
  const sizePx = 24;
  const out = new Float32Array(3 * sizePx * sizePx);
  // Shrunk three times, turned, and over two edges of the frame.
  const toFrame = { a: 2.9, b: -0.7, c: -6.3, d: 0.7, e: 2.9, f: -9.4 };
  cropper.cut(frame, toFrame, sizePx, out, { scale: 2, offset: -1 });
  const sample = (channel: number, x: number, y: number): number => {
    const column = Math.min(widthPx - 1, Math.max(0, x));
    const row = Math.min(heightPx - 1, Math.max(0, y));
    return at(frame.data, channel * widthPx * heightPx + row * widthPx + column);
  };
  let outside = 0;
  for (let y = 0; y < sizePx; y++) {
    for (let x = 0; x < sizePx; x++) {
      const frameX = 2.9 * x - 0.7 * y - 6.3;
      const frameY = 0.7 * x + 2.9 * y - 9.4;
      if (frameX < 0 || frameY < 0 || frameX > widthPx - 1 || frameY > heightPx - 1) outside++;
      const [left, top] = [Math.floor(frameX), Math.floor(frameY)];
      const [right, down] = [frameX - left, frameY - top];
      for (let channel = 0; channel < 3; channel++) {
        const level =
          (1 - right) * (1 - down) * sample(channel, left, top) +
          right * (1 - down) * sample(channel, left + 1, top) +
          (1 - right) * down * sample(channel, left, top + 1) +
          right * down * sample(channel, left + 1, top + 1);
        const seen = ((at(out, (channel * sizePx + y) * sizePx + x) + 1) / 2) * 255;
        // A level between two is rounded either way.
        assertClose(seen, Math.round(seen), 1e-3, 'whole level');
        assertClose(seen, level, 0.501, `channel ${channel} at ${x}, ${y}`);
      }
    }
  }
  assert.ok(outside > 100, `${outside} places outside`);
});

test('a crop that lies wholly outside of the frame is its nearest edge', () => {
  const frame = paintFrame(formatOf(20, 20, 'rgb'), (x) => [x / 20, 0.5, 0]);
  const out = new Float32Array(3 * 64);
  const toFrame = { a: 1, b: 0, c: 50, d: 0, e: 1, f: -40 };
  new AlignedCropper('facefusion').cut(frame, toFrame, 8, out, { scale: 255, offset: 0 });
  assertClose(at(out, 10), at(frame.data, 19), 1e-3);
});
