import { readFileSync } from 'node:fs';
import { arch, cpus } from 'node:os';

let known: string | undefined;

/**
 * Text that differs between processors for which onnxruntime may choose other kernels: architecture, model and, where the system lists
 * them, instruction sets. Two machines with the same text compute the same.
 */
export function processorIdentity(): string {
  known ??= [arch(), cpus()[0]?.model ?? 'unknown', instructionSets()].join('; ');
  return known;
}

/** Linux lists them per core, and a virtual machine may hide some of what the model has. */
const instructionSets = (): string => {
  try {
    return /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
  } catch {
    return '';
  }
};
