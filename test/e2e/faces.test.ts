import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { FacesReport } from '../../src/index.js';
import { readStill } from '../../src/media/still-image.js';
import { makeClip } from './clips.js';
import { assertFailure, faceswap, fixture, runToReport, temporaryFolder } from './command-run.js';

const folder = temporaryFolder('faces');
const clip = join(folder, 'clip.mkv');
const rate = { num: 25, den: 1 };
const lossless = ['-c:v', 'libx264', '-preset', 'ultrafast', '-qp', '0'];

const facesOf = async (...words: readonly string[]): Promise<FacesReport> => {
  const { exitCode, stdout, stderr, survivors } = await faceswap(['faces', '--json', ...words]);
  assert.equal(exitCode, 0, stderr);
  assert.deepEqual(survivors, []);
  return (JSON.parse(stdout) as { faces: FacesReport }).faces;
};

before(() => {
  makeClip({
    shots: [
      { photo: 'astronaut.png', frames: 16 },
      { photo: 'grace_hopper.jpg', frames: 12 },
      { photo: 'astronaut.png', frames: 10, seed: 7 },
    ],
    rate,
    output: [...lossless, clip],
  });
});

test('the persons of a clip are joined across its shots, told, drawn and written, and a run finds their faces again', async () => {
  const sheet = join(folder, 'cast.png');
  const json = join(folder, 'cast.json');
  const report = await facesOf('-t', clip, '--contact-sheet', sheet, '-o', json, '--workers', '2');
  const { persons, range, seconds } = report;
  assert.deepEqual([range, seconds], [{ start: 0, end: 38 }, 38 / 25]);
  assert.deepEqual(
    persons.map(({ id, seen, gender }) => [id, seen, gender]),
    [
      [
        'person1',
        [
          { start: 0, end: 16 },
          { start: 28, end: 38 },
        ],
        'female',
      ],
      ['person2', [{ start: 16, end: 28 }], persons[1]?.gender],
    ],
  );
  assert.deepEqual(
    persons.map(({ first, frames }) => [first, frames]),
    [
      [{ frame: 0, seconds: 0 }, 26],
      [{ frame: 16, seconds: 16 / 25 }, 12],
    ],
  );
  assert.equal(new Set(report.tracks.map(({ person }) => person)).size, 2);
  assert.deepEqual(JSON.parse(readFileSync(json, 'utf8')), report);
  const drawn = await readStill(sheet, 'source');
  assert.deepEqual([drawn.widthPx, drawn.heightPx], [12 + 2 * 172, 12 + 212]);

  // The analysis is kept: the same search and a run have no detection to do.
  const again = await facesOf('-t', clip);
  assert.deepEqual(again.persons, persons);
  const output = join(folder, 'swapped.mkv');
  const { stageMs } = await runToReport(['-s', fixture('grace_hopper.jpg'), '-t', clip, '-o', output]);
  assert.equal(stageMs.detect + stageMs.landmarks, 0);
});

test('a picture is looked at as well', async () => {
  const { kind, persons, seconds } = await facesOf('-t', fixture('astronaut.png'));
  assert.deepEqual([kind, persons.length, seconds], ['image', 1, null]);
  assert.equal(persons[0]?.share, 1);
});

test('where nobody is, the exit code is 5 and nothing is written', async () => {
  const empty = temporaryFolder('faces-empty');
  const film = join(empty, 'empty.mkv');
  makeClip({ shots: [{ photo: 'none', frames: 6 }], rate, output: [...lossless, film] });
  const result = await faceswap(['faces', '-t', film, '-o', join(empty, 'cast.json')]);
  assertFailure(result, { exitCode: 5, line: /No face was found in the target/, folder: empty }, [
    'empty.mkv',
  ]);
});

test('files that exist, the target itself and options without a meaning are refused before any work', async () => {
  const taken = temporaryFolder('faces-taken');
  const file = join(taken, 'cast.json');
  writeFileSync(file, '{}');
  const refuse = async (words: readonly string[], line: RegExp): Promise<void> =>
    assertFailure(await faceswap(['faces', ...words]), { exitCode: 2, line, folder: taken }, ['cast.json']);
  await refuse(['-t', clip, '-o', file], /must be a new file/);
  await refuse(['-t', clip, '-o', clip, '--overwrite'], /must be another file than --target/);
  await refuse(['-t', fixture('astronaut.png'), '--trim-end', '2'], /--trim-end must be left out/);
  assert.equal(readFileSync(file, 'utf8'), '{}');
  assert.ok(readdirSync(folder).every((name) => !name.includes('.part')));
});
