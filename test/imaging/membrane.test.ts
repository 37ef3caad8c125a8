import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kernels } from '../../src/imaging/kernels/kernels.js';
import { MembraneSolver } from '../../src/imaging/membrane.js';
import {
  directMembrane,
  type MembraneSize,
  membraneSize,
  plainMembrane,
} from '../support/reference/membrane.js';
import { forAll, type Random } from '../support/unit-random.js';
import { at } from '../support/unit-values.js';

type Problem = {
  readonly wanted: { readonly width: number; readonly height: number };
  readonly size: MembraneSize;
  readonly rhs: Float32Array;
  readonly diagonal: Float32Array;
};

/** Sizes up to so many cells: lines, primes, and what is not a whole number of groups. */
const someSize = (random: Random, most: number): Problem['wanted'] => ({
  width: random.next() < 0.3 ? random.integer(1, 4) : random.integer(4, most),
  height: random.next() < 0.3 ? random.integer(1, 4) : random.integer(4, most),
});

/** The strongest source that {@link someProblem} puts between two cells. */
const strongestSource = 30;

/** A ring or scattered places that hold wavy values, a faint pull everywhere, and sources between where `isMixed`. */
const someProblem = (random: Random, wanted: Problem['wanted'], isMixed: boolean): Problem => {
  const size = membraneSize(wanted.width, wanted.height);
  const { width, height } = size;
  const count = width * height;
  const rhs = new Float32Array(count);
  const diagonal = new Float32Array(count);
  const isRing = random.next() < 0.6;
  const strength = 10 ** random.between(-3, 1);
  const phase = random.between(0, 6);
  for (let i = 0; i < count; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    const radius = Math.hypot((2 * x + 1) / width - 1, (2 * y + 1) / height - 1);
    const isHeld = isRing ? radius > 0.6 && radius < 0.9 : random.next() < 0.05;
    const held = isHeld ? strength * random.next() : 0;
    diagonal[i] = 4 + 1e-5 + held;
    rhs[i] = held * (20 + 60 * Math.sin(phase + x / 9) * Math.cos(y / 7));
  }
  if (isMixed) {
    // What leads out of one cell leads into the next one.
    for (let n = 0; n < count / 4; n++) {
      const from = random.integer(0, count);
      const to = (from + 1) % width === 0 ? from : from + 1;
      const flux = random.between(-strongestSource, strongestSource);
      if (to === from || to >= count) continue;
      rhs[from] = at(rhs, from) - flux;
      rhs[to] = at(rhs, to) + flux;
    }
  }
  return { wanted, size, rhs, diagonal };
};

const solvedBy = (solver: MembraneSolver, { wanted, size, rhs, diagonal }: Problem): Float32Array => {
  const { width, height } = size;
  solver.layOut(wanted.width, wanted.height);
  assert.deepEqual([solver.width, solver.height], [width, height]);
  const { buffer } = kernels().memory;
  const row = (address: number, y: number): Float32Array =>
    new Float32Array(buffer, address + 4 * y * solver.stride, width);
  for (let y = 0; y < height; y++) {
    row(solver.rhs, y).set(rhs.subarray(y * width, (y + 1) * width));
    row(solver.diagonal, y).set(diagonal.subarray(y * width, (y + 1) * width));
  }
  solver.solve();
  const out = new Float32Array(width * height);
  for (let y = 0; y < height; y++) out.set(row(solver.values, y), y * width);
  return out;
};

const largest = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);

test('the kernels solve as the plain loops do, within a thousandth of the largest value', () => {
  const solver = new MembraneSolver();
  forAll(60, (random) => {
    const problem = someProblem(random, someSize(random, 90), random.next() < 0.5);
    const found = solvedBy(solver, problem);
    const plain = plainMembrane(problem.rhs.slice(), problem.diagonal, problem.size);
    // The plain loops sum in doubles; a membrane that little holds magnifies the rounding of its sources.
    const bound = 1e-3 * (1 + largest(plain));
    for (let i = 0; i < found.length; i++) {
      assert.ok(
        Math.abs(at(found, i) - at(plain, i)) <= bound,
        `${JSON.stringify(problem.size)}: ${at(found, i)} for ${at(plain, i)}`,
      );
    }
  });
});

for (const [isMixed, share] of [
  [false, 0.01],
  [true, 0.03],
] as const) {
  test(`${isMixed ? 'with sources' : 'held only'}, a solution is ${100 * share} % of the largest value off the direct one at most`, () => {
    const solver = new MembraneSolver();
    let worst = 0;
    forAll(40, (random) => {
      const problem = someProblem(random, someSize(random, 48), isMixed);
      const found = solvedBy(solver, problem);
      const expected = directMembrane({ ...problem.size, rhs: problem.rhs, diagonal: problem.diagonal });
      // Sources from cell to cell are rough, which two cycles leave a little of; they may be larger than what comes of them.
      const scale = Math.max(1, largest(expected), isMixed ? strongestSource : 0);
      const off = largest(expected.map((value, i) => value - at(found, i))) / scale;
      worst = Math.max(worst, off);
    });
    assert.ok(worst <= share, `${worst}`);
  });
}

test('a membrane that is held everywhere to one value is that value, and without anything to hold it nothing', () => {
  const solver = new MembraneSolver();
  const wanted = { width: 61, height: 83 };
  const size = membraneSize(61, 83);
  const count = size.width * size.height;
  const even = solvedBy(solver, {
    wanted,
    size,
    rhs: new Float32Array(count).fill(0.25 * 30),
    diagonal: new Float32Array(count).fill(4.25),
  });
  for (const value of even) assert.ok(Math.abs(value - 30) < 1e-3, `${value}`);
  const none = solvedBy(solver, {
    wanted,
    size,
    rhs: new Float32Array(count),
    diagonal: new Float32Array(count).fill(4.00001),
  });
  assert.equal(largest(none), 0);
});

test('a solution does not depend on what was solved before', () => {
  const solver = new MembraneSolver();
  forAll(6, (random) => {
    const problem = someProblem(random, someSize(random, 90), true);
    const first = solvedBy(new MembraneSolver(), problem);
    solvedBy(solver, someProblem(random, someSize(random, 120), true));
    assert.deepEqual(solvedBy(solver, problem), first);
  });
});
