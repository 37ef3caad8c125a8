/** Frames `[from, …)` that follow one another at one step: frame N is shown at `N * step + offset`. */
type Run = { readonly from: number; readonly step: number; readonly offset: number };

const runsOf = (slots: ArrayLike<number>): readonly Run[] => {
  const slotAt = (k: number): number => (slots[k] ?? 0) - (slots[0] ?? 0);
  const runs: Run[] = [];
  for (let from = 0; from < slots.length; ) {
    const step = from + 1 < slots.length ? slotAt(from + 1) - slotAt(from) : 1;
    let end = from + 1;
    while (end < slots.length && slotAt(end) - slotAt(end - 1) === step) end += 1;
    runs.push({ from, step, offset: slotAt(from) - from * step });
    from = end;
  }
  return runs;
};

const runExpression = ({ step, offset }: Run): string => {
  const scaled = step === 1 ? 'N' : `N*${step}`;
  if (offset === 0) return scaled;
  return offset > 0 ? `${scaled}+${offset}` : `${scaled}${offset}`;
};

/** A balanced tree: a frame's time is found with as many comparisons as the number of runs has binary digits. */
const treeExpression = (runs: readonly Run[]): string => {
  const middle = runs.length >> 1;
  const [run] = runs;
  const second = runs[middle];
  if (run === undefined || second === undefined) return 'N';
  if (middle === 0) return runExpression(run);
  const [before, after] = [runs.slice(0, middle), runs.slice(middle)];
  return `if(lt(N,${second.from}),${treeExpression(before)},${treeExpression(after)})`;
};

/**
 * What ffmpeg's `setpts` filter must compute to put frame N into its slot, counted from the first; undefined where the
 * frames follow one another without gaps.
 *
 * @param slots ascending; index = frame number N.
 */
export const slotExpression = (slots: ArrayLike<number>): string | undefined => {
  const expression = treeExpression(runsOf(slots));
  return expression === 'N' ? undefined : expression;
};
