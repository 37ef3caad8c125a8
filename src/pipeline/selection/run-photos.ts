import type { RunConfig } from '../run-options.js';

/** Photos of each set: those of `source`, for everybody whom no map names, then those of each map. */
export const filesOfSets = ({
  sources,
  maps,
}: Pick<RunConfig, 'sources' | 'maps'>): readonly (readonly string[])[] => [
  sources,
  ...maps.map((map) => map.sources),
];

/** All source photos of a run; the index of a photo is its place here. */
export const sourcePhotos = (config: Pick<RunConfig, 'sources' | 'maps'>): readonly string[] =>
  filesOfSets(config).flat();

/** Every photo that a run reads, once each: sources and references. */
export const photosOf = (
  config: Pick<RunConfig, 'sources' | 'maps' | 'referenceFaces'>,
): readonly string[] => [
  ...new Set([
    ...sourcePhotos(config),
    ...config.maps.flatMap(({ references }) => references),
    ...config.referenceFaces,
  ]),
];

/** How many sets of photos a run has prepared: those of source faces and those of references. */
export const preparedSetCount = ({
  sources,
  maps,
  referenceFaces,
}: Pick<RunConfig, 'sources' | 'maps' | 'referenceFaces'>): number =>
  (sources.length > 0 ? 1 : 0) +
  (referenceFaces.length > 0 ? 1 : 0) +
  maps.reduce((sum, { references }) => sum + (references.length > 0 ? 2 : 1), 0);
