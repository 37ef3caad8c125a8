import type { RunConfig } from '../run-options.js';
import type { FrameRow, PersonReport } from '../run-report.js';
import type { Selection } from './resolve-selection.js';
import { sourcePhotos } from './run-photos.js';

/** Who of the target was swapped with what, and in how many frames; in the order of the cast. */
export function peopleReport(
  { persons }: Selection,
  config: Pick<RunConfig, 'sources' | 'maps'>,
  rows: readonly FrameRow[],
): readonly PersonReport[] {
  const files = sourcePhotos(config);
  const framesSwapped = new Map<string, number>();
  for (const { faces } of rows) {
    const swapped = faces.filter(({ outcome }) => outcome !== 'skipped');
    for (const id of new Set(swapped.map(({ person }) => person))) {
      if (id !== undefined) framesSwapped.set(id, (framesSwapped.get(id) ?? 0) + 1);
    }
  }
  return persons.map(({ person, photos, distance }) => ({
    id: person.id,
    frames: person.frames,
    firstFrame: person.firstFrame,
    ageYears: person.ageYears,
    male: person.male,
    referenceDistance: distance,
    sources: photos.flatMap((index) => files[index] ?? []),
    framesSwapped: framesSwapped.get(person.id) ?? 0,
  }));
}
