/** One kernel next to its plain TypeScript twin, both on the same input. */
export type KernelEntry = {
  /** What is measured, with the size of the input. */
  readonly name: string;
  /** Makes the input; not timed. */
  readonly prepare: () => void;
  /** One call of the twin (`test/support/reference`). */
  readonly plain: () => unknown;
  /** One call of what the product uses. */
  readonly kernel: () => unknown;
};
