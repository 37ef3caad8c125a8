import { FaceswapError } from '../../errors.js';
import { cosine } from '../../processors/face-recognizer/face-recognizer.js';
import { chainSettings } from '../plan.js';
import type { RunConfig } from '../run-options.js';
import type { RunWarning } from '../run-report.js';
import { loadSourceFaces, type SourceLoading } from '../source-faces.js';

/** The descriptors of the people that photos refer to, each the mean of its photos, L2-normalised. */
export type References = {
  /** Of `referenceFaces`; null where there are none. */
  readonly reference: Float32Array | null;
  /** Of each map; null where ids say who it is. */
  readonly maps: readonly (Float32Array | null)[];
  readonly warnings: readonly RunWarning[];
};

/** What is said of a source photo and matters for one that only tells who is meant. */
const referenceWarnings: ReadonlyMap<string, Omit<RunWarning, 'file'>> = new Map([
  [
    'source-without-face',
    {
      code: 'reference-without-face',
      message: 'No face was found in this reference photo; it is not used',
    },
  ],
  [
    'source-with-several-faces',
    {
      code: 'reference-with-several-faces',
      message: 'The reference photo shows several faces; the largest one is meant',
    },
  ],
]);

/** The mean of descriptors, L2-normalised. */
export function meanDescriptor(descriptors: readonly Float32Array[]): Float32Array {
  const sum = new Float32Array(descriptors[0]?.length ?? 0);
  for (const descriptor of descriptors) {
    for (let i = 0; i < sum.length; i += 1) sum[i] = (sum[i] as number) + (descriptor[i] as number);
  }
  const length = Math.sqrt(cosine(sum, sum));
  return length === 0 ? sum : sum.map((value) => value / length);
}

/**
 * Reads the photos that say who is meant, and has a worker describe their faces.
 *
 * @throws FaceswapError (media) for an unreadable photo, (noFace) when no photo of a person has a usable face, (interrupted).
 */
export async function loadReferences(config: RunConfig, loading: SourceLoading): Promise<References> {
  const warnings: RunWarning[] = [];
  const settings = chainSettings(config);
  const describe = async (files: readonly string[]): Promise<Float32Array | null> => {
    if (files.length === 0) return null;
    const prepared = await loadSourceFaces(files, settings, loading).catch((error: unknown) => {
      const failure = FaceswapError.from(error, 'sources');
      if (failure.kind !== 'noFace') throw failure;
      throw new FaceswapError('noFace', 'No face was found in the reference photo', {
        file: files[0],
        stage: 'sources',
        hint: 'Use a sharp photo that shows the person of the target from the front',
      });
    });
    for (const { code, file } of prepared.warnings) {
      const told = referenceWarnings.get(code);
      if (told !== undefined) warnings.push({ ...told, ...(file === undefined ? {} : { file }) });
    }
    return meanDescriptor(prepared.faces.map(({ descriptor }) => descriptor));
  };
  const reference = await describe(config.referenceFaces);
  const maps: (Float32Array | null)[] = [];
  for (const { references } of config.maps) maps.push(await describe(references));
  return { reference, maps, warnings };
}
