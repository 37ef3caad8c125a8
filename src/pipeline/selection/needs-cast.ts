import type { RunConfig } from '../run-options.js';
import { isOrderOfScores } from './face-order.js';

type FilterOptions = Pick<
  RunConfig,
  'faceSelectorGender' | 'faceSelectorAgeStart' | 'faceSelectorAgeEnd' | 'faceSelectorRaces'
>;

/** Whether people are told apart by what they look like. */
export const hasFilters = (options: FilterOptions): boolean =>
  options.faceSelectorGender !== undefined ||
  options.faceSelectorAgeStart !== undefined ||
  options.faceSelectorAgeEnd !== undefined ||
  options.faceSelectorRaces.length > 0;

/** Whether it has to be known who is who in the target before anything is rendered. */
export const needsCast = (
  options: FilterOptions & Pick<RunConfig, 'maps' | 'faceSelectorMode' | 'faceSelectorOrder'>,
): boolean =>
  options.maps.length > 0 ||
  options.faceSelectorMode === 'reference' ||
  hasFilters(options) ||
  (options.faceSelectorMode === 'one' && isOrderOfScores(options.faceSelectorOrder));
