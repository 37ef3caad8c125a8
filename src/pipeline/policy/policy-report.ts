/** Who may refuse a run. */
export type PolicyCheckName = 'content-analyser' | 'policy-command';

/** When a check looks: before rendering at target and sources, or after it at the finished output, which has no name yet. */
export type PolicyPoint = 'before' | 'after';

/** What a check looked at and said; it allowed the run, since a refusal ends it. */
export type PolicyCheckReport = {
  readonly check: PolicyCheckName;
  readonly point: PolicyPoint;
  /** Frames of the target or the output that it looked at. */
  readonly frames: number;
  /** Source photos that it looked at. */
  readonly photos: number;
  /** What it said, in one line. */
  readonly said: string;
  /** What it said besides; null where there is nothing. */
  readonly details: Readonly<Record<string, unknown>> | null;
};

/** A check that looks at runs by itself and did not look at this one. */
export type MissedPolicyCheck = { readonly check: PolicyCheckName; readonly reason: string };

/** All checks of a run. */
export type PolicyReport = {
  /** In the order in which they ran. */
  readonly checks: readonly PolicyCheckReport[];
  readonly notRun: readonly MissedPolicyCheck[];
};
