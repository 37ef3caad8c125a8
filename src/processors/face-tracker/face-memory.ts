import { cosine } from '../face-recognizer/face-recognizer.js';

/** So many descriptors of a face are remembered, as their sum: more change it little. */
const mostSamples = 3;

/** How a tracked face looks to the recogniser. Empty until the face comes near to another one. */
export class FaceMemory {
  #sum: Float32Array | null = null;
  #samples = 0;

  get isEmpty(): boolean {
    return this.#samples === 0;
  }

  /** Whether it has seen enough. */
  get isFull(): boolean {
    return this.#samples >= mostSamples;
  }

  /** @param descriptor normalised */
  add(descriptor: Float32Array): void {
    this.#samples++;
    if (this.#sum === null) {
      this.#sum = descriptor.slice();
      return;
    }
    for (let i = 0; i < descriptor.length; i++) {
      this.#sum[i] = (this.#sum[i] as number) + (descriptor[i] as number);
    }
  }

  /** Cosine similarity of a normalised descriptor to what is remembered; 0 while that is nothing. */
  likeness(descriptor: Float32Array): number {
    const sum = this.#sum;
    if (sum === null) return 0;
    const length = Math.sqrt(cosine(sum, sum));
    return length > 0 ? cosine(sum, descriptor) / length : 0;
  }
}
