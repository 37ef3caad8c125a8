import { resolve } from 'node:path';
import { FaceswapError } from '../../errors.js';

/**
 * Who of the target gets which face, as a caller writes it: somebody by the id of `faceswap faces`, or by photos of that person, gets
 * the face of the source photos.
 */
export type FaceMapOption = { readonly source: string | readonly string[] } & (
  | { readonly person: string | readonly string[] }
  | { readonly reference: string | readonly string[] }
);

/** The same, checked. Paths are absolute. */
export type FaceMap = {
  /** Ids, of which each gets this face; empty where photos say who it is. */
  readonly persons: readonly string[];
  /** Photos of one person; empty where ids say who it is. */
  readonly references: readonly string[];
  /** At least one photo of the face to put in. */
  readonly sources: readonly string[];
};

const personPattern = /^person\d{1,9}$/;

const expected =
  'PERSON=PHOTO, where PERSON is an id of `faceswap faces` or a photo of that person, and several are separated by commas';

/** However long or deep a value is, its beginning or its kind tells which it was. */
const shown = (value: unknown): string => {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`;
};

const refuse = (value: unknown, what = expected): FaceswapError =>
  new FaceswapError('usage', `--map must be ${what}, got ${shown(value)}`, {
    hint: 'For example --map person1=a.jpg --map person2=b.jpg,b2.jpg; a name with a comma or "=" in it can be given in a config file, as {"person": "person1", "source": ["a,b.jpg"]}',
  });

const listOf = (value: unknown, whole: unknown): readonly string[] => {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const texts = list.filter(
    (item): item is string => typeof item === 'string' && item !== '' && !item.includes('\0'),
  );
  if (texts.length === 0 || texts.length !== list.length) throw refuse(whole);
  return texts;
};

/** `person1=a.jpg,b.jpg` or `them.jpg=a.jpg`, divided at the first `=`. */
const parseText = (text: string): FaceMapOption => {
  const at = text.indexOf('=');
  if (at < 0) throw refuse(text);
  const who = listOf(text.slice(0, at).split(','), text);
  const source = listOf(text.slice(at + 1).split(','), text);
  const ids = who.filter((name) => personPattern.test(name));
  if (ids.length === 0) return { reference: who, source };
  if (ids.length < who.length) throw refuse(text, 'either ids or photos before the "="');
  return { person: ids, source };
};

const checkObject = (value: object): FaceMapOption => {
  const { person, reference, source, ...rest } = value as Readonly<Record<string, unknown>>;
  if (Object.keys(rest).length > 0 || (person === undefined) === (reference === undefined)) {
    throw refuse(value, 'a text or an object with `source` and either `person` or `reference`');
  }
  const sources = listOf(source, value);
  if (person === undefined) return { reference: listOf(reference, value), source: sources };
  const ids = listOf(person, value);
  if (!ids.every((id) => personPattern.test(id))) throw refuse(value, 'for ids such as person1');
  return { person: ids, source: sources };
};

/**
 * Checks one value of `map`, text or object; paths stay as they are.
 *
 * @throws FaceswapError (usage).
 */
export function checkFaceMap(value: unknown): FaceMapOption {
  if (typeof value === 'string') return parseText(value);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return checkObject(value);
  throw refuse(value);
}

const absolute = (files: string | readonly string[], folder: string): readonly string[] =>
  (typeof files === 'string' ? [files] : files).map((file) => resolve(folder, file));

/** A checked value whose paths count from `folder`, with absolute ones. */
export const resolveFaceMapPaths = (map: FaceMapOption, folder: string): FaceMapOption => {
  const source = absolute(map.source, folder);
  return 'person' in map ? { ...map, source } : { reference: absolute(map.reference, folder), source };
};

/**
 * Checks all values of `map`; relative paths count from the working directory.
 *
 * @throws FaceswapError (usage) also when one person is named by two of them.
 */
export function resolveFaceMaps(value: unknown): readonly FaceMap[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
  const maps = list.map((item): FaceMap => {
    const map = checkFaceMap(item);
    const sources = absolute(map.source, '.');
    return 'person' in map
      ? { persons: typeof map.person === 'string' ? [map.person] : map.person, references: [], sources }
      : { persons: [], references: absolute(map.reference, '.'), sources };
  });
  const named = maps.flatMap(({ persons }) => persons);
  const twice = named.find((id, at) => named.indexOf(id) !== at);
  if (twice !== undefined) {
    throw new FaceswapError('usage', `--map must name each person once, got ${twice} twice`, {
      hint: `Several photos of one face are separated by commas: --map ${twice}=a.jpg,b.jpg`,
    });
  }
  return maps;
}

/** A map in words, as it is typed: `person1=a.jpg,b.jpg`. */
export const faceMapText = ({ persons, references, sources }: FaceMap): string =>
  `${[...persons, ...references].join(',')}=${sources.join(',')}`;
