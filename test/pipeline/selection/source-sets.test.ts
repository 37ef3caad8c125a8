import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaceswapError } from '../../../src/errors.js';
import { resolveRunOptions } from '../../../src/pipeline/resolve-run-options.js';
import { loadSourceSets, noPhoto } from '../../../src/pipeline/selection/source-sets.js';
import { FaceSelector } from '../../../src/pipeline/selection/face-selector.js';
import type { SourceLoading } from '../../../src/pipeline/source-faces.js';
import { headPose } from '../../../src/processors/face-swapper/head-pose.js';
import { appearanceOf } from '../../support/unit-faces.js';
import { placedFace } from '../../support/unit-meshes.js';

/** Nothing is to be loaded. */
const loading = {
  worker: {
    prepareSources: () => Promise.reject(new FaceswapError('bug', 'There are no photos')),
  },
  cache: false,
  signal: undefined,
} as unknown as SourceLoading;

test('a run that swaps with no photos loads none', async () => {
  const paths = { target: 'b.mp4', output: 'c.mp4' };
  const deep = resolveRunOptions({ ...paths, processors: ['deep_swapper'] });
  assert.deepEqual((await loadSourceSets(deep, loading)).sets, [[noPhoto]]);
  assert.deepEqual(deep.sources, []);
});

test('a person without photos is selected, and has none to choose from', () => {
  const settings = {
    faceSelectorMode: 'many',
    faceSelectorOrder: 'large-small',
    faceSelectorRegions: [],
  } as const;
  const selector = new FaceSelector(settings, []);
  const lookup = { tracksAt: () => [], rawPoints: () => null };
  selector.begin(lookup, {
    tracks: [
      { trackId: 1, person: 'person1', score: 1, photos: [noPhoto] },
      { trackId: 2, person: 'person2', score: 1, photos: [] },
    ],
    unknown: [],
  });
  const faces = [1, 2].map((trackId) => ({
    trackId,
    box: { x: 0, y: 0, width: 40, height: 40 },
    isUsable: true,
  }));
  const [first, second] = selector.select(0, faces, { widthPx: 100, heightPx: 100 });
  const pose = headPose(placedFace({ x: 50, y: 50, eyesPx: 20 }));
  assert.equal(first?.chooser?.choose(1, pose, appearanceOf({})), null);
  assert.equal(second?.chooser, null);
});
