import type { Percentiles, Spread } from '../pipeline/run-report.js';
import { fixed, missing } from './html/format.js';

/** `mean 30.12, std 1.00, min 25.00`. */
export const spreadText = (spread: Spread | null, digits = 2): string =>
  spread === null
    ? missing
    : `mean ${fixed(spread.mean, digits)}, std ${fixed(spread.std, digits)}, min ${fixed(spread.min, digits)}`;

/** `p5 0.10, p50 0.20, p95 0.30`. */
export const percentilesText = (percentiles: Percentiles | null, digits = 2): string =>
  percentiles === null
    ? missing
    : `p5 ${fixed(percentiles.p5, digits)}, p50 ${fixed(percentiles.p50, digits)}, p95 ${fixed(percentiles.p95, digits)}`;
