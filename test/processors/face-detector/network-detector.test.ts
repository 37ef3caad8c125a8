import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlanarFrame } from '../../../src/imaging/planar-frame.js';
import type { DetectorContract } from '../../../src/inference/model-contracts.js';
import { loadRegistry } from '../../../src/inference/model-registry.js';
import {
  NetworkDetector,
  type NetworkDetectorOptions,
  type OpenDetector,
} from '../../../src/processors/face-detector/network-detector.js';
import { modelOf, op } from '../../inference/unit-models.js';
import { openModel, watchInputs } from '../../support/open-model.js';
import {
  anchorDetector,
  constantModel,
  type StandInFace,
  standInPoints,
  yoloDetector,
  yunetDetector,
} from '../../support/stand-ins/detectors.js';
import { formatOf, paintFrame, type Picture } from '../../support/unit-frames.js';
import { assertClose, at, largestDifference } from '../../support/unit-values.js';

const contractOf = (id: string): DetectorContract => {
  const entry = loadRegistry().models.find((model) => model.id === id);
  const contract = entry?.contract;
  if (contract?.kind === 'anchor-distances' || contract?.kind === 'yolo-face' || contract?.kind === 'yunet')
    return contract;
  throw new Error(`${id} is no detector`);
};

const options: NetworkDetectorOptions = {
  scoreThreshold: 0.5,
  sizePx: 640,
  anglesDegrees: [0],
  marginPercent: { top: 0, right: 0, bottom: 0, left: 0 },
  isCompatible: false,
};

/** Colours in whole levels, told apart everywhere. */
const pattern: Picture = (x, y) => [
  ((7 * x + 3 * y) % 256) / 255,
  ((2 * x + 11 * y) % 256) / 255,
  ((5 * x + 5 * y) % 256) / 255,
];

/** R, G or B of a pixel of the pattern, in levels. */
const patternLevel = (channel: number, x: number, y: number): number =>
  Math.round(255 * at(pattern(x, y), channel));

/** A retinaface of 160 × 160 pixels that finds nothing. */
const smallAnchors = () =>
  constantModel(
    { name: 'input', dims: [1, 3, 160, 160] },
    Object.fromEntries(
      (['score', 'bbox', 'kps'] as const).flatMap((what, k) =>
        [8, 16, 32].map((stride) => {
          const dims = [2 * (160 / stride) ** 2, [1, 4, 10][k] as number];
          return [`${what}${stride}`, { dims, data: new Float32Array(dims[0]! * dims[1]!) }] as const;
        }),
      ),
    ),
  );

/** What a detector of 160 pixels is shown of a frame. */
const inputFor = async (
  frame: PlanarFrame,
  changes: Partial<NetworkDetectorOptions> = {},
): Promise<readonly Float32Array[]> => {
  const { session, inputs } = watchInputs(await openModel(smallAnchors()));
  const detector = new NetworkDetector([{ session, contract: contractOf('retinaface_10g') }], {
    ...options,
    sizePx: 160,
    ...changes,
  });
  await detector.detectAll(frame);
  return inputs;
};

const normalised = (level: number): number => (level - 127.5) / 128;

test('a frame that fits is not enlarged and lies at the upper left as BGR, on black', async () => {
  const frame = paintFrame(formatOf(100, 60, 'rgb'), pattern);
  for (const isCompatible of [false, true]) {
    const [input] = (await inputFor(frame, { isCompatible })) as [Float32Array];
    for (const [x, y] of [
      [0, 0],
      [99, 0],
      [0, 59],
      [99, 59],
      [37, 22],
    ] as const) {
      for (let channel = 0; channel < 3; channel++) {
        const expected = normalised(patternLevel(2 - channel, x, y));
        assertClose(at(input, (channel * 160 + y) * 160 + x), expected, 2e-5, `${channel} at ${x}, ${y}`);
      }
    }
    for (const [x, y] of [
      [100, 0],
      [0, 60],
      [159, 159],
    ] as const) {
      assertClose(at(input, y * 160 + x), normalised(0), 1e-6, 'beside the frame');
    }
  }
});

test('a frame is reduced by whole pixels: with FaceFusion exactly as a bilinear resize', async () => {
  const [widthPx, heightPx] = [301, 200];
  const frame = paintFrame(formatOf(widthPx, heightPx, 'rgb'), pattern);
  const [input] = (await inputFor(frame, { isCompatible: true })) as [Float32Array];
  // s = 160 / 301; 200 · s = 106.3.
  const newHeight = 106;
  let worst = 0;
  for (let y = 0; y < newHeight; y++) {
    for (let x = 0; x < 160; x++) {
      const fromX = Math.min(widthPx - 1, Math.max(0, ((x + 0.5) * widthPx) / 160 - 0.5));
      const fromY = Math.min(heightPx - 1, Math.max(0, ((y + 0.5) * heightPx) / newHeight - 0.5));
      const [x0, y0] = [Math.floor(fromX), Math.floor(fromY)];
      const [x1, y1] = [Math.min(widthPx - 1, x0 + 1), Math.min(heightPx - 1, y0 + 1)];
      const [u, v] = [fromX - x0, fromY - y0];
      const level =
        (1 - v) * ((1 - u) * patternLevel(2, x0, y0) + u * patternLevel(2, x1, y0)) +
        v * ((1 - u) * patternLevel(2, x0, y1) + u * patternLevel(2, x1, y1));
      worst = Math.max(worst, Math.abs(at(input, y * 160 + x) * 128 + 127.5 - level));
    }
  }
  assert.ok(worst <= 0.502, `only rounding to 8 bits is left, at most ${worst}`);
  assertClose(at(input, newHeight * 160), normalised(0), 1e-6, 'below the frame');
});

test('reducing averages, and keeps the place of every line', async () => {
  const stripes: Picture = (x) => (Math.floor(x) % 2 === 0 ? [1, 1, 1] : [0, 0, 0]);
  const [input] = (await inputFor(paintFrame(formatOf(800, 640, 'rgb'), stripes))) as [Float32Array];
  for (let x = 2; x < 158; x++) assertClose(at(input, 60 * 160 + x), 0, 0.15, `grey at ${x}`);
  const ramp: Picture = (x) => [x / 1000, x / 1000, x / 1000];
  const [ramped] = (await inputFor(paintFrame(formatOf(801, 640, 'rgb'), ramp))) as [Float32Array];
  for (let x = 4; x < 156; x += 7) {
    const level = (255 * ((x + 0.5) * (801 / 160) - 0.5)) / 1000;
    assertClose(at(ramped, 60 * 160 + x) * 128 + 127.5, level, 0.6, `ramp at ${x}`);
  }
});

test('a margin is black and of whole pixels, a share of half the side', async () => {
  const frame = paintFrame(formatOf(50, 40, 'rgb'), () => [1, 1, 1]);
  const marginPercent = { top: 33, right: 0, bottom: 50, left: 100 };
  for (const isCompatible of [false, true]) {
    const [input] = (await inputFor(frame, { marginPercent, isCompatible })) as [Float32Array];
    // int(50 · 100 / 200) = 25 on the left, int(40 · 33 / 200) = 6 above.
    const isWhite = (x: number, y: number): boolean => at(input, y * 160 + x) > 0.99;
    assert.ok(isWhite(25, 6) && isWhite(74, 45), 'corners of the frame');
    assert.ok(!isWhite(24, 6) && !isWhite(25, 5) && !isWhite(75, 45) && !isWhite(74, 46), 'around it');
  }
});

test('turned frames lie as the rotation matrix says, a pixel lower than a turn of pixel centres', async () => {
  const frame = paintFrame(formatOf(100, 60, 'rgb'), pattern);
  const [width, height] = [100, 60];
  // Where OpenCV's matrix with the enlarged size takes (x, y).
  const places = {
    90: (x: number, y: number): readonly [number, number] => [y, width - x],
    180: (x: number, y: number): readonly [number, number] => [width - x, height - y],
    270: (x: number, y: number): readonly [number, number] => [height - y, x],
  };
  for (const isCompatible of [false, true]) {
    for (const angle of [90, 180, 270] as const) {
      const [input] = (await inputFor(frame, { anglesDegrees: [angle], isCompatible })) as [Float32Array];
      for (const [x, y] of [
        [1, 1],
        [99, 59],
        [40, 33],
      ] as const) {
        const [u, v] = places[angle](x, y);
        const expected = normalised(patternLevel(2, x, y));
        assertClose(at(input, v * 160 + u), expected, 2e-5, `${angle} degrees, ${x}, ${y}`);
      }
    }
  }
});

test('pictures go in and boxes come out: score, distances and points read off single pixels', async () => {
  // At every anchor of stride 8: the score is blue, all distances are green and all points are red, as the model sees them.
  const picks = (name: string) => [
    op('Slice', ['input', `${name} from`, `${name} to`, 'axes', 'steps'], `${name} picked`),
    op('Reshape', [`${name} picked`, 'column'], `${name} column`),
    op('Expand', [`${name} column`, `${name} shape`], `${name} spread`),
    op('Reshape', [`${name} spread`, `${name} rows`], name),
  ];
  const integers = (...value: number[]) => ({
    dims: [value.length],
    data: BigInt64Array.from(value, BigInt),
  });
  const weights: Record<string, { dims: readonly number[]; data: BigInt64Array | Float32Array }> = {
    axes: integers(1, 2, 3),
    steps: integers(1, 8, 8),
    column: integers(400, 1),
  };
  const nodes: ReturnType<typeof op>[] = [];
  const outputs: Record<string, readonly number[]> = {};
  for (const [channel, [what, numbers]] of (
    [
      ['score', 1],
      ['bbox', 4],
      ['kps', 10],
    ] as const
  ).entries()) {
    weights[`${what}8 from`] = integers(channel, 0, 0);
    weights[`${what}8 to`] = integers(channel + 1, 160, 160);
    weights[`${what}8 shape`] = integers(400, 2 * numbers);
    weights[`${what}8 rows`] = integers(800, numbers);
    nodes.push(...picks(`${what}8`));
    for (const stride of [8, 16, 32]) {
      const count = 2 * (160 / stride) ** 2;
      outputs[`${what}${stride}`] = [count, numbers];
      if (stride === 8) continue;
      weights[`fixed ${what}${stride}`] = { dims: [count, numbers], data: new Float32Array(count * numbers) };
      nodes.push(op('Identity', [`fixed ${what}${stride}`], `${what}${stride}`));
    }
  }
  const model = modelOf({
    inputs: { input: [1, 3, 160, 160] },
    outputs,
    weights,
    nodes,
  });
  const session = await openModel(model);
  // One pixel at (72, 40) is blue of 227.5 / 255 at least.
  const frame = paintFrame(formatOf(160, 160, 'rgb'), (x, y) =>
    x === 72 && y === 40 ? [159 / 255, 223 / 255, 1] : [0.5, 0.5, 0.5],
  );
  const detector = new NetworkDetector([{ session, contract: contractOf('scrfd_2.5g') }], {
    ...options,
    sizePx: 160,
  });
  const faces = await detector.detectAll(frame);
  assert.equal(faces.length, 1, 'both anchors of the cell see the same face');
  const [face] = faces;
  assertClose(face!.score, (255 - 127.5) / 128, 1e-5, 'score from blue');
  const distance = ((223 - 127.5) / 128) * 8;
  assertClose(face!.box.x, 72 - distance, 1e-4, 'left');
  assertClose(face!.box.y, 40 - distance, 1e-4, 'top');
  assertClose(face!.box.width, 2 * distance, 1e-4, 'width');
  const offset = ((159 - 127.5) / 128) * 8;
  assertClose(at(face!.five!, 0), 72 + offset, 1e-4, 'x of a point');
  assertClose(at(face!.five!, 9), 40 + offset, 1e-4, 'y of a point');
});

const faceA: StandInFace = { x: 100, y: 200, width: 60, height: 80, score: 0.9 };
const faceB: StandInFace = { x: 400, y: 120, width: 90, height: 120, score: 0.7 };

const detectorOf = async (
  id: string,
  faces: readonly StandInFace[],
  changes: Partial<NetworkDetectorOptions> = {},
): Promise<NetworkDetector> => {
  const model =
    id === 'yoloface_8n'
      ? yoloDetector(faces)
      : id === 'yunet_2023_mar'
        ? yunetDetector(faces)
        : anchorDetector(faces);
  const opened: OpenDetector = { session: await openModel(model), contract: contractOf(id) };
  return new NetworkDetector([opened], { ...options, ...changes });
};

test('every detector gives boxes, points and roll in frame pixels, with a ratio for each axis', async () => {
  // 1281 × 700: s = 640 / 1281, so 640 × int(349.7) = 640 × 349.
  const frame = paintFrame(formatOf(1281, 700), () => [0, 0, 0]);
  const [ratioX, ratioY] = [1281 / 640, 700 / 349];
  for (const id of ['retinaface_10g', 'scrfd_2.5g', 'yoloface_8n', 'yunet_2023_mar']) {
    const faces = await (await detectorOf(id, [faceB, faceA])).detectLarge(frame);
    assert.deepEqual(
      faces.map(({ score }) => score.toFixed(3)),
      ['0.900', '0.700'],
      `${id}: by score`,
    );
    const [face] = faces;
    assertClose(face!.box.x, 100 * ratioX, 1e-3, `${id} x`);
    assertClose(face!.box.y, 200 * ratioY, 1e-3, `${id} y`);
    assertClose(face!.box.width, 60 * ratioX, 1e-3, `${id} width`);
    assertClose(face!.box.height, 80 * ratioY, 1e-3, `${id} height`);
    const expected = standInPoints.map((share, i) =>
      i % 2 === 0 ? (100 + 60 * share) * ratioX : (200 + 80 * share) * ratioY,
    );
    assert.ok(largestDifference(face!.five!, expected) < 1e-3, `${id} points`);
    assertClose(face!.rollRadians, 0, 1e-6, `${id} roll`);
  }
});

test('what a turned and bordered look finds comes back to the frame', async () => {
  const frame = paintFrame(formatOf(300, 200), () => [0, 0, 0]);
  const marginPercent = { top: 50, right: 0, bottom: 0, left: 20 };
  const detector = await detectorOf('yoloface_8n', [faceA], { anglesDegrees: [90], marginPercent });
  const [face] = await detector.detectAll(frame);
  // The turned frame is 200 × 300; its borders are int(200 · 20 / 200) = 20 and int(300 · 50 / 200) = 75.
  const back = (u: number, v: number): readonly [number, number] => [300 - (v - 75), u - 20];
  const corners = [back(100, 200), back(160, 280)] as const;
  assertClose(face!.box.x, corners[1][0], 1e-3, 'x');
  assertClose(face!.box.y, corners[0][1], 1e-3, 'y');
  assertClose(face!.box.width, 80, 1e-3, 'width');
  assertClose(face!.box.height, 60, 1e-3, 'height');
  const expected = [0, 1, 2, 3, 4].flatMap((i) =>
    back(100 + 60 * at(standInPoints, 2 * i), 200 + 80 * at(standInPoints, 2 * i + 1)),
  );
  assert.ok(largestDifference(face!.five!, expected) < 1e-3, 'points');
  // Turned back clockwise by 90 degrees.
  assertClose(face!.rollRadians, Math.PI / 2, 1e-6, 'roll');
});

test('of overlapping boxes the better one stays; a score or an overlap equal to its limit is kept', async () => {
  const frame = paintFrame(formatOf(640, 640), () => [0, 0, 0]);
  const scoresOf = async (faces: readonly StandInFace[], changes: Partial<NetworkDetectorOptions> = {}) =>
    (await (await detectorOf('yoloface_8n', faces, changes)).detectAll(frame)).map(({ score }) =>
      Number(score.toFixed(4)),
    );
  const box = { x: 100, y: 100, width: 70, height: 100, score: 0.9 };
  // Moved by 30 of 70: overlap 40 / 100 of the union.
  const moved = { ...box, x: 130, score: 0.8 };
  assert.deepEqual(await scoresOf([moved, box]), [0.9, 0.8]);
  assert.deepEqual(await scoresOf([{ ...moved, x: 129 }, box]), [0.9]);
  assert.deepEqual(await scoresOf([moved, box], { anglesDegrees: [0, 180] }), [0.9, 0.9]);
  assert.deepEqual(await scoresOf([{ ...box, score: 0.5 }]), [], 'the score must be above the limit');
  assert.deepEqual(
    await scoresOf([box], { scoreThreshold: 0, isCompatible: true }),
    [],
    'FaceFusion makes no faces at 0',
  );
});

test('several detectors together keep only one of boxes that overlap by more than a tenth', async () => {
  const frame = paintFrame(formatOf(640, 640), () => [0, 0, 0]);
  const open = async (id: string, model: Parameters<typeof openModel>[0]): Promise<OpenDetector> => ({
    session: await openModel(model),
    contract: contractOf(id),
  });
  const box = { x: 100, y: 100, width: 70, height: 100, score: 0.6 };
  const detector = new NetworkDetector(
    [
      await open('retinaface_10g', anchorDetector([{ ...box, x: 150, score: 0.7 }])),
      await open('scrfd_2.5g', anchorDetector([{ ...box, x: 400, score: 0.8 }])),
      await open('yoloface_8n', yoloDetector([box])),
    ],
    options,
  );
  const faces = await detector.detectAll(frame);
  assert.deepEqual(
    faces.map(({ box: { x } }) => Math.round(x)),
    [400, 150],
  );
});

test('the look around a face fills the input with a window four times as large', async () => {
  const { session, inputs } = watchInputs(await openModel(yoloDetector([faceA])));
  const detector = new NetworkDetector([{ session, contract: contractOf('yoloface_8n') }], options);
  const frame = paintFrame(formatOf(400, 300, 'rgb'), (x, y) =>
    x >= 140 && y >= 90 ? [1, 1, 1] : [0, 0, 0],
  );
  // The window is 160 pixels large and begins at (120 − 60, 80 − 60): 4 pixels of the input to one of the frame.
  const [face] = await detector.detectAround(frame, { x: 120, y: 80, width: 40, height: 40 });
  assertClose(face!.box.x, 60 + 100 / 4, 1e-3, 'x');
  assertClose(face!.box.y, 20 + 200 / 4, 1e-3, 'y');
  assertClose(face!.box.width, 15, 1e-3, 'width');
  const [input] = inputs as [Float32Array];
  assertClose(at(input, (4 * 70 + 12) * 640 + 4 * 80 + 12), 1, 1e-5, 'inside the white part');
  assertClose(at(input, (4 * 70 - 12) * 640 + 4 * 80 + 12), 0, 1e-5, 'above it');
});

test('a model with another signature is refused by name', async () => {
  const wrongInput = await openModel(
    constantModel(
      { name: 'pixels', dims: [1, 3, 640, 640] },
      { output: { dims: [1, 20, 8400], data: new Float32Array(168000) } },
    ),
  );
  assert.throws(
    () => new NetworkDetector([{ session: wrongInput, contract: contractOf('yoloface_8n') }], options),
    /expected one input, input \[1, 3, 640, 640\]; it has pixels \[1, 3, 640, 640\]/,
  );
  const wrongOutput = await openModel(
    constantModel(
      { name: 'input', dims: [1, 3, 640, 640] },
      { output: { dims: [1, 5, 8400], data: new Float32Array(42000) } },
    ),
  );
  assert.throws(
    () => new NetworkDetector([{ session: wrongOutput, contract: contractOf('yoloface_8n') }], options),
    /expected 168000 numbers in output 0 \(boxes, scores and points\); it has output \[1, 5, 8400\]/,
  );
  const wrongRun = await openModel(
    constantModel(
      { name: 'input', dims: ['n', 3, 'h', 'w'] },
      { output: { dims: [1, 5, 8400], data: new Float32Array(42000) } },
    ),
  );
  const detector = new NetworkDetector([{ session: wrongRun, contract: contractOf('yoloface_8n') }], options);
  await assert.rejects(
    detector.detectAll(paintFrame(formatOf(64, 64), () => [0, 0, 0])),
    /expected 168000 numbers in output 0/,
  );
  const tooFew = await openModel(yoloDetector([]));
  assert.throws(
    () => new NetworkDetector([{ session: tooFew, contract: contractOf('yunet_2023_mar') }], options),
    /expected 12 outputs/,
  );
});

test('boxes that are no places in a frame are left out', async () => {
  const frame = paintFrame(formatOf(640, 640), () => [0, 0, 0]);
  const broken = [
    { ...faceA, x: Number.NaN },
    { ...faceA, x: 1e9 },
    { ...faceA, width: 0 },
  ];
  for (const face of broken) {
    assert.deepEqual(await (await detectorOf('yoloface_8n', [face])).detectAll(frame), []);
  }
});
