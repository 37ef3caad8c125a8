import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { test } from 'node:test';

/** Specifiers of the imports of a module that run when it is loaded: neither types nor `import()`. */
const staticImports = (file: URL): readonly string[] => {
  const text = readFileSync(file, 'utf8');
  const statements = text.matchAll(
    /^(?:import\s(?!type\s)(?:[^;'"=()]*?\sfrom\s+)?|export\s(?!type\s)[^;'"=()]*?\sfrom\s+)'([^']+)';/gm,
  );
  return [...statements].map((match) => match[1] ?? '');
};

/** Packages that loading a module of src loads, through all modules that it reaches. */
const packagesLoadedBy = (entry: URL): ReadonlySet<string> => {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = (file: URL): void => {
    if (seen.has(file.href)) return;
    seen.add(file.href);
    for (const specifier of staticImports(file)) {
      if (specifier.startsWith('.')) visit(new URL(specifier.replace(/\.js$/, '.ts'), file));
      else if (!isBuiltin(specifier)) packages.add(specifier);
    }
  };
  visit(entry);
  return packages;
};

test('help and version load no package but commander', () => {
  const packages = packagesLoadedBy(new URL('../../src/cli/main.ts', import.meta.url));
  assert.deepEqual([...packages], ['commander']);
});

test('the walk over imports sees the packages of a heavier module', () => {
  const packages = packagesLoadedBy(new URL('../../src/cli/run-action.ts', import.meta.url));
  assert.deepEqual([...packages].sort(), ['cli-progress', 'pino']);
});
