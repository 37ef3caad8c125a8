import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { checkModelFolder, type ModelFolderFacts } from '../../src/cli/doctor-checks.js';
import { roleChoices } from '../../src/cli/models-command.js';
import { modelRoles } from '../../src/inference/model-contracts.js';
import { ModelServer } from '../support/model-server.js';
import { arcfaceBytes, inswapperBytes } from '../support/unit-signatures.js';
import { type CommandResult, runCommand } from './command.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-models-command-'));
const server = new ModelServer();
before(async () => {
  await server.start();
  server.publish('/models-3.0.0/arcface_w600k_r50.onnx', arcfaceBytes());
  server.publish('/models-3.0.0/inswapper_128.onnx', inswapperBytes());
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const models = (...words: readonly string[]): Promise<CommandResult> =>
  runCommand(['models', ...words], {
    FACESWAP_MODEL_DIR: folder,
    FACESWAP_MODEL_HOSTS: `${server.origin}/{base}/{file}`,
    NO_PROXY: '*',
  });

describe('faceswap models', () => {
  it('takes the roles that there are', () => {
    assert.deepEqual([...roleChoices], [...modelRoles]);
  });

  it('fetches models with what they need, lists, verifies and removes them', async () => {
    const refused = await models('pull', 'inswapper_128');
    assert.equal(refused.exitCode, 2, refused.stderr);
    assert.match(
      refused.stderr,
      /^arcface_w600k_r50 .*non-commercial only .*Non-Commercial \(InsightFace\)$/m,
    );
    assert.match(refused.stderr, /^2 models to fetch, [\d.]+ (?:KiB|B)$/m);
    assert.match(refused.stderr, /^error: These licences were not accepted: .*--accept-license$/m);

    const pulled = await models('pull', 'inswapper_128', '--accept-license', '--json');
    assert.equal(pulled.exitCode, 0, pulled.stderr);
    const answer = JSON.parse(pulled.stdout) as { ok: boolean; models: { id: string; outcome: string }[] };
    assert.deepEqual(
      [answer.ok, answer.models.map(({ id, outcome }) => `${id} ${outcome}`)],
      [true, ['arcface_w600k_r50 fetched', 'inswapper_128 fetched']],
    );

    const [listed, verified] = await Promise.all([
      models('list', '--installed', '--role', 'swapper'),
      models('verify'),
    ]);
    assert.match(listed.stdout, /^id .*\ninswapper_128 +swapper +there +\d+ B +non-commercial only .*\n$/);
    assert.match(
      verified.stdout,
      /^ok {2}blazeface .*\nok .*\nok .*\nok {2}arcface.*\nok {2}inswapper_128 .*\n$/,
    );
    assert.equal(verified.exitCode, 0);

    writeFileSync(join(folder, 'inswapper_128.onnx'), inswapperBytes(2));
    const [broken, info] = await Promise.all([
      models('verify', 'inswapper_128', '--json'),
      models('info', 'inswapper_128'),
    ]);
    assert.equal(broken.exitCode, 4);
    assert.equal((JSON.parse(broken.stdout) as { ok: boolean }).ok, false);
    assert.match(info.stdout, /^state +damaged$/m);
    assert.match(info.stdout, /^needs +arcface_w600k_r50 \(there\)$/m);
    assert.match(info.stdout, /^variants +inswapper_128_fp16$/m);

    const removed = await models('remove', 'inswapper_128', 'arcface');
    assert.match(removed.stdout, /^removed {2}inswapper_128 .*\nremoved {2}arcface_w600k_r50 .*\n$/);
    assert.ok(!existsSync(join(folder, 'inswapper_128.onnx')), 'the file is gone');
  });

  it('tells where models lie', async () => {
    const [whole, one, other] = await Promise.all([
      models('path'),
      models('path', 'blazeface'),
      models('path', 'codeformer', '--json'),
    ]);
    assert.equal(whole.stdout, `${folder}\n`);
    assert.match(one.stdout, /models\/embedded\/blazeface\.onnx\n$/);
    assert.equal(other.exitCode, 4);
    assert.match(other.stdout, /"hint":"Fetch it with: faceswap models pull codeformer"/);
  });

  it('answers wrong usage with one line and exit code 2', async () => {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [['pull', 'codeformer', '--host', 'nowhere'], /^error: A model host must be one of github/],
      [['list', '--role', 'faces'], /^error: option '--role <role>' argument 'faces' is invalid/],
      [['add', 'x.onnx'], /--contract <file>/],
      [['pul'], /unknown command 'pul'.*Did you mean pull/],
    ];
    for (const [words, line] of cases) {
      const { exitCode, stdout, stderr } = await models(...words);
      assert.deepEqual([exitCode, stdout], [2, ''], stderr);
      assert.match(stderr, line);
    }
  });
});

describe('the model folder in faceswap doctor', () => {
  const facts = (more: Partial<ModelFolderFacts>): ModelFolderFacts => ({
    folder: '/models',
    isThere: true,
    isWritable: true,
    thereCount: 2,
    damaged: [],
    ...more,
  });

  it('is no worry where it is not there', () => {
    const { status, detail } = checkModelFolder(facts({ isThere: false }));
    assert.deepEqual([status, detail], ['ok', '/models: not there yet; nothing was fetched']);
  });

  it('tells how many models it has, and which are damaged', () => {
    assert.equal(checkModelFolder(facts({})).detail, '/models: 2 models');
    const { status, detail, advice } = checkModelFolder(facts({ damaged: ['a', 'b'] }));
    assert.deepEqual([status, detail], ['warn', '/models: 2 models, damaged: a, b']);
    assert.match(advice ?? '', /models pull --force a b/);
    assert.equal(
      checkModelFolder(facts({ isWritable: false, thereCount: 1 })).detail,
      '/models: 1 model, cannot be written',
    );
  });
});
