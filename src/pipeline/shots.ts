import type { FrameRow } from './run-report.js';

/** Rows in frame order, cut into shots: a row whose frame is a scene cut begins one. No shot is empty. */
export function shotsOf(rows: readonly FrameRow[]): readonly (readonly FrameRow[])[] {
  const shots: FrameRow[][] = [];
  for (const row of rows) {
    if (row.sceneCut || shots.length === 0) shots.push([]);
    shots.at(-1)?.push(row);
  }
  return shots;
}
