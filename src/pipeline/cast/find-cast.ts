import type { RenderPlan } from '../plan.js';
import { type AnalysisReporting, analyseTarget, type TargetAnalysis } from './analyse-target.js';
import { buildCast } from './build-cast.js';
import type { Cast } from './cast.js';
import type { SegmentFindings } from './segment-findings.js';
import type { AnalysedSegment } from './track-chain.js';

/** Where the cast is looked for, and by whom: by workers whose chains were made with `needsCast`. */
export type CastSearch = Omit<TargetAnalysis, 'phase'>;

const tracksOf = (
  { segments }: Pick<RenderPlan, 'segments'>,
  findings: readonly SegmentFindings[],
): readonly AnalysedSegment[] =>
  segments.map(({ index, render }, at) => ({
    segment: index,
    render,
    tracks: (findings[at] as SegmentFindings).tracks,
  }));

/** The persons that the findings of all segments show. */
export const castOf = (plan: Pick<RenderPlan, 'segments'>, findings: readonly SegmentFindings[]): Cast =>
  buildCast(tracksOf(plan, findings));

/**
 * Follows the faces of the target by a pass of its own over it, in the phase `cast`.
 *
 * @returns the tracks of each segment, in order
 * @throws FaceswapError as {@link analyseTarget}: a cast with a hole would be another one.
 */
export const findTracks = async (
  reporting: AnalysisReporting,
  search: CastSearch,
): Promise<readonly AnalysedSegment[]> =>
  tracksOf(search.plan, await analyseTarget(reporting, { ...search, phase: 'cast' }));

/**
 * Finds out who is in the target.
 *
 * @throws FaceswapError as {@link findTracks}.
 */
export const findCast = async (reporting: AnalysisReporting, search: CastSearch): Promise<Cast> =>
  buildCast(await findTracks(reporting, search));
