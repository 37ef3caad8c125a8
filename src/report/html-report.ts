import { resolve } from 'node:path';
import { FaceswapError } from '../errors.js';
import { throwIfInterrupted } from '../pipeline/interruption.js';
import { checkPageFile, writePage } from './page-file.js';
import { runPage } from './run-page.js';
import { readStoredReport } from './stored-report.js';
import { worstFrames } from './worst-frames.js';
import { worstPictures } from './worst-pictures.js';
import type { HtmlReport, HtmlReportOptions } from './write-html-report.js';

/** Frames that are shown as the worst. */
const worstCount = 10;

const checkedName = (name: string, value: unknown): string => {
  if (typeof value === 'string' && value !== '') return value;
  throw new FaceswapError('usage', `${name} must be a file name`);
};

/** The work of `writeHtmlReport`, which says more. */
export async function makeHtmlReport(
  options: HtmlReportOptions,
  { signal }: { readonly signal?: AbortSignal | undefined },
): Promise<HtmlReport> {
  const input = checkedName('report', options.report);
  const output = resolve(checkedName('--output', options.output));
  const { overwrite = false } = options;
  const files = {
    output: options.outputVideo === undefined ? null : resolve(options.outputVideo),
    target: options.target === undefined ? null : resolve(options.target),
  };
  const given = [files.output, files.target].filter((file) => file !== null);
  await checkPageFile(output, { overwrite, inputs: [resolve(input), ...given] });
  const report = await readStoredReport(input);
  const named = [report.output, report.target].filter((file) => file !== null);
  await checkPageFile(output, { overwrite, inputs: named });
  throwIfInterrupted(signal);
  const worst = worstFrames(report.rows, worstCount);
  const pictures = await worstPictures(report, worst, { files, signal });
  const page = runPage(report, worst, pictures);
  throwIfInterrupted(signal);
  await writePage(output, page, overwrite);
  return {
    output,
    bytes: Buffer.byteLength(page),
    input: report.file,
    frames: report.rows.length,
    worstFrames: worst.map(({ row, reasons }) => ({ frame: row.frame, reasons })),
    pictures: pictures.pictures?.length ?? 0,
    noPicturesReason: pictures.reason,
  };
}
