import { FaceswapError } from '../../errors.js';
import { chainSettings } from '../plan.js';
import type { RunConfig } from '../run-options.js';
import { loadSourceFaces, type SourceLoading } from '../source-faces.js';
import type { PreparedSources } from '../worker-protocol.js';
import { filesOfSets } from './run-photos.js';

/** All source faces of a run, and who may get which of them. */
export type SourceSets = PreparedSources & {
  /**
   * Indexes of photos: first those for everybody whom no map names (none where `source` was left out), then those of each map in
   * its order. In a run that swaps with no photos, everybody whom no map names has {@link noPhoto}.
   */
  readonly sets: readonly (readonly number[])[];
};

/** The index that stands for no photo, where faces are changed without one. */
export const noPhoto = -1;

/**
 * Reads the source photos and has a worker prepare their faces, set by set: each set needs a face of its own.
 *
 * @throws FaceswapError as `loadSourceFaces`.
 */
export async function loadSourceSets(config: RunConfig, loading: SourceLoading): Promise<SourceSets> {
  const settings = chainSettings(config);
  const prepared: PreparedSources[] = [];
  const sets: (readonly number[])[] = [];
  let photosBefore = 0;
  for (const files of filesOfSets(config)) {
    if (files.length === 0) {
      sets.push(config.processors.includes('face_swapper') ? [] : [noPhoto]);
      continue;
    }
    const { faces, warnings } = await loadSourceFaces(files, settings, loading).catch((error: unknown) => {
      const failure = FaceswapError.from(error, 'sources');
      // With several sets it must be clear which of them is meant.
      const isUnclear =
        config.maps.length > 0 && failure.kind === 'noFace' && failure.context.file === undefined;
      throw isUnclear ? failure.with({ file: files[0] }) : failure;
    });
    const placed = faces.map((face) => ({ ...face, index: photosBefore + face.index }));
    prepared.push({ faces: placed, warnings });
    sets.push(placed.map(({ index }) => index));
    photosBefore += files.length;
  }
  return {
    faces: prepared.flatMap(({ faces }) => faces),
    warnings: prepared.flatMap(({ warnings }) => warnings),
    sets,
  };
}
