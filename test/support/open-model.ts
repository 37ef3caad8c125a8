import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { encodeModel, type OnnxModel } from '../../src/inference/onnx-file.js';
import { createSession, type ModelSession } from '../../src/inference/session.js';

let folder: string | undefined;
let count = 0;
const sessions: ModelSession[] = [];

after(async () => {
  for (const session of sessions) await session.dispose();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

/** A generated model, loaded until the test file is done. */
export const openModel = async (model: OnnxModel): Promise<ModelSession> => {
  folder ??= mkdtempSync(join(tmpdir(), 'faceswap-models-'));
  const file = join(folder, `model-${++count}.onnx`);
  writeFileSync(file, encodeModel(model));
  const session = await createSession(file, { providers: ['cpu'], intraOpThreads: 1 });
  sessions.push(session);
  return session;
};

/** A copy of each input that a session is run with. */
export const watchInputs = (
  session: ModelSession,
): { readonly session: ModelSession; readonly inputs: Float32Array[] } => {
  const inputs: Float32Array[] = [];
  const note = (feeds: Parameters<ModelSession['run']>[0]): void => {
    for (const { data } of Object.values(feeds)) inputs.push(data.slice());
  };
  const watched: Pick<ModelSession, 'modelPath' | 'inputs' | 'outputs' | 'run' | 'runInto'> = {
    modelPath: session.modelPath,
    inputs: session.inputs,
    outputs: session.outputs,
    run: (feeds) => {
      note(feeds);
      return session.run(feeds);
    },
    runInto: (feeds, outputs) => {
      note(feeds);
      return session.runInto(feeds, outputs);
    },
  };
  return { session: watched as ModelSession, inputs };
};
