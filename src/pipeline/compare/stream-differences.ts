import type { MediaFacts, StreamFacts } from '../../media/media-facts.js';

/** Something that a file says otherwise than the file that it is compared with. */
export type StreamDifference = {
  /** `file`, or the stream by type and place among its type, such as `audio 2`. */
  readonly part: string;
  readonly name: string;
  /** Null: it is not there. */
  readonly expected: string | null;
  readonly found: string | null;
};

type Facts = Readonly<Record<string, string>>;

/** Numbers that are the same to a thousandth count as equal: containers round times, and differently. */
const sameValue = (name: string, first: string | undefined, second: string | undefined): boolean => {
  if (first === second) return true;
  if (!name.endsWith(', s') || first === undefined || second === undefined) return false;
  return Math.abs(Number(first) - Number(second)) < 0.0015;
};

const factDifferences = (part: string, expected: Facts, found: Facts): readonly StreamDifference[] =>
  [...new Set([...Object.keys(expected), ...Object.keys(found)])]
    .filter((name) => !sameValue(name, expected[name], found[name]))
    .map((name) => ({ part, name, expected: expected[name] ?? null, found: found[name] ?? null }));

const byType = (streams: readonly StreamFacts[]): ReadonlyMap<string, StreamFacts> => {
  const counts = new Map<string, number>();
  return new Map(
    streams.map((stream) => {
      const count = (counts.get(stream.type) ?? 0) + 1;
      counts.set(stream.type, count);
      return [`${stream.type} ${count}`, stream];
    }),
  );
};

/** What a file says otherwise than another one: container first, then stream by stream, each with the one of its type at its place. */
export function streamDifferences(expected: MediaFacts, found: MediaFacts): readonly StreamDifference[] {
  const [wanted, there] = [byType(expected.streams), byType(found.streams)];
  const parts = [...new Set([...wanted.keys(), ...there.keys()])];
  return [
    ...factDifferences('file', expected.facts, found.facts),
    ...parts.flatMap((part): readonly StreamDifference[] => {
      const [one, other] = [wanted.get(part), there.get(part)];
      if (one !== undefined && other !== undefined) return factDifferences(part, one.facts, other.facts);
      const codec = (one ?? other)?.facts['codec'] ?? 'unknown';
      return [
        {
          part,
          name: 'stream',
          expected: one === undefined ? null : codec,
          found: other === undefined ? null : codec,
        },
      ];
    }),
  ];
}
