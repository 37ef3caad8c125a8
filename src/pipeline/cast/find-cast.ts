import type { RenderPlan } from '../plan.js';
import { type AnalysisReporting, analyseTarget, type TargetAnalysis } from './analyse-target.js';

import { buildCast } from './build-cast.js';
import type { Cast } from './cast.js';
import type { SegmentFindings } from './segment-findings.js';

/** Where the cast is looked for, and by whom: by workers whose chains were made with `needsCast`. */
export type CastSearch = Omit<TargetAnalysis, 'phase'>;

/** The persons that the findings of all segments show. */
export const castOf = (
  { segments }: Pick<RenderPlan, 'segments'>,
  findings: readonly SegmentFindings[],
): Cast =>
  buildCast(
    segments.map(({ index, render }, at) => ({
      segment: index,
      render,
      tracks: (findings[at] as SegmentFindings).tracks,
    })),
  );

/**
 * Finds out who is in the target by a pass of its own over it, in the phase `cast`.
 *
 * @throws FaceswapError as {@link analyseTarget}: a cast with a hole would be another one.
 */
export const findCast = async (reporting: AnalysisReporting, search: CastSearch): Promise<Cast> =>
  castOf(search.plan, await analyseTarget(reporting, { ...search, phase: 'cast' }));
