import type { FaceRow, FrameRow } from '../../src/pipeline/run-report.js';

/** A face that was swapped and about which nothing is remarkable. */
export const unitFace = (changes: Partial<FaceRow> = {}): FaceRow => ({
  trackId: 0,
  outcome: 'swapped',
  box: { x: 10, y: 20, width: 100, height: 120 },
  sourceIndex: 0,
  tpsnrOutputDb: 35,
  tpsnrSourceDb: 35,
  tpsnrAlignedOutputDb: 38,
  tpsnrAlignedSourceDb: 38,
  seam: 2,
  ssimInside: 0.5,
  jitterBefore: 0.004,
  jitterAfter: 0.001,
  identityToSource: 0.7,
  identityToTarget: 0.5,
  ...changes,
});

/** A frame with such a face. */
export const unitRow = (frame: number, changes: Partial<FaceRow> = {}): FrameRow => ({
  frame,
  timeSeconds: frame / 25,
  sceneCut: false,
  ssimOutside: 1,
  faces: [unitFace(changes)],
});

/** The fields of a report file, as `run --report` writes them. */
export const unitReport = (
  rows: readonly FrameRow[],
  changes: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> => ({
  schema: 1,
  version: '0.1.0',
  status: 'swapped',
  output: '/clips/out.mp4',
  outputSha256: '0'.repeat(64),
  config: { target: '/clips/in.mp4', blend: 'multiband', deinterlace: 'off' },
  media: {
    kind: 'video',
    widthPx: 320,
    heightPx: 240,
    frameCount: rows.length,
    frameRate: '25/1',
    durationSeconds: rows.length / 25,
    videoEncoder: 'libx264',
  },
  wallMs: 1000,
  framesPerSecond: 25,
  stageMs: { decode: 10 },
  performance: null,
  machine: { system: 'linux' },
  gates: [],
  resumed: null,
  warnings: [],
  frames: rows,
  ...changes,
});

/** The same report line by line, as a `.jsonl` file has it. */
export const unitReportLines = (report: Readonly<Record<string, unknown>>): string => {
  const { schema, version, output, config, media, frames, ...end } = report;
  return [
    { type: 'header', schema, version, output, config, media },
    ...(frames as object[]).map((row) => ({ type: 'frame', ...row })),
    { type: 'totals', ...end },
  ]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');
};
