/**
 * Follows the batch through a graph: which values have one entry per item in front, and which operations would have to be told
 * another number of items. The rules cover what convolutional networks are made of; an operation without a rule is taken
 * to treat items alike. Whether that was right is for a comparison of real runs to say.
 */

/** A node as far as its rules need it. */
export type FlowNode = {
  readonly opType: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whole numbers among the attributes; a single one is a list of one. */
  readonly integers: ReadonlyMap<string, readonly number[]>;
  /** Whether it has a graph of its own, as branches and loops have. */
  readonly hasGraph: boolean;
};

/** The graph as far as the batch is concerned. */
export type FlowGraph = {
  /** In an order in which they can run. */
  readonly nodes: readonly FlowNode[];
  /** Inputs whose first axis becomes the batch. */
  readonly batchInputs: readonly string[];
  readonly outputs: readonly string[];
  /** The numbers of a constant that could be a shape or a list of axes. */
  readonly constant: (name: string) => readonly number[] | undefined;
};

/** What has to change: new shapes for nodes that have a batch of 1 in theirs, by the index of the node. */
export type FlowResult =
  | { readonly ok: true; readonly shapes: ReadonlyMap<number, readonly number[]> }
  | { readonly ok: false; readonly reason: string };

/**
 * How a value depends on the batch; values that do not are not listed.
 *
 * - `leading`: its first axis is the batch;
 * - `merged`: its first axis holds several rows of each item, item after item;
 * - `shape`: it was computed from the lengths of axes only;
 * - `unknown`: the batch is somewhere.
 */
type Place = 'leading' | 'merged' | 'shape' | 'unknown';

type Flow = {
  readonly graph: FlowGraph;
  readonly places: Map<string, Place>;
  readonly shapes: Map<number, readonly number[]>;
};

/** Thrown inside of this module only. */
class Obstacle extends Error {}

/** The number that exporters write for "to the end". */
const toTheEnd = 2 ** 31 - 1;

/** Follows the batch from the inputs to the outputs. */
export function followBatch(graph: FlowGraph): FlowResult {
  const flow: Flow = { graph, places: new Map(), shapes: new Map() };
  for (const name of graph.batchInputs) flow.places.set(name, 'leading');
  try {
    graph.nodes.forEach((node, index) => {
      const place = placeAfter(flow, node, index);
      if (place === undefined) return;
      for (const output of node.outputs) if (output !== '') flow.places.set(output, place);
    });
    for (const output of graph.outputs) checkOutput(output, flow.places.get(output));
  } catch (error) {
    if (error instanceof Obstacle) return { ok: false, reason: error.message };
    throw error;
  }
  return { ok: true, shapes: flow.shapes };
}

const checkOutput = (name: string, place: Place | undefined): void => {
  if (place === undefined) throw new Obstacle(`output "${name}" does not depend on the input`);
  if (place === 'merged') throw new Obstacle(`output "${name}" lays the items into one list`);
};

const describe = ({ opType, name, outputs }: FlowNode): string => `${opType} "${name || (outputs[0] ?? '')}"`;

/** Where the batch is in what a node gives; undefined when it does not depend on the batch. */
const placeAfter = (flow: Flow, node: FlowNode, index: number): Place | undefined => {
  const { places } = flow;
  const dependent = node.inputs.map((input) => places.get(input));
  if (dependent.every((place) => place === undefined)) return undefined;
  if (node.hasGraph) throw new Obstacle(`${describe(node)} has branches or loops`);
  const [data] = dependent;
  const rule = rules[node.opType];
  if (rule !== undefined) return rule({ flow, node, index, dependent, data });
  return weakest(dependent);
};

/** What is known of a value that depends on several. */
const weakest = (dependent: readonly (Place | undefined)[]): Place => {
  if (dependent.includes('unknown')) return 'unknown';
  if (dependent.includes('merged')) return 'merged';
  if (dependent.includes('leading')) return 'leading';
  return 'shape';
};

type RuleInput = {
  readonly flow: Flow;
  readonly node: FlowNode;
  readonly index: number;
  /** Of each input. */
  readonly dependent: readonly (Place | undefined)[];
  /** Of the first input. */
  readonly data: Place | undefined;
};

type Rule = (input: RuleInput) => Place;

/** Numbers that newer operator sets take as an input and older ones as an attribute. */
const numbersOf = (
  { flow, node }: RuleInput,
  attribute: string,
  inputIndex: number,
): readonly number[] | undefined => {
  const input = node.inputs[inputIndex];
  if (input !== undefined && input !== '') {
    const values = flow.graph.constant(input);
    if (values === undefined) throw new Obstacle(`${describe(node)} takes ${attribute} from a computation`);
    return values;
  }
  return node.integers.get(attribute);
};

const axisOf = ({ node }: RuleInput, fallback: number): number => node.integers.get('axis')?.[0] ?? fallback;

/** Rules for operations along one axis, which must not be the batch's. */
const alongAxis =
  (fallback: number, what: string): Rule =>
  (input) => {
    const place = weakest(input.dependent);
    if (place !== 'shape' && axisOf(input, fallback) === 0) {
      throw new Obstacle(`${describe(input.node)} ${what}`);
    }
    return place;
  };

const overAxes: Rule = (input) => {
  const place = weakest(input.dependent);
  if (place === 'shape') return place;
  const axes = numbersOf(input, 'axes', 1);
  if (axes === undefined || axes.length === 0) {
    if (input.node.integers.get('noop_with_empty_axes')?.[0] === 1) return place;
    throw new Obstacle(`${describe(input.node)} reduces all items to one number`);
  }
  if (axes.includes(0)) throw new Obstacle(`${describe(input.node)} reduces the batch`);
  return place;
};

const reshape: Rule = (input) => {
  const { flow, node, index, data, dependent } = input;
  if (dependent[1] !== undefined) return data === 'shape' ? 'shape' : 'unknown';
  if (data === undefined || data === 'shape') return data ?? 'shape';
  const shape = numbersOf(input, 'shape', 1);
  if (shape === undefined || node.inputs.length < 2) throw new Obstacle(`${describe(node)} has no shape`);
  const allowsZero = node.integers.get('allowzero')?.[0] === 1;
  const [first, ...rest] = shape;
  if (first === 0 && !allowsZero) return data;
  if (first === -1) return data === 'unknown' ? 'unknown' : 'merged';
  if (first !== 1) throw new Obstacle(`${describe(node)} to [${shape.join(', ')}] mixes the items`);
  if (!rest.includes(-1)) {
    // Items lie one behind the other, so what is left of the elements is the number of items.
    flow.shapes.set(index, [-1, ...rest]);
    return data === 'unknown' ? 'unknown' : 'leading';
  }
  if (data !== 'leading' || allowsZero) {
    throw new Obstacle(`${describe(node)} to [${shape.join(', ')}] leaves the batch open`);
  }
  flow.shapes.set(index, [0, ...rest]);
  return 'leading';
};

const slice: Rule = (input) => {
  const { node, data } = input;
  if (data === undefined || data === 'shape') return 'shape';
  const starts = numbersOf(input, 'starts', 1);
  const ends = numbersOf(input, 'ends', 2);
  if (starts === undefined || ends === undefined) throw new Obstacle(`${describe(node)} has no range`);
  const axes = numbersOf(input, 'axes', 3) ?? starts.map((_, axis) => axis);
  const steps = numbersOf(input, 'steps', 4);
  const at = axes.indexOf(0);
  if (at < 0) return data;
  const isWhole = starts[at] === 0 && (ends[at] ?? 0) >= toTheEnd && (steps?.[at] ?? 1) === 1;
  if (!isWhole) throw new Obstacle(`${describe(node)} cuts the batch`);
  return data;
};

const squeeze: Rule = (input) => {
  const { node, data } = input;
  if (data === undefined || data === 'shape') return 'shape';
  const axes = numbersOf(input, 'axes', 1);
  if (axes === undefined || axes.includes(0)) throw new Obstacle(`${describe(node)} drops the batch`);
  return data;
};

const concat: Rule = (input) => {
  const { node, dependent } = input;
  const place = weakest(dependent);
  if (place === 'shape') return place;
  if (axisOf(input, 0) === 0) throw new Obstacle(`${describe(node)} joins along the batch`);
  if (dependent.includes(undefined)) throw new Obstacle(`${describe(node)} joins a constant to each item`);
  return place;
};

const convolution: Rule = ({ node, dependent }) => {
  if (dependent[1] !== undefined) throw new Obstacle(`${describe(node)} takes its weights from the input`);
  return weakest(dependent);
};

const rules: Readonly<Record<string, Rule>> = {
  Shape: () => 'shape',
  Size: () => 'shape',
  Reshape: reshape,
  Flatten: (input) => {
    const axis = axisOf(input, 1);
    if (axis === 0) throw new Obstacle(`${describe(input.node)} lays all items into one row`);
    const { data } = input;
    return axis === 1 || data === undefined ? (data ?? 'unknown') : 'merged';
  },
  Transpose: ({ node, data }) =>
    node.integers.get('perm')?.[0] === 0 && data !== undefined ? data : 'unknown',
  Squeeze: squeeze,
  Unsqueeze: (input) => {
    const place = weakest(input.dependent);
    if (place === 'shape') return place;
    return numbersOf(input, 'axes', 1)?.includes(0) === true ? 'unknown' : place;
  },
  Slice: slice,
  Gather: (input) => {
    const { node, data, dependent } = input;
    if (data === 'shape') return 'shape';
    if (data !== undefined && axisOf(input, 0) === 0)
      throw new Obstacle(`${describe(node)} picks single items`);
    return weakest(dependent);
  },
  Split: alongAxis(0, 'splits the batch'),
  Softmax: alongAxis(-1, 'compares items'),
  LogSoftmax: alongAxis(-1, 'compares items'),
  ArgMax: alongAxis(0, 'compares items'),
  ArgMin: alongAxis(0, 'compares items'),
  Concat: concat,
  Resize: (input) => {
    const { flow, node, data } = input;
    const sizes = node.inputs[3] === undefined ? undefined : flow.graph.constant(node.inputs[3]);
    if (sizes !== undefined && (node.integers.get('axes')?.includes(0) ?? true)) {
      throw new Obstacle(`${describe(node)} has a fixed size that counts one item`);
    }
    return data ?? 'unknown';
  },
  Expand: ({ flow, node, data }) => {
    if (data === undefined || data === 'shape') return 'unknown';
    const first = node.inputs[1] === undefined ? undefined : flow.graph.constant(node.inputs[1])?.[0];
    if (first !== undefined && first > 1) throw new Obstacle(`${describe(node)} repeats the batch`);
    return data;
  },
  ConstantOfShape: () => 'unknown',
  MatMul: ({ dependent }) => (dependent[0] === undefined ? 'unknown' : weakest(dependent)),
  Conv: convolution,
  ConvTranspose: convolution,
  ...Object.fromEntries(
    ['Max', 'Mean', 'Min', 'Prod', 'Sum', 'L1', 'L2', 'LogSum', 'LogSumExp', 'SumSquare'].map((kind) => [
      `Reduce${kind}`,
      overAxes,
    ]),
  ),
  ...Object.fromEntries(
    ['LSTM', 'GRU', 'RNN'].map((kind) => [
      kind,
      ({ node }: RuleInput): Place => {
        throw new Obstacle(`${describe(node)} keeps a state per item`);
      },
    ]),
  ),
};
