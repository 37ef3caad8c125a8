import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { after, describe, test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { findTargets, isPattern, targetMeaning } from '../../src/pipeline/target-list.js';
import { forAll } from '../support/unit-random.js';

const root = mkdtempSync(join(tmpdir(), 'faceswap-targets-'));
after(() => rmSync(root, { recursive: true, force: true }));

const place = (path: string): string => join(root, path);

const make = (...paths: readonly string[]): void => {
  for (const path of paths) {
    mkdirSync(dirname(place(path)), { recursive: true });
    writeFileSync(place(path), 'x');
  }
};

make('clips/b.mp4', 'clips/a.MKV', 'clips/c.jpg', 'clips/notes.txt', 'clips/none', 'clips/.hidden.mp4');
make(
  'clips/deep/d.mp4',
  'clips/deep/er/e.mp4',
  'clips/.dark/f.mp4',
  'clips/[x] (1)/g (2).mp4',
  'clips/x/h.mp4',
);
make(
  'outside/o.mp4',
  'texts/readme.txt',
  'odd/what[1]?.mp4',
  'odd/what1x.mp4',
  'odd/st*r.mp4',
  'odd/star.mp4',
);
mkdirSync(place('empty'));
symlinkSync(place('outside/o.mp4'), place('clips/linked.mp4'));
symlinkSync(place('outside'), place('clips/linked-folder'));
symlinkSync(place('nowhere.mp4'), place('clips/broken.mp4'));
symlinkSync(place('clips'), place('clips/deep/circle'));

/** What values give, as paths from the root. */
const found = async (...values: readonly string[]): Promise<readonly string[]> =>
  (await findTargets(values.map(place))).found.map(({ file }) => relative(root, file));

const fails = async (values: readonly string[], kind: string, pattern: RegExp): Promise<void> => {
  await assert.rejects(findTargets(values), (error) => {
    assert.ok(error instanceof FaceswapError, String(error));
    assert.equal(error.kind, kind);
    assert.match(String(error), pattern);
    return true;
  });
};

describe('the targets of a batch', () => {
  test('are the media files of a folder in order, with links to files and without what is hidden or deeper', async () => {
    const { found: targets, notMediaCount } = await findTargets([place('clips')]);
    assert.deepEqual(
      targets.map(({ file }) => relative(root, file)),
      ['clips/a.MKV', 'clips/b.mp4', 'clips/c.jpg', 'clips/linked.mp4'],
    );
    assert.ok(targets.every(({ searchedFolder }) => searchedFolder === place('clips')));
    assert.equal(notMediaCount, 2);
  });

  test('may be found in folders below, but not through links to folders', async () => {
    assert.deepEqual(await found('clips/**'), [
      'clips/[x] (1)/g (2).mp4',
      'clips/a.MKV',
      'clips/b.mp4',
      'clips/c.jpg',
      'clips/deep/d.mp4',
      'clips/deep/er/e.mp4',
      'clips/linked.mp4',
      'clips/x/h.mp4',
    ]);
    assert.deepEqual(await found('clips/**/*.mp4', 'clips/*.jpg'), [
      'clips/[x] (1)/g (2).mp4',
      'clips/b.mp4',
      'clips/deep/d.mp4',
      'clips/deep/er/e.mp4',
      'clips/linked.mp4',
      'clips/x/h.mp4',
      'clips/c.jpg',
    ]);
  });

  test('are chosen by wildcards, sets and alternatives', async () => {
    assert.deepEqual(await found('clips/*.{mp4,jpg}'), ['clips/b.mp4', 'clips/c.jpg', 'clips/linked.mp4']);
    assert.deepEqual(await found('clips/[ab].*'), ['clips/a.MKV', 'clips/b.mp4']);
    assert.deepEqual(await found('clips/?.mp4'), ['clips/b.mp4']);
    assert.deepEqual(await found('cl*/deep/*.mp4'), ['clips/deep/d.mp4']);
  });

  test('lie in a folder whose name looks like a pattern when it is there', async () => {
    assert.deepEqual(await found('clips/[x] (1)'), ['clips/[x] (1)/g (2).mp4']);
    assert.deepEqual(await found('clips/[x] (1)/*'), ['clips/[x] (1)/g (2).mp4']);
    assert.deepEqual(await found('clips/[x]/*'), ['clips/x/h.mp4']);
    assert.deepEqual(await found('clips/*/g (*).mp4'), ['clips/[x] (1)/g (2).mp4']);
    assert.deepEqual(await found('clips/\\[x\\] (1)/g*'), ['clips/[x] (1)/g (2).mp4']);
  });

  test('are a single file when it is there, whatever its name looks like', async () => {
    assert.deepEqual(await found('odd/what[1]?.mp4'), ['odd/what[1]?.mp4']);
    assert.deepEqual(await found('odd/st*r.mp4'), ['odd/st*r.mp4']);
    assert.deepEqual(await found('odd/st?r.mp4'), ['odd/st*r.mp4', 'odd/star.mp4']);
    assert.equal(await targetMeaning(place('odd/st*r.mp4')), 'file');
    assert.equal(await targetMeaning(place('odd/*.mp4')), 'pattern');
    assert.equal(await targetMeaning(place('odd/none.mp4')), 'nothing');
  });

  test('count once, however often they are given, and as named when they are', async () => {
    const { found: targets } = await findTargets([
      place('clips/*.mp4'),
      place('clips/b.mp4'),
      place('clips'),
    ]);
    assert.deepEqual(
      targets.map(({ file, searchedFolder }) => [relative(root, file), searchedFolder === null]),
      [
        ['clips/b.mp4', true],
        ['clips/linked.mp4', false],
        ['clips/a.MKV', false],
        ['clips/c.jpg', false],
      ],
    );
  });

  test('are refused when there are none', async () => {
    await fails([place('empty')], 'usage', /No video or image was found for --target ".*empty"/);
    await fails([place('clips'), place('clips/*.webm')], 'usage', /No video or image .*webm/);
    await fails([place('texts')], 'usage', /no extension of a video or an image: 1 file/);
    await fails([place('absent/*.mp4')], 'usage', /No video or image/);
    await fails([place('absent.mp4')], 'media', /does not exist/);
  });

  test('are refused when a pattern could keep the program busy for ever', async () => {
    await fails([place('*a*a*a*a*a*b')], 'usage', /at most 4 of/);
    await fails([place('{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}')], 'usage', /at most 4 of/);
    await fails([place('**/a/**/b/**/c')], 'usage', /at most 2 \*\*/);
    await fails([`${place('*')}${'a'.repeat(2000)}`], 'usage', /at most 1024 characters/);
  });

  test('leave out a folder that cannot be read, and say so', {
    skip: process.getuid?.() === 0 && 'root reads all',
  }, async () => {
    make('locked/a.mp4', 'locked/in/b.mp4');
    chmodSync(place('locked/in'), 0);
    const { found: targets, warnings } = await findTargets([place('locked/**')]);
    chmodSync(place('locked/in'), 0o755);
    assert.equal(targets.length, 1);
    assert.deepEqual(
      warnings.map(({ code, file }) => [code, file]),
      [['folder-unreadable', place('locked/in')]],
    );
  });
});

test('a name with every special character behind a backslash is that name and no pattern', async () => {
  const letters = [
    'a',
    '*',
    '?',
    '[',
    ']',
    '{',
    '}',
    '(',
    ')',
    '!',
    '+',
    '@',
    '|',
    '$',
    '^',
    ',',
    '-',
    ' ',
    '1',
  ];
  const folder = place('special');
  mkdirSync(folder);
  const names = new Set<string>();
  forAll(60, (random) => {
    const length = random.integer(1, 7);
    names.add(Array.from({ length }, () => letters[random.integer(0, letters.length)]).join(''));
  });
  for (const name of names) make(`special/${name}.mp4`);
  for (const name of names) {
    const escaped = name.replace(/[*?[\]{}(),!+@|$^-]/g, '\\$&');
    assert.equal(isPattern(escaped), false, escaped);
    // The wildcard at the end makes it a pattern in which all else is plain.
    const { found: targets } = await findTargets([join(folder, `${escaped}.mp[4]`)]);
    assert.deepEqual(
      targets.map(({ file }) => relative(folder, file)),
      [`${name}.mp4`],
    );
  }
});
