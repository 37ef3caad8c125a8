import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { fileFailure } from './file-failure.js';
import type { FrameRow, RunReport } from './run-report.js';

/**
 * Writes the report file: the report's own fields and `frames`, one row per rendered frame and line, as JSON. It
 * appears whole or not at all.
 *
 * @throws FaceswapError (media, resources) when it cannot be written.
 */
export async function writeReportFile(
  file: string,
  report: RunReport,
  rows: readonly FrameRow[],
): Promise<void> {
  const temporary = join(dirname(file), `.faceswap-${randomBytes(4).toString('hex')}.report`);
  try {
    const handle = await open(temporary, 'wx');
    try {
      const head = JSON.stringify(report, null, 2).replace(/\n}$/, '');
      await handle.appendFile(`${head},\n  "frames": [`);
      const rowsPerWrite = 1000;
      for (let first = 0; first < rows.length; first += rowsPerWrite) {
        const lines = rows.slice(first, first + rowsPerWrite).map((row) => `\n    ${JSON.stringify(row)}`);
        await handle.appendFile(`${first === 0 ? '' : ','}${lines.join(',')}`);
      }
      await handle.appendFile('\n  ]\n}\n');
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw fileFailure(error, file, 'report');
  }
}
