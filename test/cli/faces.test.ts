import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { readAnalysisRequest } from '../../src/cli/analysis-action.js';
import { facesCommand } from '../../src/cli/faces-action.js';
import { facesOptionEntries } from '../../src/cli/faces-option-table.js';
import { createProgram } from '../../src/cli/main.js';
import { camelCase, defaultTextOf, flagOf } from '../../src/cli/run-option-table.js';
import { FaceswapError } from '../../src/errors.js';
import { facesOptionNames, resolveFacesOptions } from '../../src/pipeline/cast/faces-options.js';

/** What the command would ask of the library for a command line. */
const requestFor = (...words: string[]) => {
  const command = createProgram(() => {}).commands.find((candidate) => candidate.name() === 'faces');
  assert.ok(command);
  command.action(() => {});
  command.parse(words, { from: 'user' });
  return readAnalysisRequest(facesCommand, command.opts());
};

const refusal = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof FaceswapError);
    assert.equal(error.kind, 'usage');
    return error.message;
  }
  assert.fail('nothing was refused');
};

describe('the options of faceswap faces', () => {
  test('are those of the library besides the switches of the command', () => {
    const fields = facesOptionEntries.map(({ name }) => camelCase(name));
    assert.deepEqual([...fields].sort(), [...facesOptionNames, 'json', 'logLevel', 'progress'].sort());
  });

  test('stand in the documentation with every flag, choice and default', () => {
    const page = readFileSync(new URL('../../docs/faces.md', import.meta.url), 'utf8');
    const rows = page.split('\n').filter((line) => line.startsWith('|'));
    for (const entry of facesOptionEntries) {
      const row = rows.find((line) => line.split('|')[1]?.includes(`\`${flagOf(entry)}\``));
      assert.ok(row, `${flagOf(entry)} is missing in docs/faces.md`);
      const choices =
        (entry.choices?.length ?? 0) > 1 && entry.name !== 'execution-provider' ? entry.choices : [];
      const words = [entry.short === undefined ? [] : `-${entry.short}`, choices ?? []].flat();
      for (const word of [...words, defaultTextOf(entry) ?? '']) {
        assert.ok(row.includes(word), `${flagOf(entry)}: ${word} is missing in docs/faces.md`);
      }
    }
  });

  test('become options of the library and switches', () => {
    const words = ['-t', 'a.mp4', '--contact-sheet', 'b.png', '-o', 'c.json', '--trim-frame-end', '9'];
    assert.deepEqual(requestFor(...words, '--no-cache', '--json', '--progress', 'none'), {
      options: { target: 'a.mp4', contactSheet: 'b.png', output: 'c.json', trimFrameEnd: 9, cache: false },
      json: true,
      progress: 'none',
      logLevel: 'info',
    });
    assert.match(
      refusal(() => requestFor('--json')),
      /Missing: --target/,
    );
  });
});

describe('the options of faces()', () => {
  test('ask for a cast, with the settings of a run that is asked the same', () => {
    const { runConfig, output, contactSheet, overwrite } = resolveFacesOptions({
      target: 'a.mp4',
      faceDetectorScore: 0.4,
      trimStart: '2.5',
    });
    assert.equal(runConfig.needsCast, true);
    assert.equal(runConfig.faceDetectorScore, 0.4);
    assert.deepEqual(runConfig.trimStart, { unit: 'time', microseconds: 2_500_000 });
    assert.deepEqual([output, contactSheet, overwrite], [undefined, undefined, false]);
  });

  test('are refused by name, with what they must be', () => {
    const bad: readonly (readonly [object, RegExp])[] = [
      [{}, /^--target must be a video or image file, got nothing$/],
      [{ target: 'a\0b' }, /^--target must be/],
      [{ target: 'a', contactSheet: 'sheet.jpg' }, /^--contact-sheet must be a file that ends in .png/],
      [{ target: 'a', output: 'x.png', contactSheet: './x.png' }, /another file than --output/],
      [{ target: 'a', overwrite: 'yes' }, /^--overwrite must be true or false/],
      [{ target: 'a', faceDetectorScore: 2 }, /^--face-detector-score must be/],
      [{ target: 'a', contactsheet: 'x.png' }, /^Unknown option "contactsheet"$/],
      [{ target: 'a', source: 'b.png' }, /^Unknown option "source"$/],
    ];
    for (const [options, message] of bad) {
      assert.match(
        refusal(() => resolveFacesOptions(options as { target: string })),
        message,
      );
    }
  });
});
