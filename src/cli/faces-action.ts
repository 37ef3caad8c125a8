import type { ExitCode } from '../errors.js';
import { type FacesOptions, type FacesReport, faces } from '../index.js';
import { formatFaces } from '../report/faces-table.js';
import { type AnalysisCommand, analysisAction } from './analysis-action.js';
import { facesOptionEntries } from './faces-option-table.js';

export const facesCommand: AnalysisCommand<FacesOptions, FacesReport> = {
  name: 'faces',
  entries: facesOptionEntries,
  start: faces,
  format: formatFaces,
};

/**
 * What `faceswap faces` does: finds the cast and prints it.
 *
 * @returns the exit code; never throws.
 */
export const facesAction = (collected: Readonly<Record<string, unknown>>): Promise<ExitCode> =>
  analysisAction(facesCommand, collected);
