/** What {@link writeHtmlReport} works on. */
export type HtmlReportOptions = {
  /** A file of `run({ report })`, or a job: its folder, its id or the name of its output. */
  readonly report: string;
  /** The HTML file. */
  readonly output: string;
  /** Where the run's output lies now; by default where the report says. */
  readonly outputVideo?: string;
  /** Where the run's target lies now; by default where the report says. */
  readonly target?: string;
  readonly overwrite?: boolean;
};

/** What {@link writeHtmlReport} has written. */
export type HtmlReport = {
  readonly output: string;
  readonly bytes: number;
  /** What was read: absolute path. */
  readonly input: string;
  /** Frames that the report tells of. */
  readonly frames: number;
  /** Frames of the target that stand out, with the reasons in words; at most ten. */
  readonly worstFrames: readonly { readonly frame: number; readonly reasons: readonly string[] }[];
  /** Frames that are shown as pictures. */
  readonly pictures: number;
  /** Why there are no pictures; null where there are. */
  readonly noPicturesReason: string | null;
};

/**
 * Makes one self-contained HTML file of what a run has told of itself: plots over time, the worst frames as pictures, totals, settings
 * and warnings.
 *
 * @throws (rejects with) FaceswapError: `usage` for what is no report and for a name that is taken, `media` for files that cannot be
 *   read or written, `unavailable` without ffmpeg, `interrupted` on abort. Videos that are gone are no failure: the page says so.
 */
export const writeHtmlReport = async (
  options: HtmlReportOptions,
  context: { readonly signal?: AbortSignal | undefined } = {},
): Promise<HtmlReport> => (await import('./html-report.js')).makeHtmlReport(options, context);
