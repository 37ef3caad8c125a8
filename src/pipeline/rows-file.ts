import { open } from 'node:fs/promises';
import type { FrameRow, RowsEnd, RowsFrame, RowsHeader, RunReport } from './run-report.js';

const rowsPerWrite = 1000;

/** Whether a report of this name is written line by line. */
export const isRowsFile = (file: string): boolean => /\.jsonl$/i.test(file);

/**
 * Writes a report line by line, each line a JSON object with a `type`: the header, a row for each frame, the totals. The file must be new; it is on
 * the disk when this resolves.
 *
 * @throws what the file system answers
 */
export async function writeRowsFile(
  file: string,
  report: RunReport,
  rows: readonly FrameRow[],
): Promise<void> {
  const { schema, version, output, config, media, ...rest } = report;
  const header: RowsHeader = { type: 'header', schema, version, output, config, media };
  const end: RowsEnd = { type: 'totals', ...rest };
  const handle = await open(file, 'wx');
  try {
    await handle.appendFile(`${JSON.stringify(header)}\n`);
    for (let first = 0; first < rows.length; first += rowsPerWrite) {
      const lines = rows
        .slice(first, first + rowsPerWrite)
        .map((row) => `${JSON.stringify({ type: 'frame', ...row } satisfies RowsFrame)}\n`);
      await handle.appendFile(lines.join(''));
    }
    await handle.appendFile(`${JSON.stringify(end)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
