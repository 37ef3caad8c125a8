/** Providers that let a session choose among several devices, by onnxruntime's names. */
const devicedProviders: ReadonlySet<string> = new Set(['cuda', 'tensorrt', 'dml']);

/** Whether a provider takes the number of a device. */
export const takesDeviceId = (provider: string): boolean => devicedProviders.has(provider);
