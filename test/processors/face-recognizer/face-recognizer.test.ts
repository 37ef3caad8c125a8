import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cosine, FaceRecognizer } from '../../../src/processors/face-recognizer/face-recognizer.js';
import { formatOf, paintFrame } from '../../support/unit-frames.js';
import { stubSession } from '../../support/unit-faces.js';
import { placedFace } from '../../support/unit-meshes.js';
import { assertClose, at } from '../../support/unit-values.js';

const face = placedFace({ x: 60, y: 60, eyesPx: 30 });
const frame = paintFrame(formatOf(120, 120, 'rgb'), () => [1, 0.2, 0.6]);

test('the descriptor has length one, age is the likeliest year, and the model sees RGB in 0..255', async () => {
  const age = new Float32Array(100);
  age[37] = 0.4;
  age[36] = 0.3;
  const { session, inputs } = stubSession(() => ({
    descriptor: Float32Array.from({ length: 1024 }, (_, i) => (i === 3 ? 3 : i === 8 ? -4 : 0)),
    age,
    gender: Float32Array.of(0.25),
  }));
  const identity = await new FaceRecognizer(session).identify(frame, face);
  assertClose(at(identity.descriptor, 3), 0.6, 1e-6);
  assertClose(at(identity.descriptor, 8), -0.8, 1e-6);
  assertClose(cosine(identity.descriptor, identity.descriptor), 1, 1e-6, 'cosine to itself');
  assert.equal(identity.ageYears, 37);
  assert.equal(identity.male, 0.25);
  const { data, dims } = inputs[0]!.input!;
  assert.deepEqual(dims, [1, 3, 224, 224]);
  for (const [c, value] of [255, 51, 153].entries())
    assertClose(at(data, c * 224 * 224 + 30_000), value, 1e-3);
});

test('a descriptor of zeros stays zero and compares as unlike', async () => {
  const { session } = stubSession(() => ({
    descriptor: new Float32Array(1024),
    age: new Float32Array(100),
    gender: Float32Array.of(0.5),
  }));
  const { descriptor } = await new FaceRecognizer(session).identify(frame, face);
  assert.ok(descriptor.every((value) => value === 0));
  assert.equal(cosine(descriptor, descriptor), 0);
});

test('cosines are one for equal, zero for unrelated and minus one for opposite directions', () => {
  const first = Float32Array.of(0.6, 0.8, 0);
  assertClose(cosine(first, first), 1, 1e-6);
  assertClose(cosine(first, Float32Array.of(0, 0, 1)), 0, 1e-6);
  assertClose(
    cosine(
      first,
      first.map((value) => -value),
    ),
    -1,
    1e-6,
  );
});
