import { type PlanarFrame, sampleScale } from '../../../src/imaging/planar-frame.js';
import { smoothstep } from '../../../src/imaging/plane-ops.js';
import type { FacePatch } from '../../../src/processors/face-swapper/mesh-swapper.js';
import type { BlendLevels } from '../../../src/processors/multiband-blender/blend-levels.js';
import {
  type BlendSettings,
  detailReference,
} from '../../../src/processors/multiband-blender/face-blender.js';
import { boxMasks, drawnLevels, partOf, plainAnchors, plainCorrection } from './gradient-blend.js';
import { PlainPyramidSteps, type PyramidLevel, pyramidLevels } from './pyramid.js';

/**
 * The plain loops behind `FaceBlender`, written as the blend is described: the whole region of both pictures is taken apart into
 * Laplacian bands, these are mixed, and the result is put together again; or the correction of a blend of gradients is taken off.
 */
export class PlainFaceBlender {
  readonly #steps = new PlainPyramidSteps();

  /** @param frame changed in place */
  blend(frame: PlanarFrame, patch: FacePatch, settings: BlendSettings): void {
    const { format, layout } = frame;
    const { region } = patch;
    const scale = sampleScale(format);
    const highest = 256 * scale - 1;
    let anchors: Float32Array = new Float32Array(0);
    for (let index = 0; index < 3; index++) {
      const shiftX = index === 0 ? 0 : format.chromaShiftX;
      const shiftY = index === 0 ? 0 : format.chromaShiftY;
      const plane = layout.planes[index as 0 | 1 | 2];
      const width = (region.width + (1 << shiftX) - 1) >> shiftX;
      const height = (region.height + (1 << shiftY) - 1) >> shiftY;
      const count = width * height;
      const mask = this.#scaledMask(patch.mask, region.width, region.height, shiftX, shiftY);
      const coverage = this.#scaledMask(patch.coverage, region.width, region.height, shiftX, shiftY);
      const original = new Float32Array(count);
      const target = new Float32Array(count);
      const drawn = new Float32Array(count);
      const source = patch.planes[index as 0 | 1 | 2];
      const origin = plane.offset + (region.y >> shiftY) * plane.widthPx + (region.x >> shiftX);
      for (let y = 0, at = 0; y < height; y++) {
        const line = origin + y * plane.widthPx;
        for (let x = 0; x < width; x++, at++) {
          const value = (frame.data[line + x] as number) / scale;
          original[at] = value;
          // A covered chroma sample at the mesh's rim holds the mean of its covered luma places only: exact enough.
          drawn[at] = (coverage[at] as number) > 0 ? (source[at] as number) : value;
        }
      }
      moveTarget(original, target, width, height, patch, shiftX, shiftY);
      const place = { shiftX, isLuma: index === 0 };
      let difference: Float32Array;
      if (settings.mode === 'basic') {
        difference = this.#basic(target, drawn, mask);
      } else if (settings.mode === 'multiband') {
        difference = this.#multiband(target, drawn, mask, width, height, patch, place, settings);
      } else {
        const size = { width, height };
        const levels = drawnLevels(patch, region, { ...size, shiftX, shiftY });
        const change = this.#multiband(target, drawn, levels, width, height, patch, place, settings);
        const part = partOf(levels);
        if (index === 0) {
          const outline = patch.outline ?? patch.mask;
          anchors = plainAnchors({ mask: patch.mask, outline }, change, size, part);
        }
        const planes = {
          anchors: this.#scaledMask(anchors, region.width, region.height, shiftX, shiftY),
          mask,
          difference: change,
          target,
        };
        const correction = plainCorrection(planes, size, part, {
          scale: 2 ** (shiftX + shiftY),
          faceWidth: patch.faceWidthPx / 2 ** shiftX,
          isMixed: settings.mode === 'seamless',
        });
        difference = change.map((value, i) => (mask[i] as number) * (value - (correction[i] as number)));
      }
      const fadeX = Math.max(2, width * 0.06);
      const fadeY = Math.max(2, height * 0.06);
      for (let y = 0, at = 0; y < height; y++) {
        const line = origin + y * plane.widthPx;
        const fromEdgeY = edgeDistance(y, height, region.y > 0, region.y + region.height < format.heightPx);
        const edgeY = smoothstep(0, fadeY, fromEdgeY);
        for (let x = 0; x < width; x++, at++) {
          const fromEdgeX = edgeDistance(x, width, region.x > 0, region.x + region.width < format.widthPx);
          const change =
            ((target[at] as number) + (difference[at] as number) - (original[at] as number)) *
            edgeY *
            smoothstep(0, fadeX, fromEdgeX) *
            scale;
          if (change > -0.5 && change < 0.5) continue;
          const value = Math.round((original[at] as number) * scale + change);
          frame.data[line + x] = value < 0 ? 0 : value > highest ? highest : value;
        }
      }
    }
  }

  #basic(target: Float32Array, drawn: Float32Array, mask: Float32Array): Float32Array {
    for (let i = 0; i < drawn.length; i++) {
      drawn[i] = (mask[i] as number) * ((drawn[i] as number) - (target[i] as number));
    }
    return drawn;
  }

  /**
   * @param mask or the boxes of what is drawn, in which then everything comes from it, with its gains
   * @returns blend minus target; overwrites `target`'s and `drawn`'s pyramids but not `target` itself
   */
  #multiband(
    target: Float32Array,
    drawn: Float32Array,
    mask: Float32Array | BlendLevels,
    width: number,
    height: number,
    patch: FacePatch,
    { shiftX, isLuma }: { readonly shiftX: number; readonly isLuma: boolean },
    { detailGain, featureLift }: BlendSettings,
  ): Float32Array {
    const faceWidth = patch.faceWidthPx / (1 << shiftX);
    const wanted = Math.max(2, 1 + Math.round(Math.log2(Math.max(2, faceWidth / 5))));
    const levels = pyramidLevels(width, height, wanted);
    const targets = this.#gaussian(target, levels);
    const sources = this.#gaussian(drawn, levels);
    const masks = mask instanceof Float32Array ? this.#gaussian(mask, levels) : boxMasks(mask, levels);
    for (let l = 0; l < levels.length; l++) {
      const level = levels[l] as PyramidLevel;
      const t = targets[l] as Float32Array;
      const s = sources[l] as Float32Array;
      const m = masks[l] as Float32Array;
      const next = levels[l + 1];
      const spacing = (1 << l) / faceWidth;
      const share = mask instanceof Float32Array ? sourceShare(spacing, isLuma) : 1;
      const lift = isLuma && mask instanceof Float32Array ? 1 + featureLift * featureWeight(spacing) : 1;
      if (next !== undefined) {
        this.#steps.expandAdd(targets[l + 1] as Float32Array, level.widthPx, level.heightPx, t, -1);
        this.#steps.expandAdd(sources[l + 1] as Float32Array, level.widthPx, level.heightPx, s, -1);
        const gain = lift * octaveGain(detailGain, l + Math.log2(detailReference / faceWidth));
        for (let i = 0; i < s.length; i++) {
          s[i] = (m[i] as number) * share * (gain * (s[i] as number) - (t[i] as number));
        }
      } else {
        for (let i = 0; i < s.length; i++)
          s[i] = (m[i] as number) * share * ((s[i] as number) - (t[i] as number));
      }
    }
    for (let l = levels.length - 2; l >= 0; l--) {
      const level = levels[l] as PyramidLevel;
      this.#steps.expandAdd(
        sources[l + 1] as Float32Array,
        level.widthPx,
        level.heightPx,
        sources[l] as Float32Array,
        1,
      );
    }
    return sources[0] as Float32Array;
  }

  #gaussian(plane: Float32Array, levels: readonly PyramidLevel[]): Float32Array[] {
    const first = new Float32Array(plane.length);
    first.set(plane);
    const planes = [first];
    for (let l = 1; l < levels.length; l++) {
      const { widthPx, heightPx } = levels[l] as PyramidLevel;
      const finer = levels[l - 1] as PyramidLevel;
      const out = new Float32Array(widthPx * heightPx);
      this.#steps.reduce(planes[l - 1] as Float32Array, finer.widthPx, finer.heightPx, out);
      planes.push(out);
    }
    return planes;
  }

  #scaledMask(
    mask: Float32Array,
    width: number,
    height: number,
    shiftX: number,
    shiftY: number,
  ): Float32Array {
    if (shiftX === 0 && shiftY === 0) return mask;
    const outWidth = (width + (1 << shiftX) - 1) >> shiftX;
    const outHeight = (height + (1 << shiftY) - 1) >> shiftY;
    const out = new Float32Array(outWidth * outHeight);
    for (let y = 0; y < outHeight; y++) {
      const y0 = y << shiftY;
      const y1 = Math.min(height - 1, y0 + shiftY);
      for (let x = 0; x < outWidth; x++) {
        const here = x << shiftX;
        // 1 2 1 around the sample's own column, as the swapper averages chroma.
        const before = Math.max(0, here - shiftX);
        const after = Math.min(width - 1, here + shiftX);
        let sum = 0;
        for (const row of [y0 * width, y1 * width]) {
          sum +=
            (mask[row + before] as number) + 2 * (mask[row + here] as number) + (mask[row + after] as number);
        }
        out[y * outWidth + x] = sum / 8;
      }
    }
    return out;
  }
}

/**
 * The target as it would look with the new proportions: each covered pixel is fetched (bilinearly) from where the drawn
 * mesh says that it was.
 */
function moveTarget(
  original: Float32Array,
  target: Float32Array,
  width: number,
  height: number,
  patch: FacePatch,
  shiftX: number,
  shiftY: number,
): void {
  const { coverage, placeX, placeY, region } = patch;
  if (placeX === null || placeY === null) {
    target.set(original);
    return;
  }
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const luma =
        Math.min(region.height - 1, y << shiftY) * region.width + Math.min(region.width - 1, x << shiftX);
      if (coverage[luma] === 0) {
        target[at] = original[at] as number;
        continue;
      }
      // Relative to where the sample itself lies, so that chroma siting cancels out.
      const moveX = ((placeX[luma] as number) - (x << shiftX)) / (1 << shiftX);
      const moveY = ((placeY[luma] as number) - (y << shiftY)) / (1 << shiftY);
      const fromX = Math.min(width - 1, Math.max(0, x + moveX));
      const fromY = Math.min(height - 1, Math.max(0, y + moveY));
      const x0 = fromX | 0;
      const y0 = fromY | 0;
      const fx = fromX - x0;
      const fy = fromY - y0;
      const base = y0 * width + x0;
      const right = x0 + 1 < width ? 1 : 0;
      const below = y0 + 1 < height ? width : 0;
      const upper = (original[base] as number) * (1 - fx) + (original[base + right] as number) * fx;
      const lower =
        (original[base + below] as number) * (1 - fx) + (original[base + below + right] as number) * fx;
      target[at] = upper * (1 - fy) + lower * fy;
    }
  }
}

/** Distance from the nearer edge of the region; an edge that is the frame's own does not count. */
function edgeDistance(position: number, length: number, hasBefore: boolean, hasAfter: boolean): number {
  const before = hasBefore ? position : Infinity;
  const after = hasAfter ? length - 1 - position : Infinity;
  return Math.min(before, after);
}

/**
 * How much of an octave comes from the new face: everything up to features as large as a brow, then less and less; light
 * and shade across the whole face stay the target's, more so in chroma. Set by looking and by the identity figures of
 * `bench/plain-warp.ts`.
 *
 * @param spacing distance of the octave's samples as a share of the face's width
 */
function sourceShare(spacing: number, isLuma: boolean): number {
  return 1 - (isLuma ? 0.2 : 0.45) * smoothstep(0.05, 0.2, spacing);
}

/**
 * 1 for octaves of the size of eyes, nose and mouth, less for finer and coarser ones.
 *
 * @param spacing as for {@link sourceShare}
 */
function featureWeight(spacing: number): number {
  return Math.max(0, 1 - Math.abs(Math.log2(spacing / 0.035)) / 1.6);
}

function octaveGain(gains: Float32Array, octave: number): number {
  if (octave <= 0) return gains[0] ?? 1;
  const low = Math.floor(octave);
  const first = gains[low] ?? 1;
  const second = gains[low + 1] ?? 1;
  return first + (second - first) * (octave - low);
}
