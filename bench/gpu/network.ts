import type { OnnxModel, OnnxNode, OnnxTensor } from '../../src/inference/onnx-file.js';
import { fillPseudoRandom } from '../../src/inference/pseudo-random.js';

/** A convolution of 3 × 3 with ReLU, after the picture was halved, kept or doubled in size. */
export type Layer = { readonly channels: number; readonly scale: 0.5 | 1 | 2 };

/** A stack of convolutions that costs as much as a network of that role; what it computes means nothing. */
export type Network = {
  readonly name: string;
  readonly sizePx: number;
  readonly layers: readonly Layer[];
};

const kernel = 3;

const repeated = (count: number, channels: number, first: Layer['scale']): Layer[] =>
  Array.from({ length: count }, (_, index) => ({ channels, scale: index === 0 ? first : 1 }));

/**
 * Stacks of the compute of known networks, besides the generated swapper (`boundSwapperGmac`): a detector of the class of SCRFD's 10 GF, whose
 * makers name it after its cost; iResNet-50, about 6.3 thousand million multiply-adds at 112 × 112; and an encoder and decoder at 512 × 512 of about
 * 120, which is an assumption for GFPGAN, for which no published figure is known to us.
 */
export const networks: readonly Network[] = [
  {
    name: 'retinaface',
    sizePx: 640,
    layers: [
      ...repeated(1, 28, 0.5),
      ...repeated(4, 56, 0.5),
      ...repeated(4, 128, 0.5),
      ...repeated(4, 256, 0.5),
    ],
  },
  {
    name: 'arcface',
    sizePx: 112,
    layers: [
      ...repeated(2, 64, 1),
      ...repeated(6, 64, 0.5),
      ...repeated(8, 128, 0.5),
      ...repeated(28, 256, 0.5),
      ...repeated(6, 512, 0.5),
    ],
  },
  {
    name: 'gfpgan',
    sizePx: 512,
    layers: [
      ...repeated(1, 64, 1),
      ...repeated(2, 128, 0.5),
      ...repeated(2, 256, 0.5),
      ...repeated(2, 512, 0.5),
      ...repeated(2, 256, 2),
      ...repeated(2, 128, 2),
      ...repeated(1, 64, 2),
    ],
  },
];

/** The same network with a fraction of its channels and size: a moment's work for any processor. */
export const miniature = ({ name, layers }: Network): Network => ({
  name,
  sizePx: 64,
  layers: layers.map(({ channels, scale }) => ({ channels: Math.max(1, channels >> 4), scale })),
});

/** Multiply-adds per item in thousands of millions. */
export function networkGmac({ sizePx, layers }: Network): number {
  let from = 3;
  let px = sizePx;
  let sum = 0;
  for (const { channels, scale } of layers) {
    px *= scale;
    sum += from * channels * kernel ** 2 * px ** 2;
    from = channels;
  }
  return sum / 1e9;
}

/** The model: `input` [batch, 3, size, size]. Layers with equal channels share their weights, which keeps the file small and costs the same. */
export function networkModel({ name, sizePx, layers }: Network): OnnxModel {
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [{ name: 'twice', dims: [4], data: Float32Array.of(1, 1, 2, 2) }];
  const append = (node: Omit<OnnxNode, 'name' | 'outputs'>, output: string): string => {
    nodes.push({ ...node, name: output, outputs: [output] });
    return output;
  };
  let from = 3;
  let px = sizePx;
  let value = 'input';
  for (const [index, { channels, scale }] of layers.entries()) {
    px *= scale;
    const weights = `weights ${from} ${channels}`;
    if (!initializers.some((tensor) => tensor.name === weights)) {
      const data = new Float32Array(channels * from * kernel ** 2);
      const limit = Math.sqrt(6 / (from * kernel ** 2));
      fillPseudoRandom(data, initializers.length, -limit, limit);
      initializers.push({ name: weights, dims: [channels, from, kernel, kernel], data });
    }
    if (scale === 2) value = append({ opType: 'Resize', inputs: [value, '', 'twice'] }, `large ${index}`);
    const stride = scale === 0.5 ? 2 : 1;
    value = append(
      {
        opType: 'Conv',
        inputs: [value, weights],
        attributes: {
          kernel_shape: { type: 'ints', value: [kernel, kernel] },
          strides: { type: 'ints', value: [stride, stride] },
          pads: { type: 'ints', value: [1, 1, 1, 1] },
        },
      },
      `convolved ${index}`,
    );
    const output = index === layers.length - 1 ? 'output' : `layer ${index}`;
    value = append({ opType: 'Relu', inputs: [value] }, output);
    from = channels;
  }
  return {
    graphName: name,
    opset: 17,
    producer: { name: 'faceswap', version: '1' },
    inputs: [{ name: 'input', elementType: 'float32', dims: ['batch', 3, sizePx, sizePx] }],
    outputs: [{ name: 'output', elementType: 'float32', dims: ['batch', from, px, px] }],
    initializers,
    nodes,
  };
}
