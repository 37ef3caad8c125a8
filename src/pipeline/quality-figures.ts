import { psnrCeilingDb } from '../processors/quality-monitor/psnr-ceiling.js';
import type { Percentiles, Spread } from './run-report.js';

/** The figures that were taken. */
export const known = (values: readonly (number | null)[]): readonly number[] =>
  values.filter((value) => value !== null && !Number.isNaN(value)) as readonly number[];

export const ascending = (values: readonly number[]): readonly number[] => [...values].sort((a, b) => a - b);

/** Linear interpolation between the two nearest ranks of sorted values; NaN when there are none. */
export const quantile = (sorted: readonly number[], share: number): number => {
  const position = share * (sorted.length - 1);
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? below;
  return below + (above - below) * (position - Math.floor(position));
};

/** Mean, population standard deviation and minimum; null when no figure was taken. Figures in dB end at {@link psnrCeilingDb}. */
export const spreadOf = (values: readonly (number | null)[]): Spread | null => {
  const figures = known(values).map((value) => Math.min(value, psnrCeilingDb));
  if (figures.length === 0) return null;
  const mean = figures.reduce((sum, value) => sum + value, 0) / figures.length;
  const variance = figures.reduce((sum, value) => sum + (value - mean) ** 2, 0) / figures.length;
  const min = figures.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  return { mean, std: Math.sqrt(variance), min };
};

/** Percentiles; null when no figure was taken. */
export const percentilesOf = (values: readonly (number | null)[]): Percentiles | null => {
  const sorted = ascending(known(values));
  if (sorted.length === 0) return null;
  return {
    p5: quantile(sorted, 0.05),
    p50: quantile(sorted, 0.5),
    p95: quantile(sorted, 0.95),
    count: sorted.length,
  };
};
