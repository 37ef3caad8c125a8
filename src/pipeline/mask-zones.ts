import { type FaceZones, faceLayout, paintZones } from '../processors/face-swapper/face-layout.js';
import type { ChainSettings } from './face-chain.js';

const painted = new Map<string, FaceZones>();

/**
 * The zone maps for the mask options: paddings are percentages of the flattened face's box. Painting takes some
 * hundredths of a second, so a thread keeps what it has painted.
 */
export function zonesFor(settings: Pick<ChainSettings, 'faceMaskBlur' | 'faceMaskPadding'>): FaceZones {
  const key = JSON.stringify([settings.faceMaskBlur, settings.faceMaskPadding]);
  const known = painted.get(key);
  if (known !== undefined) return known;
  const { uv } = faceLayout;
  const us = uv.filter((_, i) => i % 2 === 0);
  const vs = uv.filter((_, i) => i % 2 === 1);
  const width = Math.max(...us) - Math.min(...us);
  const height = Math.max(...vs) - Math.min(...vs);
  const { top, right, bottom, left } = settings.faceMaskPadding;
  const zones = paintZones(settings.faceMaskBlur, {
    top: (top / 100) * height,
    right: (right / 100) * width,
    bottom: (bottom / 100) * height,
    left: (left / 100) * width,
  });
  painted.set(key, zones);
  return zones;
}
