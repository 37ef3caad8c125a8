import { addressOf, kernels } from './kernels/kernels.js';
import { Scratch } from './scratch.js';

/** More than any frame has. */
const mostLevels = 20;

/** Cells along the longer side of the coarsest level, at least; it has about twice as many at most. */
const coarsestCells = 10;

/** V-cycles at each level on the way to the finest one, and there. */
const cycles = { onTheWay: 1, finest: 2 };

/** Floats of room before a row's first cell; as many lie behind its last group. */
const room = 4;

/** Floats before the first row and behind the last that may be read. */
const slack = 8;

/**
 * Solves for membranes: planes h with (4 + a) · h − (left + right + above + below) = b in each cell, where nothing pulls
 * across the border. Where a is large, h is held at b / a; between such places it spans the smoothest surface.
 *
 * Multigrid, cell-centred: blocks of 2 × 2 are summed on the way down and spread bilinearly on the way up; red-black
 * Gauss-Seidel, one sweep each way; the coarsest level, a few hundred cells, is solved directly. Coarse levels come first and give
 * the finer ones their start (nested iteration), so nothing of an earlier solve enters; the number of steps is fixed. What is left of the error is a
 * hundredth of the solution at most (`test/imaging/membrane.test.ts` measures it against a direct solution).
 *
 * One per thread; owns its buffers: 16 bytes of kernel memory for each cell of the largest membrane so far.
 */
export class MembraneSolver {
  readonly #scratch = new Scratch();
  readonly #width = new Int32Array(mostLevels);
  readonly #height = new Int32Array(mostLevels);
  readonly #stride = new Int32Array(mostLevels);
  /** Floats before a level's first cell. */
  readonly #offset = new Int32Array(mostLevels);
  #count = 0;
  #values = 0;
  #rhs = 0;
  #diagonal = 0;
  #bytes = 0;
  #lower = 0;
  #work = 0;

  /** Cells of the finest level: at least as many as were asked for. */
  get width(): number {
    return this.#width[0] as number;
  }

  get height(): number {
    return this.#height[0] as number;
  }

  /** Floats between the rows of the finest level. */
  get stride(): number {
    return this.#stride[0] as number;
  }

  /** Addresses of the first cell of the finest level: what is solved for, b, and 4 + a. */
  get values(): number {
    return this.#at(this.#values, 0);
  }

  get rhs(): number {
    return this.#at(this.#rhs, 0);
  }

  get diagonal(): number {
    return this.#at(this.#diagonal, 0);
  }

  /**
   * Sets the size and takes the memory, which may make the kernel memory grow; {@link rhs} and {@link diagonal} are to be filled then,
   * for all cells of {@link width} × {@link height}.
   *
   * @param width wanted cells, at least 1
   */
  layOut(width: number, height: number): void {
    const halvings = Math.max(0, Math.floor(Math.log2(Math.max(width, height) / coarsestCells)));
    const block = 1 << halvings;
    this.#count = halvings + 1;
    let floats = slack;
    for (let l = 0; l <= halvings; l++) {
      const levelWidth = (Math.ceil(width / block) * block) >> l;
      const levelHeight = (Math.ceil(height / block) * block) >> l;
      const stride = ((levelWidth + 3) & ~3) + 2 * room;
      this.#width[l] = levelWidth;
      this.#height[l] = levelHeight;
      this.#stride[l] = stride;
      this.#offset[l] = floats + room;
      floats += stride * levelHeight;
    }
    floats += slack;
    this.#bytes = 4 * floats;
    this.#values = addressOf(this.#scratch.floats('values', floats));
    this.#rhs = addressOf(this.#scratch.floats('rhs', floats));
    this.#diagonal = addressOf(this.#scratch.floats('diagonal', floats));
    const across = this.#width[halvings] as number;
    const cells = across * (this.#height[halvings] as number);
    // Doubles.
    this.#lower = addressOf(this.#scratch.floats('lower', 2 * (across + 1) * cells));
    this.#work = addressOf(this.#scratch.floats('work', 2 * cells));
  }

  /** Fills {@link values}; rhs and diagonal are overwritten but for the finest level. */
  solve(): void {
    const { call } = kernels();
    const last = this.#count - 1;
    call.clearMemory(this.#values, this.#bytes);
    for (let l = 0; l < last; l++) {
      this.#sum(this.#diagonal, l, 4);
      this.#sum(this.#rhs, l, 0);
    }
    call.factorMembrane(
      this.#at(this.#diagonal, last),
      this.#stride[last] as number,
      this.#width[last] as number,
      this.#height[last] as number,
      this.#lower,
    );
    this.#cycle(last);
    for (let l = last - 1; l >= 0; l--) {
      this.#prolong(l);
      const count = l === 0 ? cycles.finest : cycles.onTheWay;
      for (let cycle = 0; cycle < count; cycle++) this.#cycle(l);
    }
  }

  #cycle(level: number): void {
    const { call } = kernels();
    if (level === this.#count - 1) {
      call.solveMembrane(
        this.#lower,
        this.#at(this.#rhs, level),
        this.#at(this.#values, level),
        this.#stride[level] as number,
        this.#width[level] as number,
        this.#height[level] as number,
        this.#work,
      );
      return;
    }
    const next = level + 1;
    this.#relax(level);
    call.restrictMembrane(
      this.#at(this.#values, level),
      this.#at(this.#rhs, level),
      this.#at(this.#diagonal, level),
      this.#stride[level] as number,
      this.#width[level] as number,
      this.#height[level] as number,
      this.#at(this.#rhs, next),
      this.#stride[next] as number,
    );
    const bytes = 4 * (this.#stride[next] as number) * (this.#height[next] as number);
    call.clearMemory(this.#at(this.#values, next) - 4 * room, bytes);
    this.#cycle(next);
    this.#prolong(level);
    this.#relax(level);
  }

  #relax(level: number): void {
    kernels().call.relaxMembrane(
      this.#at(this.#values, level),
      this.#at(this.#rhs, level),
      this.#at(this.#diagonal, level),
      this.#stride[level] as number,
      this.#width[level] as number,
      this.#height[level] as number,
    );
  }

  #sum(planes: number, level: number, offset: number): void {
    kernels().call.sumBlocks(
      this.#at(planes, level),
      this.#stride[level] as number,
      this.#width[level] as number,
      this.#height[level] as number,
      offset,
      this.#at(planes, level + 1),
      this.#stride[level + 1] as number,
    );
  }

  /** Adds the level behind `level` to it. */
  #prolong(level: number): void {
    kernels().call.prolongMembrane(
      this.#at(this.#values, level + 1),
      this.#stride[level + 1] as number,
      this.#at(this.#values, level),
      this.#stride[level] as number,
      this.#width[level] as number,
      this.#height[level] as number,
    );
  }

  #at(planes: number, level: number): number {
    return planes + 4 * (this.#offset[level] as number);
  }
}
