type TonePlanes = (first: number, second: number, third: number, count: number, tables: number) => void;

/** The kernels of `assembly/tone.ts`, which documents them. */
export type ToneKernels = {
  readonly signalToDisplay: (
    first: number,
    second: number,
    third: number,
    count: number,
    tables: number,
    scale: number,
    offset: number,
  ) => void;
  readonly displayToSignal: TonePlanes;
  readonly displayToWide: TonePlanes;
  readonly wideToSignal: TonePlanes;
  readonly widenLab: (first: number, second: number, third: number, count: number, factor: number) => void;
};
