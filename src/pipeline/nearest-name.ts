/**
 * Edits (insert, delete, replace, swap of neighbours) that turn one string into the other: the restricted
 * Damerau-Levenshtein distance, because swapped letters are the commonest slip of the fingers.
 */
const editDistance = (a: string, b: string): number => {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, (beforeLast[column - 2] ?? 0) + 1);
      }
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
};

/** Nothing that is called so has a longer name; comparing takes time with the length. */
const longestName = 100;

/**
 * The candidate that somebody who typed `name` most likely meant; undefined when none is near. Case and the
 * difference between `kebab-case`, `snake_case` and `camelCase` do not count. Near means at most one edit in
 * three letters, but always two: looser limits suggest names that have nothing to do with each other.
 */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > longestName) return undefined;
  const plain = (text: string): string => text.replace(/[-_\s]/g, '').toLowerCase();
  const wanted = plain(name);
  const limit = Math.max(2, Math.floor(wanted.length / 3));
  let best: { readonly candidate: string; readonly distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, plain(candidate));
    if (distance > limit || distance >= plain(candidate).length) continue;
    if (best === undefined || distance < best.distance) best = { candidate, distance };
  }
  return best?.candidate;
}
