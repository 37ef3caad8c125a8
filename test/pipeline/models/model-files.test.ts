import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { type ExitCode, FaceswapError } from '../../../src/errors.js';
import { findModelName } from '../../../src/inference/model-names.js';
import { externalModel, publishedModels } from '../../../src/inference/model-store.js';
import { digestFile } from '../../../src/pipeline/models/file-digest.js';
import { addModel, type ModelAddition } from '../../../src/pipeline/models/model-addition.js';
import { importModel } from '../../../src/pipeline/models/model-import.js';
import {
  describeModel,
  listModels,
  pathOfModel,
  removeModel,
  verifyModels,
} from '../../../src/pipeline/models/model-listing.js';
import type { LockWait } from '../../../src/pipeline/models/model-lock.js';
import { assureModel } from '../../../src/pipeline/models/model-record.js';
import { arcfaceBytes, inswapperBytes, modelBytes } from '../../support/unit-signatures.js';

const root = mkdtempSync(join(tmpdir(), 'faceswap-models-'));
after(() => rmSync(root, { recursive: true }));

let folder = '';
let elsewhere = '';
let count = 0;
beforeEach(() => {
  count += 1;
  folder = join(root, String(count));
  elsewhere = join(root, `${count} elsewhere`);
  mkdirSync(folder);
  mkdirSync(elsewhere);
});

const wait: LockWait = { clock: { wait: async () => {} }, signal: new AbortController().signal };
const arcface = 'arcface_w600k_r50';

const put = (name: string, bytes: Uint8Array, where = folder): string => {
  writeFileSync(join(where, name), bytes);
  return join(where, name);
};

const error =
  (exitCode: ExitCode, line: RegExp) =>
  (thrown: unknown): boolean => {
    assert.ok(thrown instanceof FaceswapError, String(thrown));
    assert.match(String(thrown), line);
    assert.equal(thrown.exitCode, exitCode, String(thrown));
    return true;
  };

const stateOf = async (id: string): Promise<string | undefined> =>
  (await listModels(folder)).find((model) => model.id === id)?.state;

describe('a digest', () => {
  // The check value that the catalogue of CRC algorithms gives for CRC-32/ISO-HDLC, and FIPS 180-2's for "abc".
  it('has the sums that their standards have', async () => {
    const nine = put('nine', Buffer.from('123456789'));
    const { crc32, sizeBytes } = await digestFile(nine);
    assert.deepEqual([crc32, sizeBytes], ['cbf43926', 9]);
    assert.equal(
      (await digestFile(put('abc', Buffer.from('abc')))).sha256,
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });
});

describe('the list of models', () => {
  it('is the whole registry, with what is there', async () => {
    put('arcface_w600k_r50.onnx', arcfaceBytes());
    const models = await listModels(folder);
    assert.equal(models.length, 3 + publishedModels().length);
    const count = (state: string) => models.filter((model) => model.state === state).length;
    assert.deepEqual([count('embedded'), count('unverified')], [3, 1]);
    assert.equal(count('missing'), models.length - 4);
    const swapper = models.find(({ id }) => id === 'inswapper_128');
    assert.deepEqual(
      [swapper?.role, swapper?.licence, swapper?.use, swapper?.vendor, swapper?.sizeBytes],
      ['swapper', 'Non-Commercial', 'non-commercial', 'InsightFace', null],
    );
  });

  it('works where there is no folder', async () => {
    assert.equal((await listModels(join(folder, 'none'))).length, 3 + publishedModels().length);
  });

  it('tells a file that was looked at from one that was changed', async () => {
    const file = put('arcface_w600k_r50.onnx', arcfaceBytes(100, 1));
    await assureModel(arcface, file);
    assert.equal(await stateOf(arcface), 'there');
    writeFileSync(file, arcfaceBytes(100, 2));
    assert.equal(await stateOf(arcface), 'damaged');
    writeFileSync(file, arcfaceBytes(100, 1));
    assert.equal(await stateOf(arcface), 'there');
    writeFileSync(`${file}.json`, '{}');
    assert.equal(await stateOf(arcface), 'damaged');
  });

  it('has DeepFaceLive models that are there', async () => {
    mkdirSync(join(folder, 'deepfacelive', 'custom'), { recursive: true });
    put(join('deepfacelive', 'custom', 'me.dfm'), Buffer.from('x'));
    assert.equal(await stateOf('deepfacelive/custom/me'), 'unverified');
  });
});

describe('a run', () => {
  it('trusts a model when it first sees it, and refuses another one after that', async () => {
    const file = put('arcface_w600k_r50.onnx', arcfaceBytes(100, 1));
    await assureModel(arcface, file);
    await assureModel(arcface, file);
    writeFileSync(file, arcfaceBytes(100, 2));
    await assert.rejects(
      assureModel(arcface, file),
      error(
        4,
        /not the one that was first seen: .*import FILE --as arcface_w600k_r50.*pull --force arcface_w600k_r50/,
      ),
    );
  });

  it('does not mind another time of the same bytes', async () => {
    const file = put('arcface_w600k_r50.onnx', arcfaceBytes());
    await assureModel(arcface, file);
    utimesSync(file, 1, 1);
    await assureModel(arcface, file);
    const record = JSON.parse(readFileSync(`${file}.json`, 'utf8')) as { mtimeMs: number };
    assert.equal(record.mtimeMs, 1000);
  });
});

describe('verifying', () => {
  it('reads files whole, and compares them with what is known of them', async () => {
    const good = put('arcface_w600k_r50.onnx', arcfaceBytes(100, 1));
    put('inswapper_128.onnx', inswapperBytes());
    put('inswapper_128.hash', Buffer.from('00000000'));
    put('fairface.onnx', arcfaceBytes());
    const states = async () =>
      Object.fromEntries((await verifyModels([], folder)).map(({ id, state }) => [id, state]));
    const embedded = { blazeface: 'embedded', facemesh: 'embedded', faceres: 'embedded' };
    assert.deepEqual(await states(), {
      ...embedded,
      [arcface]: 'there',
      fairface: 'damaged',
      inswapper_128: 'damaged',
    });
    // Nothing that a look at size and time would show.
    const record = JSON.parse(readFileSync(`${good}.json`, 'utf8')) as { mtimeMs: number };
    writeFileSync(good, arcfaceBytes(100, 2));
    utimesSync(good, record.mtimeMs / 1000, record.mtimeMs / 1000);
    assert.equal((await states())[arcface], 'damaged');
  });

  it('names those that were asked for and are not there', async () => {
    const [model] = await verifyModels(['inswapper_128'], folder);
    assert.equal(model?.state, 'missing');
    await assert.rejects(verifyModels(['nothing'], folder), error(4, /There is no model "nothing"/));
  });
});

describe('importing a file', () => {
  it('takes it by its name, or as what it is said to be', async () => {
    const named = put('inswapper_128.onnx', inswapperBytes(), elsewhere);
    const other = put('w600k.onnx', arcfaceBytes(), elsewhere);
    const taken = await importModel(named, undefined, folder, wait);
    assert.equal(taken.file, join(folder, 'inswapper_128.onnx'));
    assert.equal(taken.sha256, createHash('sha256').update(inswapperBytes()).digest('hex'));
    await assert.rejects(
      importModel(other, undefined, folder, wait),
      error(2, /Which model this is does not follow from its name.*--as/),
    );
    await importModel(other, 'arcface', folder, wait);
    assert.deepEqual([await stateOf(arcface), await stateOf('inswapper_128')], ['there', 'there']);
    assert.ok(existsSync(named), 'the file of the user stays');
    assert.deepEqual(
      readdirSync(folder).filter((name) => /part|lock/.test(name)),
      [],
    );
  });

  it('accepts a change', async () => {
    const file = put('arcface_w600k_r50.onnx', arcfaceBytes(100, 1));
    await assureModel(arcface, file);
    const other = put('new.onnx', arcfaceBytes(100, 2), elsewhere);
    await importModel(other, arcface, folder, wait);
    await assureModel(arcface, file);
    assert.deepEqual(readFileSync(file), arcfaceBytes(100, 2));
  });

  it('of the folder itself only records it', async () => {
    const file = put('arcface_w600k_r50.onnx', arcfaceBytes());
    await importModel(file, undefined, folder, wait);
    assert.deepEqual(readFileSync(file), arcfaceBytes());
    assert.equal(await stateOf(arcface), 'there');
  });

  it('refuses what is not the model, is damaged or is not there, and leaves nothing', async () => {
    const wrong = put('inswapper_128.onnx', arcfaceBytes(), elsewhere);
    await assert.rejects(
      importModel(wrong, undefined, folder, wait),
      error(4, /The model is no swapper.*elsewhere\/inswapper_128\.onnx/),
    );
    const damaged = put(
      'fairface.onnx',
      modelBytes({ input: [1, 3, 224, 224] }, { a: [1], b: [1], c: [1] }),
      elsewhere,
    );
    put('fairface.hash', Buffer.from('00000000'), elsewhere);
    await assert.rejects(
      importModel(damaged, undefined, folder, wait),
      error(4, /its CRC32 is [0-9a-f]{8}, the \.hash/),
    );
    await assert.rejects(
      importModel(join(elsewhere, 'nothing.onnx'), arcface, folder, wait),
      /does not exist.*nothing\.onnx/,
    );
    assert.deepEqual(readdirSync(folder), []);
  });

  it('takes DeepFaceLive models under their names', async () => {
    const dfm = put(
      'Some_One.dfm',
      modelBytes({ 'in_face:0': ['n', 64, 64, 3] }, { a: [1], b: [1], c: [1] }),
      elsewhere,
    );
    const own = await importModel(dfm, undefined, folder, wait);
    assert.deepEqual(own.id, 'deepfacelive/custom/Some_One');
    const theirs = await importModel(dfm, 'iperov/Some_One', folder, wait);
    assert.equal(theirs.file, join(folder, 'deepfacelive', 'iperov', 'Some_One.dfm'));
    assert.equal(await pathOfModel('iperov/Some_One', folder), theirs.file);
  });
});

describe('adding a model', () => {
  const swapper = {
    kind: 'swapper',
    image: { name: 'face', layout: 'NCHW', colourOrder: 'BGR', mean: [0, 0, 0], std: [255, 255, 255] },
    sizePx: 64,
    template: 'arcface_128',
    denormalise: false,
    pixelBoostsPx: [64, 128],
    source: { kind: 'embedding', name: 'who', length: 512, form: 'normalised', weightBy: 'normalised' },
  };

  const addition = (more: Partial<ModelAddition> & { readonly contract?: unknown } = {}): ModelAddition => {
    const { contract = swapper, ...rest } = more;
    const bytes = modelBytes({ face: [1, 3, 64, 64], who: [1, 512] }, { out: [1, 3, 64, 64] });
    return {
      source: put('mine.onnx', bytes, elsewhere),
      contractFile: put('mine.json', Buffer.from(JSON.stringify(contract)), elsewhere),
      id: 'my_swapper',
      licence: undefined,
      vendor: undefined,
      force: false,
      ...rest,
    };
  };

  it('makes it one of the models that options take', async () => {
    const { file } = await addModel(addition({ licence: 'Mine' }), folder, wait);
    assert.equal(file, join(folder, 'my_swapper.onnx'));
    assert.deepEqual(findModelName('my_swapper', folder), { id: 'my_swapper', role: 'swapper', aliases: [] });
    assert.equal(findModelName('my_swapper', elsewhere), undefined);
    const entry = externalModel('my_swapper', folder);
    assert.deepEqual(
      [entry.role, entry.licence, entry.needs, entry.base, entry.contract],
      ['swapper', 'Mine', ['arcface_w600k_r50'], null, swapper],
    );
    assert.equal(await stateOf('my_swapper'), 'there');
    const { needs } = await describeModel('my_swapper', folder);
    assert.deepEqual(needs, [{ id: arcface, state: 'missing' }]);
  });

  it('takes the fields of an entry besides the contract, and the name of the file', async () => {
    const contract = {
      contract: swapper,
      licence: 'MIT',
      use: 'any',
      vendor: 'me',
      needs: [],
      aliases: ['m'],
    };
    await addModel(addition({ contract, id: undefined }), folder, wait);
    const { id, licence, use, vendor, needs } = externalModel('m', folder);
    assert.deepEqual([id, licence, use, vendor, needs], ['mine', 'MIT', 'any', 'me', []]);
  });

  it('does not take a name that is taken, unless it is told to', async () => {
    for (const id of ['inswapper_128', 'arcface', 'blazeface', 'mesh']) {
      await assert.rejects(addModel(addition({ id }), folder, wait), error(2, /There is a model called/));
    }
    await addModel(addition(), folder, wait);
    await assert.rejects(addModel(addition(), folder, wait), error(2, /"my_swapper" already.*--force/));
    await addModel(addition({ force: true }), folder, wait);
  });

  it('refuses a contract that is none, a name that is none, and a file that does not fit', async () => {
    const cases: readonly (readonly [Parameters<typeof addition>[0], ExitCode, RegExp])[] = [
      [{ contract: { kind: 'swopper' } }, 2, /The contract is malformed: contract\.kind/],
      [{ contract: { ...swapper, sizePx: 'large' } }, 2, /malformed: contract\.sizePx/],
      [{ contract: [] }, 2, /malformed/],
      [{ id: '../up' }, 2, /cannot be called "\.\.\/up"/],
      [{ id: 'a b' }, 2, /cannot be called "a b"/],
      [{ contract: { ...swapper, sizePx: 128 } }, 4, /must take "face" \[\?, 3, 128, 128\]/],
      [{ source: join(elsewhere, 'nothing.onnx') }, 3, /does not exist/],
      [
        { contractFile: join(elsewhere, 'nothing.json') },
        2,
        /cannot be read: there is no such file.*nothing\.json/,
      ],
    ];
    for (const [more, code, line] of cases) {
      await assert.rejects(addModel(addition(more), folder, wait), error(code, line));
    }
    const text = put('text.json', Buffer.from('{'), elsewhere);
    await assert.rejects(addModel(addition({ contractFile: text }), folder, wait), error(2, /is no JSON/));
    assert.deepEqual(readdirSync(folder), []);
  });

  it('is refused where the list of added models is damaged', async () => {
    put('added-models.json', Buffer.from('{"version":1,"models":[{"id":"x"}]}'));
    await assert.rejects(
      addModel(addition(), folder, wait),
      error(4, /list of added models is malformed: 0\./),
    );
    put('added-models.json', Buffer.from('nonsense'));
    assert.throws(() => findModelName('x', folder), error(4, /cannot be read.*added-models\.json/));
  });
});

describe('removing a model', () => {
  it('deletes it and remembers what it was, unless it is to be forgotten', async () => {
    const file = put('arcface_w600k_r50.onnx', arcfaceBytes(100, 1));
    await assureModel(arcface, file);
    assert.equal((await removeModel(arcface, folder, { forget: false, wait })).wasThere, true);
    assert.deepEqual(readdirSync(folder), ['arcface_w600k_r50.onnx.json']);
    put('arcface_w600k_r50.onnx', arcfaceBytes(100, 2));
    await assert.rejects(assureModel(arcface, file), error(4, /first seen/));
    await removeModel(arcface, folder, { forget: true, wait });
    assert.deepEqual(readdirSync(folder), []);
    assert.equal((await removeModel(arcface, folder, { forget: false, wait })).wasThere, false);
    await assert.rejects(
      pathOfModel(arcface, folder),
      error(4, /is not there.*models pull arcface_w600k_r50/),
    );
  });

  it('that was added takes it from the list', async () => {
    const contract = { kind: 'embedding-converter', input: 'input', length: 512 };
    const bytes = modelBytes({ input: [1, 512] }, { out: [1, 512] });
    await addModel(
      {
        source: put('c.onnx', bytes, elsewhere),
        contractFile: put('c.json', Buffer.from(JSON.stringify(contract)), elsewhere),
        id: 'mine',
        licence: undefined,
        vendor: undefined,
        force: false,
      },
      folder,
      wait,
    );
    await removeModel('mine', folder, { forget: false, wait });
    assert.equal(findModelName('mine', folder), undefined);
    assert.deepEqual(readdirSync(folder), ['added-models.json']);
  });

  it('leaves those of the package alone', async () => {
    await assert.rejects(
      removeModel('blazeface', folder, { forget: false, wait }),
      error(2, /comes with the package/),
    );
  });
});
