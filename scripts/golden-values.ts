import { readFileSync } from 'node:fs';
import type { ModelSession } from '../src/inference/session.js';

/** A stretch of one flattened output of batch 1, and what the reference found in it. */
type GoldenPart = {
  output: string;
  from: number;
  length: number;
  first12: number[];
  sum: number;
  l2: number;
};

/** Reference values of one model for one synthetic input. */
export type GoldenModel = {
  inputNhwc: [batch: number, height: number, width: number, channels: number];
  low: number;
  high: number;
  outputs: GoldenPart[];
};

/** What a conversion may differ by, relative to the value. A right one differs by about 3e-6. */
const relativeTolerance = 1e-3;

/** Loads `embedded-golden-raw.json`; its `provenance` says how the values were made. */
export function readGoldenModels(path: URL): Record<string, GoldenModel> {
  const golden: { models: Record<string, GoldenModel> } = JSON.parse(readFileSync(path, 'utf8'));
  return golden.models;
}

/** The reference input as NCHW, 1×C×H×W; the formula counts elements in NHWC order. */
export function goldenInput(golden: GoldenModel): { data: Float32Array; dims: number[] } {
  const [, height, width, channels] = golden.inputNhwc;
  const planeSize = height * width;
  const data = new Float32Array(channels * planeSize);
  for (let index = 0; index < data.length; index += 1) {
    const random = ((index * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
    const target = (index % channels) * planeSize + Math.floor(index / channels);
    data[target] = golden.low + (golden.high - golden.low) * random;
  }
  return { data, dims: [1, channels, height, width] };
}

/** Runs the model on the reference input; one sentence for each value that disagrees. */
export async function compareWithGolden(session: ModelSession, golden: GoldenModel): Promise<string[]> {
  const results = await session.run({ input: goldenInput(golden) });
  const problems: string[] = [];
  for (const part of golden.outputs) {
    const values = results[part.output]?.subarray(part.from, part.from + part.length);
    const where = `${part.output}[${part.from}, ${part.from + part.length})`;
    if (values?.length !== part.length) {
      problems.push(`${where} is missing`);
      continue;
    }
    let sum = 0;
    let squares = 0;
    for (const value of values) {
      sum += value;
      squares += value * value;
    }
    const check = (what: string, actual: number | undefined, expected: number, scale: number): void => {
      if (actual === undefined || !(Math.abs(actual - expected) <= relativeTolerance * scale)) {
        problems.push(`${where}: ${what} is ${actual}, expected ${expected}`);
      }
    };
    part.first12.forEach((expected, index) => {
      check(`value ${index}`, values[index], expected, Math.abs(expected));
    });
    check('the sum', sum, part.sum, Math.abs(part.sum));
    check('the norm', Math.sqrt(squares), part.l2, part.l2);
  }
  return problems;
}
