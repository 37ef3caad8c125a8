import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Box, Point } from '../../../src/imaging/affine.js';
import { allocateFrame } from '../../../src/imaging/planar-frame.js';
import { FaceDetector } from '../../../src/processors/face-detector/face-detector.js';
import type { FaceDetection } from '../../../src/processors/face-detector/target-detector.js';
import {
  type FaceCrop,
  FaceLandmarker,
  type FaceMesh,
} from '../../../src/processors/face-landmarker/face-landmarker.js';
import { boundsOf } from '../../../src/processors/face-landmarker/mesh-bounds.js';
import {
  descriptorLength,
  type FaceIdentity,
} from '../../../src/processors/face-recognizer/face-recognizer.js';
import { FaceTracker } from '../../../src/processors/face-tracker/face-tracker.js';
import { formatOf } from '../../support/unit-frames.js';
import { stubSession } from '../../support/unit-faces.js';
import { placedFace } from '../../support/unit-meshes.js';

/** Centre, size (distance of the eyes) and owner of a face. */
type PlacedFace = {
  readonly x: number;
  readonly y: number;
  readonly eyesPx?: number;
  readonly name?: string;
};

/** What is there to be seen in one frame. */
type Scene = {
  readonly faces: readonly PlacedFace[];
  /** Places where the detector sees a face and the landmark model does not. */
  readonly mirages?: readonly { readonly x: number; readonly y: number; readonly eyesPx?: number }[];
  /** The detector's boxes of whole frames and tiles are three times too large; those of a window around a face are right. */
  readonly isCoarse?: boolean;
};

const { session } = stubSession(() => ({}));
const frame = allocateFrame(formatOf(640, 480));
const meshOf = ({ x, y, eyesPx = 60 }: PlacedFace): Float32Array => placedFace({ x, y, eyesPx });

/** Descriptors of two names have nothing in common. */
const descriptorOf = (name: string): Float32Array => {
  const descriptor = new Float32Array(descriptorLength);
  descriptor[[...name].reduce((sum, letter) => (31 * sum + letter.charCodeAt(0)) % descriptorLength, 7)] = 1;
  return descriptor;
};

const centreOf = (points: Float32Array): Point => {
  const { x, y, width, height } = boundsOf(points);
  return { x: x + width / 2, y: y + height / 2 };
};

/**
 * The models of a world that is known: the detector finds all faces, the landmarker the one nearest to its crop, and the recogniser
 * knows the owner of the face nearest to a mesh.
 */
class World {
  scene: Scene = { faces: [] };
  readonly calls: string[] = [];
  readonly crops: FaceCrop[] = [];
  readonly detector = new StubDetector(this);
  readonly landmarker = new StubLandmarker(this);
  /** Whom the recogniser was asked about, by the names of the faces. */
  readonly asked: string[] = [];
  readonly recognizer = {
    identify: (_: unknown, points: Float32Array): Promise<FaceIdentity> => {
      const place = centreOf(points);
      const distance = (face: PlacedFace): number => {
        const { x, y } = centreOf(meshOf(face));
        return Math.hypot(x - place.x, y - place.y);
      };
      const [nearest] = [...this.scene.faces].sort((first, second) => distance(first) - distance(second));
      const name = nearest?.name ?? 'nobody';
      this.asked.push(name);
      return Promise.resolve({ descriptor: descriptorOf(name), ageYears: 40, male: 0.5 });
    },
  };

  boxes(scale = this.scene.isCoarse ? 3 : 1): FaceDetection[] {
    const { faces, mirages = [] } = this.scene;
    return [...faces, ...mirages].map((face) => {
      const { x, y, width, height } = boundsOf(meshOf(face));
      return {
        score: scale === 1 ? 0.9 : 0.6,
        box: {
          x: x - ((scale - 1) * width) / 2,
          y: y - ((scale - 1) * height) / 2,
          width: scale * width,
          height: scale * height,
        },
        rollRadians: 0,
      };
    });
  }
}

class StubDetector extends FaceDetector {
  readonly #world: World;
  constructor(world: World) {
    super(session, 0.5);
    this.#world = world;
  }
  override detectAll(): Promise<FaceDetection[]> {
    this.#world.calls.push('all');
    return Promise.resolve(this.#world.boxes());
  }
  override detectLarge(): Promise<FaceDetection[]> {
    this.#world.calls.push('large');
    return Promise.resolve(this.#world.boxes());
  }
  override detectAround(_: unknown, box: Box): Promise<FaceDetection[]> {
    this.#world.calls.push('around');
    const reach = 2 * Math.max(box.width, box.height);
    return Promise.resolve(
      this.#world.boxes(1).filter(({ box: seen }) => Math.hypot(seen.x - box.x, seen.y - box.y) < reach),
    );
  }
}

class StubLandmarker extends FaceLandmarker {
  readonly #world: World;
  constructor(world: World) {
    super(session);
    this.#world = world;
  }
  override read(_: unknown, crop: FaceCrop): Promise<FaceMesh> {
    this.#world.crops.push(crop);
    const distance = ({ x, y }: PlacedFace): number => Math.hypot(x - crop.centre.x, y - crop.centre.y);
    // The model knows faces that fill about two thirds of its crop.
    const [nearest] = this.#world.scene.faces
      .filter(
        (face) => distance(face) < 0.45 * crop.sidePx && crop.sidePx < 4 * boundsOf(meshOf(face)).height,
      )
      .sort((first, second) => distance(first) - distance(second));
    return Promise.resolve(
      nearest === undefined
        ? { points: placedFace({ ...crop.centre, eyesPx: crop.sidePx / 3 }), flag: 0.02, crop }
        : { points: meshOf(nearest), flag: 0.98, crop },
    );
  }
}

type Seen = { readonly index: number; readonly ids: readonly number[]; readonly calls: readonly string[] };

/** Follows a world through frames and says which tracks and which detector calls there were. */
const follow = async (
  scenes: (index: number) => Scene,
  { start = 0, end = 30, cuts = [] as readonly number[] } = {},
): Promise<{ readonly seen: Seen[]; readonly world: World }> => {
  const world = new World();
  const tracker = new FaceTracker(world, 25);
  const seen: Seen[] = [];
  for (let index = start; index < end; index++) {
    world.scene = scenes(index);
    world.calls.length = 0;
    if (cuts.includes(index)) tracker.startShot();
    const sightings = await tracker.follow(frame, index, () => {});
    seen.push({ index, ids: sightings.map(({ trackId }) => trackId), calls: [...world.calls] });
  }
  return { seen, world };
};

test('a moving face keeps its id, and costs one landmark pass and no detection in most frames', async () => {
  const { seen, world } = await follow((t) => ({ faces: [{ x: 150 + 6 * t, y: 200 }] }), { end: 31 });
  assert.ok(seen.every(({ ids }) => ids.length === 1 && ids[0] === 1));
  const quiet = seen.filter(({ calls }) => calls.length === 0);
  assert.ok(quiet.length >= 20, `${quiet.length} frames without the detector`);
  // Two passes on first sight, then one each.
  assert.equal(world.crops.length, 2 + 30);
});

test('the crop runs ahead with the movement of the face', async () => {
  const { world } = await follow((t) => ({ faces: [{ x: 150 + 8 * t, y: 200 - 3 * t }] }), { end: 6 });
  const [before, last] = world.crops.slice(-2).map(({ centre }) => centre);
  assert.ok(Math.abs(last!.x - before!.x - 8) < 1e-2 && Math.abs(last!.y - before!.y + 3) < 1e-2);
  // Where the face is in this frame, not where it was.
  const middle = boundsOf(meshOf({ x: 150 + 8 * 5, y: 200 - 3 * 5 }));
  assert.ok(Math.abs(last!.x - middle.x - middle.width / 2) < 1);
});

test('the detector’s rhythm hangs on the frame index, not on where the segment starts', async () => {
  const scene = (): Scene => ({ faces: [{ x: 200, y: 200 }] });
  const whole = (await follow(scene, { end: 80 })).seen;
  const late = (await follow(scene, { start: 33, end: 80 })).seen;
  const callsAt = (list: readonly Seen[]) =>
    list.slice(1).map(({ index, calls }) => `${index} ${calls.join()}`);
  assert.equal(late[0]!.calls[0], 'all', 'the first frame is scanned wholly');
  assert.deepEqual(callsAt(late), callsAt(whole.slice(33)));
  // Whole scans about once a second, the quick look a few times between.
  assert.equal(whole.filter(({ calls }) => calls.includes('all')).length, 4);
  assert.ok(whole.filter(({ calls }) => calls.includes('large')).length >= 8);
});

test('a face that is hidden for a moment comes back under its id', async () => {
  const { seen } = await follow((t) => ({ faces: t >= 7 && t < 13 ? [] : [{ x: 200 + t, y: 200 }] }));
  for (const { index, ids } of seen)
    assert.deepEqual(ids, index >= 7 && index < 13 ? [] : [1], `frame ${index}`);
  for (const { index, calls } of seen) {
    if (index >= 7 && index < 13 && calls[0] !== 'all') assert.ok(calls.includes('around'), `frame ${index}`);
  }
});

test('a face that stays away is forgotten and comes back as another', async () => {
  const { seen } = await follow((t) => ({ faces: t >= 7 && t < 27 ? [] : [{ x: 200, y: 200 }] }), {
    end: 40,
  });
  assert.deepEqual(seen.at(-1)!.ids, [2]);
  const idle = seen.find(({ index }) => index === 24)!;
  assert.ok(!idle.calls.includes('around'), 'nobody is looked for any more');
});

test('a new face is found within a few frames', async () => {
  const { seen } = await follow((t) => ({
    faces: [{ x: 150, y: 200 }, ...(t >= 6 ? [{ x: 450, y: 250 }] : [])],
  }));
  const first = seen.find(({ ids }) => ids.includes(2))!.index;
  assert.ok(first >= 6 && first <= 10, `frame ${first}`);
  assert.ok(seen.slice(first).every(({ ids }) => ids.includes(1) && ids.includes(2)));
});

test('a mesh that jumps to another place is not taken for the same face', async () => {
  // For one frame the landmark model is drawn to a face that stands beside.
  const beside = { x: 290, y: 200 };
  const { seen } = await follow((t) => ({ faces: [t === 8 ? beside : { x: 200, y: 200 }] }));
  assert.ok(!seen.find(({ index }) => index === 8)!.ids.includes(1));
  assert.deepEqual(seen.at(-1)!.ids.includes(1), true, 'the old face is found again');
});

test('a mesh that shrinks or grows at once is not the same face', async () => {
  for (const eyesPx of [25, 120]) {
    const { seen } = await follow((t) => ({ faces: [{ x: 200, y: 200, eyesPx: t >= 8 ? eyesPx : 60 }] }), {
      end: 9,
    });
    assert.equal(
      seen.slice(0, 8).every(({ ids }) => ids[0] === 1),
      true,
    );
    // Whatever is there is a fresh reading of the detector's box, not the tracked mesh carried on.
    assert.ok(seen[8]!.calls.includes('around'));
  }
});

test('two tracks that slide onto one face become one, and the older stays', async () => {
  const { seen } = await follow(
    (t) => ({
      faces:
        t < 12
          ? [
              { x: 200, y: 200 },
              { x: 400 - 15 * t, y: 200 },
            ]
          : [{ x: 200, y: 200 }],
    }),
    { end: 30 },
  );
  assert.deepEqual(seen[3]!.ids.toSorted(), [1, 2]);
  assert.deepEqual(seen.at(-1)!.ids, [1]);
  assert.ok(seen.every(({ ids }) => new Set(ids).size === ids.length));
});

test('two faces that pass at a distance keep their ids', async () => {
  const { seen, world } = await follow(
    (t) => ({
      faces: [
        { x: 150 + 8 * t, y: 130 },
        { x: 450 - 8 * t, y: 350 },
      ],
    }),
    { end: 35 },
  );
  assert.ok(seen.every(({ ids }) => ids.length === 2));
  assert.deepEqual(new Set(seen.flatMap(({ ids }) => ids)), new Set([1, 2]));
  assert.ok(world.crops.length > 0);
});

test('what the landmark model does not take for a face is never reported', async () => {
  const { seen } = await follow(() => ({ faces: [{ x: 150, y: 200 }], mirages: [{ x: 450, y: 300 }] }));
  assert.ok(seen.every(({ ids }) => ids.length === 1 && ids[0] === 1));
});

test('a small face with a box that misleads the landmark model is found by one closer look', async () => {
  const { seen } = await follow(() => ({ faces: [{ x: 200, y: 200, eyesPx: 10 }], isCoarse: true }), {
    end: 60,
  });
  assert.ok(seen.every(({ ids }) => ids.length === 1 && ids[0] === 1));
  assert.deepEqual(seen[0]!.calls, ['all', 'around']);
  // Whoever is followed already is not looked at again, also not by the scans of each second.
  assert.deepEqual(
    seen.filter(({ calls }) => calls.includes('all')).map(({ index, calls }) => `${index} ${calls.join()}`),
    ['0 all,around', '25 all', '50 all'],
  );
});

test('what the closer look sees replaces the first box', async () => {
  const world = new World();
  world.scene = { faces: [{ x: 200, y: 200, eyesPx: 10 }] };
  const [{ box }] = world.boxes() as [FaceDetection];
  // Low enough not to count as the same face, near enough for the landmark model to be drawn to the face.
  const beside = { ...box, y: box.y + 0.4 * box.height };
  const wide = { ...beside, x: box.x - box.width / 2, width: 2 * box.width, height: 1.4 * box.height };
  world.detector.detectAll = () => Promise.resolve([{ score: 0.6, box: wide, rollRadians: 0 }]);
  const tracker = new FaceTracker(world, 25);
  const [sighting] = await tracker.follow(frame, 0, () => {});
  assert.equal(world.crops.length, 2, 'read on one crop and refined once');
  assert.ok(Math.abs(world.crops[0]!.sidePx - 1.5 * Math.max(box.width, box.height)) < 1e-3);
  assert.equal(sighting?.trackId, 1);
});

test('only scans look closer, and only at what is small', async () => {
  const looks = async (mirage: PlacedFace): Promise<number[]> =>
    (await follow(() => ({ faces: [], mirages: [mirage] }), { end: 30 })).seen
      .filter(({ calls }) => calls.includes('around'))
      .map(({ index }) => index);
  assert.deepEqual(await looks({ x: 300, y: 200, eyesPx: 10 }), [0, 25]);
  assert.deepEqual(await looks({ x: 300, y: 200, eyesPx: 100 }), []);
});

test('a closer look that sees nothing, or less surely, leaves the first box its chance', async () => {
  const elsewhere = { score: 0.7, box: { x: 230, y: 190, width: 30, height: 30 }, rollRadians: 0 };
  for (const closer of [[], [elsewhere]]) {
    const world = new World();
    world.scene = { faces: [{ x: 200, y: 200, eyesPx: 10 }] };
    world.detector.detectAround = () => Promise.resolve(closer);
    const tracker = new FaceTracker(world, 25);
    assert.equal((await tracker.follow(frame, 0, () => {})).length, 1);
    const [{ box }] = world.boxes() as [FaceDetection];
    assert.ok(Math.abs(world.crops[0]!.centre.x - box.x - box.width / 2) < 1e-3);
  }
});

test('a new shot starts with a whole scan and new ids', async () => {
  const { seen } = await follow(() => ({ faces: [{ x: 200, y: 200 }] }), { end: 20, cuts: [12] });
  assert.deepEqual(seen[11]!.ids, [1]);
  assert.deepEqual(seen[12], { index: 12, ids: [2], calls: ['all', 'around'] });
  assert.deepEqual(seen[13]!.ids, [2]);
});

test('the reader is called once per sighting, with the landmark crop of that face', async () => {
  const world = new World();
  const tracker = new FaceTracker(world, 25);
  for (let index = 0; index < 12; index++) {
    world.scene = {
      faces: [
        { x: 150 + index, y: 200 },
        { x: 450, y: 250 },
      ],
    };
    const read: FaceMesh[] = [];
    const sightings = await tracker.follow(frame, index, (mesh) => {
      read.push(mesh);
      assert.equal(world.crops.at(-1), mesh.crop, 'nothing was read in between');
    });
    assert.deepEqual(
      read,
      sightings.map(({ mesh }) => mesh),
    );
  }
});

test('a world without faces has no sightings', async () => {
  const { seen } = await follow(() => ({ faces: [] }), { end: 12 });
  assert.ok(seen.every(({ ids }) => ids.length === 0));
});

test('following faces that are far from each other asks the recogniser nothing', async () => {
  const { world } = await follow(
    (t) => ({
      faces: [
        { x: 120 + 2 * t, y: 200, name: 'Ada' },
        { x: 520 - 2 * t, y: 200, name: 'Grace' },
      ],
    }),
    { end: 40 },
  );
  assert.deepEqual(world.asked, []);
});

test('two faces that cross, one hiding the other, keep their ids', async () => {
  for (const hidden of ['Ada', 'Grace']) {
    const { seen, world } = await follow(
      (t) => {
        const faces = [
          { x: 100 + 8 * t, y: 200, name: 'Ada' },
          { x: 520 - 8 * t, y: 200, name: 'Grace' },
        ];
        const [first, second] = faces as [PlacedFace, PlacedFace];
        const isHidden = Math.abs(first.x - second.x) < 100;
        return { faces: isHidden ? faces.filter(({ name }) => name !== hidden) : faces };
      },
      { end: 55 },
    );
    assert.deepEqual(seen[3]?.ids, [1, 2]);
    assert.deepEqual(seen.at(-1)?.ids.toSorted(), [1, 2], `${hidden} is hidden`);
    // Ada, who was found first, is on the right by now.
    const last = world.scene.faces[0] as PlacedFace;
    assert.ok(last.name === 'Ada' && last.x > 400);
    const visible = hidden === 'Ada' ? 2 : 1;
    for (const { index, ids } of seen) assert.ok(ids.includes(visible), `frame ${index} of ${hidden} hidden`);
    assert.ok(world.asked.length <= 16, `asked ${world.asked.length} times`);
  }
});

test('a face that two tracks have come to stays with its owner, also where that is the younger', async () => {
  const { seen } = await follow(
    (t) => ({
      faces:
        t < 14
          ? [
              { x: 420 - 18 * t, y: 200, name: 'Ada' },
              { x: 150, y: 205, name: 'Grace' },
            ]
          : [{ x: 150, y: 205, name: 'Grace' }],
    }),
    { end: 40 },
  );
  assert.deepEqual(seen[3]?.ids, [1, 2]);
  assert.deepEqual(seen.at(-1)?.ids, [2]);
});

test('another face where a known one was lost is another track', async () => {
  const { seen } = await follow(
    (t) => ({
      faces: [
        ...(t >= 16 && t < 20 ? [] : [{ x: 200, y: 200, name: t < 16 ? 'Ada' : 'Grace' }]),
        { x: 340, y: 200, name: 'Mary' },
      ],
    }),
    { end: 40 },
  );
  assert.deepEqual(seen[10]?.ids, [1, 2]);
  assert.deepEqual(seen.at(-1)?.ids.toSorted(), [2, 3]);
});

test('tracks that were exchanged while the faces lay over each other go on under new ids', async () => {
  const { seen } = await follow(
    (t) => {
      // They meet in the middle and go back, which looks the same as if they had gone on.
      const offset = 30 + 6 * Math.abs(25 - t);
      const isExchanged = t > 25;
      return {
        faces: [
          { x: 320 - offset, y: 200, name: isExchanged ? 'Grace' : 'Ada' },
          { x: 320 + offset, y: 200, name: isExchanged ? 'Ada' : 'Grace' },
        ],
      };
    },
    { end: 60 },
  );
  assert.deepEqual(seen[10]?.ids, [1, 2]);
  assert.deepEqual(seen.at(-1)?.ids, [3, 4]);
});
