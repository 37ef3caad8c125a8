import type { Box } from '../../imaging/affine.js';

/** By what the faces of a frame are put in order, in FaceFusion's words: the first named end comes first. */
export const faceOrders = [
  'left-right',
  'right-left',
  'top-bottom',
  'bottom-top',
  'small-large',
  'large-small',
  'best-worst',
  'worst-best',
] as const;

export type FaceSelectorOrder = (typeof faceOrders)[number];

/** What a face is ordered by. */
export type OrderedFace = {
  /** In frame pixels. */
  readonly box: Box;
  /** 0..1: how well its person can be recognised where that is best. */
  readonly score: number;
};

/** Whether faces are ordered by something that only the cast of the clip tells. */
export const isOrderOfScores = (order: FaceSelectorOrder): boolean =>
  order === 'best-worst' || order === 'worst-best';

/** Side of a square as large as the face's box. */
const sideOf = ({ box }: OrderedFace): number => Math.sqrt(box.width * box.height);

/** What the faces are compared by; the least is the first. */
export function orderKey(order: FaceSelectorOrder, face: OrderedFace): number {
  const { box, score } = face;
  switch (order) {
    case 'left-right':
      return box.x + box.width / 2;
    case 'right-left':
      return -(box.x + box.width / 2);
    case 'top-bottom':
      return box.y + box.height / 2;
    case 'bottom-top':
      return -(box.y + box.height / 2);
    case 'small-large':
      return sideOf(face);
    case 'large-small':
      return -sideOf(face);
    case 'best-worst':
      return -score;
    case 'worst-best':
      return score;
  }
}

/** Faces in order; of two alike the one that was given first. */
export const orderFaces = <Face extends OrderedFace>(
  order: FaceSelectorOrder,
  faces: readonly Face[],
): readonly Face[] => [...faces].sort((one, other) => orderKey(order, one) - orderKey(order, other));

/**
 * Share of its own side by which a face must lead before the choice leaves another for it. Steadied boxes of two people of like size
 * differ by a few percent from frame to frame; nobody takes a fifth for the same size.
 */
const leadShare = 0.2;

/** Whether a face leads so clearly that the choice goes over to it; scores are those of the whole clip and never waver. */
export function leadsClearly(order: FaceSelectorOrder, rival: OrderedFace, chosen: OrderedFace): boolean {
  const lead = orderKey(order, chosen) - orderKey(order, rival);
  return isOrderOfScores(order) ? lead > 0 : lead > leadShare * Math.min(sideOf(rival), sideOf(chosen));
}
