import { ExitCode, FaceswapError } from '../errors.js';
import { writeHtmlReport } from '../report/write-html-report.js';
import { formatHtmlReport } from '../report/html-report-table.js';
import { reportFailure } from './failure.js';
import { listenForInterruption } from './interruption.js';
import { writeError, writeResult } from './output.js';
import type { ReportSwitches } from './report-command.js';

/**
 * What `faceswap report` does: writes the page and says where it is.
 *
 * @returns the exit code; never throws.
 */
export const reportAction = async (report: string, switches: ReportSwitches): Promise<ExitCode> => {
  const { output, outputVideo, target, overwrite = false, json = false } = switches;
  const interruption = listenForInterruption({
    onStop: () => writeError('stopping; once more ends it at once\n'),
  });
  try {
    if (output === undefined) throw new FaceswapError('usage', 'Missing: --output');
    const written = await writeHtmlReport(
      {
        report,
        output,
        overwrite,
        ...(outputVideo === undefined ? {} : { outputVideo }),
        ...(target === undefined ? {} : { target }),
      },
      { signal: interruption.signal },
    );
    writeResult(json ? `${JSON.stringify({ ok: true, page: written })}\n` : formatHtmlReport(written));
    return ExitCode.ok;
  } catch (error) {
    return reportFailure(error, { json, debug: false });
  } finally {
    interruption.dispose();
  }
};
