import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { FaceswapError } from '../../src/errors.js';
import type { ModelContract } from '../../src/inference/model-contracts.js';
import { embeddedModelEntries, modelPath } from '../../src/inference/model-registry.js';
import { checkSignature, readSignature } from '../../src/inference/model-signature.js';
import { externalModel, publishedModels } from '../../src/inference/model-store.js';
import { forAll } from '../support/unit-random.js';
import { modelBytes } from '../support/unit-signatures.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-signature-'));
after(() => rmSync(folder, { recursive: true }));

const file = join(folder, 'model.onnx');
const write = (bytes: Uint8Array): string => {
  writeFileSync(file, bytes);
  return file;
};

type Shapes = Readonly<Record<string, readonly (number | string)[]>>;

const check = (id: string, inputs: Shapes, outputs: Shapes): void =>
  checkSignature(write(modelBytes(inputs, outputs)), externalModel(id, folder).contract);

const outputs = (count: number): Shapes =>
  Object.fromEntries(Array.from({ length: count }, (_, k) => [`out${k}`, [1, 2]]));

const refusal =
  (line: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof FaceswapError, String(error));
    assert.equal(error.exitCode, 4);
    assert.match(String(error), line);
    return true;
  };

/** Inputs and the number of outputs of each published model, as the contract's tables have them. */
const signatures: Readonly<Record<string, readonly [inputs: Shapes, outputCount: number]>> = {
  retinaface_10g: [{ input: [1, 3, 640, 640] }, 9],
  'scrfd_2.5g': [{ input: [1, 3, 'height', 'width'] }, 9],
  yoloface_8n: [{ input: [1, 3, 640, 640] }, 1],
  yunet_2023_mar: [{ input: [1, 3, 640, 640] }, 12],
  '2dfan4': [{ input: [1, 3, 256, 256] }, 2],
  peppa_wutz: [{ input: [1, 3, 256, 256] }, 1],
  fan_68_5: [{ input: [1, 5, 2] }, 1],
  arcface_w600k_r50: [{ input: [1, 3, 112, 112] }, 1],
  fairface: [{ input: [1, 3, 224, 224] }, 3],
  crossface_ghost: [{ input: [1, 512] }, 1],
  inswapper_128: [{ target: [1, 3, 128, 128], source: [1, 512] }, 1],
  inswapper_128_fp16: [{ target: [1, 3, 128, 128], source: [1, 512] }, 1],
  hyperswap_1a_256: [{ source: [1, 512], target: [1, 3, 256, 256] }, 2],
  blendswap_256: [{ source: [1, 3, 112, 112], target: [1, 3, 256, 256] }, 1],
  uniface_256: [{ source: [1, 3, 256, 256], target: [1, 3, 256, 256] }, 1],
  simswap_unofficial_512: [{ source: [1, 512], target: ['n', 3, 512, 512] }, 1],
  'gfpgan_1.4': [{ input: [1, 3, 512, 512] }, 1],
  codeformer: [{ input: [1, 3, 512, 512], weight: [1] }, 1],
  gpen_bfr_2048: [{ input: [1, 3, 2048, 2048] }, 1],
  xseg_1: [{ input: [1, 256, 256, 3] }, 1],
  bisenet_resnet_34: [{ input: [1, 3, 512, 512] }, 1],
  nsfw_1: [{ input: [1, 3, 640, 640] }, 1],
  nsfw_2: [{ input: [1, 3, 384, 384] }, 1],
  nsfw_3: [{ input: [1, 3, 448, 448] }, 1],
};

describe('the signature of a model file', () => {
  it('is read without the weights', () => {
    write(modelBytes({ target: [1, 3, 'h', 128], source: [1, 512] }, { out: ['n', 2] }, 1000));
    assert.deepEqual(readSignature(file), {
      inputs: [
        { name: 'target', elementTypeCode: 1, dims: [1, 3, 'h', 128] },
        { name: 'source', elementTypeCode: 1, dims: [1, 512] },
      ],
      outputs: [{ name: 'out', elementTypeCode: 1, dims: ['n', 2] }],
    });
  });

  it('is that of the embedded models', () => {
    for (const entry of embeddedModelEntries()) {
      const { inputs } = readSignature(modelPath(entry));
      const { input } = entry.contract;
      assert.deepEqual(inputs, [{ name: input.name, elementTypeCode: 1, dims: input.dims }]);
    }
  });

  it('leaves out constants that old files list among their inputs', () => {
    const bytes = modelBytes({ input: [1, 512], bulk: [8] }, { out: [1] }, 32);
    assert.deepEqual(
      readSignature(write(bytes)).inputs.map(({ name }) => name),
      ['input'],
    );
  });

  it('fits its contract for every kind of model that is published', () => {
    for (const [id, [inputs, count]] of Object.entries(signatures)) check(id, inputs, outputs(count));
    const kinds = (ids: readonly string[]) =>
      new Set(ids.map((id) => externalModel(id, folder).contract.kind));
    assert.deepEqual(
      kinds(Object.keys(signatures)),
      new Set(publishedModels().map(({ contract }) => contract.kind)),
    );
  });

  it('must name the inputs of its contract, in the sizes of its contract, and no others', () => {
    check('inswapper_128', { target: ['n', 3, -1, 'w'], source: ['n', 512] }, outputs(1));
    const cases: readonly (readonly [string, Shapes, number, RegExp])[] = [
      [
        'arcface',
        { 'input.1': [1, 3, 112, 112] },
        1,
        /must take "input" .*it has "input\.1" \[1, 3, 112, 112\]/,
      ],
      ['arcface', { input: [1, 112, 112, 3] }, 1, /must take "input" \[\?, 3, 112, 112\]/],
      ['arcface', { input: [3, 112, 112] }, 1, /it has "input" \[3, 112, 112\]/],
      ['retinaface', { input: [1, 3, 300, 300] }, 9, /must take "input" \[\?, 3, 160\|320\|480\|512\|640/],
      ['retinaface', { input: [1, 3, 640, 640] }, 6, /must have 9 outputs or more, and has 6/],
      ['gfpgan_1.4', { input: [1, 3, 512, 512], weight: [1] }, 1, /also wants "weight" \[1\], of which/],
      ['codeformer', { input: [1, 3, 512, 512] }, 1, /must take "weight"/],
    ];
    for (const [id, inputs, count, line] of cases) {
      assert.throws(() => check(id, inputs, outputs(count)), refusal(line));
    }
  });

  it('of a DeepFaceLive model leaves its size and its morph value open', () => {
    const contract: ModelContract = { kind: 'dfm', template: 'dfl_whole_face' };
    const three = outputs(3);
    checkSignature(write(modelBytes({ 'in_face:0': ['n', 320, 320, 3] }, three)), contract);
    checkSignature(
      write(modelBytes({ 'in_face:0': ['n', 224, 224, 3], 'morph_value:0': [1] }, three)),
      contract,
    );
    write(modelBytes({ 'in_face:0': ['n', 3, 224, 224] }, three));
    assert.throws(() => checkSignature(file, contract), refusal(/must take "in_face:0" \[\?, \?, \?, 3\]/));
  });
});

describe('a file that is hostile', () => {
  const { contract } = externalModel('arcface', folder);
  const message = (field: number, body: Uint8Array): Uint8Array =>
    new BinaryWriter().tag(field, WireType.LengthDelimited).bytes(body).finish();
  const text = (field: number, value: string): Uint8Array =>
    new BinaryWriter().tag(field, WireType.LengthDelimited).string(value).finish();

  it('cannot bring weights in other files, wherever they lie', () => {
    for (const location of ['weights.bin', '../weights.bin', '/etc/passwd']) {
      const place = message(13, Buffer.concat([text(1, 'location'), text(2, location)]));
      const weights = message(7, message(5, place));
      const bytes = Buffer.concat([modelBytes({ input: [1, 3, 112, 112] }, outputs(1)), weights]);
      assert.throws(
        () => checkSignature(write(bytes), contract),
        refusal(/keeps weights in another file \(".*"\); only models in one file/),
      );
    }
  });

  it('is refused when it is cut off, empty or something else', () => {
    const bytes = modelBytes({ input: [1, 3, 112, 112] }, outputs(1), 1000);
    for (const broken of [bytes.subarray(0, 700), Buffer.alloc(0), Buffer.from('<html></html>')]) {
      assert.throws(() => checkSignature(write(broken), contract), refusal(/cannot be loaded/));
    }
    assert.throws(
      () => checkSignature(join(folder, 'nothing.onnx'), contract),
      refusal(/missing or unreadable/),
    );
  });

  it('can have no description of a tensor that fills the memory', () => {
    const info = message(7, message(11, text(1, 'a'.repeat(100_000))));
    assert.throws(() => readSignature(write(info)), refusal(/a part of its description is too long/));
  });

  it('gives a signature or a refusal whatever its bytes are', () => {
    const whole = modelBytes({ input: [1, 3, 112, 112] }, outputs(2), 64);
    forAll(150, (random) => {
      const bytes = Buffer.from(whole);
      for (let k = 0; k < 4; k++) bytes[random.integer(0, bytes.length)] = random.integer(0, 256);
      write(bytes);
      try {
        checkSignature(file, contract);
      } catch (error) {
        assert.ok(error instanceof FaceswapError && error.kind === 'model', String(error));
      }
    });
  });
});
