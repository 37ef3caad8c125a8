import {
  encodeModel,
  type OnnxAttribute,
  type OnnxNode,
  type OnnxTensor,
} from '../src/inference/onnx-file.js';
import type { TfjsGraph, TfjsNode, TfjsTensor } from './tfjs-graph.js';

/**
 * Converts a TensorFlow.js graph model to ONNX. The result works on NCHW with a free batch axis. Weights are laid out
 * anew here, so the graph needs no Transpose but before a Reshape that flattens a map larger than 1×1.
 * Batch normalisation that is left as Mul and Add after a convolution goes into its weights and bias.
 */

/** Version of the produced files; raise it when the same input gives other bytes. It is written into each file. */
export const converterVersion = '1';

const opset = 17;

/** One output of the ONNX model: one tensor of the TFJS graph, or several joined along their first item axis. */
export type OutputSpec = {
  name: string;
  /** `dims` are those of one batch item; they may differ from the TFJS shape by axes of length 1. */
  parts: { tensor: string; dims: number[] }[];
};

export type ConversionSpec = { graphName: string; outputs: OutputSpec[]; docString: string };

/** A tensor of the ONNX graph. `dims` are those of one batch item: `[C, H, W]` for maps. */
type Value = { tensor: string; dims: number[] };

/** A convolution with everything folded in that follows it linearly. */
type Convolution = {
  source: string;
  /** OIHW. */
  weights: Float64Array;
  weightDims: [outChannels: number, inChannels: number, height: number, width: number];
  bias: Float64Array | undefined;
  groups: number;
  stride: [height: number, width: number];
  padding: string;
  fusedOps: string[];
  fusedInputs: string[];
};

/**
 * Converts `graph` so that it computes `spec.outputs` from one NCHW input named `input`. Nodes that no output needs
 * are dropped. The same arguments always give the same bytes.
 *
 * @throws Error that names the node when something in the graph is not supported.
 */
export function convertToOnnx(graph: TfjsGraph, spec: ConversionSpec): Uint8Array<ArrayBuffer> {
  return new Converter(graph, spec).convert();
}

class Converter {
  readonly #graph: TfjsGraph;
  readonly #spec: ConversionSpec;
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers = new Map<string, OnnxTensor>();
  readonly #values = new Map<string, Value>();
  /** Tensor names that callers of the model see, by TFJS node name. */
  readonly #publicNames = new Map<string, string>();
  /** Item dims that an output asks for, by TFJS node name. */
  readonly #requestedDims = new Map<string, number[]>();
  #input: Value | undefined;

  constructor(graph: TfjsGraph, spec: ConversionSpec) {
    this.#graph = graph;
    this.#spec = spec;
  }

  convert(): Uint8Array<ArrayBuffer> {
    const { outputs, graphName, docString } = this.#spec;
    for (const { name, parts } of outputs) {
      for (const { tensor, dims } of parts) {
        const producer = this.#throughIdentity(tensor);
        this.#requestedDims.set(producer, dims);
        if (parts.length === 1) this.#publicNames.set(producer, name);
      }
    }
    const outputInfos = outputs.map((output) => {
      const values = output.parts.map(({ tensor, dims }) => {
        const value = this.#value(tensor);
        if (value.dims.join() !== dims.join()) {
          throw new Error(
            `output "${output.name}": "${tensor}" is [${value.dims.join()}], expected [${dims.join()}]`,
          );
        }
        return value;
      });
      const [first, ...rest] = values;
      if (first === undefined) throw new Error(`output "${output.name}" has no parts`);
      const [rows = 1, ...itemDims] = first.dims;
      const allRows = rest.reduce((sum, value) => sum + (value.dims[0] ?? 1), rows);
      if (rest.length > 0) {
        this.#emit(
          'Concat',
          output.name,
          values.map((value) => value.tensor),
          { axis: { type: 'int', value: 1 } },
        );
      }
      return { name: output.name, dims: [allRows, ...itemDims] };
    });
    if (this.#input === undefined) throw new Error(`${graphName}: no output depends on the input`);
    const floatValue = ({ name, dims }: { name: string; dims: number[] }) => ({
      name,
      elementType: 'float32' as const,
      dims: ['batch', ...dims],
    });
    return encodeModel({
      graphName,
      docString,
      opset,
      producer: { name: 'faceswap tfjs-to-onnx', version: converterVersion },
      inputs: [floatValue({ name: this.#input.tensor, dims: this.#input.dims })],
      outputs: outputInfos.map(floatValue),
      initializers: [...this.#initializers.values()],
      nodes: this.#nodes,
    });
  }

  #node(name: string): TfjsNode {
    const node = this.#graph.nodes.get(name);
    if (node === undefined) throw new Error(`the graph has no node "${name}"`);
    return node;
  }

  #throughIdentity(name: string): string {
    const node = this.#node(name);
    return node.op === 'Identity' ? this.#throughIdentity(inputOf(node, 0)) : name;
  }

  #constant(name: string): TfjsTensor {
    const tensor = this.#graph.constants.get(name);
    if (tensor === undefined) throw new Error(`"${name}" is not a constant`);
    return tensor;
  }

  /** The ONNX tensor for a TFJS node, emitting what it needs on first use: that order can be run. */
  #value(name: string): Value {
    const producer = this.#throughIdentity(name);
    const known = this.#values.get(producer);
    if (known !== undefined) return known;
    const value = this.#translate(this.#node(producer));
    this.#values.set(producer, value);
    return value;
  }

  #translate(node: TfjsNode): Value {
    const convolution = this.#matchConvolution(node);
    if (convolution !== undefined) return this.#convolution(node, convolution);
    switch (node.op) {
      case 'Placeholder':
        return this.#placeholder(node);
      case 'Add':
      case 'AddV2':
        return this.#sum(node);
      case 'Relu':
      case 'Sigmoid':
      case 'Softmax': {
        const input = this.#value(inputOf(node, 0));
        return this.#emit(node.op, this.#nameOf(node), [input.tensor], {}, input.dims);
      }
      case 'Maximum':
        return this.#clip(node);
      case 'Prelu':
        return this.#prelu(this.#nameOf(node), this.#value(inputOf(node, 0)), inputOf(node, 1));
      case 'MaxPool':
        return this.#maxPool(node);
      case 'Pad':
        return this.#channelPad(node);
      case 'Reshape':
        return this.#reshape(node);
      case 'Mean':
        return this.#globalMean(node);
      case '_FusedMatMul':
        return this.#dense(node);
      default:
        throw new Error(`node "${node.name}": operator ${node.op} is not supported`);
    }
  }

  #nameOf(node: TfjsNode): string {
    return this.#publicNames.get(node.name) ?? node.name;
  }

  #emit(
    opType: string,
    output: string,
    inputs: string[],
    attributes: Record<string, OnnxAttribute> = {},
    dims: number[] = [],
  ): Value {
    this.#nodes.push({ opType, name: output, inputs, outputs: [output], attributes });
    return { tensor: output, dims };
  }

  #initializer(name: string, dims: number[], data: Float32Array | BigInt64Array): string {
    this.#initializers.set(name, { name, dims, data });
    return name;
  }

  #placeholder(node: TfjsNode): Value {
    const [, height = 0, width = 0, channels = 0] = node.shape;
    if (node.shape.length !== 4 || height <= 0 || width <= 0 || channels <= 0) {
      throw new Error(`input "${node.name}" is not an image: shape [${node.shape.join()}]`);
    }
    if (this.#input !== undefined) throw new Error(`input "${node.name}": a second input is not supported`);
    this.#input = { tensor: 'input', dims: [channels, height, width] };
    return this.#input;
  }

  /** The convolution that ends in `node`, looking back through constant Mul and Add; undefined if there is none. */
  #matchConvolution(node: TfjsNode): Convolution | undefined {
    switch (node.op) {
      case '_FusedConv2D':
      case 'Conv2D':
        return this.#readConvolution(node, false);
      case 'DepthwiseConv2dNative':
        return this.#readConvolution(node, true);
      case 'Mul':
      case 'Add':
      case 'AddV2': {
        const factors = this.#graph.constants.get(inputOf(node, 1))?.data;
        const inner = this.#graph.nodes.get(inputOf(node, 0));
        if (factors === undefined || inner === undefined) return undefined;
        const convolution = this.#matchConvolution(inner);
        if (convolution === undefined || convolution.fusedOps.length > 0) return undefined;
        const [outChannels] = convolution.weightDims;
        if (factors.length !== outChannels) return undefined;
        const perChannel = Float64Array.from(factors);
        return node.op === 'Mul' ? scaled(convolution, perChannel) : shifted(convolution, perChannel);
      }
      default:
        return undefined;
    }
  }

  #readConvolution(node: TfjsNode, depthwise: boolean): Convolution {
    const { dims, data } = this.#constant(inputOf(node, 1));
    const [height = 0, width = 0, inChannels = 0, last = 0] = dims;
    const [, strideY = 1, strideX = 1] = node.strides;
    const [bias, ...afterBias] = node.inputs.slice(2);
    const [firstOp, ...laterOps] = node.fusedOps;
    if (firstOp !== undefined && (firstOp !== 'BiasAdd' || bias === undefined)) {
      throw new Error(`node "${node.name}": fused ${node.fusedOps.join('+')} is not supported`);
    }
    return {
      source: inputOf(node, 0),
      weights: depthwise ? depthwiseToOihw(data, dims) : hwioToOihw(data, dims),
      weightDims: depthwise ? [inChannels * last, 1, height, width] : [last, inChannels, height, width],
      bias: bias === undefined ? undefined : Float64Array.from(this.#constant(bias).data),
      groups: depthwise ? inChannels : 1,
      stride: [strideY, strideX],
      padding: node.padding,
      fusedOps: laterOps,
      fusedInputs: afterBias,
    };
  }

  #convolution(node: TfjsNode, convolution: Convolution): Value {
    const { weightDims, stride, padding, fusedOps, fusedInputs } = convolution;
    const input = this.#value(convolution.source);
    const [outChannels, , kernelHeight, kernelWidth] = weightDims;
    const window = slideWindow(input, [kernelHeight, kernelWidth], stride, padding, node.name);
    const [activation, ...others] = fusedOps;
    if (others.length > 0)
      throw new Error(`node "${node.name}": fused ${fusedOps.join('+')} is not supported`);
    const name = this.#nameOf(node);
    const inputs = [
      input.tensor,
      this.#initializer(`${node.name}/weights`, [...weightDims], Float32Array.from(convolution.weights)),
    ];
    if (convolution.bias !== undefined) {
      inputs.push(this.#initializer(`${node.name}/bias`, [outChannels], Float32Array.from(convolution.bias)));
    }
    const attributes: Record<string, OnnxAttribute> = {
      kernel_shape: { type: 'ints', value: [kernelHeight, kernelWidth] },
      strides: { type: 'ints', value: stride },
      pads: { type: 'ints', value: window.pads },
      group: { type: 'int', value: convolution.groups },
    };
    const dims = [outChannels, ...window.size];
    const result = this.#emit(
      'Conv',
      activation === undefined ? name : `${node.name}/linear`,
      inputs,
      attributes,
      dims,
    );
    switch (activation) {
      case undefined:
        return result;
      case 'Relu':
        return this.#emit('Relu', name, [result.tensor], {}, dims);
      case 'Prelu':
        return this.#prelu(name, result, fusedInputs[0] ?? '');
      default:
        throw new Error(`node "${node.name}": fused ${activation} is not supported`);
    }
  }

  #sum(node: TfjsNode): Value {
    const left = this.#value(inputOf(node, 0));
    const right = this.#value(inputOf(node, 1));
    if (left.dims.join() !== right.dims.join()) {
      throw new Error(`node "${node.name}" adds [${left.dims.join()}] and [${right.dims.join()}]`);
    }
    return this.#emit('Add', this.#nameOf(node), [left.tensor, right.tensor], {}, left.dims);
  }

  /** `Maximum(Minimum(Relu(x), high), low)`, a ReLU6 as TensorFlow 1 wrote it, is one Clip. */
  #clip(node: TfjsNode): Value {
    const minimum = this.#node(inputOf(node, 0));
    const relu = minimum.op === 'Minimum' ? this.#node(inputOf(minimum, 0)) : undefined;
    if (relu?.op !== 'Relu')
      throw new Error(`node "${node.name}": Maximum is supported only as part of a ReLU6`);
    const low = Math.max(0, this.#scalar(inputOf(node, 1)));
    const high = this.#scalar(inputOf(minimum, 1));
    const input = this.#value(inputOf(relu, 0));
    const bounds = [low, high].map((bound) =>
      this.#initializer(`scalar/${bound}`, [], Float32Array.of(bound)),
    );
    return this.#emit('Clip', this.#nameOf(node), [input.tensor, ...bounds], {}, input.dims);
  }

  #scalar(name: string): number {
    const [value, ...rest] = this.#constant(name).data;
    if (value === undefined || rest.length > 0) throw new Error(`constant "${name}" is not a scalar`);
    return value;
  }

  #prelu(output: string, input: Value, slopeName: string): Value {
    const slope = this.#constant(slopeName);
    const [channels = 0] = input.dims;
    if (slope.data.length !== channels)
      throw new Error(`slope "${slopeName}" does not fit ${channels} channels`);
    const initializer = this.#initializer(
      `${slopeName}/slope`,
      [channels, 1, 1],
      Float32Array.from(slope.data),
    );
    return this.#emit('PRelu', output, [input.tensor, initializer], {}, input.dims);
  }

  #maxPool(node: TfjsNode): Value {
    const input = this.#value(inputOf(node, 0));
    const [, kernelHeight = 1, kernelWidth = 1] = node.kernelSize;
    const [, strideY = 1, strideX = 1] = node.strides;
    const kernel: [number, number] = [kernelHeight, kernelWidth];
    const window = slideWindow(input, kernel, [strideY, strideX], node.padding, node.name);
    const attributes: Record<string, OnnxAttribute> = {
      kernel_shape: { type: 'ints', value: kernel },
      strides: { type: 'ints', value: [strideY, strideX] },
      pads: { type: 'ints', value: window.pads },
    };
    const dims = [input.dims[0] ?? 0, ...window.size];
    return this.#emit('MaxPool', this.#nameOf(node), [input.tensor], attributes, dims);
  }

  #channelPad(node: TfjsNode): Value {
    const input = this.#value(inputOf(node, 0));
    const paddings = [...this.#constant(inputOf(node, 1)).data];
    const [before = 0, after = 0] = paddings.slice(6);
    if (paddings.length !== 8 || paddings.slice(0, 6).some((padding) => padding !== 0)) {
      throw new Error(`node "${node.name}" pads other axes than the channels`);
    }
    const pads = BigInt64Array.from([0, before, 0, 0, 0, after, 0, 0].map(BigInt));
    const [channels = 0, ...size] = input.dims;
    const inputs = [input.tensor, this.#initializer(`${node.name}/pads`, [8], pads)];
    return this.#emit('Pad', this.#nameOf(node), inputs, {}, [before + channels + after, ...size]);
  }

  /** Flattens a map in NHWC order, as the TFJS model does; the batch axis stays free. */
  #reshape(node: TfjsNode): Value {
    const input = this.#value(inputOf(node, 0));
    const [channels = 0, height = 0, width = 0] = input.dims;
    const dims = this.#requestedDims.get(node.name) ?? [...this.#constant(inputOf(node, 1)).data].slice(1);
    if (input.dims.length !== 3 || elementCount(dims) !== channels * height * width) {
      throw new Error(`node "${node.name}" cannot reshape [${input.dims.join()}] to [${dims.join()}]`);
    }
    const name = this.#nameOf(node);
    const isMap = height * width > 1;
    const flat = isMap
      ? this.#emit('Transpose', `${node.name}/nhwc`, [input.tensor], {
          perm: { type: 'ints', value: [0, 2, 3, 1] },
        })
      : input;
    // 0 means "as in the input".
    const shape = BigInt64Array.from([0, ...dims].map(BigInt));
    const inputs = [flat.tensor, this.#initializer(`${node.name}/shape`, [shape.length], shape)];
    return this.#emit('Reshape', name, inputs, {}, dims);
  }

  #globalMean(node: TfjsNode): Value {
    const input = this.#value(inputOf(node, 0));
    const axes = [...this.#constant(inputOf(node, 1)).data];
    const [channels = 0] = input.dims;
    if (input.dims.length !== 3 || axes.join() !== '1,2') {
      throw new Error(`node "${node.name}": only the mean over height and width is supported`);
    }
    const pooled = this.#emit('GlobalAveragePool', `${node.name}/pooled`, [input.tensor]);
    return this.#emit('Flatten', this.#nameOf(node), [pooled.tensor], { axis: { type: 'int', value: 1 } }, [
      channels,
    ]);
  }

  #dense(node: TfjsNode): Value {
    const input = this.#value(inputOf(node, 0));
    const weights = this.#constant(inputOf(node, 1));
    const bias = this.#constant(inputOf(node, 2));
    const [rows = 0, columns = 0] = weights.dims;
    const [firstOp, activation, ...others] = node.fusedOps;
    const isKnown = firstOp === 'BiasAdd' && (activation === undefined || activation === 'Relu');
    if (!isKnown || others.length > 0 || input.dims.join() !== `${rows}`) {
      throw new Error(`node "${node.name}": this matrix product is not supported`);
    }
    const name = this.#nameOf(node);
    const inputs = [
      input.tensor,
      this.#initializer(`${node.name}/weights`, [rows, columns], Float32Array.from(weights.data)),
      this.#initializer(`${node.name}/bias`, [columns], Float32Array.from(bias.data)),
    ];
    const linear = this.#emit('Gemm', activation === undefined ? name : `${node.name}/linear`, inputs, {}, [
      columns,
    ]);
    return activation === undefined ? linear : this.#emit('Relu', name, [linear.tensor], {}, [columns]);
  }
}

const inputOf = (node: TfjsNode, index: number): string => {
  const input = node.inputs[index];
  if (input === undefined) throw new Error(`node "${node.name}" has no input ${index}`);
  return input;
};

const elementCount = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);

const scaled = (convolution: Convolution, factors: Float64Array): Convolution => {
  const perChannel = elementCount(convolution.weightDims.slice(1));
  return {
    ...convolution,
    weights: convolution.weights.map(
      (weight, index) => weight * (factors[Math.floor(index / perChannel)] ?? Number.NaN),
    ),
    bias: convolution.bias?.map((value, channel) => value * (factors[channel] ?? Number.NaN)),
  };
};

const shifted = (convolution: Convolution, offsets: Float64Array): Convolution => ({
  ...convolution,
  bias: offsets.map((offset, channel) => offset + (convolution.bias?.[channel] ?? 0)),
});

/** TensorFlow's height × width × in × out to ONNX's out × in × height × width. */
const hwioToOihw = (data: ArrayLike<number>, dims: readonly number[]): Float64Array => {
  const [height = 0, width = 0, inChannels = 0, outChannels = 0] = dims;
  const result = new Float64Array(data.length);
  let target = 0;
  for (let out = 0; out < outChannels; out += 1) {
    for (let channel = 0; channel < inChannels; channel += 1) {
      for (let position = 0; position < height * width; position += 1) {
        result[target] = data[(position * inChannels + channel) * outChannels + out] ?? Number.NaN;
        target += 1;
      }
    }
  }
  return result;
};

/** TensorFlow's height × width × in × multiplier to ONNX's (in · multiplier) × 1 × height × width. */
const depthwiseToOihw = (data: ArrayLike<number>, dims: readonly number[]): Float64Array => {
  const [height = 0, width = 0, inChannels = 0, multiplier = 0] = dims;
  return hwioToOihw(data, [height, width, 1, inChannels * multiplier]);
};

/**
 * Output size and pads of a sliding window by TensorFlow's rules: `VALID` never pads; `SAME` gives
 * ceil(size / stride) and puts the odd pixel of padding at the end.
 */
const slideWindow = (
  input: Value,
  kernel: [number, number],
  stride: [number, number],
  padding: string,
  nodeName: string,
): { size: [number, number]; pads: [top: number, left: number, bottom: number, right: number] } => {
  if (padding !== 'SAME' && padding !== 'VALID') throw new Error(`node "${nodeName}": padding "${padding}"`);
  const along = (
    length: number,
    window: number,
    step: number,
  ): { size: number; before: number; after: number } => {
    if (padding === 'VALID') return { size: Math.floor((length - window) / step) + 1, before: 0, after: 0 };
    const size = Math.ceil(length / step);
    const total = Math.max(0, (size - 1) * step + window - length);
    const before = Math.floor(total / 2);
    return { size, before, after: total - before };
  };
  const [, height = 0, width = 0] = input.dims;
  const vertical = along(height, kernel[0], stride[0]);
  const horizontal = along(width, kernel[1], stride[1]);
  return {
    size: [vertical.size, horizontal.size],
    pads: [vertical.before, horizontal.before, vertical.after, horizontal.after],
  };
};
