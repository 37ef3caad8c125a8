import type { PlanarFrame } from '../../src/imaging/planar-frame.js';
import type { SegmentAnalyser } from '../../src/pipeline/segment-analyser.js';
import type { AnalysedFrame } from '../../src/pipeline/shot-window.js';

/** Analyses consecutive frames from number 0 on, each when the verdict whether it is a cut is there; the analyser has begun. */
export async function* analysedFrames(
  analyser: SegmentAnalyser,
  frames: Iterable<PlanarFrame> | AsyncIterable<PlanarFrame>,
): AsyncGenerator<AnalysedFrame> {
  const waiting: PlanarFrame[] = [];
  let index = 0;
  for await (const frame of frames) {
    waiting.push(frame);
    const verdict = analyser.look(frame);
    if (verdict !== null) yield await analyser.analyse(waiting.shift() as PlanarFrame, index++, verdict);
  }
  for (const frame of waiting) {
    const verdict = analyser.lastLook();
    if (verdict === null) throw new Error('a frame has no verdict');
    yield await analyser.analyse(frame, index++, verdict);
  }
}
