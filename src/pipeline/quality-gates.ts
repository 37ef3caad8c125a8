import { FaceswapError } from '../errors.js';
import { jitteringFaces } from './jitter-frames.js';
import type { RunConfig } from './run-options.js';
import type { FaceRow, FrameRange, FrameRow, GateName, GateResult, QualityTotals } from './run-report.js';

/** Limits of the gates; undefined where one was not asked for. */
export type GateLimits = Pick<RunConfig, 'minIdentity' | 'maxJitter' | 'minTpsnr' | 'maxUnswapped'>;

/** Ranges of frames that a result names; beyond them only the count is told. */
const mostRanges = 20;

/** Ranges that a line of text names. */
const mostRangesInText = 3;

/** Whether a face is on the wrong side of the limit; null where nothing can be said about it. */
type FaceJudgement = (face: FaceRow) => boolean | null;

/**
 * The frames with a face on the wrong side. Where a figure is taken of some frames only, those between two of them that are both on
 * the wrong side belong to the range.
 */
const framesWhere = (
  rows: readonly FrameRow[],
  isBad: FaceJudgement,
): Pick<GateResult, 'frameCount' | 'frames'> => {
  const ranges: { readonly start: number; end: number }[] = [];
  let frameCount = 0;
  let goesOn = false;
  for (const { frame, faces } of rows) {
    const judged = faces.map(isBad).filter((bad) => bad !== null);
    if (judged.length === 0) continue;
    const isBadFrame = judged.includes(true);
    if (isBadFrame) {
      frameCount += 1;
      const last = goesOn ? ranges.at(-1) : undefined;
      if (last === undefined) ranges.push({ start: frame, end: frame + 1 });
      else last.end = frame + 1;
    }
    goesOn = isBadFrame;
  }
  return { frameCount, frames: ranges.slice(0, mostRanges) };
};

const below =
  (limit: number, figure: (face: FaceRow) => number | null): FaceJudgement =>
  (face) => {
    const value = figure(face);
    return value === null || Number.isNaN(value) ? null : value < limit;
  };

/**
 * Compares the totals of a whole output with the limits that were asked for: the median identity to the source, the share of jitter frames
 * after smoothing, the mean tPSNR of the output, and the share of faces that were to be swapped and were not. A figure that could
 * not be taken misses its gate.
 *
 * @param rows in frame order, also those that an earlier run has rendered
 * @param quality totals of these rows
 * @returns one result for each limit, in the order of the figures above
 */
export function judgeQuality(
  rows: readonly FrameRow[],
  quality: QualityTotals,
  { minIdentity, maxJitter, minTpsnr, maxUnswapped }: GateLimits,
): readonly GateResult[] {
  const results: GateResult[] = [];
  const judge = (
    gate: GateName,
    limit: number | undefined,
    figure: number | null,
    isBad: (limit: number) => FaceJudgement,
  ): void => {
    if (limit === undefined) return;
    const passed = figure !== null && (gate.startsWith('min-') ? figure >= limit : figure <= limit);
    results.push({ gate, limit, figure, passed, ...framesWhere(rows, isBad(limit)) });
  };
  judge('min-identity', minIdentity, quality.identityToSource?.p50 ?? null, (limit) =>
    below(limit, (face) => face.identityToSource),
  );
  judge('max-jitter', maxJitter, quality.jitterShareAfter, () => {
    const { after } = jitteringFaces(rows);
    return (face) => (face.jitterAfter === null ? null : after.has(face));
  });
  judge('min-tpsnr', minTpsnr, quality.tpsnrOutputDb?.mean ?? null, (limit) =>
    below(limit, (face) => face.tpsnrOutputDb),
  );
  judge(
    'max-unswapped',
    maxUnswapped,
    quality.unswappedShare,
    () =>
      ({ outcome, skipReason }) =>
        skipReason === 'not-selected' ? null : outcome === 'skipped',
  );
  return results;
}

const cosineText = (value: number): string => value.toFixed(3);
const shareText = (share: number): string => `${Number((share * 100).toFixed(2))} %`;
const decibelText = (value: number): string => `${value.toFixed(2)} dB`;

/** How each gate's figure is called and written. */
const gateTexts: Readonly<
  Record<GateName, { readonly name: string; readonly format: (value: number) => string }>
> = {
  'min-identity': { name: 'the median identity to the source', format: cosineText },
  'max-jitter': { name: 'the share of jitter frames', format: shareText },
  'min-tpsnr': { name: 'the mean tPSNR', format: decibelText },
  'max-unswapped': { name: 'the share of faces left alone', format: shareText },
};

/** `: 46 frames (12-40, 66, 80-95, …)`, by their first and last ones. */
const framesText = ({ frames, frameCount }: GateResult): string => {
  if (frameCount === 0) return '';
  const shown = frames
    .slice(0, mostRangesInText)
    .map(({ start, end }: FrameRange) => (end === start + 1 ? String(start) : `${start}-${end - 1}`));
  const isMore = frames.length > mostRangesInText;
  return `: ${frameCount} ${frameCount === 1 ? 'frame' : 'frames'} (${shown.join(', ')}${isMore ? ', …' : ''})`;
};

/** One line about a gate that was missed: the figure, the limit and which frames. */
export function gateText(result: GateResult): string {
  const { gate, limit, figure } = result;
  const { name, format } = gateTexts[gate];
  const wanted = `--${gate} ${format(limit)}`;
  if (figure === null) return `${wanted} is missed: ${name} could not be taken`;
  return `${wanted} is missed: ${name} is ${format(figure)}${framesText(result)}`;
}

/** `min-identity 0.400: 0.512, passed`: for the table at the end of a run. */
export function gateSummary({ gate, limit, figure, passed }: GateResult): string {
  const { format } = gateTexts[gate];
  const came = figure === null ? 'could not be taken' : format(figure);
  return `${gate} ${format(limit)}: ${came}, ${passed ? 'passed' : 'missed'}`;
}

export const missedGates = (gates: readonly GateResult[]): readonly GateResult[] =>
  gates.filter(({ passed }) => !passed);

/** What a finished run that misses gates ends with; undefined when it misses none. */
export function gateFailure(gates: readonly GateResult[], output: string): FaceswapError | undefined {
  const missed = missedGates(gates);
  if (missed.length === 0) return undefined;
  return new FaceswapError('qualityGate', missed.map(gateText).join('; '), {
    file: output,
    hint: 'The output is written',
  });
}
