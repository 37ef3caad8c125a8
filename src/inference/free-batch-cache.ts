import { randomUUID } from 'node:crypto';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FaceswapError } from '../errors.js';
import { hasFreeBatch } from './batch-runner.js';
import { freeBatch } from './free-batch.js';
import { modelHash } from './model-hash.js';
import { isIntact, writeParts } from './rewritten-file.js';
import { createSession } from './session.js';
import { trialOutputs, withSession } from './trial-run.js';
import { keepVerdict, readVerdict } from './verdict-file.js';

/** How closely a batch gave what single runs gave. */
export type BatchAgreement = {
  /** Whether every bit was the same. */
  readonly exact: boolean;
  /** Largest difference, as a share of the largest value of its output. */
  readonly largestError: number;
};

/** Which file to load for a model, and whether it takes batches. */
export type BatchableModel =
  | {
      readonly ok: true;
      /** The file to load: the original, or its rewritten copy. */
      readonly path: string;
      /** Of the original. */
      readonly hash: string;
      /** Null for a model that had a free batch from the start. */
      readonly agreement: BatchAgreement | null;
    }
  | {
      readonly ok: false;
      /** The original. */
      readonly path: string;
      readonly hash: string;
      /** Why it takes one item at a time, in words for people. */
      readonly reason: string;
    };

export type BatchableModelOptions = {
  /** Where rewritten models are kept; made when it is missing. */
  readonly folder: string;
  /** {@link modelHash} of the model, where it is known. */
  readonly hash?: string | undefined;
  /** As for {@link createSession}; what the comparison runs on. The CPU when it is not given. */
  readonly providers?: readonly string[] | undefined;
  readonly intraOpThreads?: number | undefined;
  readonly deviceId?: number | undefined;
};

/** What is written beside a rewritten model, or in place of one. */
type Verdict =
  | ({ readonly version: number; readonly ok: true; readonly sha256: string } & BatchAgreement)
  | { readonly version: number; readonly ok: false; readonly reason: string };

/** Changes with the rules, so that old verdicts are not believed. */
const rulesVersion = 1;

/** Items of the batch that is compared with single runs. */
const comparedItems = 3;

/**
 * Largest difference between a batch and single runs that counts as none, relative to the largest value of an output. A CPU does the
 * same sums in another order at most. Devices choose other kernels for other shapes and multiply with 10 or 11 bits of mantissa (TF32, float16)
 * in some of them; items that are mixed up are off by far more.
 */
const tolerance = (providers: readonly string[]): number =>
  providers.every((provider) => provider === 'cpu') ? 1e-5 : 1e-2;

/**
 * Finds out whether a model takes batches, and rewrites it if its batch is fixed to 1. A rewritten model is compared with single runs of
 * the original before it is used, and kept under the original's hash, as is the verdict that it cannot be done. Costs the reading of
 * the model when there is a verdict, else some runs.
 *
 * Several processes may do it at the same time: files get their names when they are whole. A kept file that has been damaged is made
 * again.
 *
 * @throws FaceswapError `model` for a file that is missing, broken or not runnable, `resources` when memory runs out
 */
export async function batchableModel(
  modelPath: string,
  options: BatchableModelOptions,
): Promise<BatchableModel> {
  const { folder, hash = await modelHash(modelPath) } = options;
  const path = join(folder, `${hash}.onnx`);
  const verdictPath = join(folder, `${hash}.json`);
  const known = await readVerdict(verdictPath, isVerdict);
  if (known?.ok === false) return { ok: false, path: modelPath, hash, reason: known.reason };
  if (known?.ok === true && (await isIntact(path, known.sha256))) {
    const { exact, largestError } = known;
    return { ok: true, path, hash, agreement: { exact, largestError } };
  }
  const rewritten = await rewrite(modelPath);
  if (rewritten.kind === 'free') return { ok: true, path: modelPath, hash, agreement: null };
  const refuse = async (reason: string): Promise<BatchableModel> => {
    await keepVerdict(verdictPath, { version: rulesVersion, ok: false, reason } satisfies Verdict);
    return { ok: false, path: modelPath, hash, reason };
  };
  if (rewritten.kind === 'refused') return refuse(rewritten.reason);
  const partPath = join(folder, `${hash}.${randomUUID()}.part`);
  try {
    const written = await writeParts(partPath, rewritten.parts);
    if (!written.ok) return { ok: false, path: modelPath, hash, reason: written.reason };
    const comparison = await compare(modelPath, partPath, options);
    if (!comparison.ok) return await refuse(comparison.reason);
    await rename(partPath, path);
    const { exact, largestError } = comparison;
    const { sha256 } = written;
    const verdict: Verdict = { version: rulesVersion, ok: true, sha256, exact, largestError };
    await keepVerdict(verdictPath, verdict);
    return { ok: true, path, hash, agreement: { exact, largestError } };
  } finally {
    // Renamed by now, or never made where this fails.
    await rm(partPath, { force: true }).catch(() => undefined);
  }
}

const rewrite = async (modelPath: string): Promise<ReturnType<typeof freeBatch>> => {
  try {
    return freeBatch(await readFile(modelPath));
  } catch (error) {
    if (!(error instanceof FaceswapError)) {
      throw new FaceswapError('model', 'The model file cannot be read', { file: modelPath, cause: error });
    }
    throw new FaceswapError('model', error.message, { file: modelPath, cause: error });
  }
};

type Comparison = ({ readonly ok: true } & BatchAgreement) | { readonly ok: false; readonly reason: string };

/** Runs different pseudo-random items one by one through the original and together through the rewritten model. */
const compare = async (
  modelPath: string,
  rewrittenPath: string,
  { providers = ['cpu'], intraOpThreads = 1, deviceId }: BatchableModelOptions,
): Promise<Comparison> => {
  const sessionOptions = { providers, intraOpThreads, deviceId };
  // One after the other: both at once would need twice the memory for their weights.
  const singles = await withSession(await createSession(modelPath, sessionOptions), (session) =>
    trialOutputs(session, comparedItems),
  );
  let batch: Map<string, Float32Array>;
  try {
    const session = await createSession(modelPath, { ...sessionOptions, rewrittenPath });
    batch = await withSession(session, async (opened) => {
      if (!hasFreeBatch(opened)) throw new FaceswapError('model', 'an output keeps its fixed batch');
      return trialOutputs(opened, comparedItems, comparedItems);
    });
  } catch (error) {
    // What the rules did not foresee. Memory is another matter.
    if (!(error instanceof FaceswapError) || error.kind === 'resources') throw error;
    return { ok: false, reason: `it does not run with a free batch: ${error.message}` };
  }
  let exact = true;
  let largestError = 0;
  for (const [name, expected] of singles) {
    const actual = batch.get(name) as Float32Array;
    const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (let i = 0; i < expected.length; i++) {
      const difference = Math.abs((expected[i] as number) - (actual[i] as number));
      if (Object.is(expected[i], actual[i])) continue;
      exact = false;
      // Not a number on one side only counts as wrong altogether.
      largestError = Math.max(
        largestError,
        Number.isFinite(difference) ? difference / (scale || 1) : Infinity,
      );
    }
  }
  if (largestError > tolerance(providers)) {
    const share = largestError === Infinity ? 'not a number' : `${(largestError * 100).toPrecision(2)} %`;
    return { ok: false, reason: `a batch does not give what single runs give (${share} off)` };
  }
  return { ok: true, exact, largestError };
};

const isVerdict = (value: unknown): value is Verdict => {
  if (typeof value !== 'object' || value === null) return false;
  const { version, ok, reason, sha256, exact, largestError } = value as Record<string, unknown>;
  if (version !== rulesVersion) return false;
  if (ok === false) return typeof reason === 'string';
  return (
    ok === true &&
    typeof sha256 === 'string' &&
    typeof exact === 'boolean' &&
    typeof largestError === 'number'
  );
};
