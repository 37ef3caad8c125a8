import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';

const rootDir = fileURLToPath(new URL('../..', import.meta.url));

// Types are left out: they cost seconds, and the text is not that of the file on disk.
const eslint = new ESLint({ cwd: rootDir, overrideConfig: [tseslint.configs.disableTypeChecked] });

/** Messages of the import rule for a file of that name with that text. */
const violations = async (file: string, text: string): Promise<readonly string[]> => {
  const [result] = await eslint.lintText(text, { filePath: path.join(rootDir, file) });
  assert.ok(result);
  const fatal = result.messages.filter((message) => message.fatal === true);
  assert.deepEqual(fatal, [], 'the text must parse');
  return result.messages
    .filter(({ ruleId }) => ruleId === 'layers/import-direction')
    .map(({ message }) => message);
};

describe('the import-direction rule', () => {
  const forbidden: readonly { name: string; file: string; text: string; message: RegExp }[] = [
    {
      name: 'a lower layer that imports a higher one',
      file: 'src/imaging/planar-frame.ts',
      text: "import { run } from '../pipeline/run.js'; export const a = run;",
      message: /imaging must not import pipeline/,
    },
    {
      name: 'anybody who imports the command',
      file: 'src/index.ts',
      text: "export * from './cli/main.js';",
      message: /index\.ts must not import cli/,
    },
    {
      name: 'neighbours in one layer',
      file: 'src/media/probe.ts',
      text: "export { createSession } from '../inference/session.js';",
      message: /media must not import inference/,
    },
    {
      name: 'a dynamic import',
      file: 'src/processors/face-swapper/mesh.ts',
      text: "export const load = () => import('../../pipeline/run.js');",
      message: /processors must not import pipeline/,
    },
    {
      name: 'a type import',
      file: 'src/pipeline/plan.ts',
      text: "import type { Check } from '../cli/doctor-checks.js'; export type A = Check;",
      message: /pipeline must not import cli/,
    },
    {
      name: 'onnxruntime outside src/inference',
      file: 'src/pipeline/segment-worker.ts',
      text: "import { Tensor } from 'onnxruntime-node'; export const a = Tensor;",
      message: /Only src\/inference may import onnxruntime-node/,
    },
    {
      name: 'child processes outside src/media',
      file: 'src/cli/main.ts',
      text: "import { spawn } from 'node:child_process'; export const a = spawn;",
      message: /Only src\/media may import node:child_process/,
    },
    {
      name: 'sharp outside src/media, lazily too',
      file: 'src/pipeline/run-image.ts',
      text: "export const load = () => import('sharp');",
      message: /Only src\/media may import sharp/,
    },
    {
      name: 'a file outside src',
      file: 'src/pipeline/plan.ts',
      text: "import { a } from '../../scripts/build-models.js'; export const b = a;",
      message: /lies outside it/,
    },
    {
      name: 'a folder without a layer',
      file: 'src/helpers/strings.ts',
      text: "import { run } from '../pipeline/run.js'; export const a = run;",
      message: /helpers has no layer/,
    },
  ];
  for (const { name, file, text, message } of forbidden) {
    test(`catches ${name}`, async () => {
      const found = await violations(file, text);
      assert.equal(found.length, 1);
      assert.match(found[0] ?? '', message);
    });
  }

  test('lets imports point down, within a folder and between processors', async () => {
    const allowed = [
      ['src/cli/run-action.ts', "import { run } from '../index.js'; export const a = run;"],
      ['src/cli/main.ts', "import { a } from '../media/probe.js'; export const b = a;"],
      ['src/pipeline/plan.ts', "import { a } from './run-options.js'; export const b = a;"],
      ['src/processors/face-swapper/mesh.ts', "export * from '../face-detector/blazeface.js';"],
      ['src/media/decoder.ts', "export * from '../imaging/planar-frame.js';"],
      ['src/media/probe.ts', "import ffmpeg from 'fluent-ffmpeg'; export const a = ffmpeg;"],
      [
        'src/imaging/planar-frame.ts',
        "import { FaceswapError } from '../errors.js'; export const a = FaceswapError;",
      ],
      ['test/pipeline/plan.test.ts', "import sharp from 'sharp'; export const a = sharp;"],
    ] as const;
    for (const [file, text] of allowed) assert.deepEqual(await violations(file, text), [], file);
  });
});
