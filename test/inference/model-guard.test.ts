import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { FaceswapError } from '../../src/errors.js';
import { guardModelFile } from '../../src/inference/model-guard.js';
import { embeddedModelPath } from '../../src/inference/model-registry.js';
import { createSession } from '../../src/inference/session.js';
import { forAll } from '../support/unit-random.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-guard-'));
after(() => rmSync(folder, { recursive: true }));

const message = (field: number, body: Uint8Array): Uint8Array =>
  new BinaryWriter().tag(field, WireType.LengthDelimited).bytes(body).finish();

const text = (field: number, value: string): Uint8Array =>
  new BinaryWriter().tag(field, WireType.LengthDelimited).string(value).finish();

/** A TensorProto whose numbers lie elsewhere. */
const external = (location: string): Uint8Array =>
  Buffer.concat([
    message(13, Buffer.concat([text(1, 'location'), text(2, location)])),
    message(13, Buffer.concat([text(1, 'offset'), text(2, '0')])),
    new BinaryWriter().tag(14, WireType.Varint).int32(1).finish(),
  ]);

/** The ways from a model to a tensor, by the field numbers of the messages between. */
const ways: Readonly<Record<string, readonly number[]>> = {
  initializer: [7, 5],
  'sparse initializer': [7, 15, 1],
  constant: [7, 1, 5, 5],
  'branch of a condition': [7, 1, 5, 6, 5],
  function: [25, 7, 5, 5],
  'training graph': [20, 1, 5],
};

const modelWith = (way: readonly number[], tensor: Uint8Array): string => {
  const file = join(folder, 'model.onnx');
  writeFileSync(
    file,
    [...way].reverse().reduce((body, field) => message(field, body), tensor),
  );
  return file;
};

const refusal =
  (line: RegExp) =>
  (error: unknown): boolean =>
    error instanceof FaceswapError && error.kind === 'model' && line.test(String(error));

describe('a model file from elsewhere', () => {
  for (const [name, way] of Object.entries(ways)) {
    it(`cannot name a file outside of its folder as weights: ${name}`, () => {
      for (const place of [
        '/etc/passwd',
        '../weights',
        'a/../../weights',
        'C:\\weights',
        '\\\\host\\weights',
        '',
      ]) {
        assert.throws(
          () => guardModelFile(modelWith(way, external(place))),
          refusal(/keeps weights in/),
          place,
        );
      }
    });
  }

  it('cannot lead out of its folder by a link', { skip: process.platform === 'win32' }, () => {
    const inner = join(folder, 'inner');
    mkdirSync(inner);
    writeFileSync(join(folder, 'secret'), 'x');
    symlinkSync(join(folder, 'secret'), join(inner, 'weights'));
    symlinkSync(folder, join(inner, 'up'));
    const file = join(inner, 'model.onnx');
    for (const place of ['weights', 'up/secret']) {
      writeFileSync(file, message(7, message(5, external(place))));
      assert.throws(() => guardModelFile(file), refusal(/leads out of its folder/), place);
    }
  });

  it('may keep weights beside it and below, where they must be', () => {
    mkdirSync(join(folder, 'below'));
    for (const place of ['weights.bin', 'below/weights.bin', 'below/../weights.bin']) {
      writeFileSync(join(folder, place), 'x');
      guardModelFile(modelWith([7, 5], external(place)));
    }
    assert.throws(() => guardModelFile(modelWith([7, 5], external('absent.bin'))), refusal(/not there/));
  });

  it('is refused by createSession before onnxruntime sees it', async () => {
    const file = modelWith([7, 5], external('/etc/passwd'));
    const options = { providers: ['cpu'], intraOpThreads: 1 };
    await assert.rejects(createSession(file, options), refusal(/no place beside it.*model\.onnx/));
  });

  it('is refused when it is larger than ONNX can be, however little of it there is', () => {
    const file = join(folder, 'sparse.onnx');
    writeFileSync(file, '');
    truncateSync(file, 2 ** 31);
    assert.throws(() => guardModelFile(file), refusal(/larger than 2 GiB/));
  });

  it('is refused when it is nested without end, cut off or no message at all', () => {
    let deep: Uint8Array = new Uint8Array();
    // Graph, node, attribute, graph, …: 100 levels.
    for (let level = 0; level < 33; level += 1) deep = message(1, message(5, message(6, deep)));
    const file = join(folder, 'broken.onnx');
    const cases: readonly [Uint8Array, RegExp][] = [
      [message(7, deep), /nested too deeply/],
      [Buffer.from('3a7f00', 'hex'), /longer than its message/],
      [Buffer.from('3affffffffffffffffff01', 'hex'), /longer than its message/],
      [Buffer.from('ffffffffffffffffffffffff', 'hex'), /too long/],
      [Buffer.from('0b', 'hex'), /broken/],
      [Buffer.from('08', 'hex'), /cut off/],
      [Buffer.from('00', 'hex'), /no number/],
    ];
    for (const [bytes, line] of cases) {
      writeFileSync(file, bytes);
      assert.throws(
        () => guardModelFile(file),
        refusal(line),
        Buffer.from(bytes).toString('hex').slice(0, 40),
      );
    }
  });

  it('with any bytes at all is accepted or refused, and nothing else', () => {
    const file = join(folder, 'random.onnx');
    forAll(300, (random) => {
      writeFileSync(
        file,
        Uint8Array.from({ length: random.integer(1, 200) }, () => random.integer(0, 256)),
      );
      try {
        guardModelFile(file);
      } catch (error) {
        assert.ok(error instanceof FaceswapError && error.kind === 'model', String(error));
      }
    });
  });

  it('of ours passes', () => {
    for (const id of ['blazeface', 'facemesh', 'faceres']) guardModelFile(embeddedModelPath(id));
  });
});
