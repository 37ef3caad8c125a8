import { FaceswapError } from '../../errors.js';
import type { Box } from '../../imaging/affine.js';
import type { FrameRange } from '../../media/decoder.js';
import { buildCast } from '../cast/build-cast.js';
import type { Cast } from '../cast/cast.js';
import type { AnalysedSegment } from '../cast/track-chain.js';
import type { RunConfig } from '../run-options.js';
import { orderFaces } from './face-order.js';
import type { References } from './reference-faces.js';
import { resolveSelection, type Selection } from './resolve-selection.js';
import type { SourceSets } from './source-sets.js';

/**
 * Refuses a reference frame that is not rendered.
 *
 * @throws FaceswapError (usage).
 */
export function checkReferenceFrame(
  { referenceFrameNumber, target }: Pick<RunConfig, 'referenceFrameNumber' | 'target'>,
  { start, end }: FrameRange,
): void {
  if (referenceFrameNumber === undefined) return;
  if (referenceFrameNumber >= start && referenceFrameNumber < end) return;
  throw new FaceswapError(
    'usage',
    `--reference-frame-number must be a frame that is rendered, from ${start} to ${end - 1}, got ${referenceFrameNumber}`,
    { file: target, stage: 'plan' },
  );
}

/** A face of the reference frame. */
type FrameFace = { readonly box: Box; readonly score: number; readonly person: number };

const facesAt = (frame: number, segments: readonly AnalysedSegment[], cast: Cast): readonly FrameFace[] => {
  const shown = segments.find(({ render }) => frame >= render.start && frame < render.end);
  if (shown === undefined) return [];
  return shown.tracks.flatMap(({ trackId, frames, boxes }): FrameFace[] => {
    const at = frames.indexOf(frame);
    const known = cast.tracks.find((track) => track.segment === shown.segment && track.trackId === trackId);
    const person = known === undefined ? undefined : cast.persons[known.person];
    if (at < 0 || known === undefined || person === undefined) return [];
    const [x = 0, y = 0, width = 0, height = 0] = boxes.subarray(4 * at, 4 * at + 4);
    return [{ box: { x, y, width, height }, score: person.best.score, person: known.person }];
  });
};

type FrameReference = Pick<
  RunConfig,
  'target' | 'referenceFrameNumber' | 'referenceFacePosition' | 'faceSelectorOrder'
>;

/**
 * The person whom the reference frame shows at the position that was asked for; null where no frame is the reference.
 *
 * @throws FaceswapError (noFace) when the frame shows too few faces.
 */
const personOfFrame = (
  { target, referenceFrameNumber: frame, referenceFacePosition: position, faceSelectorOrder }: FrameReference,
  segments: readonly AnalysedSegment[],
  cast: Cast,
): number | null => {
  if (frame === undefined || cast.persons.length === 0) return null;
  const faces = facesAt(frame, segments, cast);
  const face = orderFaces(faceSelectorOrder, faces)[position];
  if (face !== undefined) return face.person;
  const message =
    faces.length === 0
      ? 'The reference frame shows no face'
      : `The reference frame shows ${faces.length} ${faces.length === 1 ? 'face' : 'faces'}, and --reference-face-position is ${position}, counted from 0`;
  throw new FaceswapError('noFace', message, {
    file: target,
    frame,
    stage: 'cast',
    hint: 'Give another --reference-frame-number; `faceswap faces` tells where each person is seen best',
  });
};

/**
 * Decides who gets which face, out of the tracks of a whole target.
 *
 * @param segments all of the plan's, in order
 * @throws FaceswapError as `resolveSelection`, and (noFace) when the reference frame shows too few faces.
 */
export function selectPeople(
  config: RunConfig,
  segments: readonly AnalysedSegment[],
  { sources, references }: { readonly sources: SourceSets; readonly references: References },
): Selection {
  const cast = buildCast(segments);
  return resolveSelection({
    options: config,
    cast,
    segmentCount: segments.length,
    sets: sources.sets,
    mapReferences: references.maps,
    reference: references.reference ?? personOfFrame(config, segments, cast),
  });
}
