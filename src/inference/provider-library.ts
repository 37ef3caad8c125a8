import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';

/** Providers whose libraries are fetched apart from the package, with the name of the library on Linux. */
const libraries: Readonly<Record<string, string>> = {
  cuda: 'libonnxruntime_providers_cuda.so',
  tensorrt: 'libonnxruntime_providers_tensorrt.so',
};

/**
 * Why the library of a provider cannot be loaded, in the system's words: onnxruntime only says that it cannot. Loads the library
 * into this process, so call it in one that ends soon.
 *
 * @returns undefined where there is nothing to say: another system, a provider without a library of its own, or one that loads
 */
export function libraryFailure(provider: string): string | undefined {
  const name = libraries[provider];
  if (name === undefined || process.platform !== 'linux') return undefined;
  const folder = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  const path = join(folder, 'bin', 'napi-v6', process.platform, process.arch, name);
  if (!existsSync(path)) return `${name} is not installed`;
  try {
    process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_LAZY);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // Not being a module of Node is what every library that loads is told.
    return /did not self-register/i.test(message) ? undefined : message.split('\n', 1)[0];
  }
  return undefined;
}
