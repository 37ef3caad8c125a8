import { join } from 'node:path';
import {
  type GeneratedModelKind,
  generatedSwapperSizePx,
  writeGeneratedModels,
} from '../inference/generated-models.js';
import { faceLayout } from '../processors/face-swapper/face-layout.js';
import type { ChainModelFiles } from './chain-models.js';

/**
 * Writes the models of a benchmark: they find the same faces in every frame of 16:9, and swap them at no cost (`null`) or at that of
 * a neural swapper for crops of 128 pixels (`bound`).
 *
 * @param folder is made when it is missing
 */
export async function writeGeneratedChain(
  folder: string,
  { kind, faces }: { readonly kind: GeneratedModelKind; readonly faces: number },
): Promise<void> {
  await writeGeneratedModels(folder, { kind, faces, mesh: faceLayout.shape });
}

/** The files that {@link writeGeneratedChain} left in a folder, as a chain's models. */
export const generatedChainFiles = (folder: string): ChainModelFiles => ({
  detector: join(folder, 'blazeface.onnx'),
  landmarker: join(folder, 'facemesh.onnx'),
  recognizer: join(folder, 'faceres.onnx'),
  neural: null,
  cacheFolder: null,
  swapper: {
    file: join(folder, 'swapper.onnx'),
    contract: {
      kind: 'swapper',
      image: { name: 'target', layout: 'NCHW', colourOrder: 'RGB', mean: [0, 0, 0], std: [255, 255, 255] },
      sizePx: generatedSwapperSizePx,
      template: 'arcface_128',
      denormalise: false,
      pixelBoostsPx: [generatedSwapperSizePx],
      source: { kind: 'embedding', name: 'source', length: 512, form: 'normalised', weightBy: 'normalised' },
    },
  },
});
