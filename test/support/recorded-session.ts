import type { BatchSession } from '../../src/inference/batch-runner.js';

/** A session that notes what its model is given. */
export type RecordedSession = {
  readonly session: BatchSession;
  /** Inputs of each run, copied. */
  readonly runs: Readonly<
    Record<string, { readonly data: Float32Array; readonly dims: readonly number[] }>
  >[];
};

/** Wraps a session so that its inputs can be looked at. */
export const recordedSession = (inner: BatchSession): RecordedSession => {
  const runs: RecordedSession['runs'] = [];
  return {
    runs,
    session: {
      modelPath: inner.modelPath,
      inputs: inner.inputs,
      outputs: inner.outputs,
      runInto: async (feeds, outputs) => {
        const copies = Object.entries(feeds).map(
          ([name, { data, dims }]) => [name, { data: data.slice(), dims }] as const,
        );
        runs.push(Object.fromEntries(copies));
        await inner.runInto(feeds, outputs);
      },
    },
  };
};
