import type { OutputSpec } from './tfjs-to-onnx.js';

/** What the build makes out of the TFJS models of `@vladmandic/human`. */
export type EmbeddedModel = {
  /** Also the base name of the TFJS files and of the ONNX file. */
  id: string;
  /** Origin and licence, written into the ONNX file. */
  docString: string;
  outputs: OutputSpec[];
};

const shippedBy = 'shipped as a TensorFlow.js graph model in @vladmandic/human (MIT)';

/** In the order in which they are built. TFJS outputs that nothing here needs (facemesh's contours) are left out. */
export const embeddedModels: readonly EmbeddedModel[] = [
  {
    id: 'blazeface',
    docString: `BlazeFace (back camera), google/mediapipe, Apache-2.0; ${shippedBy}`,
    outputs: [
      {
        name: 'scores',
        parts: [
          { tensor: 'Identity', dims: [512] },
          { tensor: 'Identity_1', dims: [384] },
        ],
      },
      {
        name: 'boxes',
        parts: [
          { tensor: 'Identity_2', dims: [512, 16] },
          { tensor: 'Identity_3', dims: [384, 16] },
        ],
      },
    ],
  },
  {
    id: 'facemesh',
    docString: `Face mesh, google/mediapipe, Apache-2.0; ${shippedBy}`,
    outputs: [
      { name: 'landmarks', parts: [{ tensor: 'Identity_2', dims: [1404] }] },
      { name: 'flag', parts: [{ tensor: 'Identity_1', dims: [1] }] },
    ],
  },
  {
    id: 'faceres',
    docString: `FaceRes, HSE-asavchenko/HSE_FaceRec_tf; ${shippedBy}`,
    outputs: [
      { name: 'descriptor', parts: [{ tensor: 'global_pooling/Mean', dims: [1024] }] },
      { name: 'age', parts: [{ tensor: 'age_pred/Softmax', dims: [100] }] },
      { name: 'gender', parts: [{ tensor: 'gender_pred/Sigmoid', dims: [1] }] },
    ],
  },
];
