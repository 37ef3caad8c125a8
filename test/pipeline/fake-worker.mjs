// Entry of a worker thread for tests: the real command loop around a chain without models. A TypeScript file cannot be
// a worker's entry on Node 20, so this file loads the loop through tsx.
//
// FAKE_CHAIN in the environment chooses what the chain does:
//   swap       says that it swapped one face in every frame, and changes no pixel
//   invert     the same, and inverts the first byte of every frame
//   no-face    finds nothing
//   fail       fails at frame 3
//   fail-late  fails at frame 100
//   fail-rest  fails at every frame from 60 on, which are all of the segments behind the first
//   exit       ends its thread at frame 3
//   throw      dies of an exception that nobody catches at frame 100
//   exhaust    takes all memory of its thread at frame 100
//   hang       never comes back from frame 100
// With FAKE_CHAIN_ONCE, the name of a file, `throw`, `exhaust` and `hang` make that file and behave well when it is there.
//   redden     says that it swapped one face in every frame, and paints 8-bit 4:2:0 frames red
//   hoard      gives nothing back before the end of the segment
import { existsSync, writeFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { tsImport } from 'tsx/esm/api';

const { createInspector, serveChain } = await tsImport('./fake-worker-parts.ts', import.meta.url);
const behaviour = process.env.FAKE_CHAIN ?? 'swap';
const lookAhead = 4;

const face = {
  trackId: 1,
  outcome: 'swapped',
  box: { x: 0, y: 0, width: 8, height: 8 },
  sourceIndex: 0,
  tpsnrOutputDb: 40,
  tpsnrSourceDb: 41,
  tpsnrAlignedOutputDb: null,
  tpsnrAlignedSourceDb: null,
  seam: null,
  ssimInside: 0.8,
  jitterBefore: 0.002,
  jitterAfter: 0.001,
  identityToSource: 0.7,
  identityToTarget: 0.3,
};

const stages = ['detect', 'landmarks', 'identity', 'smooth', 'swap', 'blend', 'enhance', 'monitor'];

const disasters = {
  throw: () =>
    new Promise(() => {
      setImmediate(() => {
        throw new RangeError('the fake chain dies');
      });
    }),
  exhaust: () => {
    const hoard = [];
    for (;;) hoard.push(Array.from({ length: 1000 }, (_, at) => ({ at })));
  },
  hang: () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
};

const strikes = () => {
  const flag = process.env.FAKE_CHAIN_ONCE;
  if (flag === undefined) return true;
  if (existsSync(flag)) return false;
  writeFileSync(flag, '');
  return true;
};

class FakeChain {
  batch = { size: 1, reason: 'there is no model' };
  #segment;
  #analysis = null;
  #held = [];

  begin(segment, analysis) {
    this.#segment = segment;
    this.#analysis = analysis;
    if (analysis !== null) {
      const [start, end] = new Uint32Array(analysis);
      if (start !== segment.decode.start || end !== segment.decode.end) throw new Error('a foreign analysis');
    }
    this.#held = [];
  }

  #output({ index, buffer }) {
    const { start, end } = this.#segment.render;
    if (index < start || index >= end) return { index, buffer, row: null };
    if (behaviour === 'invert') {
      const bytes = new Uint8Array(buffer);
      bytes[0] = 255 - bytes[0];
    }
    if (behaviour === 'redden') {
      const bytes = new Uint8Array(buffer);
      const luma = (bytes.length / 3) * 2;
      bytes
        .fill(81, 0, luma)
        .fill(90, luma, luma * 1.25)
        .fill(240, luma * 1.25);
    }
    return {
      index,
      buffer,
      row: { frame: index, sceneCut: false, ssimOutside: null, faces: behaviour === 'no-face' ? [] : [face] },
    };
  }

  async push(frame) {
    if (behaviour === 'fail' && frame.index === 3) throw new RangeError('the fake chain fails here');
    if (behaviour === 'fail-late' && frame.index === 100) throw new RangeError('the fake chain fails late');
    if (behaviour === 'fail-rest' && frame.index >= 60) throw new RangeError('the fake chain fails late');
    if (behaviour === 'exit' && frame.index === 3) process.exit(7);
    if (frame.index === 100 && disasters[behaviour] !== undefined && strikes()) {
      await disasters[behaviour]();
    }
    this.#held.push(frame);
    if (behaviour === 'hoard' || this.#held.length <= lookAhead) return [];
    return [this.#output(this.#held.shift())];
  }

  async finish() {
    return this.#held.splice(0).map((frame) => this.#output(frame));
  }

  takeFigures() {
    const { start, end } = this.#segment.decode;
    const stageTimes = Object.fromEntries(stages.map((stage, at) => [stage, at + 1]));
    return {
      // Stages that were spared take no time, as in the real chain.
      stageTimes: this.#analysis === null ? stageTimes : { ...stageTimes, detect: 0, landmarks: 0 },
      stageSamples: Object.fromEntries(stages.map((stage) => [stage, Float32Array.of(1, 2, 3)])),
      modelMs: 6,
      halvings: 0,
      analysis: this.#analysis === null ? Uint32Array.of(start, end).buffer : null,
    };
  }

  async dispose() {}
}

class LateInspector {
  #inspector;

  async begin(setup) {
    this.#inspector ??= await createInspector();
    await this.#inspector.begin(setup);
  }

  inspect(frame) {
    return this.#inspector.inspect(frame);
  }

  async finish() {
    await this.#inspector?.finish();
  }
}

serveChain(parentPort, {
  createChain: async () => new FakeChain(),
  prepareSources: async (photos) => ({
    faces: photos.map(({ index, file }) => ({ index, file, descriptor: new Float32Array(1024) })),
    warnings: [{ code: 'fake', message: 'The faces are not real' }],
  }),
  createComparer: () => {
    throw new Error('nothing is compared here');
  },
  createInspector: () => new LateInspector(),
  releaseModels: async () => {},
});
