import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FaceswapError } from '../errors.js';
import { encodeModel, type OnnxModel, type OnnxNode, type OnnxTensor } from './onnx-file.js';
import { fillPseudoRandom } from './pseudo-random.js';

/**
 * Models that are made rather than trained, for measuring everything but the models. The same options give the same bytes.
 *
 * - `null`: each model costs next to nothing and finds the same faces in every frame;
 * - `bound`: the same, with a swapper that computes as much as a 128-pixel neural one.
 */
export type GeneratedModelKind = 'null' | 'bound';

export type GeneratedModelOptions = {
  readonly kind: GeneratedModelKind;
  /** Faces in every frame, 1 to 8, in a grid. */
  readonly faces: number;
  /** The mesh that every face gets, whatever its unit and place: 468 × (x, y, z), upright. */
  readonly mesh: Float32Array;
  /** Width over height of the frames that the grid is laid out for; 16 / 9 when it is not given. */
  readonly frameAspect?: number | undefined;
  /** Channels of the bound swapper's first layer. Its compute grows with the square: 128, the default, is the real size. */
  readonly channels?: number | undefined;
};

/** Where the files of a set lie. Their signatures are those of the registry's models with these ids. */
export type GeneratedModelPaths = {
  readonly blazeface: string;
  readonly facemesh: string;
  readonly faceres: string;
  /** `target` [batch, 3, 128, 128] and `source` [batch, 512] give `output` [batch, 3, 128, 128], all but equal to `target`. */
  readonly swapper: string;
};

const detectorInputPx = 256;
const landmarkInputPx = 192;
const recognizerInputPx = 224;
const anchorCount = 896;
const meshPointCount = 468;
const descriptorLength = 1024;
const embeddingLength = 512;

/** Side of the generated swapper's input and output in pixels. */
export const generatedSwapperSizePx = 128;

/** Side of each face's box in the detector's input: 270 pixels of a frame of 1920 × 1080. */
const faceBoxPx = 36;

/** Landmark crops are this much wider than the face: the mesh must fill the rest exactly, so that its crop stays where it is. */
const cropMargin = 1.5;

/**
 * Writes the four models of a set as `<id>.onnx`.
 *
 * The detector reports its faces only where the lower right of its input is black. That is the padding under or beside a
 * whole frame, while tiles are filled by the frame; the same faces found once more in every tile would be other faces. So frames must
 * be at least a third longer one way than the other, which leaves square pictures without a face.
 *
 * @param folder is made when it is missing
 * @throws FaceswapError `bug` for options out of range
 */
export async function writeGeneratedModels(
  folder: string,
  options: GeneratedModelOptions,
): Promise<GeneratedModelPaths> {
  const { kind, faces, mesh, frameAspect = 16 / 9, channels = 128 } = options;
  const models = {
    blazeface: fixedDetector(faces, frameAspect),
    facemesh: fixedLandmarker(mesh),
    faceres: fixedRecognizer(),
    swapper: kind === 'null' ? copyingSwapper() : boundSwapper(channels),
  };
  await mkdir(folder, { recursive: true });
  const write = async (id: keyof GeneratedModelPaths): Promise<string> => {
    const path = join(folder, `${id}.onnx`);
    await writeFile(path, encodeModel(models[id]));
    return path;
  };
  return {
    blazeface: await write('blazeface'),
    facemesh: await write('facemesh'),
    faceres: await write('faceres'),
    swapper: await write('swapper'),
  };
}

/**
 * Multiply-adds of the bound swapper per face, in thousands of millions. 174.6 at 128 channels; the makers of INSwapper_128 state
 * 174.7 for theirs (README of deepinsight/inswapper-512-live).
 */
export function boundSwapperGmac(channels = 128): number {
  const sum = swapperConvolutions(channels).reduce(
    (total, { from, to, kernel, outputPx }) => total + from * to * kernel ** 2 * outputPx ** 2,
    0,
  );
  return (sum + 2 * embeddingLength * 8 * channels) / 1e9;
}

/** Centres of the faces in the detector's input, left to right and top to bottom over the part that the frame covers. */
const faceCentres = (faces: number, frameAspect: number): { x: number; y: number }[] => {
  if (!(Number.isInteger(faces) && faces >= 1 && faces <= 8)) {
    throw new FaceswapError('bug', `A generated detector finds 1 to 8 faces, not ${faces}`);
  }
  if (!(Math.max(frameAspect, 1 / frameAspect) >= 4 / 3 - 0.01)) {
    throw new FaceswapError(
      'bug',
      `A generated detector cannot tell tiles from frames of aspect ${frameAspect}`,
    );
  }
  const widthPx = detectorInputPx * Math.min(1, frameAspect);
  const heightPx = detectorInputPx * Math.min(1, 1 / frameAspect);
  const longCount = faces <= 3 ? faces : Math.ceil(faces / 2);
  const columns = frameAspect >= 1 ? longCount : Math.ceil(faces / longCount);
  const rows = Math.ceil(faces / columns);
  return Array.from({ length: faces }, (_, index) => ({
    x: (((index % columns) + 0.5) * widthPx) / columns,
    y: ((Math.floor(index / columns) + 0.5) * heightPx) / rows,
  }));
};

const fixedDetector = (faces: number, frameAspect: number): OnnxModel => {
  const scores = new Float32Array(anchorCount).fill(-100);
  const boxes = new Float32Array(anchorCount * 16);
  const cellPx = 16;
  const cells = detectorInputPx / cellPx;
  for (const { x, y } of faceCentres(faces, frameAspect)) {
    const column = Math.floor(x / cellPx);
    const row = Math.floor(y / cellPx);
    const anchor = 2 * (row * cells + column);
    const centreX = x - (column + 0.5) * cellPx;
    const centreY = y - (row + 0.5) * cellPx;
    scores[anchor] = 10;
    boxes.set([centreX, centreY, faceBoxPx, faceBoxPx], anchor * 16);
    // Eyes, nose, mouth and ears where an upright face has them, in parts of the box.
    const points = [-0.2, -0.15, 0.2, -0.15, 0, 0.05, 0, 0.25, -0.45, -0.1, 0.45, -0.1];
    points.forEach((part, i) => {
      boxes[anchor * 16 + 4 + i] = part * faceBoxPx + (i % 2 === 0 ? centreX : centreY);
    });
  }
  return {
    ...description('fixed detector'),
    inputs: [float('input', ['batch', 3, detectorInputPx, detectorInputPx])],
    outputs: [float('scores', ['batch', anchorCount]), float('boxes', ['batch', anchorCount, 16])],
    initializers: [
      { name: 'fixed scores', dims: [1, anchorCount], data: scores },
      { name: 'corner start', dims: [2], data: BigInt64Array.of(200n, 200n) },
      { name: 'corner end', dims: [2], data: BigInt64Array.of(256n, 256n) },
      { name: 'corner axes', dims: [2], data: BigInt64Array.of(2n, 3n) },
      // Black is −1 in this input; 0.95 leaves room for what a decoder makes of it.
      { name: 'tolerance', dims: [1], data: Float32Array.of(0.95) },
      { name: 'penalty', dims: [1], data: Float32Array.of(-1e6) },
      ...fixedOutputConstants('boxes', [anchorCount, 16], boxes),
    ],
    nodes: [
      node('Slice', ['input', 'corner start', 'corner end', 'corner axes'], 'corner'),
      { ...node('Flatten', ['corner'], 'corner values'), attributes: { axis: { type: 'int', value: 1 } } },
      {
        ...node('ReduceMax', ['corner values'], 'brightest'),
        attributes: { axes: { type: 'ints', value: [1] }, keepdims: { type: 'int', value: 1 } },
      },
      node('Add', ['brightest', 'tolerance'], 'above black'),
      node('Relu', ['above black'], 'filled'),
      node('Mul', ['filled', 'penalty'], 'tile penalty'),
      node('Add', ['fixed scores', 'tile penalty'], 'scores'),
      ...batchNodes(),
      ...fixedOutputNodes('boxes'),
    ],
  };
};

const fixedLandmarker = (mesh: Float32Array): OnnxModel => {
  if (mesh.length !== meshPointCount * 3) {
    throw new FaceswapError('bug', `A mesh has ${meshPointCount} points, not ${mesh.length / 3}`);
  }
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  for (let i = 0; i < meshPointCount; i++) {
    for (const axis of [0, 1]) {
      low[axis] = Math.min(low[axis] as number, mesh[3 * i + axis] as number);
      high[axis] = Math.max(high[axis] as number, mesh[3 * i + axis] as number);
    }
  }
  const middle = [0, 1].map((axis) => ((low[axis] as number) + (high[axis] as number)) / 2);
  const side = Math.max(...[0, 1].map((axis) => (high[axis] as number) - (low[axis] as number)));
  const scale = landmarkInputPx / cropMargin / side;
  // Depth keeps its origin: it is relative to the head in the real model too.
  const landmarks = mesh.map((value, i) =>
    i % 3 === 2 ? value * scale : (value - (middle[i % 3] as number)) * scale + landmarkInputPx / 2,
  );
  return {
    ...description('fixed landmarker'),
    inputs: [float('input', ['batch', 3, landmarkInputPx, landmarkInputPx])],
    outputs: [float('landmarks', ['batch', landmarks.length]), float('flag', ['batch', 1])],
    initializers: [
      ...fixedOutputConstants('landmarks', [landmarks.length], landmarks),
      ...fixedOutputConstants('flag', [1], Float32Array.of(1)),
    ],
    nodes: [...batchNodes(), ...fixedOutputNodes('landmarks'), ...fixedOutputNodes('flag')],
  };
};

const fixedRecognizer = (): OnnxModel => {
  const descriptor = new Float32Array(descriptorLength);
  fillPseudoRandom(descriptor, 1, 1, 2);
  const age = new Float32Array(100);
  age[35] = 1;
  return {
    ...description('fixed recognizer'),
    inputs: [float('input', ['batch', 3, recognizerInputPx, recognizerInputPx])],
    outputs: [
      float('descriptor', ['batch', descriptorLength]),
      float('age', ['batch', age.length]),
      float('gender', ['batch', 1]),
    ],
    initializers: [
      ...fixedOutputConstants('descriptor', [descriptorLength], descriptor),
      ...fixedOutputConstants('age', [age.length], age),
      ...fixedOutputConstants('gender', [1], Float32Array.of(0.5)),
    ],
    nodes: [
      ...batchNodes(),
      ...fixedOutputNodes('descriptor'),
      ...fixedOutputNodes('age'),
      ...fixedOutputNodes('gender'),
    ],
  };
};

const copyingSwapper = (): OnnxModel => ({
  ...description('copying swapper'),
  ...swapperSignature(),
  initializers: [],
  nodes: [node('Identity', ['target'], 'output')],
});

type Convolution = {
  readonly name: string;
  /** Layers with the same weights are stored once. */
  readonly weights: string;
  readonly from: number;
  readonly to: number;
  readonly kernel: number;
  readonly stride: number;
  readonly outputPx: number;
};

const styleBlockCount = 6;

/**
 * The layers of INSwapper_128: down to 32 × 32 × 1024, six residual blocks of two convolutions with adaptive instance normalisation,
 * and up again. They add up to the 138.3 million parameters and 174.7 thousand million multiply-adds that its makers state. Here the
 * twelve layers of the blocks share their weights: the same compute and activations out of a file of 92 MB instead of 553.
 */
const swapperConvolutions = (channels: number): Convolution[] => {
  const c = channels;
  const layer = (
    name: string,
    [from, to]: readonly [number, number],
    kernel: number,
    stride: number,
    outputPx: number,
    weights = name,
  ): Convolution => ({ name, weights, from, to, kernel, stride, outputPx });
  return [
    layer('first', [3, c], 7, 1, 128),
    layer('down 1', [c, 2 * c], 3, 1, 128),
    layer('down 2', [2 * c, 4 * c], 3, 2, 64),
    layer('down 3', [4 * c, 8 * c], 3, 2, 32),
    ...Array.from({ length: 2 * styleBlockCount }, (_, index) =>
      layer(`block ${index}`, [8 * c, 8 * c], 3, 1, 32, 'block'),
    ),
    layer('up 1', [8 * c, 4 * c], 3, 1, 64),
    layer('up 2', [4 * c, 2 * c], 3, 1, 128),
    layer('up 3', [2 * c, c], 3, 1, 128),
    layer('last', [c, 3], 7, 1, 128),
  ];
};

const boundSwapper = (channels: number): OnnxModel => {
  if (!(Number.isInteger(channels) && channels >= 1)) {
    throw new FaceswapError('bug', `A generated swapper cannot have ${channels} channels`);
  }
  const convolutions = swapperConvolutions(channels);
  const style = 8 * channels;
  const initializers: OnnxTensor[] = [
    { name: 'axes of the picture', dims: [2], data: BigInt64Array.of(2n, 3n) },
    { name: 'twice as large', dims: [4], data: Float32Array.of(1, 1, 2, 2) },
    { name: 'ones', dims: [style], data: new Float32Array(style).fill(1) },
    { name: 'zeros', dims: [style], data: new Float32Array(style) },
    // What the network adds stays below a thousandth of a level, so that the picture remains one.
    { name: 'trace', dims: [1], data: Float32Array.of(1e-6) },
  ];
  const nodes: OnnxNode[] = [];
  const append = (opType: string, inputs: readonly string[], output: string): string => {
    nodes.push(node(opType, inputs, output));
    return output;
  };
  for (const name of ['style scale', 'style shift']) {
    const weights = new Float32Array(embeddingLength * style);
    fillPseudoRandom(weights, initializers.length, -0.05, 0.05);
    initializers.push({ name: `${name} weights`, dims: [embeddingLength, style], data: weights });
    const bias = name === 'style scale' ? 'ones' : 'zeros';
    append('Gemm', ['source', `${name} weights`, bias], `${name} values`);
    append('Unsqueeze', [`${name} values`, 'axes of the picture'], name);
  }
  const convolve = (name: string, input: string): string => {
    const { weights, from, to, kernel, stride } = convolutions.find(
      (convolution) => convolution.name === name,
    ) as Convolution;
    if (!initializers.some((tensor) => tensor.name === `${weights} weights`)) {
      const data = new Float32Array(to * from * kernel ** 2);
      // He's initialisation, which keeps the spread of values through ReLU layers.
      const limit = Math.sqrt(6 / (from * kernel ** 2));
      fillPseudoRandom(data, initializers.length, -limit, limit);
      initializers.push({ name: `${weights} weights`, dims: [to, from, kernel, kernel], data });
    }
    const pad = (kernel - 1) / 2;
    nodes.push({
      ...node('Conv', [input, `${weights} weights`], name),
      attributes: {
        kernel_shape: { type: 'ints', value: [kernel, kernel] },
        strides: { type: 'ints', value: [stride, stride] },
        pads: { type: 'ints', value: [pad, pad, pad, pad] },
      },
    });
    return name;
  };
  const activate = (input: string): string => append('Relu', [input], `${input} active`);
  const stylise = (input: string): string => {
    append('InstanceNormalization', [input, 'ones', 'zeros'], `${input} normal`);
    append('Mul', [`${input} normal`, 'style scale'], `${input} scaled`);
    return append('Add', [`${input} scaled`, 'style shift'], `${input} styled`);
  };
  const enlarge = (input: string): string =>
    append('Resize', [input, '', 'twice as large'], `${input} large`);

  let x = activate(convolve('first', 'target'));
  for (const name of ['down 1', 'down 2', 'down 3']) x = activate(convolve(name, x));
  for (let block = 0; block < styleBlockCount; block++) {
    const inner = activate(stylise(convolve(`block ${2 * block}`, x)));
    x = append('Add', [x, stylise(convolve(`block ${2 * block + 1}`, inner))], `block sum ${block}`);
  }
  x = activate(convolve('up 1', enlarge(x)));
  x = activate(convolve('up 2', enlarge(x)));
  x = activate(convolve('up 3', x));
  append('Tanh', [convolve('last', x)], 'change');
  append('Mul', ['change', 'trace'], 'small change');
  append('Add', ['target', 'small change'], 'output');
  return { ...description('bound swapper'), ...swapperSignature(), initializers, nodes };
};

const swapperSignature = (): Pick<OnnxModel, 'inputs' | 'outputs'> => {
  const picture = ['batch', 3, generatedSwapperSizePx, generatedSwapperSizePx];
  return {
    inputs: [float('target', picture), float('source', ['batch', embeddingLength])],
    outputs: [float('output', picture)],
  };
};

const description = (graphName: string): Pick<OnnxModel, 'graphName' | 'opset' | 'producer'> => ({
  graphName,
  opset: 17,
  producer: { name: 'faceswap', version: '1' },
});

const float = (name: string, dims: readonly (number | string)[]): OnnxModel['inputs'][number] => ({
  name,
  elementType: 'float32',
  dims,
});

const node = (opType: string, inputs: readonly string[], output: string): OnnxNode => ({
  opType,
  name: output,
  inputs,
  outputs: [output],
});

/** The batch length as a tensor of one number. Shape looks at no pixel, so this costs the same for any input. */
const batchNodes = (): OnnxNode[] => [
  { ...node('Shape', ['input'], 'batch length'), attributes: { end: { type: 'int', value: 1 } } },
];

const fixedOutputConstants = (name: string, dims: readonly number[], data: Float32Array): OnnxTensor[] => [
  { name: `fixed ${name}`, dims: [1, ...dims], data },
  { name: `${name} dims`, dims: [dims.length], data: BigInt64Array.from(dims, BigInt) },
];

/** One copy of a constant per item of the batch. */
const fixedOutputNodes = (name: string): OnnxNode[] => [
  {
    ...node('Concat', ['batch length', `${name} dims`], `${name} shape`),
    attributes: { axis: { type: 'int', value: 0 } },
  },
  node('Expand', [`fixed ${name}`, `${name} shape`], name),
];
