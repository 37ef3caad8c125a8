import assert from 'node:assert/strict';
import { basename, dirname, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import {
  expandNameTemplate,
  hasPlaceholder,
  parseNameTemplate,
  templateExpression,
  templateFolder,
} from '../../src/pipeline/name-template.js';
import { forAll } from '../support/unit-random.js';

const values = { index: 3, source_name: 'me', target_name: 'clip', target_extension: '.mp4' };

const expand = (text: string, changes: Partial<typeof values> = {}): string =>
  expandNameTemplate(parseNameTemplate(text, '--output'), { ...values, ...changes }, 'clip.mp4');

const usageError = (pattern: RegExp) => (error: unknown) =>
  error instanceof FaceswapError && error.kind === 'usage' && pattern.test(String(error));

describe('a name template', () => {
  test('fills in every placeholder of FaceFusion', () => {
    assert.equal(
      expand('out/{index}-{source_name}-{target_name}{target_extension}'),
      resolve('out/3-me-clip.mp4'),
    );
  });

  test('does not double the dot before an extension', () => {
    assert.equal(expand('out/{target_name}.{target_extension}'), resolve('out/clip.mp4'));
  });

  test('takes doubled braces for themselves', () => {
    assert.equal(expand('{{index}}/{index}.mp4'), resolve('{index}/3.mp4'));
    assert.equal(hasPlaceholder('{{index}}.mp4'), false);
    assert.equal(hasPlaceholder('{{{index}}}.mp4'), true);
    assert.equal(hasPlaceholder('{name}.mp4'), false);
  });

  test('refuses an unknown placeholder and lists the known ones', () => {
    assert.throws(
      () => parseNameTemplate('{targetname}.mp4', '--output'),
      usageError(
        /--output has the unknown placeholder \{targetname\}; known are \{index\}, \{source_name\}, \{target_name\}, \{target_extension\}\. Did you mean \{target_name\}\?/,
      ),
    );
    assert.throws(() => parseNameTemplate('{}.mp4', '--report'), usageError(/--report .* placeholder \{\}/));
    for (const text of ['a{b', 'a}b', '{index}}', '{{index}']) {
      assert.throws(() => parseNameTemplate(text, '--output'), usageError(/a single [{}]/), text);
    }
  });

  test('never leaves its folder because of a name', () => {
    for (const name of ['..', '.', '']) {
      assert.throws(
        () => expand('out/{target_name}/x.mp4', { target_name: name }),
        usageError(/cannot stand/),
      );
    }
    assert.equal(expand('out/a{target_name}/x.mp4', { target_name: '..' }), resolve('out/a../x.mp4'));
    assert.equal(expand('../{target_name}.mp4'), resolve('../clip.mp4'));
  });

  test('knows the folder above all that it gives', () => {
    const folderOf = (text: string): string => templateFolder(parseNameTemplate(text, '--output'));
    assert.equal(folderOf('out/{index}/x.mp4'), resolve('out'));
    assert.equal(folderOf('out/a{{b/c_{index}.mp4'), resolve('out/a{b'));
    assert.equal(folderOf('{target_name}.mp4'), resolve('.'));
  });
});

test('whatever a template gives is told apart from other names by its expression', () => {
  const names = ['clip', 'a b', 'x+y', '[1]', '(2)', 'dot.dot', '$', 'näh', '{n}', '0', '^a|b'];
  const parts = [
    '{index}',
    '{source_name}',
    '{target_name}',
    '_',
    '-',
    ' ',
    '.',
    '+',
    '{{',
    '}}',
    'out/',
    '(x)',
  ];
  const extensions = ['.mp4', '.mkv', ''];
  forAll(500, (random) => {
    const pick = (list: readonly string[]): string => list[random.integer(0, list.length)] ?? '';
    const middle = Array.from({ length: random.integer(1, 6) }, () => pick(parts)).join('');
    const template = parseNameTemplate(`a/${middle}b{target_extension}`, '--output');
    const rest = { source_name: pick(names), target_name: pick(names), target_extension: pick(extensions) };
    const path = expandNameTemplate(template, { index: random.integer(0, 2000), ...rest }, 'target');
    const expression = templateExpression(template, rest);
    assert.ok(expression.test(path), `${template.text} ${path}`);
    assert.ok(templateExpression(template, {}).test(path) || rest.target_extension === '', path);
    assert.equal(expression.test(`${path}x`), false);
    assert.equal(expression.test(resolve(dirname(path), `x${basename(path)}`)), false);
  });
});
