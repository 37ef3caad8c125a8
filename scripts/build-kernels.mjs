// Compiles the SIMD kernels (AssemblyScript) to src/imaging/kernels/kernels.wasm, which `npm run build:code` copies to
// dist. The compiler's version is pinned, so the same source gives the same bytes.
import { mkdir, rename } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const folder = fileURLToPath(new URL('../src/imaging/kernels/', import.meta.url));
const part = `${folder}kernels.wasm.${process.pid}.part`;

await mkdir(folder, { recursive: true });
const { error, stderr } = await asc.main([
  `${folder}assembly/index.ts`,
  ...['--outFile', part],
  ...['-O3', '--converge', '--runtime', 'stub', '--noAssert', '--enable', 'simd', '--use', 'abort='],
  // The memory is made by the caller and may grow to the 4 GiB that 32-bit addresses reach.
  ...['--importMemory', '--initialMemory', '16', '--maximumMemory', '65536'],
]);
if (error) {
  process.stderr.write(`${stderr.toString()}\n`);
  process.exitCode = 1;
} else {
  await rename(part, `${folder}kernels.wasm`);
}
