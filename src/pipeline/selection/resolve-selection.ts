import { FaceswapError } from '../../errors.js';
import { cosine } from '../../processors/face-recognizer/face-recognizer.js';
import type { Cast, CastPerson, CastTrack } from '../cast/cast.js';
import type { RunConfig } from '../run-options.js';
import { hasFilters } from './needs-cast.js';
import { descriptorDistance } from './reference-distance.js';
import type { SegmentSelection } from './segment-selection.js';

type SelectionOptions = Pick<
  RunConfig,
  | 'maps'
  | 'target'
  | 'onNoFace'
  | 'faceSelectorMode'
  | 'faceSelectorGender'
  | 'faceSelectorAgeStart'
  | 'faceSelectorAgeEnd'
  | 'faceSelectorRaces'
  | 'referenceFaces'
  | 'referenceFaceDistance'
>;

/** What a selection is made of. */
export type SelectionInput = {
  readonly options: SelectionOptions;
  readonly cast: Cast;
  /** Segments of the plan. */
  readonly segmentCount: number;
  /** Indexes of the photos for everybody else, then those of each map. */
  readonly sets: readonly (readonly number[])[];
  /** Descriptor of each map's reference photos; null where ids say who it is. */
  readonly mapReferences: readonly (Float32Array | null)[];
  /** Who is swapped with the mode `reference`: a descriptor, or an index into the persons. Null with another mode. */
  readonly reference: Float32Array | number | null;
};

/** Somebody of the target and what was decided. */
export type SelectedPerson = {
  readonly person: CastPerson;
  /** Indexes of the source photos; empty: left alone. */
  readonly photos: readonly number[];
  /** Distance to the reference photos by which the person was found; null where ids or nothing said who it is. */
  readonly distance: number | null;
};

/** Who gets which face. */
export type Selection = {
  /** One for each segment of the plan. */
  readonly segments: readonly SegmentSelection[];
  readonly persons: readonly SelectedPerson[];
  /** Why somebody who was asked for is not there, where that is no failure. */
  readonly missing: string | null;
};

const distanceText = (distance: number): string => distance.toFixed(3);

const distanceOf = ({ descriptor }: CastPerson, reference: Float32Array): number =>
  descriptor.length === reference.length ? descriptorDistance(cosine(descriptor, reference)) : Infinity;

/** Whether two persons are ever seen in one frame, so that they cannot be the same. */
const areTogether = (tracks: readonly CastTrack[], one: number, other: number): boolean =>
  tracks.some(
    (track) =>
      track.person === one &&
      tracks.some(
        ({ person, segment, start, end }) =>
          person === other && segment === track.segment && start < track.end && track.start < end,
      ),
  );

/** Photos of somebody, and the set of those whom they turn out to show. */
type Claim = { readonly reference: Float32Array; readonly file: string | undefined; readonly set: number };

/** A person whom a claim found. */
type Find = { readonly set: number; readonly distance: number };

/**
 * Finds the persons that references mean: the nearest first, each only for one reference, and never two who are seen in
 * one frame for the same reference. The same person may be in the cast more than once, so that one reference may find several.
 */
const findReferred = (
  { persons, tracks }: Cast,
  claims: readonly Claim[],
  { largest, taken }: { readonly largest: number; readonly taken: ReadonlySet<number> },
): ReadonlyMap<number, Find> => {
  const pairs = claims
    .flatMap(({ reference, set }) =>
      persons.map((person, index) => ({ set, index, distance: distanceOf(person, reference) })),
    )
    .filter(({ index, distance }) => distance <= largest && !taken.has(index))
    .sort((one, other) => one.distance - other.distance);
  const found = new Map<number, Find>();
  for (const { set, index, distance } of pairs) {
    if (found.has(index)) continue;
    const others = [...found].filter(([, find]) => find.set === set);
    if (others.some(([other]) => areTogether(tracks, index, other))) continue;
    found.set(index, { set, distance });
  }
  return found;
};

/** Says that nobody of the target is who the photos show. */
const notThere = (
  { reference, file }: Claim,
  { persons }: Cast,
  options: SelectionOptions,
): FaceswapError => {
  const [nearest] = persons
    .map((person) => ({ id: person.id, distance: distanceOf(person, reference) }))
    .sort((one, other) => one.distance - other.distance);
  const limit = distanceText(options.referenceFaceDistance);
  const told =
    nearest === undefined || !Number.isFinite(nearest.distance)
      ? 'nobody in it can be recognised'
      : `the nearest is ${nearest.id} at a distance of ${distanceText(nearest.distance)}, and ${limit} is the limit`;
  return new FaceswapError('noFace', `The person of the reference is not in the target: ${told}`, {
    file,
    stage: 'cast',
    hint: 'Look at `faceswap faces`, give more photos of the person, or raise --reference-face-distance',
  });
};

/** @throws FaceswapError (usage) for an id that the cast does not have. */
const personIndex = (id: string, { persons }: Cast, { target }: SelectionOptions): number => {
  const index = persons.findIndex((person) => person.id === id);
  if (index >= 0) return index;
  const listed = persons.slice(0, 12).map((person) => person.id);
  const more = persons.length > listed.length ? ` and ${persons.length - listed.length} more` : '';
  throw new FaceswapError('usage', `--map names ${id}, but the target shows ${listed.join(', ')}${more}`, {
    file: target,
    stage: 'cast',
    hint: '`faceswap faces` shows who is who, for the same trims and --face-detector-score',
  });
};

const passesFilters = (
  { ageYears, male, race }: CastPerson,
  { faceSelectorGender, faceSelectorAgeStart, faceSelectorAgeEnd, faceSelectorRaces }: SelectionOptions,
): boolean => {
  if (faceSelectorRaces.length > 0 && (race === undefined || !faceSelectorRaces.includes(race))) return false;
  if (faceSelectorGender !== undefined) {
    if (male === null || male >= 0.5 !== (faceSelectorGender === 'male')) return false;
  }
  if (faceSelectorAgeStart === undefined && faceSelectorAgeEnd === undefined) return true;
  // Ages are told in whole years.
  const years = ageYears === null ? Number.NaN : Math.round(ageYears);
  return years >= (faceSelectorAgeStart ?? 0) && years <= (faceSelectorAgeEnd ?? Infinity);
};

const personText = ({ id, ageYears, male, race }: CastPerson): string => {
  if (ageYears === null || male === null) return `${id} (cannot be recognised)`;
  const facts = [
    male >= 0.5 ? 'male' : 'female',
    Math.round(ageYears),
    ...(race === undefined ? [] : [race]),
  ];
  return `${id} (${facts.join(', ')})`;
};

/** Says that the options leave nobody of the target. */
const nobodyLeft = ({ persons }: Cast, { target }: SelectionOptions): FaceswapError => {
  const listed = persons.slice(0, 8).map(personText).join(', ');
  const more = persons.length > 8 ? ` and ${persons.length - 8} more` : '';
  return new FaceswapError('noFace', `Nobody in the target is selected; it shows ${listed}${more}`, {
    file: target,
    stage: 'cast',
    hint: 'Widen --face-selector-gender, --face-selector-age-start, --face-selector-age-end and --face-selector-race',
  });
};

/**
 * Decides for the whole clip who gets which face, and writes it down track by track. Ids count before reference photos; who is
 * named by no map gets the photos of `source`. All filters must hold for everybody.
 *
 * A target without any face gives an empty selection: what becomes of it is decided where that is found out for all runs.
 *
 * @throws FaceswapError (usage) for an unknown id, (noFace) where a reference is not in the target or nobody is left; with
 * `onNoFace: 'copy'` that is told in `missing`, and those who are there are selected.
 */
export function resolveSelection(input: SelectionInput): Selection {
  const { options, cast, segmentCount, sets, mapReferences, reference } = input;
  const { persons, tracks } = cast;
  if (persons.length === 0) {
    const segments = Array.from({ length: segmentCount }, () => ({ tracks: [], unknown: [] }));
    return { segments, persons: [], missing: null };
  }
  const named = new Map<number, Find>();
  for (const [at, map] of options.maps.entries()) {
    for (const id of map.persons)
      named.set(personIndex(id, cast, options), { set: at + 1, distance: Number.NaN });
  }
  if (typeof reference === 'number') named.set(reference, { set: 0, distance: Number.NaN });
  const claims = [
    ...(reference instanceof Float32Array ? [{ reference, file: options.referenceFaces[0], set: 0 }] : []),
    ...mapReferences.flatMap((descriptor, at): Claim[] =>
      descriptor === null
        ? []
        : [{ reference: descriptor, file: options.maps[at]?.references[0], set: at + 1 }],
    ),
  ];
  const referred = findReferred(cast, claims, {
    largest: options.referenceFaceDistance,
    taken: new Set(named.keys()),
  });
  let failure: FaceswapError | undefined;
  for (const claim of claims) {
    if (![...referred.values()].some(({ set }) => set === claim.set))
      failure ??= notThere(claim, cast, options);
  }
  const isForAll = options.faceSelectorMode !== 'reference';
  const decided = persons.map((person, index): SelectedPerson => {
    const find = named.get(index) ?? referred.get(index);
    const set = find?.set ?? (isForAll ? 0 : undefined);
    const isLeft = set === undefined || !passesFilters(person, options);
    const distance = find === undefined || Number.isNaN(find.distance) ? null : find.distance;
    return { person, photos: isLeft ? [] : (sets[set] ?? []), distance };
  });
  if (decided.every(({ photos }) => photos.length === 0)) failure ??= nobodyLeft(cast, options);
  if (failure !== undefined && options.onNoFace === 'fail') throw failure;
  return {
    persons: decided,
    missing: failure?.message ?? null,
    segments: Array.from(
      { length: segmentCount },
      (_, segment): SegmentSelection => ({
        tracks: tracks
          .filter((track) => track.segment === segment)
          .map(({ trackId, person: index }) => {
            const { person, photos } = decided[index] as SelectedPerson;
            return { trackId, person: person.id, score: person.best.score, photos };
          }),
        unknown: !isForAll || hasFilters(options) ? [] : (sets[0] ?? []),
      }),
    ),
  };
}
