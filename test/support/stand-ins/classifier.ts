import type { OnnxModel } from '../../../src/inference/onnx-file.js';
import { constantModel } from './detectors.js';
import { writeStandIn } from './models.js';

/** With fairface's signature: the same classes for every face. */
export const fixedClassifier = (race: number, gender: number, age: number): OnnxModel =>
  constantModel(
    { name: 'input', dims: [1, 3, 224, 224] },
    {
      race_id: { dims: [1], data: Float32Array.of(race) },
      gender_id: { dims: [1], data: Float32Array.of(gender) },
      age_id: { dims: [1], data: Float32Array.of(age) },
    },
  );

export const writeClassifierStandIn = (folder: string, race = 0, gender = 1, age = 3): void => {
  writeStandIn(folder, 'fairface', fixedClassifier(race, gender, age));
};
