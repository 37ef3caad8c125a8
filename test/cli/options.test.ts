import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { parseConfigText, readConfigFile } from '../../src/cli/config-file.js';
import { createProgram } from '../../src/cli/main.js';
import { mergeOptionValues, readCommandLine } from '../../src/cli/option-values.js';
import { camelCase, defaultTextOf, flagOf, runOptionEntries } from '../../src/cli/run-option-table.js';
import { FaceswapError } from '../../src/errors.js';
import { resolveRunOptions, runOptionNames } from '../../src/pipeline/resolve-run-options.js';
import type { RunOptions } from '../../src/pipeline/run-options.js';

const usageError = (pattern: RegExp) => (error: unknown) =>
  error instanceof FaceswapError && error.kind === 'usage' && pattern.test(String(error));

/** What commander collects from a command line of `faceswap run`. */
const collect = (words: readonly string[]): Readonly<Record<string, unknown>> => {
  const program = createProgram(() => {});
  const command = program.commands.find((candidate) => candidate.name() === 'run');
  assert.ok(command);
  command.action(() => {});
  command.parse(words, { from: 'user' });
  return command.opts();
};

const paths = ['-s', 'a.jpg', 'b.jpg', '-t', 'clip.mp4', '-o', 'out.mp4'];

describe('the option table', () => {
  test('has exactly the fields of the library besides those of the command', () => {
    const fields = runOptionEntries
      .filter(({ command }) => command !== true)
      .map(({ name }) => camelCase(name));
    assert.deepEqual([...fields].sort(), [...runOptionNames, 'skipExisting'].sort());
  });

  test('offers only choices that the library takes', () => {
    for (const entry of runOptionEntries) {
      if (entry.command === true) continue;
      for (const choice of entry.choices ?? []) {
        const value = entry.kind === 'texts' ? [choice] : choice;
        const options = {
          ...{ source: 'a.jpg', target: 'b.mp4', output: 'c.mp4' },
          ...(choice === 'reference' ? { referenceFace: 'd.jpg' } : {}),
          ...(entry.name === 'face-selector-race' ? { faceClassifierModel: 'fairface' } : {}),
          [camelCase(entry.name)]: value,
        };
        assert.doesNotThrow(() => resolveRunOptions(options as RunOptions), `--${entry.name} ${choice}`);
      }
    }
  });

  test('names each default that the library fills in', () => {
    const text = (name: string): string | undefined => {
      const entry = runOptionEntries.find((candidate) => candidate.name === name);
      assert.ok(entry);
      return defaultTextOf(entry);
    };
    assert.equal(text('blend'), 'multiband');
    assert.equal(text('face-mask-padding'), '0');
    assert.equal(text('processors'), 'face_swapper');
    assert.equal(text('progress'), 'auto');
    assert.equal(text('workers'), 'auto');
    assert.equal(text('output-video-encoder'), undefined);
    assert.equal(text('max-memory'), undefined);
  });

  test('stands in the documentation with every flag, alias, choice and default', () => {
    const page = readFileSync(new URL('../../docs/run.md', import.meta.url), 'utf8');
    for (const entry of runOptionEntries) {
      const row = page
        .split('\n')
        .find((line) => line.startsWith('|') && line.includes(`\`${flagOf(entry)}\``));
      assert.ok(row, `${flagOf(entry)} is missing in docs/run.md`);
      const words = [
        entry.short === undefined ? [] : [`-${entry.short}`],
        entry.alias ?? [],
        entry.choices ?? [],
      ];
      for (const word of [...words.flat(), defaultTextOf(entry) ?? '']) {
        assert.ok(row.includes(word), `--${entry.name}: ${word} is missing in docs/run.md`);
      }
    }
  });

  test('stands in the help with every flag', () => {
    const help = createProgram(() => {})
      .commands.find((command) => command.name() === 'run')
      ?.helpInformation();
    for (const entry of runOptionEntries) assert.ok(help?.includes(flagOf(entry)), flagOf(entry));
  });
});

describe('the command line of run', () => {
  test('becomes the options of the library', () => {
    const words = [
      ...paths,
      '--processors=face_swapper',
      '--face-mask-padding',
      '1',
      '2.5',
      '--face-detector-score',
      '.4',
      '--output-video-fps',
      '24000/1001',
      '--trim-start',
      '1:02.5',
      '--overwrite',
    ];
    assert.deepEqual(mergeOptionValues(readCommandLine(collect(words)), {}), {
      options: {
        source: ['a.jpg', 'b.jpg'],
        target: 'clip.mp4',
        output: 'out.mp4',
        processors: ['face_swapper'],
        faceMaskPadding: [1, 2.5],
        faceDetectorScore: 0.4,
        outputVideoFps: '24000/1001',
        trimStart: '1:02.5',
        overwrite: true,
      },
      switches: {},
    });
  });

  test('takes one or several targets', () => {
    const targetOf = (...words: readonly string[]): unknown =>
      mergeOptionValues(readCommandLine(collect(['-s', 'a.jpg', '-o', 'out', ...words])), {}).options.target;
    assert.equal(targetOf('-t', 'a.mp4'), 'a.mp4');
    assert.deepEqual(targetOf('-t', 'a.mp4', 'b.mp4'), ['a.mp4', 'b.mp4']);
    assert.deepEqual(targetOf('-t', 'a.mp4', '--target', 'clips/*.mp4'), ['a.mp4', 'clips/*.mp4']);
  });

  test("takes FaceFusion's names", () => {
    const words = ['--source-paths', 'a.jpg', '--target-path', 'b.mp4', '--output-path', 'c.mp4'];
    const { options } = mergeOptionValues(
      readCommandLine(collect([...words, '--execution-providers', 'cpu'])),
      {},
    );
    assert.deepEqual(options, {
      source: ['a.jpg'],
      target: 'b.mp4',
      output: 'c.mp4',
      executionProvider: 'cpu',
    });
  });

  test('keeps the switches of the command from the library', () => {
    const { options, switches } = mergeOptionValues(
      readCommandLine(
        collect([...paths, '--json', '--dry-run', '--progress', 'none', '--log-level', 'warn']),
      ),
      {},
    );
    assert.deepEqual(switches, { json: true, dryRun: true, progress: 'none' });
    assert.deepEqual(Object.keys(options).sort(), ['logLevel', 'output', 'source', 'target']);
  });

  test('takes numbers, sizes and words for the machine', () => {
    const words = ['--workers', '2', '--batch-size', 'auto', '--max-memory', '512M', '--vram-limit', '6G'];
    const { options } = mergeOptionValues(
      readCommandLine(collect([...paths, ...words, '--hwaccel', 'auto', '--no-cache'])),
      {},
    );
    assert.deepEqual(options, {
      source: ['a.jpg', 'b.jpg'],
      target: 'clip.mp4',
      output: 'out.mp4',
      workers: 2,
      batchSize: 'auto',
      maxMemory: '512M',
      vramLimit: '6G',
      hwaccel: 'auto',
      cache: false,
    });
    assert.throws(
      () => readCommandLine(collect([...paths, '--workers', 'many'])),
      usageError(/--workers must be auto or a number, got "many"/),
    );
  });

  test('leaves a switch that is on by default to the config file unless its flag is there', () => {
    const config = { source: 'a', target: 'b', output: 'c', cache: false };
    assert.equal(mergeOptionValues(readCommandLine(collect([])), config).options.cache, false);
    assert.equal('cache' in readCommandLine(collect(paths)), false);
    const flagged = readCommandLine(collect(['--no-cache']));
    assert.equal(mergeOptionValues(flagged, { ...config, cache: true }).options.cache, false);
  });

  test('takes maps in place of a source, each with its photos', () => {
    const words = ['--map', 'person1=a.jpg', '--map', 'them.jpg=b.jpg,c.jpg', '-t', 'x.mp4', '-o', 'y.mp4'];
    const { options } = mergeOptionValues(readCommandLine(collect(words)), {});
    assert.deepEqual(options.map, [
      { person: ['person1'], source: ['a.jpg'] },
      { reference: ['them.jpg'], source: ['b.jpg', 'c.jpg'] },
    ]);
    assert.throws(
      () => readCommandLine(collect([...words, '--map', 'person1'])),
      usageError(/--map must be PERSON=PHOTO/),
    );
    assert.throws(
      () => mergeOptionValues(readCommandLine(collect(words.slice(4))), {}),
      usageError(/Missing: --source/),
    );
    const enhancing = collect([...words.slice(4), '--processors', 'face_enhancer']);
    assert.equal(mergeOptionValues(readCommandLine(enhancing), {}).options.source, undefined);
  });

  test('takes several races', () => {
    const values = readCommandLine(collect([...paths, '--face-selector-race', 'white', 'asian']));
    assert.deepEqual(values.faceSelectorRace, ['white', 'asian']);
  });

  test('refuses an empty number', () => {
    assert.throws(
      () => readCommandLine(collect([...paths, '--face-mask-blur', ''])),
      usageError(/--face-mask-blur must be a number, got ""/),
    );
  });
});

describe('a config file', () => {
  const file = path.resolve('/jobs/one/job.json');

  test('gives options in kebab-case, camelCase and by alias, with paths from its own folder', () => {
    const text = JSON.stringify({
      'source-paths': ['me.jpg', '../two.jpg'],
      target: '/media/clip.mp4',
      faceMaskBlur: 0.2,
      'dry-run': true,
      cache: false,
      workers: 3,
      'max-memory': '1.5G',
    });
    assert.deepEqual(parseConfigText(text, file), {
      source: [path.resolve('/jobs/one/me.jpg'), path.resolve('/jobs/two.jpg')],
      target: path.resolve('/media/clip.mp4'),
      faceMaskBlur: 0.2,
      dryRun: true,
      cache: false,
      workers: 3,
      maxMemory: '1.5G',
    });
  });

  test('has the photos of maps from its own folder, as texts and as objects', () => {
    const text = '{"map": ["person1=a.jpg,/b.jpg", {"reference": "../x=y.jpg", "source": ["c,d.jpg"]}]}';
    assert.deepEqual(parseConfigText(text, file)['map'], [
      { person: ['person1'], source: [path.resolve('/jobs/one/a.jpg'), path.resolve('/b.jpg')] },
      { reference: [path.resolve('/jobs/x=y.jpg')], source: [path.resolve('/jobs/one/c,d.jpg')] },
    ]);
  });

  test('may list several targets', () => {
    const { target } = parseConfigText('{"target": ["one/*.mp4", "/two"]}', file);
    assert.deepEqual(target, [path.resolve('/jobs/one/one/*.mp4'), path.resolve('/two')]);
    assert.equal(parseConfigText('{"target": ["a.mp4"]}', file)['target'], path.resolve('/jobs/one/a.mp4'));
    assert.throws(() => parseConfigText('{"target": ["a.mp4", 1]}', file), usageError(/must be text, got 1/));
  });

  test('loses against the command line, option by option', () => {
    const config = parseConfigText('{"target": "t.mp4", "output": "o.mp4", "blend": "basic"}', file);
    const { options } = mergeOptionValues({ source: ['s.jpg'], output: 'mine.mp4' }, config);
    assert.deepEqual(options, {
      source: ['s.jpg'],
      target: path.resolve('/jobs/one/t.mp4'),
      output: 'mine.mp4',
      blend: 'basic',
    });
  });

  const mistakes: readonly { name: string; text: string; error: RegExp }[] = [
    { name: 'broken JSON', text: '{"blend": }', error: /not valid JSON: .*job\.json/s },
    { name: 'a list', text: '[]', error: /must hold one JSON object/ },
    { name: 'an unknown key', text: '{"colour-match": "lab"}', error: /Did you mean "color-match"\?/ },
    { name: 'an unknown key that is like none', text: '{"zzz": 1}', error: /See faceswap run --help/ },
    { name: 'a nested config', text: '{"config": "other.json"}', error: /Unknown key "config"/ },
    {
      name: 'the same option twice',
      text: '{"face-mask-blur": 0, "faceMaskBlur": 1}',
      error: /stands twice/,
    },
    { name: 'a negated flag', text: '{"no-cache": true}', error: /Unknown key "no-cache"/ },
    { name: 'a word for a number', text: '{"workers": "2"}', error: /must be auto or a number, got "2"/ },
    { name: 'a number in quotes', text: '{"face-mask-blur": "0.3"}', error: /must be a number, got "0\.3"/ },
    { name: 'a flag in quotes', text: '{"overwrite": "yes"}', error: /must be true or false, got "yes"/ },
    {
      name: 'an unknown choice',
      text: '{"blend": "basik"}',
      error: /one of multiband, basic, poisson, seamless.*Did you mean basic\?/,
    },
    {
      name: 'a map of brackets without end',
      text: `{"map": {"person": "person1", "source": ${'['.repeat(200_000)}${']'.repeat(200_000)}}}`,
      error: /--map must be/,
    },
    { name: 'a map without photos', text: '{"map": "person1="}', error: /--map must be PERSON=PHOTO/ },
    { name: 'null', text: '{"target": null}', error: /"target" must be text, got null/ },
    {
      name: 'the same key twice',
      text: '{"blend": "basic", "blend": "multiband"}',
      error: /"blend" stands twice/,
    },
    {
      name: 'a key twice in two spellings of JSON',
      text: '{"blend":"basic","\\u0062lend":"basic"}',
      error: /twice/,
    },
    { name: 'a number beyond all numbers', text: '{"workers": 1e999}', error: /number, got Infinity/ },
    { name: 'no number', text: '{"workers": NaN}', error: /not valid JSON/ },
    { name: 'a prototype', text: '{"__proto__": {"blend": "basic"}}', error: /Unknown key "__proto__"/ },
    { name: 'a constructor', text: '{"constructor": 1}', error: /Unknown key "constructor"/ },
    { name: 'an object', text: '{"target": {"__proto__": 1}}', error: /must be text, got an object/ },
    {
      name: 'brackets without end',
      text: `{"target": ${'['.repeat(200_000)}${']'.repeat(200_000)}}`,
      error: /must be text, got a list of 1/,
    },
    { name: 'a key without end', text: `{"${'k'.repeat(500_000)}": 1}`, error: /Unknown key "k{199}…/ },
  ];
  for (const { name, text, error } of mistakes) {
    test(`refuses ${name} and names the file`, () => {
      assert.throws(() => parseConfigText(text, file), usageError(error));
      assert.throws(() => parseConfigText(text, file), usageError(/job\.json/));
    });
  }

  test('may hold the same key in two values, and brackets and quotes in names', () => {
    const { output } = parseConfigText('{"source": ["a\\"blend\\": {[", "blend"], "output": "}]\\\\"}', file);
    assert.equal(output, path.resolve('/jobs/one/}]\\'));
  });

  test('is refused when it is too large, no text, or no file', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'faceswap-config-'));
    try {
      const name = path.join(folder, 'job.json');
      writeFileSync(name, `{"target": "${' '.repeat(2 ** 20)}"}`);
      await assert.rejects(readConfigFile(name), usageError(/more than 1048576 bytes/));
      writeFileSync(name, Buffer.from([0x7b, 0xff, 0x7d]));
      await assert.rejects(readConfigFile(name), usageError(/not UTF-8/));
      await assert.rejects(readConfigFile(folder), usageError(/cannot be read/));
      await assert.rejects(readConfigFile(path.join(folder, 'absent')), usageError(/no such file/));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
