import type { OnnxModel, OnnxNode } from '../../../src/inference/onnx-file.js';
import { modelOf, op } from '../../inference/unit-models.js';
import { writeStandIn } from './models.js';

/** A face as every stand-in reports it, in pixels of the detector's input of 640 × 640. */
export type StandInFace = {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly score: number;
};

const sizePx = 640;
const strides = [8, 16, 32] as const;

/** Where the five points lie in the box, as shares of it. */
export const standInPoints = [0.3, 0.4, 0.7, 0.4, 0.5, 0.6, 0.35, 0.8, 0.65, 0.8] as const;

type Constants = Record<string, { dims: readonly number[]; data: Float32Array }>;

/**
 * A model that says the same whatever it sees. One number of the input is added and taken away again, so that the input stays part of the
 * graph.
 */
export const constantModel = (
  input: { readonly name: string; readonly dims: readonly (number | string)[] },
  outputs: Constants,
): OnnxModel => {
  const names = Object.keys(outputs);
  const nodes: OnnxNode[] = [
    op('ReduceMax', [input.name], 'brightest'),
    op('Sub', ['brightest', 'brightest'], 'nothing'),
    op('Reshape', ['nothing', 'one'], 'flat'),
    ...names.map((name) => op('Add', [`fixed ${name}`, 'flat'], name)),
  ];
  return {
    ...modelOf({
      inputs: { [input.name]: input.dims },
      outputs: Object.fromEntries(names.map((name) => [name, (outputs[name] as Constants[string]).dims])),
      weights: {
        one: { dims: [1], data: BigInt64Array.of(1n) },
        ...Object.fromEntries(names.map((name) => [`fixed ${name}`, outputs[name] as Constants[string]])),
      },
      nodes,
    }),
  };
};

/** The same as long as the lower right of its input is black, as it is under a whole frame, and something else for windows, which fill it. */
const switchingModel = (
  input: { readonly name: string; readonly dims: readonly number[] },
  { whole, window, black }: { readonly whole: Constants; readonly window: Constants; readonly black: number },
): OnnxModel => {
  const names = Object.keys(whole);
  const values = (all: Constants, kind: string) =>
    Object.fromEntries(names.map((name) => [`${kind} ${name}`, all[name] as Constants[string]]));
  const differences = Object.fromEntries(
    names.map((name) => {
      const { dims, data } = window[name] as Constants[string];
      const from = (whole[name] as Constants[string]).data;
      return [name, { dims, data: data.map((value, i) => value - (from[i] as number)) }];
    }),
  );
  return modelOf({
    inputs: { [input.name]: input.dims },
    outputs: Object.fromEntries(names.map((name) => [name, (whole[name] as Constants[string]).dims])),
    weights: {
      one: { dims: [1], data: BigInt64Array.of(1n) },
      start: { dims: [2], data: BigInt64Array.of(600n, 600n) },
      end: { dims: [2], data: BigInt64Array.of(640n, 640n) },
      axes: { dims: [2], data: BigInt64Array.of(2n, 3n) },
      'almost black': { dims: [1], data: Float32Array.of(black + 0.02) },
      steep: { dims: [1], data: Float32Array.of(1e6) },
      zero: { dims: [], data: Float32Array.of(0) },
      full: { dims: [], data: Float32Array.of(1) },
      ...values(whole, 'whole'),
      ...values(differences, 'change'),
    },
    nodes: [
      op('Slice', [input.name, 'start', 'end', 'axes'], 'corner'),
      op('ReduceMax', ['corner'], 'brightest'),
      op('Reshape', ['brightest', 'one'], 'flat'),
      op('Sub', ['flat', 'almost black'], 'above'),
      op('Mul', ['above', 'steep'], 'steeper'),
      op('Clip', ['steeper', 'zero', 'full'], 'filled'),
      ...names.flatMap((name) => [
        op('Mul', [`change ${name}`, 'filled'], `part ${name}`),
        op('Add', [`whole ${name}`, `part ${name}`], name),
      ]),
    ],
  });
};

const image = { name: 'input', dims: [1, 3, sizePx, sizePx] } as const;

const cornerOf = (face: StandInFace, i: number): readonly [number, number] => [
  face.x + (standInPoints[2 * i] as number) * face.width,
  face.y + (standInPoints[2 * i + 1] as number) * face.height,
];

/** Each face at the anchor of stride 8 that is nearest to its middle. */
const anchorOutputs = (faces: readonly StandInFace[]): Constants => {
  const outputs: Constants = {};
  for (const [what, numbers] of [
    ['score', 1],
    ['bbox', 4],
    ['kps', 10],
  ] as const) {
    for (const stride of strides) {
      const count = 2 * (sizePx / stride) ** 2;
      const data = new Float32Array(count * numbers);
      if (stride === 8) {
        for (const face of faces) {
          const column = Math.round((face.x + face.width / 2) / stride);
          const row = Math.round((face.y + face.height / 2) / stride);
          const [x, y] = [column * stride, row * stride];
          const anchor = 2 * (row * (sizePx / stride) + column);
          const values =
            what === 'score'
              ? [face.score]
              : what === 'bbox'
                ? [x - face.x, y - face.y, face.x + face.width - x, face.y + face.height - y]
                : [0, 1, 2, 3, 4].flatMap((i) => {
                    const [px, py] = cornerOf(face, i);
                    return [px - x, py - y];
                  });
          data.set(what === 'score' ? values : values.map((value) => value / stride), anchor * numbers);
        }
      }
      outputs[`${what}_${stride}`] = { dims: [count, numbers], data };
    }
  }
  return outputs;
};

const yoloOutputs = (faces: readonly StandInFace[]): Constants => {
  const candidates = 8400;
  const data = new Float32Array(20 * candidates);
  for (const [at, face] of faces.entries()) {
    const column = [
      face.x + face.width / 2,
      face.y + face.height / 2,
      face.width,
      face.height,
      face.score,
      ...[0, 1, 2, 3, 4].flatMap((i) => [...cornerOf(face, i), 0.9]),
    ];
    for (const [row, value] of column.entries()) data[row * candidates + 100 + at] = value;
  }
  return { output: { dims: [1, 20, candidates], data } };
};

/** The score is split into two equal factors. */
const yunetOutputs = (faces: readonly StandInFace[]): Constants => {
  const outputs: Constants = {};
  for (const [what, numbers] of [
    ['cls', 1],
    ['obj', 1],
    ['bbox', 4],
    ['kps', 10],
  ] as const) {
    for (const stride of strides) {
      const count = (sizePx / stride) ** 2;
      const data = new Float32Array(count * numbers);
      if (stride === 8) {
        for (const face of faces) {
          const [middleX, middleY] = [face.x + face.width / 2, face.y + face.height / 2];
          const column = Math.round(middleX / stride);
          const row = Math.round(middleY / stride);
          const [x, y] = [column * stride, row * stride];
          const anchor = row * (sizePx / stride) + column;
          const values: Record<typeof what, number[]> = {
            cls: [Math.sqrt(face.score)],
            obj: [Math.sqrt(face.score)],
            bbox: [
              (middleX - x) / stride,
              (middleY - y) / stride,
              Math.log(face.width / stride),
              Math.log(face.height / stride),
            ],
            kps: [0, 1, 2, 3, 4].flatMap((i) => {
              const [px, py] = cornerOf(face, i);
              return [(px - x) / stride, (py - y) / stride];
            }),
          };
          data.set(values[what], anchor * numbers);
        }
      }
      outputs[`${what}_${stride}`] = { dims: [1, count, numbers], data };
    }
  }
  return outputs;
};

/** With retinaface's and scrfd's signature. */
export const anchorDetector = (faces: readonly StandInFace[]): OnnxModel =>
  constantModel(image, anchorOutputs(faces));

/** With yoloface's signature. */
export const yoloDetector = (faces: readonly StandInFace[]): OnnxModel =>
  constantModel(image, yoloOutputs(faces));

/** With yunet's signature. */
export const yunetDetector = (faces: readonly StandInFace[]): OnnxModel =>
  constantModel(image, yunetOutputs(faces));

/**
 * Writes stand-ins for all four detectors, which all report the same faces in every frame that leaves the lower right of their input black
 * (those that are not square), and one face in the middle of every window, where the face is that was looked around.
 */
export const writeDetectorStandIns = (folder: string, faces: readonly StandInFace[]): void => {
  const [first] = faces;
  const size = first === undefined ? 1 : Math.max(first.width, first.height) / 160;
  const around = (first === undefined ? [] : [first]).map(({ width, height, score }) => ({
    x: 320 - width / size / 2,
    y: 320 - height / size / 2,
    width: width / size,
    height: height / size,
    score,
  }));
  const anchors = {
    whole: anchorOutputs(faces),
    window: anchorOutputs(around),
    black: -127.5 / 128,
  };
  writeStandIn(folder, 'retinaface_10g', switchingModel(image, anchors));
  writeStandIn(folder, 'scrfd_2.5g', switchingModel(image, anchors));
  const yolo = { whole: yoloOutputs(faces), window: yoloOutputs(around), black: 0 };
  writeStandIn(folder, 'yoloface_8n', switchingModel(image, yolo));
  const yunet = { whole: yunetOutputs(faces), window: yunetOutputs(around), black: 0 };
  writeStandIn(folder, 'yunet_2023_mar', switchingModel(image, yunet));
};
