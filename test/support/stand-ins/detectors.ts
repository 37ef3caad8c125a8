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

const image = { name: 'input', dims: [1, 3, sizePx, sizePx] } as const;

const cornerOf = (face: StandInFace, i: number): readonly [number, number] => [
  face.x + (standInPoints[2 * i] as number) * face.width,
  face.y + (standInPoints[2 * i + 1] as number) * face.height,
];

/** With retinaface's and scrfd's signature: each face at the anchor of stride 8 that is nearest to its middle. */
export const anchorDetector = (faces: readonly StandInFace[]): OnnxModel => {
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
  return constantModel(image, outputs);
};

/** With yoloface's signature. */
export const yoloDetector = (faces: readonly StandInFace[]): OnnxModel => {
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
  return constantModel(image, { output: { dims: [1, 20, candidates], data } });
};

/** With yunet's signature: the score is split into two equal factors. */
export const yunetDetector = (faces: readonly StandInFace[]): OnnxModel => {
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
  return constantModel(image, outputs);
};

/** Writes stand-ins for all four detectors, which all report the same faces in every picture. */
export const writeDetectorStandIns = (folder: string, faces: readonly StandInFace[]): void => {
  writeStandIn(folder, 'retinaface_10g', anchorDetector(faces));
  writeStandIn(folder, 'scrfd_2.5g', anchorDetector(faces));
  writeStandIn(folder, 'yoloface_8n', yoloDetector(faces));
  writeStandIn(folder, 'yunet_2023_mar', yunetDetector(faces));
};
