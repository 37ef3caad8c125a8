import { blurPlane, inpaint, stretchMap } from '../../src/imaging/plane-ops.js';
import { paintZones } from '../../src/processors/face-swapper/face-layout.js';
import { plainZonesFor } from '../../test/support/reference/face-zones.js';
import { plainBlurPlane, plainInpaint } from '../../test/support/reference/plane-ops.js';
import { plainStretchedMap } from '../../test/support/reference/source-texture.js';
import { seededRandom } from '../../test/support/unit-random.js';
import type { KernelEntry } from './kernel-entry.js';

const size = 512;
const noise = (): Float32Array => {
  const random = seededRandom(1);
  return Float32Array.from({ length: size * size }, () => random.next());
};
const planes = [noise(), noise(), noise()];
const weight = noise().map((value) => (value > 0.5 ? 1 : value));
const insets = { top: 0, right: 0, bottom: 0, left: 0 };
const prepare = (): void => {
  for (const plane of planes) plane.set(noise());
};

/** What is done once per source photo. */
export const planeEntries: readonly KernelEntry[] = [
  {
    name: `planes: blur of ${size}²`,
    prepare,
    plain: () => plainBlurPlane(planes[0] as Float32Array, size, size, size / 28),
    kernel: () => blurPlane(planes[0] as Float32Array, size, size, size / 28),
  },
  {
    name: `planes: filling three of ${size}²`,
    prepare,
    plain: () => plainInpaint(planes, weight, size, size),
    kernel: () => inpaint(planes, weight, size, size),
  },
  {
    name: `planes: a map of ${size}² stretched to ${2 * size}²`,
    prepare,
    plain: () => plainStretchedMap(weight, size, 2 * size),
    kernel: () => stretchMap(weight, size, 2 * size),
  },
  {
    name: 'planes: zone maps',
    prepare: () => undefined,
    plain: () => plainZonesFor(0.2, insets),
    kernel: () => paintZones(0.2, insets),
  },
];
