/**
 * Which operations of a network compute in half precision after a conversion, and which stay in single precision. An operation that
 * is not listed stays as it is, and what it gives is taken to be of an unknown type.
 */

/** Which inputs of an operation are numbers that are converted with it; others are shapes, indices and the like. */
type DataInputs = 'all' | readonly number[];

export type HalfRule = {
  /**
   * - `compute`: where the time goes; always in half precision;
   * - `follow`: cheap; in half precision where a value that it takes already is, so that nothing is converted back and forth;
   * - `keep`: in single precision, since half precision is not enough, and its results are single too.
   */
  readonly kind: 'compute' | 'follow' | 'keep';
  readonly data: DataInputs;
  /** Which outputs are numbers; others are indices and masks. */
  readonly outputs: 'all' | 'first';
  /** For variances, which are small where others are not: whether numbers that lose digits below 2^-14 may not be converted. */
  readonly mindsTiny?: true;
};

const rule = (
  kind: HalfRule['kind'],
  data: DataInputs,
  outputs: HalfRule['outputs'] = 'first',
): HalfRule => ({
  kind,
  data,
  outputs,
});

const rulesFor = (
  names: readonly string[],
  kind: HalfRule['kind'],
  data: DataInputs,
): readonly (readonly [string, HalfRule])[] => names.map((name) => [name, rule(kind, data)]);

/** By the operation's name in ONNX's own domain. */
export const halfRules: ReadonlyMap<string, HalfRule> = new Map([
  ...rulesFor(['Conv', 'ConvTranspose', 'Gemm', 'MatMul'], 'compute', 'all'),
  ...rulesFor(['Add', 'Sub', 'Mul', 'Sum', 'Max', 'Min', 'PRelu', 'Clip', 'Concat'], 'follow', 'all'),
  ...rulesFor(['Relu', 'LeakyRelu', 'Sigmoid', 'Tanh', 'Elu', 'HardSigmoid', 'HardSwish'], 'follow', [0]),
  ...rulesFor(['Erf', 'Neg', 'Abs', 'Identity', 'Dropout'], 'follow', [0]),
  ...rulesFor(['Transpose', 'Flatten', 'Reshape', 'Squeeze', 'Unsqueeze', 'Slice', 'Expand'], 'follow', [0]),
  ...rulesFor(['Tile', 'Gather', 'DepthToSpace', 'SpaceToDepth'], 'follow', [0]),
  ...rulesFor(['MaxPool', 'AveragePool', 'GlobalMaxPool', 'ReduceMax', 'ReduceMin'], 'follow', [0]),
  ['Split', rule('follow', [0], 'all')],
  ['Pad', rule('follow', [0, 2])],
  ['Where', rule('follow', [1, 2])],
  // Scales are float32 by ONNX's definition and lose nothing: only the picture is converted.
  ...rulesFor(['Resize', 'Upsample'], 'follow', [0]),
  ['BatchNormalization', { ...rule('follow', 'all'), mindsTiny: true }],
  // Sums of squares over whole pictures pass 65 504, the largest half, and their epsilons of 1e-5 to 1e-12 are next to nothing in it.
  ...rulesFor(['InstanceNormalization', 'LayerNormalization', 'GroupNormalization'], 'keep', 'all'),
  ...rulesFor(['LpNormalization', 'LRN'], 'keep', [0]),
  // The same for sums and means over many values.
  ...rulesFor(['ReduceMean', 'ReduceSum', 'ReduceSumSquare', 'ReduceL1', 'ReduceL2'], 'keep', [0]),
  ...rulesFor(['ReduceProd', 'ReduceLogSum', 'ReduceLogSumExp', 'GlobalAveragePool'], 'keep', [0]),
  // Exponentials and powers pass the largest half from 11.1 on; quotients, roots and logarithms of small numbers have none of their digits left.
  ...rulesFor(['Softmax', 'LogSoftmax', 'Softplus', 'Exp', 'Log', 'Sqrt', 'Reciprocal'], 'keep', [0]),
  ...rulesFor(['Div', 'Pow', 'Mod'], 'keep', 'all'),
  // Angles and coordinates: ten bits do not tell the pixels of a large picture apart.
  ...rulesFor(['Sin', 'Cos', 'Floor', 'Ceil', 'Round'], 'keep', [0]),
  ['GridSample', rule('keep', 'all')],
]);
