import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

type PackageJson = {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly exports: { readonly '.': { readonly types: string; readonly default: string } };
};

const packageJson = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as PackageJson;

/** Paths that `npm pack` would put into the tarball. */
const packedFiles = (): readonly string[] => {
  const words = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const answer = execFileSync('npm', words, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [packed] = JSON.parse(answer) as readonly { files: readonly { path: string }[] }[];
  return (packed?.files ?? []).map(({ path }) => path);
};

test('the tarball carries all that an installed command needs', () => {
  const files = packedFiles();
  const needed = [
    'LICENSE',
    'README.md',
    'bin/faceswap.js',
    'dist/cli/main.js',
    'dist/pipeline/segment-worker.js',
    'models/registry.json',
    'models/embedded/blazeface.onnx',
    'models/embedded/facemesh.onnx',
    'models/embedded/faceres.onnx',
    'models/licences/Apache-2.0.txt',
    'models/licences/human-MIT.txt',
    'test/fixtures/README.md',
    'test/fixtures/astronaut.png',
    'test/fixtures/grace_hopper.jpg',
    packageJson.exports['.'].types.slice(2),
    packageJson.exports['.'].default.slice(2),
  ];
  for (const file of needed) assert.ok(files.includes(file), `${file} is missing`);
});

test('the tarball carries nothing that only the repository needs', () => {
  const allowed =
    /^(LICENSE|README\.md|package\.json|bin\/|dist\/.*\.(js|d\.ts)$|dist\/imaging\/kernels\/kernels\.wasm$|models\/|docs\/(.*\.md|images\/.*\.jpg)$|scripts\/setup-cuda\.mjs$|test\/fixtures\/(README\.md|astronaut\.png|grace_hopper\.jpg)$)/;
  assert.deepEqual(
    packedFiles().filter((file) => !allowed.test(file)),
    [],
  );
});

test('the tarball carries the compiled kernels', () => {
  assert.ok(packedFiles().includes('dist/imaging/kernels/kernels.wasm'));
});

test('every module in the tarball was made from a source that is still there', () => {
  const orphans = packedFiles()
    .filter((file) => file.startsWith('dist/'))
    .map((file) => `src/${file.slice('dist/'.length).replace(/(\.d\.ts|\.js)$/, '.ts')}`)
    .filter((file) => !existsSync(`${root}/${file}`));
  assert.deepEqual(orphans, []);
});

test('an installed package depends neither on the build tools nor on the unconverted models', () => {
  const runtime = { ...packageJson.dependencies, ...packageJson.optionalDependencies };
  for (const name of [
    '@vladmandic/human',
    'typescript',
    'tsx',
    'assemblyscript',
    'eslint',
    '@biomejs/biome',
  ]) {
    assert.ok(!(name in runtime), `${name} is a runtime dependency`);
  }
  // npm runs these when a tarball is installed; `prepare` it does not.
  for (const name of ['preinstall', 'install', 'postinstall']) {
    assert.ok(!(name in packageJson.scripts), `the script ${name} would run at the user's`);
  }
});
