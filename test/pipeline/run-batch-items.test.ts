import assert from 'node:assert/strict';
import { existsSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { type BatchPlan, planBatch } from '../../src/pipeline/run-batch-items.js';
import {
  type BatchOptions,
  resolveBatchOptions,
  singleRunOptions,
} from '../../src/pipeline/run-batch-options.js';

const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
const mp4 = Buffer.from('00000018667479706d70343200000000', 'hex');

let root = '';
let round = 0;
let folder = '';

before(() => {
  root = mkdtempSync(join(tmpdir(), 'faceswap-items-'));
});
after(() => rmSync(root, { recursive: true, force: true }));
beforeEach(() => {
  folder = join(root, String(round++));
  make('me.png');
});

const make = (...paths: readonly string[]): void => {
  for (const path of paths) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, /\.(png|jpg)$/.test(path) ? png : mp4);
  }
};

/** Paths in the options count from the test's own folder. */
const plan = async (
  target: string | readonly string[],
  output: string,
  rest: Partial<BatchOptions> = {},
): Promise<BatchPlan> => {
  const values = (typeof target === 'string' ? [target] : target).map((value) => join(folder, value));
  const { report } = rest;
  return planBatch(
    resolveBatchOptions({
      source: join(folder, 'me.png'),
      ...rest,
      target: values,
      output: join(folder, output),
      ...(report === undefined ? {} : { report: join(folder, report) }),
    }),
    undefined,
  );
};

/** `target -> output` of each item, from the test's folder. */
const pairs = ({ items }: BatchPlan): readonly string[] =>
  items.map(({ target, output }) => `${relative(folder, target)} -> ${relative(folder, output)}`);

const refuses = async (planned: Promise<unknown>, pattern: RegExp, kind = 'usage'): Promise<void> => {
  await assert.rejects(planned, (error) => {
    assert.ok(error instanceof FaceswapError, String(error));
    assert.equal(error.kind, kind, String(error));
    assert.match(String(error), pattern);
    return true;
  });
};

describe('the outputs of a batch', () => {
  test("have the targets' names in a folder, which is not made yet", async () => {
    make('clips/a.mp4', 'clips/b.png');
    const planned = await plan('clips', 'out/deep');
    assert.deepEqual(pairs(planned), ['clips/a.mp4 -> out/deep/a.mp4', 'clips/b.png -> out/deep/b.png']);
    assert.deepEqual(
      planned.items.map(({ kind }) => kind),
      ['video', 'image'],
    );
    assert.equal(existsSync(join(folder, 'out')), false);
  });

  test('have the names that a template gives, counted from 0', async () => {
    make('clips/a.mp4', 'clips/b.MOV');
    assert.deepEqual(
      pairs(await plan('clips', 'out/{source_name}/{index}-{target_name}{target_extension}')),
      ['clips/a.mp4 -> out/me/0-a.mp4', 'clips/b.MOV -> out/me/1-b.mov'],
    );
  });

  test('may be one plain file for one target that is named itself', async () => {
    make('clips/a.mp4');
    assert.deepEqual(pairs(await plan('clips/a.mp4', 'b.mp4', { skipExisting: true })), [
      'clips/a.mp4 -> b.mp4',
    ]);
    await refuses(plan('clips/*.mp4', 'b.mp4'), /--output must be a folder or hold a placeholder/);
    await refuses(plan('clips', 'me.png'), /--output must be a folder or hold a placeholder/);
  });

  test('must not fall together', async () => {
    make('one/a.mp4', 'two/a.mp4', 'one/a.png');
    await refuses(
      plan(['one/*.mp4', 'two'], 'out'),
      /Two targets would be written to one file: ".*one\/a\.mp4" and ".*two\/a\.mp4"/,
    );
    await refuses(plan('one', 'out/{target_name}.mkv'), /one\/a\.mp4" and ".*one\/a\.png"/);
    await refuses(
      plan('one/a.mp4', 'out/{target_name}.json', { report: 'out/{target_name}.json' }),
      /--report must be another file than --output/,
    );
  });

  test('must not lie in the place of an input, by whatever name', async () => {
    make('clips/a.mp4', 'clips/b.mp4', 'other/a.mkv');
    await refuses(
      plan('clips', 'clips', { overwrite: true }),
      /The output of ".*a\.mp4" would be its own target/,
    );
    await refuses(
      plan(['clips/a.mp4', 'clips/b.mp4'], 'clips/b{index}.mp4', {
        overwrite: true,
        source: join(folder, 'clips/b0.mp4'),
      }),
      /an input of this batch/,
    );
    mkdirSync(join(folder, 'out'));
    linkSync(join(folder, 'clips/b.mp4'), join(folder, 'out/a.mp4'));
    await refuses(
      plan('clips', 'out', { overwrite: true }),
      /The output of ".*a\.mp4" would be an input.*b\.mp4/,
    );
    symlinkSync(join(folder, 'clips'), join(folder, 'linked'));
    await refuses(plan('clips', 'linked', { overwrite: true }), /its own target/);
  });

  test('that exist are refused, all in one message', async () => {
    make('clips/a.mp4', 'clips/b.mp4', 'out/a.mp4', 'out/b.mp4');
    await refuses(
      plan('clips', 'out'),
      /2 files to be written exist already: ".*out\/a\.mp4", ".*out\/b\.mp4"\. Give --skip/,
    );
    assert.equal((await plan('clips', 'out', { overwrite: true })).items.length, 2);
  });

  test('that exist are kept on request', async () => {
    make('clips/a.mp4', 'clips/b.mp4', 'out/a.mp4');
    const { items } = await plan('clips', 'out', { skipExisting: true });
    assert.deepEqual(
      items.map(({ isSkipped }) => isSkipped),
      [true, false],
    );
    await refuses(
      plan('clips', 'out', { skipExisting: true, overwrite: true }),
      /--skip-existing must be left out when --overwrite is given/,
    );
  });

  test('need a folder that can be made', async () => {
    make('clips/a.mp4', 'file');
    await refuses(plan('clips', 'file/out'), /The place for the output is not a folder/, 'media');
  });
});

describe('outputs of an earlier batch', () => {
  test('in a folder below the one that is searched are no targets', async () => {
    make('clips/a.mp4', 'clips/sub/b.mp4', 'clips/out/a.mp4', 'clips/out/gone.mp4');
    const planned = await plan('clips/**', 'clips/out', { skipExisting: true });
    assert.deepEqual(pairs(planned), [
      'clips/a.mp4 -> clips/out/a.mp4',
      'clips/sub/b.mp4 -> clips/out/b.mp4',
    ]);
    assert.equal(planned.earlierOutputCount, 2);
    assert.match(planned.warnings[0]?.message ?? '', /^2 files have the place and name of outputs/);
  });

  test('beside their targets are known by their names', async () => {
    make('clips/a.mp4', 'clips/a_new.mp4', 'clips/a_new_new.mp4', 'clips/b_new.mp4');
    const planned = await plan('clips', 'clips/{target_name}_new{target_extension}', { skipExisting: true });
    assert.deepEqual(pairs(planned), [
      'clips/a.mp4 -> clips/a_new.mp4',
      'clips/b_new.mp4 -> clips/b_new_new.mp4',
    ]);
    assert.equal(planned.earlierOutputCount, 2);
  });

  test('are known with any index', async () => {
    make('clips/a.mp4', 'clips/a-17.mp4', 'clips/a-x.mp4');
    const planned = await plan('clips', 'clips/{target_name}-{index}.mp4');
    assert.deepEqual(pairs(planned), ['clips/a-x.mp4 -> clips/a-x-0.mp4', 'clips/a.mp4 -> clips/a-1.mp4']);
  });

  test('are told by their name in a folder that also holds other files', async () => {
    make('clips/a.mp4', 'clips/out/gone_new.mp4', 'clips/out/own.mp4');
    const planned = await plan('clips/**', 'clips/out/{target_name}_new{target_extension}');
    assert.deepEqual(pairs(planned), [
      'clips/a.mp4 -> clips/out/a_new.mp4',
      'clips/out/own.mp4 -> clips/out/own_new.mp4',
    ]);
  });

  test('are not replaced where they may be files of the user', async () => {
    make('clips/a.mp4', 'clips/a.mkv');
    await refuses(
      plan('clips', 'clips/{target_name}.mkv', { overwrite: true }),
      /among the targets, and its name is that of an output.*a\.mkv/,
    );
  });

  test('that are all there is leave nothing to do', async () => {
    make('clips/0.mp4', 'clips/1.mp4');
    await refuses(plan('clips', 'clips/{index}.mp4'), /No target is left\. 2 files/);
  });
});

describe('the options of each target', () => {
  test('have the options for videos only where it is one', async () => {
    make('clips/a.mp4', 'clips/b.png');
    const { items } = await plan('clips', 'out', { outputVideoPreset: 'fast', blend: 'basic' });
    assert.deepEqual(
      items.map(({ options }) => [options.outputVideoPreset, options.blend]),
      [
        ['fast', 'basic'],
        [undefined, 'basic'],
      ],
    );
    await refuses(
      plan('clips/*.png', 'out', { outputVideoPreset: 'fast' }),
      /--output-video-preset must be left out when all targets are images/,
    );
  });

  test('name a report for each in a folder or by a template', async () => {
    make('clips/a.mp4', 'clips/a.png');
    const reports = async (report: string): Promise<readonly string[]> =>
      (await plan('clips', 'out', { report })).items.map(({ options }) =>
        relative(folder, options.report ?? ''),
      );
    assert.deepEqual(await reports('rows'), ['rows/a.mp4.json', 'rows/a.png.json']);
    assert.deepEqual(await reports('rows/{index}.json'), ['rows/0.json', 'rows/1.json']);
    await refuses(plan('clips', 'out', { report: 'rows.json' }), /--report must be a folder/);
    make('rows/a.png.json');
    await refuses(plan('clips', 'out', { report: 'rows' }), /1 file to be written exists already/);
    await refuses(
      plan('clips', 'out', { report: 'rows', skipExisting: true }),
      /reports without their output/,
    );
  });

  test('are checked before anything is looked for', () => {
    const options = { source: 'me.png', target: 'nowhere/*.mp4', output: 'out' };
    const refusesOptions = (changes: object, pattern: RegExp): void => {
      assert.throws(
        () => resolveBatchOptions({ ...options, ...changes } as BatchOptions),
        (error) => error instanceof FaceswapError && error.kind === 'usage' && pattern.test(String(error)),
      );
    };
    refusesOptions({ faceMaskBlur: 2 }, /--face-mask-blur must be/);
    refusesOptions({ targets: [] }, /Unknown option "targets"/);
    refusesOptions({ target: [] }, /--target must be one or more/);
    refusesOptions({ target: ['a.mp4', ''] }, /--target must be/);
    refusesOptions({ target: 7 }, /--target must be/);
    refusesOptions({ skipExisting: 'yes' }, /--skip-existing must be true or false, got "yes"/);
    refusesOptions({ target: ['a\u0000b'] }, /--target must be/);
  });
});

test('a batch is told from a single run by its targets, its output or its switch', async () => {
  make('clips/a.mp4', 'odd[1].mp4');
  const isBatch = async (options: Partial<BatchOptions>): Promise<boolean> =>
    (await singleRunOptions({
      source: 's',
      target: join(folder, 'clips/a.mp4'),
      output: 'o.mp4',
      ...options,
    })) === undefined;
  assert.equal(await isBatch({}), false);
  assert.equal(await isBatch({ target: [join(folder, 'clips/a.mp4')] }), false);
  assert.equal(await isBatch({ target: join(folder, 'odd[1].mp4') }), false);
  assert.equal(await isBatch({ target: join(folder, 'absent.mp4') }), false);
  assert.equal(await isBatch({ output: '{name}.mp4' }), false);
  assert.equal(await isBatch({ target: ['a.mp4', 'b.mp4'] }), true);
  assert.equal(await isBatch({ target: join(folder, 'clips') }), true);
  assert.equal(await isBatch({ target: join(folder, 'clips/*.mp4') }), true);
  assert.equal(await isBatch({ output: '{target_name}.mp4' }), true);
  assert.equal(await isBatch({ skipExisting: true }), true);
});
