import { FaceswapError } from '../../errors.js';

/**
 * A failure to read or write something of the model folder, as one of models: the helpers that read and write files know media only. Anything else
 * stays what it is.
 */
export function modelFolderFailure(error: unknown): unknown {
  if (!(error instanceof FaceswapError) || error.kind !== 'media') return error;
  return new FaceswapError('model', error.message, { ...error.context, stage: 'models', cause: error });
}
