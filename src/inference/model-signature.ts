import { FaceswapError } from '../errors.js';
import type { ModelContract } from './model-contracts.js';
import { externalPlaces } from './model-guard.js';
import { BrokenEncoding, type ModelWindow, withModelWindow } from './model-window.js';
import { delimited, numberField, textField, valueDims, wireFields } from './onnx-wire.js';

/** One tensor that goes in or comes out, as the file states it. */
export type SignatureTensor = {
  readonly name: string;
  /** A TensorProto.DataType: 1 is float32, 10 float16, 11 float64. */
  readonly elementTypeCode: number;
  /** A string is an axis that is free. Undefined where the file states no shape. */
  readonly dims: readonly (number | string)[] | undefined;
};

/** What a model file says of itself. */
export type ModelSignature = {
  /** Those that must be fed; constants that old files list among their inputs are left out. */
  readonly inputs: readonly SignatureTensor[];
  readonly outputs: readonly SignatureTensor[];
};

/** Most bytes that the description of one tensor takes, most tensors that are described, longest name. */
const maxInfoBytes = 65_536;
const maxInfos = 4096;
const maxNameBytes = 4096;

/** A part of the file as a copy; more than `maxBytes`, which only hostile files have there, is refused. */
const partOf = (window: ModelWindow, start: number, end: number, maxBytes: number): Buffer => {
  if (end - start > maxBytes) throw new BrokenEncoding('a part of its description is too long');
  return window.bytes(start, end, maxBytes);
};

/** ValueInfoProto: name (1), type (2) → tensor_type (1) → elem_type (1). */
const readTensor = (bytes: Uint8Array): SignatureTensor => {
  const fields = wireFields(bytes);
  const type = delimited(fields, 2).at(-1);
  const tensor = type && delimited(wireFields(type), 1).at(-1);
  return {
    name: textField(fields, 1),
    elementTypeCode: (tensor && numberField(wireFields(tensor), 1)) ?? 0,
    dims: valueDims(bytes),
  };
};

/**
 * Reads what a model takes and gives, without its weights.
 *
 * @param name the file that errors name, where the one that is read is a copy.
 * @throws FaceswapError `model` for what is no whole ONNX file.
 */
export function readSignature(path: string, name = path): ModelSignature {
  return withModelWindow(path, name, (window) => {
    const inputs: SignatureTensor[] = [];
    const outputs: SignatureTensor[] = [];
    const constants = new Set<string>();
    const describe = (start: number, end: number): SignatureTensor => {
      if (inputs.length + outputs.length === maxInfos) throw new BrokenEncoding('it has too many inputs');
      try {
        return readTensor(partOf(window, start, end, maxInfoBytes));
      } catch (cause) {
        if (cause instanceof BrokenEncoding) throw cause;
        throw new BrokenEncoding('a description of a tensor is broken', { cause });
      }
    };
    window.eachField(0, window.size, (modelField, graphStart, graphEnd) => {
      if (modelField !== 7) return;
      window.eachField(graphStart, graphEnd, (field, start, end) => {
        if (field === 11) inputs.push(describe(start, end));
        else if (field === 12) outputs.push(describe(start, end));
        else if (field === 5) {
          window.eachField(start, end, (part, nameStart, nameEnd) => {
            if (part === 8) constants.add(partOf(window, nameStart, nameEnd, maxNameBytes).toString('utf8'));
          });
        }
      });
    });
    if (outputs.length === 0) throw new BrokenEncoding('it has no outputs');
    return { inputs: inputs.filter((input) => !constants.has(input.name)), outputs };
  });
}

/** What a contract says of one input. An axis is a length, several that are taken, or null where any will do. */
type InputDemand = {
  readonly name: string;
  readonly axes: readonly (number | readonly number[] | null)[];
  readonly optional?: boolean;
};

type Demand = { readonly inputs: readonly InputDemand[]; readonly outputCount: number };

type ImageDemand = { readonly name: string; readonly layout: 'NCHW' | 'NHWC' };

const imageDemand = (
  { name, layout }: ImageDemand,
  side: number | readonly number[] | null,
): InputDemand => ({
  name,
  axes: layout === 'NCHW' ? [null, 3, side, side] : [null, side, side, 3],
});

/** Levels of a detector's pyramid and what each gives. */
const perStride = (strides: readonly number[], outputs: number): number => strides.length * outputs;

const demandOf = (contract: ModelContract): Demand => {
  switch (contract.kind) {
    case 'anchor-distances':
      return {
        inputs: [imageDemand(contract.image, contract.sizesPx)],
        outputCount: perStride(contract.strides, 3),
      };
    case 'yunet':
      return {
        inputs: [imageDemand(contract.image, contract.sizesPx)],
        outputCount: perStride(contract.strides, 4),
      };
    case 'yolo-face':
      return { inputs: [imageDemand(contract.image, contract.sizesPx)], outputCount: 1 };
    case 'heatmap-68':
      return { inputs: [imageDemand(contract.image, contract.sizePx)], outputCount: 2 };
    case 'points-68':
      return { inputs: [imageDemand(contract.image, contract.sizePx)], outputCount: 1 };
    case 'five-to-68':
      return { inputs: [{ name: contract.input, axes: [null, 5, 2] }], outputCount: 1 };
    case 'arcface':
      return { inputs: [imageDemand(contract.image, contract.sizePx)], outputCount: 1 };
    case 'fairface':
      return { inputs: [imageDemand(contract.image, contract.sizePx)], outputCount: 3 };
    case 'swapper': {
      const { source } = contract;
      const who: InputDemand =
        source.kind === 'embedding'
          ? { name: source.name, axes: [null, source.length] }
          : imageDemand(source.image, source.sizePx);
      return { inputs: [imageDemand(contract.image, contract.sizePx), who], outputCount: 1 };
    }
    case 'dfm':
      return {
        inputs: [
          { name: 'in_face:0', axes: [null, null, null, 3] },
          { name: 'morph_value:0', axes: [null], optional: true },
        ],
        outputCount: 3,
      };
    case 'embedding-converter':
      return { inputs: [{ name: contract.input, axes: [null, contract.length] }], outputCount: 1 };
    case 'enhancer': {
      const { weight } = contract;
      return {
        inputs: [
          imageDemand(contract.image, contract.sizePx),
          ...(weight === undefined ? [] : [{ name: weight.name, axes: [null] }]),
        ],
        outputCount: 1,
      };
    }
    case 'xseg':
    case 'bisenet':
    case 'content-analyser':
      return { inputs: [imageDemand(contract.image, contract.sizePx)], outputCount: 1 };
  }
};

const axisText = (axis: InputDemand['axes'][number]): string => {
  if (axis === null) return '?';
  return typeof axis === 'number' ? String(axis) : axis.join('|');
};

const demandText = ({ name, axes }: InputDemand): string => `"${name}" [${axes.map(axisText).join(', ')}]`;

const tensorText = ({ name, dims }: SignatureTensor): string =>
  `${JSON.stringify(name)}${dims === undefined ? '' : ` [${dims.map((dim) => (dim === '' ? '?' : dim)).join(', ')}]`}`;

const fits = ({ axes }: InputDemand, dims: SignatureTensor['dims']): boolean =>
  dims === undefined ||
  (dims.length === axes.length &&
    axes.every((axis, k) => {
      const dim = dims[k];
      // Some exporters write 0 or −1 for an axis that is free.
      if (axis === null || typeof dim !== 'number' || dim < 1) return true;
      return typeof axis === 'number' ? axis === dim : axis.includes(dim);
    }));

/**
 * Makes sure that a file is one whole ONNX model that can be fed as its contract says: names, ranks and sizes of its inputs, and how many
 * outputs it has at least. An axis that the file leaves free fits any length. Weights in other files are refused: what is kept is one file.
 *
 * @param name the file that errors name, where the one that is read is a copy.
 * @throws FaceswapError `model` with what was expected and what the file has.
 */
export function checkSignature(path: string, contract: ModelContract, name = path): void {
  const [place] = externalPlaces(path, name);
  if (place !== undefined) {
    throw new FaceswapError(
      'model',
      `The model keeps weights in another file (${JSON.stringify(place)}); only models in one file are taken`,
      {
        file: name,
        hint: 'Save it as one file, such as with onnx.save_model(…, save_as_external_data=False)',
      },
    );
  }
  const { inputs, outputs } = readSignature(path, name);
  const demand = demandOf(contract);
  const has = `it has ${inputs.map(tensorText).join(', ') || 'no inputs'}`;
  const refuse = (what: string): FaceswapError =>
    new FaceswapError('model', `The model is no ${contract.kind}: ${what}`, { file: name });
  for (const wanted of demand.inputs) {
    const found = inputs.find((input) => input.name === wanted.name);
    if (found === undefined ? wanted.optional !== true : !fits(wanted, found.dims)) {
      throw refuse(`it must take ${demandText(wanted)}, and ${has}`);
    }
  }
  const more = inputs.find((input) => !demand.inputs.some(({ name: known }) => known === input.name));
  if (more !== undefined) {
    throw refuse(`it also wants ${tensorText(more)}, of which its contract says nothing`);
  }
  if (outputs.length < demand.outputCount) {
    throw refuse(`it must have ${demand.outputCount} outputs or more, and has ${outputs.length}`);
  }
}
