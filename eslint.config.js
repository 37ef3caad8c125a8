import path from 'node:path';
import { fileURLToPath } from 'node:url';
import tseslint from 'typescript-eslint';

const rootDir = path.dirname(fileURLToPath(import.meta.url));
const sourceDir = path.join(rootDir, 'src');

/**
 * Layers of src, highest first. A module may import from its own layer's folder and from every lower layer; folders
 * that share a layer do not know each other, except the processors.
 */
const layers = [
  ['cli'],
  ['index.ts'],
  ['farm', 'report', 'provenance'],
  ['pipeline'],
  ['processors'],
  ['media', 'inference'],
  ['imaging'],
  ['errors.ts', 'version.ts', 'bounded-file.ts', 'printable-text.ts'],
];

/** Packages and Node modules that one folder alone may use. */
const ownedPackages = new Map([
  ['onnxruntime-node', 'inference'],
  ['child_process', 'media'],
  ['node:child_process', 'media'],
  ['fluent-ffmpeg', 'media'],
  ['sharp', 'media'],
]);

const layerOf = (unit) => layers.findIndex((units) => units.includes(unit));

/** The folder of src, or the file directly in it, that an absolute path belongs to; undefined outside src. */
const unitOf = (absolutePath) => {
  const relative = path.relative(sourceDir, absolutePath);
  if (relative.startsWith('..')) return undefined;
  const [first = ''] = relative.split(path.sep);
  return first.replace(/\.js$/, '.ts');
};

/** Says what is wrong with an import, or undefined. */
const violationOf = (importerPath, specifier) => {
  const importer = unitOf(importerPath);
  if (importer === undefined) return undefined;
  const packageName = specifier.startsWith('@') ? specifier : specifier.replace(/(?<=[^/])\/.*$/, '');
  const owner = ownedPackages.get(packageName);
  if (owner !== undefined && owner !== importer) {
    return `Only src/${owner} may import ${packageName}`;
  }
  if (!specifier.startsWith('.')) return undefined;
  const imported = unitOf(path.resolve(path.dirname(importerPath), specifier));
  if (imported === undefined) return `src must not import ${specifier}, which lies outside it`;
  if (imported === importer) return undefined;
  const from = layerOf(importer);
  const to = layerOf(imported);
  if (from === -1) return `${importer} has no layer; give it one in eslint.config.js`;
  if (to === -1) return `${imported} has no layer; give it one in eslint.config.js`;
  if (to > from) return undefined;
  return `${importer} must not import ${imported}: imports point down, from cli to imaging`;
};

const importDirection = {
  meta: { type: 'problem', schema: [], messages: { violation: '{{text}}' } },
  create: (context) => {
    const check = (node) => {
      const source = node?.type === 'TSLiteralType' ? node.literal : node;
      if (typeof source?.value !== 'string') return;
      const text = violationOf(context.filename, source.value);
      if (text !== undefined) context.report({ node: source, messageId: 'violation', data: { text } });
    };
    return {
      ImportDeclaration: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
      TSImportType: (node) => check(node.source),
    };
  },
};

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'models/embedded/', 'demo/', 'src/imaging/kernels/assembly/'] },
  {
    files: ['src/**/*.ts', 'test/**/*.ts', 'scripts/**/*.ts', 'bench/**/*.ts'],
    extends: [tseslint.configs.strict],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: rootDir } },
    rules: {
      '@typescript-eslint/ban-ts-comment': ['error', { 'ts-expect-error': 'allow-with-description' }],
      '@typescript-eslint/consistent-type-definitions': ['error', 'type'],
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // With types: the mistakes that lose an error or a rejection.
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      eqeqeq: 'error',
      'no-console': 'error',
      'no-throw-literal': 'error',
      'prefer-const': 'error',
    },
  },
  {
    // node:test collects the promises that describe() and test() return.
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  { files: ['scripts/**/*.ts', 'bench/**/*.ts'], rules: { 'no-console': 'off' } },
  {
    files: ['src/**/*.ts'],
    plugins: { layers: { rules: { 'import-direction': importDirection } } },
    rules: { 'layers/import-direction': 'error' },
  },
);
