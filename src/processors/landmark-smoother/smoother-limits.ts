/** What each mode takes for its window where nothing else is asked for. */
export const smootherWindows = { window: 7, ema: 5, none: 2 } as const;

/** Frames that the windows may have. */
export const smootherWindowLimits = { lowest: 2, highest: 7 } as const;

/** Weight of the present in the causal average: 75 % history. */
export const defaultSmootherAlpha = 0.25;
