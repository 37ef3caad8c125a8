import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

let asked: Promise<string> | undefined;

/**
 * sha256 (hex) over our own built code: what another build has made is not used, also when both have the same version. Read once per
 * process.
 */
export function hashOfCode(): Promise<string> {
  asked ??= (async () => {
    const root = fileURLToPath(new URL('../', import.meta.url));
    const names = await readdir(root, { recursive: true });
    const code = names.filter((name) => /(?:\.js|\.wasm|(?<!\.d)\.ts)$/.test(name)).sort();
    const hash = createHash('sha256');
    for (const name of code) hash.update(name).update(await readFile(join(root, name)));
    return hash.digest('hex');
  })();
  return asked;
}
