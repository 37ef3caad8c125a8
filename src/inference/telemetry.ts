/**
 * Keeps onnxruntime from collecting and sending usage data, which it does from 1.30 on unless this variable is set, leaving files in
 * the temporary folder. The library reads the process's environment when it is loaded; a worker thread has only a
 * copy of it, so the main thread must call this before it starts a worker that loads models. A user who sets the variable
 * decides for himself.
 */
export function disableTelemetry(): void {
  process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
}
