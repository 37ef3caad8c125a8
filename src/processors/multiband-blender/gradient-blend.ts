import { addressOf, kernels } from '../../imaging/kernels/kernels.js';
import { MembraneSolver } from '../../imaging/membrane.js';
import { Scratch } from '../../imaging/scratch.js';
import type { FrameRegion } from '../face-swapper/mesh-swapper.js';
import type { BlendLevels } from './blend-levels.js';

/**
 * How firmly the target holds the drawn face along the mask's outline. The squared steepness of an outline w samples wide
 * is 1/w² on w samples, and holds waves longer than about 2 w divided by this: what is shorter the mask's own fade
 * hides. Set by looking.
 */
export const anchorStrength = 4;

/** Difference of the two pictures, in levels of luma, at which a place is held a quarter as firmly: light seldom makes more. */
export const anchorTolerance = 40;

/**
 * The distance over which a correction that nothing holds dies away, as a share of the face's width. It matters only where hardly any
 * outline is seen.
 */
export const freeReach = 3;

/** Gradients of the target below this many levels are noise of its coding and never win. */
export const leastGradient = 1.5;

/** A plane's difference of drawn face and target, and what it lies beside; addresses of the finest level in kernel memory. */
export type GradientPlane = {
  readonly difference: number;
  readonly target: number;
  /** The mask at the plane's own size. */
  readonly mask: number;
  /** Width of the face in samples of the plane. */
  readonly faceWidth: number;
};

/**
 * The correction that makes a drawn face's gradients meet the target at the mask's edge (Pérez, Gangnet and Blake, "Poisson
 * Image Editing", 2003). With d for the drawn face minus the target, and h for the correction, the blend is
 * target + mask · (d − h): inside the mask the result has the gradient of the drawn face because h is a membrane,
 * the smoothest surface there is, and at the mask's outline it meets the target because h is d there.
 *
 * Three things differ from the paper. The outline is soft, so h is held in all of its fade, in proportion to the squared
 * steepness: single pixels cannot tear streaks into the face, and a hard edge is held to the pixel. It is held by the
 * outline alone: where eyes, mouth, hair, glasses or a hand close the mask, the target's pixels beside it are no skin and
 * would bleed into the face; there h is free and the mask fades. And it is held less where the two pictures differ by
 * more than light does, which is hair that nobody found.
 *
 * Mixed (the paper's §3): where the target's gradient is the stronger one, per pixel and direction, the result's gradient is
 * the target's.
 *
 * One per thread; owns its buffers.
 */
export class GradientBlend {
  readonly #scratch = new Scratch();
  readonly #solver = new MembraneSolver();
  /** `held`: the anchors at the size of the plane at work; halved chroma comes when luma is done. */
  readonly #room = { anchors: 0, held: 0, work: 0 };

  /** Takes room for luma, before anything else of the blend is at work: chroma needs less. */
  takeRoom(levels: BlendLevels, region: FrameRegion): void {
    const stride = levels.stride[0] as number;
    const finest = stride * (levels.height[0] as number);
    const room = this.#room;
    room.anchors = this.#take('anchors', region.width * region.height);
    room.held = this.#take('held', finest);
    room.work = this.#take('work', 4 * stride + 64);
    this.#layOut(levels);
  }

  /**
   * Finds out how firmly each place is held, from luma; to be called before its {@link correct}, and with the levels of luma.
   *
   * @param mask, outline addresses of tight planes of luma size; the outline may be the mask
   */
  findAnchors(
    levels: BlendLevels,
    { width, height }: FrameRegion,
    mask: number,
    outline: number,
    plane: GradientPlane,
  ): void {
    const { call } = kernels();
    const { anchors, held } = this.#room;
    const stride = levels.stride[0] as number;
    const [left, right, top, bottom] = boxOf(levels);
    const usual = call.weighedMean(plane.difference, plane.mask, stride, left, right, top, bottom);
    call.clearMemory(anchors, 4 * width * height);
    call.anchorOutline(
      mask,
      outline,
      plane.difference,
      stride,
      width,
      height,
      left,
      right,
      top,
      bottom,
      anchorStrength,
      usual,
      anchorTolerance,
      anchors,
    );
    call.padPlane(anchors, width, held, stride, left, right, top, bottom);
  }

  /** The same at the size of halved chroma; to be called with its levels. */
  halveAnchors(levels: BlendLevels, { width, height }: FrameRegion, shiftY: number): void {
    const { anchors, held, work } = this.#room;
    const stride = levels.stride[0] as number;
    kernels().call.halvePlane(anchors, width, height, shiftY, held, stride, ...boxOf(levels), work);
  }

  /**
   * Takes the correction off a plane's difference, inside the box of what is drawn.
   *
   * @param scale luma samples under one of the plane: a sample twice as large sees the outline twice as steep
   */
  correct(levels: BlendLevels, plane: GradientPlane, scale: number, isMixed: boolean): void {
    const { call } = kernels();
    const { held, work } = this.#room;
    const { difference, target, mask, faceWidth } = plane;
    const solver = this.#solver;
    const stride = levels.stride[0] as number;
    const box = boxOf(levels);
    this.#layOut(levels);
    call.membraneTerms(
      held,
      mask,
      difference,
      target,
      stride,
      ...box,
      scale,
      1 / (freeReach * faceWidth) ** 2,
      isMixed ? 1 : 0,
      leastGradient,
      solver.rhs,
      solver.diagonal,
      solver.stride,
      solver.width,
      solver.height,
      work,
    );
    solver.solve();
    call.subtractMembrane(solver.values, solver.stride, difference, stride, ...box);
  }

  #layOut(levels: BlendLevels): void {
    const [left, right, top, bottom] = boxOf(levels);
    this.#solver.layOut(right - left, bottom - top);
  }

  #take(name: string, length: number): number {
    return addressOf(this.#scratch.floats(name, length));
  }
}

/** Left, right, top and bottom of what is drawn. */
const boxOf = ({ left, right, top, bottom }: BlendLevels): readonly [number, number, number, number] => [
  left[0] as number,
  right[0] as number,
  top[0] as number,
  bottom[0] as number,
];
