import { type FaceZones, faceLayout, paintZones } from '../processors/face-swapper/face-layout.js';
import type { ChainSettings } from './face-chain.js';

/** The zone maps for the mask options: paddings are percentages of the flattened face's box. */
export function zonesFor(settings: Pick<ChainSettings, 'faceMaskBlur' | 'faceMaskPadding'>): FaceZones {
  const { uv } = faceLayout;
  const us = uv.filter((_, i) => i % 2 === 0);
  const vs = uv.filter((_, i) => i % 2 === 1);
  const width = Math.max(...us) - Math.min(...us);
  const height = Math.max(...vs) - Math.min(...vs);
  const { top, right, bottom, left } = settings.faceMaskPadding;
  return paintZones(settings.faceMaskBlur, {
    top: (top / 100) * height,
    right: (right / 100) * width,
    bottom: (bottom / 100) * height,
    left: (left / 100) * width,
  });
}
