import type { AreaFigures, PlaneFigures } from '../../processors/quality-monitor/area-comparison.js';
import { psnrCeilingDb } from '../../processors/quality-monitor/psnr-ceiling.js';
import { percentilesOf, spreadOf } from '../quality-figures.js';
import { qualityTotals } from '../quality-totals.js';
import type { Spread } from '../run-report.js';
import { numberTracks } from '../track-numbers.js';
import type { ComparedPicture } from './compared-frame.js';
import type { ComparedVideo, ReferenceFigures } from './comparison-report.js';

type Area = keyof PlaneFigures;

const areas = <Value>(read: (area: Area) => Value): Record<Area, Value> => ({
  whole: read('whole'),
  inside: read('inside'),
  outside: read('outside'),
});

const referenceFigures = (planes: readonly PlaneFigures[]): ReferenceFigures => {
  const spread = (area: Area, figure: (figures: AreaFigures) => number | null): Spread | null =>
    spreadOf(planes.map((plane) => figure(plane[area])));
  return {
    psnrDb: areas((area) => spread(area, ({ psnrDb }) => psnrDb)),
    ssim: areas((area) => spread(area, ({ ssim }) => ssim)),
    framesExactOutside: planes.filter(({ outside }) => outside.psnrDb === psnrCeilingDb).length,
  };
};

/**
 * The figures of one video over all its frames, by the same definitions as those of a run's report.
 *
 * @param bySegment what was measured in each segment, in order
 */
export function comparisonTotals(
  bySegment: readonly (readonly ComparedPicture[])[],
): Pick<
  ComparedVideo,
  | 'faces'
  | 'seam'
  | 'tpsnrDb'
  | 'tpsnrAlignedDb'
  | 'jitterShare'
  | 'jitter'
  | 'identityToSource'
  | 'identityToReference'
  | 'toReference'
> {
  const pictures = bySegment.flat();
  const places = qualityTotals(pictures.map((picture) => picture.places));
  const ownRows = numberTracks(bySegment.map((segment) => segment.map(({ own }) => own)));
  const own = qualityTotals(ownRows);
  const planes = pictures.flatMap(({ toReference }) => (toReference === null ? [] : [toReference]));
  return {
    faces: {
      found: own.facesFound,
      tracks: new Set(ownRows.flatMap(({ faces }) => faces.map(({ trackId }) => trackId))).size,
      framesWithoutFace: own.framesWithoutFace,
      sceneCuts: own.sceneCuts,
    },
    seam: places.seam,
    tpsnrDb: places.tpsnrOutputDb,
    tpsnrAlignedDb: places.tpsnrAlignedOutputDb,
    jitterShare: own.jitterShareBefore,
    jitter: percentilesOf(ownRows.flatMap(({ faces }) => faces.map(({ jitterBefore }) => jitterBefore))),
    identityToSource: places.identityToSource,
    identityToReference: places.identityToTarget,
    toReference: planes.length === 0 ? null : referenceFigures(planes),
  };
}
