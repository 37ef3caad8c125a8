import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { externalModel, requireModel } from '../../src/inference/model-store.js';

describe('the precision of a model', () => {
  const folder = mkdtempSync(join(tmpdir(), 'faceswap-model-store-'));
  after(() => rmSync(folder, { recursive: true }));
  const file = (name: string): string => {
    const path = join(folder, name);
    writeFileSync(path, '');
    return path;
  };
  const ask = (id: string, precision: 'auto' | 'fp32' | 'fp16') =>
    requireModel(externalModel(id), ['swapper'], folder, precision);

  it('auto takes the file as it is, in whichever precision it was published', () => {
    const single = file('inswapper_128.onnx');
    const half = file('hyperswap_1a_256.onnx');
    for (const [id, path] of [
      ['inswapper_128', single],
      ['hyperswap_1a_256', half],
    ] as const) {
      const model = ask(id, 'auto');
      assert.deepEqual([model.id, model.file, model.halve], [id, path, undefined]);
    }
  });

  it('fp16 converts a model that was published in single precision only here', () => {
    const model = ask('inswapper_128', 'fp16');
    assert.deepEqual([model.id, model.halve], ['inswapper_128', true]);
  });

  it('fp16 prefers the published variant where it is there, and leaves half-precision models alone', () => {
    const variant = file('inswapper_128_fp16.onnx');
    const model = ask('inswapper_128', 'fp16');
    assert.deepEqual([model.id, model.file, model.halve], ['inswapper_128_fp16', variant, undefined]);
    assert.equal(ask('hyperswap_1a_256', 'fp16').halve, undefined);
  });

  it('fp32 refuses a model in half precision, and says what to ask for', () => {
    const refused = (id: string, hint: RegExp): void => {
      assert.throws(
        () => ask(id, 'fp32'),
        (error) => {
          assert.ok(error instanceof FaceswapError && error.kind === 'usage', String(error));
          assert.match(error.message, /--precision fp32 cannot serve the model/);
          assert.match(error.context.hint ?? '', hint);
          return true;
        },
      );
    };
    refused('inswapper_128_fp16', /Ask for inswapper_128/);
    refused('hyperswap_1a_256', /published in no other/);
    assert.equal(ask('inswapper_128', 'fp32').halve, undefined);
  });
});
