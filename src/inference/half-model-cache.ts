import { randomUUID } from 'node:crypto';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FaceswapError } from '../errors.js';
import { halfModel } from './half-model.js';
import { modelHash } from './model-hash.js';
import { isIntact, writeParts } from './rewritten-file.js';
import { createSession, type SessionOptions } from './session.js';
import { singleOutputs, withSession } from './trial-run.js';
import { keepVerdict, readVerdict } from './verdict-file.js';

export type HalvedModelOptions = SessionOptions & {
  /** Where converted models are kept; made when it is missing. */
  readonly folder: string;
};

/** A model in half precision. */
export type HalvedModel = {
  /** The converted copy; the model itself where there is nothing in it to convert. */
  readonly path: string;
  /**
   * How far its outputs are from those in single precision on pseudo-random inputs: the root mean square of the differences as a
   * share of that of the values, of the worst output.
   */
  readonly error: number;
};

/**
 * Largest {@link HalvedModel.error} that is accepted. A half has 11 binary digits, so that one rounding is off by 0.03 % at most and some
 * tens of layers by some tenths of a percent; one part in a hundred is far below what 8-bit pixels show of a face.
 */
export const acceptedHalfError = 0.01;

type Verdict =
  | { readonly version: number; readonly ok: true; readonly sha256: string; readonly error: number }
  | { readonly version: number; readonly ok: false; readonly reason: string };

/** Changes with the rules, so that old verdicts are not believed. */
const rulesVersion = 1;

/** Different inputs that are compared. */
const comparedItems = 2;

/**
 * Converts a model to half precision ({@link halfModel}), compares the copy with the original on the given providers, and keeps it under
 * the original's hash. Costs the reading of the model when that was done before.
 *
 * @throws FaceswapError `model` for a model that cannot be converted or comes out too different, with the figure, and for a file that is
 *   missing or broken; `resources` when memory or disk runs out; `unavailable` as {@link createSession}
 */
export async function halvedModel(modelPath: string, options: HalvedModelOptions): Promise<HalvedModel> {
  const { folder, rewrittenPath: sourcePath = modelPath } = options;
  const hash = await modelHash(sourcePath);
  // Kernels differ from one provider to the next, and so may the verdict.
  const name = `${hash}.fp16.${options.providers.join('+')}`;
  const path = join(folder, `${name}.onnx`);
  const verdictPath = join(folder, `${name}.json`);
  const known = await readVerdict(verdictPath, isVerdict);
  if (known?.ok === false) throw refusal(modelPath, known.reason);
  if (known?.ok === true && (await isIntact(path, known.sha256))) return { path, error: known.error };
  const refuse = async (reason: string): Promise<FaceswapError> => {
    await keepVerdict(verdictPath, { version: rulesVersion, ok: false, reason } satisfies Verdict);
    return refusal(modelPath, reason);
  };
  const converted = await convert(modelPath, sourcePath);
  if (converted.kind === 'unchanged') return { path: sourcePath, error: 0 };
  if (converted.kind === 'refused') throw await refuse(converted.reason);
  const partPath = join(folder, `${name}.${randomUUID()}.part`);
  try {
    const written = await writeParts(partPath, converted.parts);
    if (!written.ok) throw new FaceswapError('resources', `fp16: ${written.reason}`, { file: modelPath });
    const comparison = await compare(modelPath, partPath, options);
    if (!comparison.ok) throw await refuse(comparison.reason);
    await rename(partPath, path);
    const { error } = comparison;
    const { sha256 } = written;
    await keepVerdict(verdictPath, { version: rulesVersion, ok: true, sha256, error } satisfies Verdict);
    return { path, error };
  } finally {
    // Renamed by now, or never made where this fails.
    await rm(partPath, { force: true }).catch(() => undefined);
  }
}

const refusal = (modelPath: string, reason: string): FaceswapError =>
  new FaceswapError('model', `The model cannot be used in half precision: ${reason}`, {
    file: modelPath,
    hint: 'Leave --precision at auto for this model',
  });

const convert = async (modelPath: string, sourcePath: string): Promise<ReturnType<typeof halfModel>> => {
  try {
    return halfModel(await readFile(sourcePath));
  } catch (cause) {
    const message = cause instanceof FaceswapError ? cause.message : 'The model file cannot be read';
    throw new FaceswapError('model', message, { file: modelPath, cause });
  }
};

type Comparison =
  | { readonly ok: true; readonly error: number }
  | { readonly ok: false; readonly reason: string };

const compare = async (
  modelPath: string,
  halvedPath: string,
  options: HalvedModelOptions,
): Promise<Comparison> => {
  // One after the other: both at once would need twice the memory for their weights.
  const singles = await withSession(await createSession(modelPath, options), (session) =>
    singleOutputs(session, comparedItems),
  );
  let halves: Record<string, Float32Array>[];
  try {
    halves = await withSession(
      await createSession(modelPath, { ...options, rewrittenPath: halvedPath }),
      (session) => singleOutputs(session, comparedItems),
    );
  } catch (error) {
    // What the rules did not foresee. Memory is another matter.
    if (!(error instanceof FaceswapError) || error.kind === 'resources') throw error;
    return { ok: false, reason: `it does not run: ${error.message}` };
  }
  let worst = 0;
  for (const [index, outputs] of singles.entries()) {
    for (const [name, expected] of Object.entries(outputs)) {
      const error = relativeError(expected, halves[index]?.[name]);
      if (!Number.isFinite(error)) {
        return { ok: false, reason: `its output "${name}" has other numbers or none any more` };
      }
      worst = Math.max(worst, error);
      if (error <= acceptedHalfError) continue;
      const [got, most] = [error, acceptedHalfError].map(
        (share) => `${Number((share * 100).toPrecision(2))} %`,
      );
      return { ok: false, reason: `its output "${name}" is ${got} off; ${most} is the most` };
    }
  }
  return { ok: true, error: worst };
};

/** Root mean square of the differences over that of the expected values; infinite for what is no number only on one side. */
const relativeError = (expected: Float32Array, actual: Float32Array | undefined): number => {
  // Lists of findings may have another length.
  if (actual?.length !== expected.length) return Infinity;
  let differences = 0;
  let values = 0;
  for (let i = 0; i < expected.length; i++) {
    const [value, other] = [expected[i] as number, actual[i] as number];
    if (Object.is(value, other)) {
      if (Number.isFinite(value)) values += value ** 2;
      continue;
    }
    if (!Number.isFinite(value) || !Number.isFinite(other)) return Infinity;
    differences += (value - other) ** 2;
    values += value ** 2;
  }
  return differences === 0 ? 0 : Math.sqrt(differences / (values || Number.MIN_VALUE));
};

const isVerdict = (value: unknown): value is Verdict => {
  if (typeof value !== 'object' || value === null) return false;
  const { version, ok, reason, sha256, error } = value as Record<string, unknown>;
  if (version !== rulesVersion) return false;
  if (ok === false) return typeof reason === 'string';
  return ok === true && typeof sha256 === 'string' && typeof error === 'number';
};
