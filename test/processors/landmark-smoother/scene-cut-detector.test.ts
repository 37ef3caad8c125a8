import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { frameLayout, type PlanarFrame } from '../../../src/imaging/planar-frame.js';
import {
  cutLookAheadFrames,
  type CutVerdict,
  SceneCutDetector,
} from '../../../src/processors/landmark-smoother/scene-cut-detector.js';
import { ffmpegOutput, sharedFile, skipReason } from '../../media/media-fixtures.js';
import { formatOf, paintFrame, type Picture } from '../../support/unit-frames.js';
import { type Random, seededRandom } from '../../support/unit-random.js';

const verdictsOn = (
  frames: readonly PlanarFrame[],
  detector: SceneCutDetector = new SceneCutDetector(),
): CutVerdict[] => {
  const verdicts = frames.flatMap((frame) => detector.push(frame) ?? []);
  for (;;) {
    const verdict = detector.drain();
    if (verdict === null) return verdicts;
    verdicts.push(verdict);
  }
};

const cutsOf = (frames: readonly PlanarFrame[]): number[] =>
  verdictsOn(frames).flatMap((verdict, index) => (verdict === 'cut' ? [index] : []));

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
  assert.deepEqual(verdictsOn([first!], detector), ['same']);
  detector.reset();
  assert.deepEqual(verdictsOn([second!], detector), ['same']);
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

test('the verdict on a frame depends on no more than two frames after it', () => {
  const frames = [...shot(10, () => scene(1)(0, 1)), ...shot(10, () => scene(2)(0, 1))];
  const other = [...frames.slice(0, 13), ...shot(9, () => scene(7)(0, 1))];
  const settled = 13 - cutLookAheadFrames;
  assert.deepEqual(verdictsOn(frames).slice(0, settled), verdictsOn(other).slice(0, settled));
});

test('every frame gets one verdict, in order, as many frames later as it says', () => {
  const detector = new SceneCutDetector();
  const early = shot(6, () => scene(1)(0, 1)).map((frame) => detector.push(frame));
  assert.deepEqual(early, [null, null, 'same', 'same', 'same', 'same']);
  assert.deepEqual([detector.drain(), detector.drain(), detector.drain()], ['same', 'same', null]);
});

test('flashes of one and two bright frames are no cuts, nor is what follows them', () => {
  const flash = (length: number) => [
    ...shot(12, () => scene(1)(0, 1)),
    ...shot(length, () => (x, y) => {
      const value = Math.min(1, 0.75 + 0.4 * scene(1)(0, 1)(x, y)[0]);
      return [value, value, value];
    }),
    ...shot(12, () => scene(1)(0, 1)),
  ];
  assert.deepEqual(cutsOf(flash(1)), []);
  assert.deepEqual(cutsOf(flash(2)), []);
  const white = [
    ...shot(12, () => scene(1)(0, 1)),
    ...shot(2, () => () => [1, 1, 1]),
    ...shot(12, () => scene(2)(0, 1)),
  ];
  assert.ok(cutsOf(white).includes(14), 'the place after a flash that hides a cut begins a shot');
});

test('three frames of another place are two cuts', () => {
  const frames = [
    ...shot(12, () => scene(1)(0, 1)),
    ...shot(3, () => scene(2)(0, 1)),
    ...shot(12, () => scene(1)(0, 1)),
  ];
  assert.deepEqual(cutsOf(frames), [12, 15]);
});

/** A wide place with things in it, so that a camera has something to pan over. */
const panorama: Picture = (x, y) => {
  const value =
    0.5 + 0.2 * Math.sin(x / 9) + 0.15 * Math.sin(x / 23 + y / 11) + 0.1 * Math.cos(y / 7 - x / 41);
  return [value, value, value];
};

test('a whip pan, a fast zoom and a camera that corrects its exposure are no cuts', () => {
  const whip = shot(40, (t) => {
    const at = t < 12 ? 0 : t < 17 ? 26 * (t - 11) : 130;
    return (x, y) => panorama(x + at, y);
  });
  assert.deepEqual(cutsOf(whip), [], 'whip pan');
  const zoom = shot(40, (t) => {
    const scale = t < 12 ? 1 : t < 18 ? 0.87 ** (t - 11) : 0.87 ** 6;
    return (x, y) => panorama(64 + scale * (x - 64), 36 + scale * (y - 36));
  });
  assert.deepEqual(cutsOf(zoom), [], 'zoom');
  const exposure = shot(40, (t) => scene(1)(0, t < 15 ? 1 : t < 18 ? 1 - 0.12 * (t - 14) : 0.64));
  assert.deepEqual(cutsOf(exposure), [], 'exposure');
});

test('somebody who walks through the picture close to the camera makes no cut', () => {
  const walk = shot(50, (t) => (x, y) => {
    const edge = 5 * (t - 10);
    if (x > edge - 70 && x < edge) return [0.12, 0.12, 0.12];
    return scene(1)(0, 1)(x, y);
  });
  assert.deepEqual(cutsOf(walk), []);
});

test('a cut between dark places, and one in heavy noise, is found or at least doubtful', () => {
  const dim =
    (seed: number): Picture =>
    (x, y) => {
      const value = 0.05 + 0.16 * scene(seed)(0, 1)(x, y)[0];
      return [value, value, value];
    };
  const dark = verdictsOn([...shot(12, () => dim(1)), ...shot(12, () => dim(2))]);
  assert.notEqual(dark[12], 'same');
  assert.ok(dark.every((verdict, index) => index === 12 || verdict !== 'cut'));
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
