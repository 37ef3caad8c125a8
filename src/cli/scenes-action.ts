import type { ExitCode } from '../errors.js';
import { type ScenesOptions, type ScenesReport, scenes } from '../index.js';
import { formatScenes } from '../report/scenes-table.js';
import { type AnalysisCommand, analysisAction } from './analysis-action.js';
import { scenesOptionEntries } from './scenes-option-table.js';

export const scenesCommand: AnalysisCommand<ScenesOptions, ScenesReport> = {
  name: 'scenes',
  entries: scenesOptionEntries,
  start: scenes,
  format: formatScenes,
};

/**
 * What `faceswap scenes` does: finds the cuts and prints what lies between them.
 *
 * @returns the exit code; never throws.
 */
export const scenesAction = (collected: Readonly<Record<string, unknown>>): Promise<ExitCode> =>
  analysisAction(scenesCommand, collected);
