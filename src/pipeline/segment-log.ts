import type { FrameLane } from './frame-pool.js';
import type { PlanSegment } from './plan.js';
import type { RunLogger } from './run-logger.js';
import type { SegmentRecord } from './segment-record.js';
import { formatTimeline } from './segment-timeline.js';
import { chainStages } from './stage-samples.js';
import { StageSpans } from './stage-spans.js';
import type { WorkerResults } from './worker-protocol.js';

/** What a segment that is done has to tell. */
export type SegmentLog = Pick<SegmentRecord, 'stageTimes'> & {
  readonly segment: PlanSegment;
  readonly lane: FrameLane;
  readonly stageSamples: WorkerResults['endSegment']['stageSamples'];
  readonly decodes: StageSpans;
  readonly works: StageSpans;
  readonly encodes: StageSpans;
};

/** The time between spans that follow one another without overlap, from `startMs` on. */
const spansBetween = (spans: StageSpans, startMs: number, endMs: number): StageSpans => {
  const gaps = new StageSpans(spans.count + 1);
  let from = startMs;
  for (let at = 0; at < spans.count; at += 1) {
    gaps.add(from, spans.startMs(at));
    from = spans.endMs(at);
  }
  gaps.add(from, Math.max(from, endMs));
  return gaps;
};

/** Says in the debug log what a segment took, and when each stage was busy. */
export const logSegment = (logger: RunLogger, log: SegmentLog): void => {
  const { segment, lane, stageTimes, stageSamples, decodes, works, encodes } = log;
  const frames = segment.render.end - segment.render.start;
  logger.debug(
    {
      segment: segment.index,
      frames,
      framesInFlight: lane.peakLent,
      bytesPerFrame: lane.frameBytes,
      bytesInFlight: lane.peakLent * lane.frameBytes,
      ...Object.fromEntries(Object.entries(stageTimes).map(([stage, ms]) => [`${stage}Ms`, Math.round(ms)])),
    },
    'segment rendered',
  );
  const startMs = decodes.startMs(0);
  const endMs = encodes.endMs(encodes.count - 1);
  const rows = [
    { name: 'decode', spans: decodes },
    { name: 'worker', spans: works },
    ...chainStages.map((stage) => ({ name: `  ${stage}`, samples: stageSamples[stage] })),
    { name: '  waiting', spans: spansBetween(works, startMs, endMs) },
    { name: 'encode', spans: encodes },
  ];
  const wallMs = endMs - startMs;
  logger.debug(`timeline of segment ${segment.index}: ${frames} frames in ${Math.round(wallMs)} ms`);
  for (const line of formatTimeline(rows, { startMs, wallMs })) logger.debug(line);
};
