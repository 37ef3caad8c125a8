import { createRequire } from 'node:module';
import { FaceswapError } from '../errors.js';

/**
 * The version of the installed onnxruntime-node, read from its package without loading the library.
 *
 * @throws FaceswapError (unavailable) when the package is not there.
 */
export function onnxruntimeVersion(): string {
  let manifest: unknown;
  try {
    manifest = createRequire(import.meta.url)('onnxruntime-node/package.json');
  } catch (cause) {
    throw new FaceswapError('unavailable', 'onnxruntime-node is not installed', {
      cause,
      hint: 'Reinstall the package: npm ci',
    });
  }
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) {
    return String(manifest.version);
  }
  throw new FaceswapError('bug', 'The package of onnxruntime-node has no version');
}
