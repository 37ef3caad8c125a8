/** When the content analyser runs: whenever its models are there, or always, so that a run without them is refused. */
export type ContentAnalyserMode = 'auto' | 'require';

/** The options of the checks that may refuse a run; part of `RunOptions`. */
export type PolicyOptions = {
  contentAnalyser?: ContentAnalyserMode;
  /** A program that is asked before and after: a text that is split into words at blanks (quotes keep words together), or the words. */
  policyCommand?: string | readonly string[];
  /** Seconds that the program may take for each answer. */
  policyTimeout?: number;
};

/** {@link PolicyOptions} with every default filled in; part of `RunConfig`. */
export type PolicyConfig = {
  readonly contentAnalyser: ContentAnalyserMode;
  /** Program and arguments. Undefined: none is asked. */
  readonly policyCommand: readonly string[] | undefined;
  readonly policyTimeoutMs: number;
};
