import type { Box } from '../../imaging/affine.js';
import { boundsOf } from '../../processors/face-landmarker/mesh-bounds.js';
import { SourceChooser } from '../../processors/face-swapper/source-chooser.js';
import type { SourceFace } from '../../processors/face-swapper/source-face.js';
import { chainNeighbourFrames } from '../chain-neighbours.js';
import type { ChainSettings } from '../face-chain.js';
import type { ShotWindow } from '../shot-window.js';
import { leadsClearly, type OrderedFace, orderFaces } from './face-order.js';
import { isInRegions } from './face-region.js';
import type { SegmentSelection, TrackSelection } from './segment-selection.js';

/** A face of a frame that may be chosen. */
export type CandidateFace = {
  readonly trackId: number;
  /** In frame pixels. */
  readonly box: Box;
  /** Whether it could be swapped as far as its place and size go: only such a face is ever the one. */
  readonly isUsable: boolean;
};

/** What is to become of a face. */
export type FaceChoice = {
  /** Id of the person, where that is known. */
  readonly person: string | undefined;
  /** Who chooses among the photos that it may get; null: it is not selected. */
  readonly chooser: SourceChooser | null;
};

type SelectorSettings = Pick<ChainSettings, 'faceSelectorMode' | 'faceSelectorOrder' | 'faceSelectorRegions'>;

/** Where the faces of earlier frames are looked up. */
type FaceLookup = Pick<ShotWindow, 'tracksAt' | 'rawPoints'>;

type FrameSize = { readonly widthPx: number; readonly heightPx: number };

/**
 * Decides in each frame which faces are swapped and which photos each may get. What depends on who somebody is was decided for the
 * whole clip and comes with the segment; what depends on the place in the picture is decided here.
 *
 * With the mode `one`, the face that was chosen in one frame is kept in the next until another one leads clearly (see `face-order.ts`)
 * or it is gone, so that two people of like size do not take turns. A segment looks at the frames of its run-up first, so that it
 * mostly begins with the face with which the segment before it ends. One per thread.
 */
export class FaceSelector {
  readonly #settings: SelectorSettings;
  readonly #sources: readonly SourceFace[];
  readonly #everyone: SourceChooser;
  /** By the photos that each has. */
  readonly #choosers = new Map<string, SourceChooser>();
  #window: FaceLookup | null = null;
  #tracks: ReadonlyMap<number, TrackSelection> | null = null;
  #unknown: readonly number[] = [];
  /** Track of the face that was chosen last. */
  #chosen: number | undefined;
  #hasBegun = false;

  constructor(settings: SelectorSettings, sources: readonly SourceFace[]) {
    this.#settings = settings;
    this.#sources = sources;
    this.#everyone = new SourceChooser(sources);
  }

  /** Forgets everything of earlier segments. */
  begin(window: FaceLookup, selection: SegmentSelection | undefined): void {
    this.#window = window;
    this.#tracks =
      selection === undefined ? null : new Map(selection.tracks.map((track) => [track.trackId, track]));
    this.#unknown = selection?.unknown ?? [];
    this.#chosen = undefined;
    this.#hasBegun = false;
    this.forgetPhotos();
  }

  /** Forgets which photo each track had, at a cut. */
  forgetPhotos(): void {
    this.#everyone.reset();
    for (const chooser of this.#choosers.values()) chooser.reset();
  }

  /** @returns a choice for each face, in their order. Frames must come in order. */
  select(index: number, faces: readonly CandidateFace[], size: FrameSize): readonly FaceChoice[] {
    if (!this.#hasBegun) this.#runUp(index, size);
    this.#hasBegun = true;
    const isOneOnly = this.#settings.faceSelectorMode === 'one';
    const one = isOneOnly ? this.#chooseOne(faces, size) : undefined;
    return faces.map((face) => {
      const person = this.#tracks?.get(face.trackId)?.person;
      const passes = this.#passes(face, size) && (!isOneOnly || face.trackId === one || !face.isUsable);
      return { person, chooser: passes ? this.#chooserOf(face.trackId) : null };
    });
  }

  /** Lets the choice settle on the frames before the first that is rendered; their landmarks are taken as they were read. */
  #runUp(index: number, size: FrameSize): void {
    const window = this.#window;
    if (this.#settings.faceSelectorMode !== 'one' || window === null) return;
    for (let before = index - chainNeighbourFrames.before; before < index; before += 1) {
      const faces = window.tracksAt(before).flatMap((trackId): CandidateFace[] => {
        const points = window.rawPoints(trackId, before);
        return points === null ? [] : [{ trackId, box: boundsOf(points), isUsable: true }];
      });
      this.#chooseOne(faces, size);
    }
  }

  #chooseOne(faces: readonly CandidateFace[], size: FrameSize): number | undefined {
    const { faceSelectorOrder } = this.#settings;
    const candidates = faces
      .filter((face) => face.isUsable && this.#passes(face, size))
      .map(({ trackId, box }): OrderedFace & { readonly trackId: number } => ({
        trackId,
        box,
        score: this.#tracks?.get(trackId)?.score ?? 0,
      }));
    const [first] = orderFaces(faceSelectorOrder, candidates);
    if (first === undefined) return undefined;
    const chosen = candidates.find(({ trackId }) => trackId === this.#chosen);
    if (chosen === undefined || leadsClearly(faceSelectorOrder, first, chosen)) this.#chosen = first.trackId;
    return this.#chosen;
  }

  /** Whether a face may be swapped, apart from the other faces of its frame. */
  #passes({ trackId, box }: CandidateFace, size: FrameSize): boolean {
    if (!isInRegions(box, this.#settings.faceSelectorRegions, size)) return false;
    return this.#tracks === null || this.#photosOf(trackId).length > 0;
  }

  #photosOf(trackId: number): readonly number[] {
    return this.#tracks?.get(trackId)?.photos ?? this.#unknown;
  }

  #chooserOf(trackId: number): SourceChooser {
    if (this.#tracks === null) return this.#everyone;
    const photos = this.#photosOf(trackId);
    const key = photos.join();
    const known = this.#choosers.get(key);
    if (known !== undefined) return known;
    const chooser = new SourceChooser(this.#sources.filter(({ index }) => photos.includes(index)));
    this.#choosers.set(key, chooser);
    return chooser;
  }
}
