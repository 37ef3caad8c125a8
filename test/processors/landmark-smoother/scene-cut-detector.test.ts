import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { frameLayout, type PlanarFrame } from '../../../src/imaging/planar-frame.js';
import { SceneCutDetector } from '../../../src/processors/landmark-smoother/scene-cut-detector.js';
import { ffmpegOutput, sharedFile, skipReason } from '../../media/media-fixtures.js';
import { formatOf, paintFrame, type Picture } from '../../support/unit-frames.js';
import { type Random, seededRandom } from '../../support/unit-random.js';

const cutsOf = (frames: readonly PlanarFrame[]): number[] => {
  const detector = new SceneCutDetector();
  return frames.flatMap((frame, index) => (detector.push(frame) ? [index] : []));
};

/** A scene of gentle hills of its own; two seeds are two places. */
const scene = (seed: number): ((shift: number, light: number) => Picture) => {
  const random = seededRandom(seed);
  const [fx, fy, phase, base] = [
    random.between(0.03, 0.12),
    random.between(0.03, 0.12),
    random.between(0, 6),
    random.between(0.3, 0.7),
  ];
  return (shift, light) => (x, y) => {
    const value = light * (base + 0.25 * Math.sin(fx * (x + shift) + phase) * Math.cos(fy * y));
    return [value, value, value];
  };
};

const shot = (
  length: number,
  picture: (t: number) => Picture,
  random: Random = seededRandom(1),
): PlanarFrame[] =>
  Array.from({ length }, (_, t) => {
    const frame = paintFrame(formatOf(128, 72), picture(t));
    for (let i = 0; i < 128 * 72; i++) {
      frame.data[i] = Math.min(255, Math.max(0, frame.data[i]! + Math.round(3 * random.normal())));
    }
    return frame;
  });

test('the first frame, and the first after a reset, is no cut', () => {
  const [first, second] = shot(2, (t) => scene(10 * t)(0, 1));
  const detector = new SceneCutDetector();
  assert.equal(detector.push(first!), false);
  detector.reset();
  assert.equal(detector.push(second!), false);
});

test('a still, noisy shot has no cut', () => {
  assert.deepEqual(cutsOf(shot(40, () => scene(1)(0, 1))), []);
});

test('hard cuts are found at their first frame, several in a row too', () => {
  const places = [0, 12, 15, 30];
  const frames = places.flatMap((start, k) => shot((places[k + 1] ?? 40) - start, () => scene(20 + k)(0, 1)));
  assert.deepEqual(cutsOf(frames), [12, 15, 30]);
});

test('a pan, a fade of the light and a slow dissolve are no cuts', () => {
  assert.deepEqual(cutsOf(shot(40, (t) => scene(3)(2 * t, 1))), [], 'pan');
  assert.deepEqual(cutsOf(shot(40, (t) => scene(3)(0, 1 - 0.015 * t))), [], 'fade');
  const [from, to] = [scene(3)(0, 1), scene(5)(0, 1)];
  const dissolve = shot(40, (t) => (x, y) => {
    const share = Math.min(1, Math.max(0, (t - 5) / 30));
    const value = from(x, y)[0] * (1 - share) + to(x, y)[0] * share;
    return [value, value, value];
  });
  assert.deepEqual(cutsOf(dissolve), [], 'dissolve');
});

test('a shot that begins in full movement is cut once, at its start', () => {
  const moving = (t: number) => scene(6)(13 * t, 1);
  assert.deepEqual(cutsOf([...shot(10, () => scene(1)(0, 1)), ...shot(20, moving)]), [10]);
});

test('the decision for a frame does not depend on what follows', () => {
  const frames = [...shot(10, () => scene(1)(0, 1)), ...shot(10, () => scene(2)(0, 1))];
  const other = [...frames.slice(0, 11), ...shot(9, () => scene(7)(0, 1))];
  assert.deepEqual(
    cutsOf(frames.slice(0, 11)),
    cutsOf(other).filter((index) => index < 11),
  );
});

test('frames smaller than the thumbnail work too', () => {
  const frames = [0, 0, 5, 5].map((shift) =>
    paintFrame(formatOf(9, 5), (x) => (x < 4 + shift && x >= shift ? [1, 1, 1] : [0, 0, 0])),
  );
  assert.deepEqual(cutsOf(frames), [2]);
});

/** Decodes a clip small: the detector reduces every frame to a thumbnail of 32×18 anyway. */
const decodeSmall = (file: string): PlanarFrame[] => {
  const format = formatOf(192, 108);
  const layout = frameLayout(format);
  const bytes = ffmpegOutput(
    ...['-protocol_whitelist', 'file,pipe', '-threads', '2', '-i', file, '-map', '0:v:0'],
    ...['-vf', 'scale=192:108:flags=area', '-vsync', '0', '-f', 'rawvideo', '-pix_fmt', 'yuv420p', 'pipe:1'],
  );
  return Array.from({ length: bytes.length / layout.byteLength }, (_, k) => ({
    format,
    layout,
    data: bytes.subarray(k * layout.byteLength, (k + 1) * layout.byteLength),
  }));
};

test('cuts of real clips are found as a viewer marked them', (context) => {
  const list = sharedFile('open/cuts.json');
  if (list === undefined) return context.skip(skipReason);
  const marked = JSON.parse(readFileSync(list, 'utf8')) as Record<string, number[]>;
  let [right, found, wanted] = [0, 0, 0];
  for (const [name, cuts] of Object.entries(marked)) {
    const detected = cutsOf(decodeSmall(sharedFile(name)!));
    const hits = detected.filter((index) => cuts.includes(index));
    context.diagnostic(`${name}: ${hits.length} of ${cuts.length} cuts, detected ${detected.join(', ')}`);
    right += hits.length;
    found += detected.length;
    wanted += cuts.length;
  }
  context.diagnostic(`recall ${right}/${wanted}, precision ${right}/${found}`);
  assert.ok(right / wanted >= 0.9, `recall ${right}/${wanted}`);
  assert.ok(right / found >= 0.9, `precision ${right}/${found}`);
});

test('shots without a cut have none, whatever moves in them', (context) => {
  for (const name of [
    'webcam_talk.mp4',
    'webcam_near_far.mp4',
    'webcam_hand_on_face.mp4',
    'head_turn_profile.mp4',
    'two_people_tilt.mp4',
    'sign_hands_fullrange.mkv',
    'cafe_passersby_occlusion_720p.mp4',
    'film_closeup_light_change.webm',
  ]) {
    const file = sharedFile(`open/${name}`);
    if (file === undefined) return context.skip(skipReason);
    assert.deepEqual(cutsOf(decodeSmall(file)), [], name);
  }
});
