import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileFailure } from './file-failure.js';
import { bringBeside, placeFile } from './file-placement.js';
import type { RunConfig } from './run-options.js';
import { isRowsFile, writeRowsFile } from './rows-file.js';
import type { FrameRow, RunReport } from './run-report.js';

/** A report that is on the disk and has no final name yet. */
export type UnplacedReport = {
  /** Gives it its name. @throws FaceswapError as {@link placeFile} */
  readonly place: () => Promise<void>;
  /** Deletes it, under whichever name it has; may be called twice. */
  readonly remove: () => Promise<void>;
};

const writeObject = async (
  temporary: string,
  report: RunReport,
  rows: readonly FrameRow[],
): Promise<void> => {
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
};

/**
 * Writes the report under a temporary name (as JSON, its own fields and `frames`, one row per rendered frame and line; or line by line
 * where the name ends in `.jsonl`), in the folder of unfinished files or beside its final one, so that all that can go wrong has gone wrong before
 * the output appears.
 *
 * @throws FaceswapError (media, resources) when it cannot be written; nothing is left then.
 */
export async function writeReportFile(
  file: string,
  report: RunReport,
  {
    rows,
    overwrite,
    folder,
  }: { readonly rows: readonly FrameRow[]; readonly folder: string } & Pick<RunConfig, 'overwrite'>,
): Promise<UnplacedReport> {
  const inLines = isRowsFile(file);
  const written = join(folder, inLines ? 'rows.jsonl' : 'report.json');
  let temporary: string;
  try {
    await rm(written, { force: true });
    await (inLines ? writeRowsFile : writeObject)(written, report, rows);
    temporary = await bringBeside(written, file, { stage: 'report' });
  } catch (error) {
    await rm(written, { force: true });
    throw fileFailure(error, file, 'report');
  }
  let path = temporary;
  return {
    place: async () => {
      await placeFile(temporary, file, { overwrite, stage: 'report' });
      path = file;
    },
    remove: () => rm(path, { force: true }),
  };
}

/**
 * Writes the report line by line into a job folder that is kept: `report.jsonl`.
 *
 * @throws FaceswapError (media, resources) when it cannot be written; nothing is left then.
 */
export async function keepReport(
  folder: string,
  report: RunReport,
  rows: readonly FrameRow[],
): Promise<void> {
  const file = join(folder, 'report.jsonl');
  try {
    await rm(file, { force: true });
    await writeRowsFile(file, report, rows);
  } catch (error) {
    await rm(file, { force: true });
    throw fileFailure(error, file, 'report');
  }
}
