/**
 * `npm run setup:cuda`: fetches the libraries of onnxruntime's CUDA and TensorRT providers, which are too large for the npm registry and
 * which `npm ci` therefore leaves out here. It runs the installer that onnxruntime-node brings along, after saying what that downloads.
 *
 *     npm run setup:cuda
 *     npm run setup:cuda -- --dry-run                          only say what would be done
 *     npm run setup:cuda -- --dry-run --platform win32/x64     the same for another machine
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

const require = createRequire(import.meta.url);

const usage = `Usage: npm run setup:cuda [-- --dry-run [--platform OS/ARCH]]

Fetches the libraries of onnxruntime's CUDA and TensorRT providers. Linux on x64 only.

  --dry-run            say what would be downloaded, and download nothing
  --platform OS/ARCH   with --dry-run: as if on that platform, such as linux/x64
  --help               this text
`;

/** Exit codes as those of the faceswap command. */
const exitCodes = { usage: 2, unavailable: 9 };

const fail = (code, message) => {
  process.stderr.write(`error: ${message}\n`);
  process.exit(code);
};

const readArguments = () => {
  try {
    const { values } = parseArgs({
      options: {
        'dry-run': { type: 'boolean', default: false },
        platform: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    return fail(exitCodes.usage, `${error.message}\n${usage.trimEnd()}`);
  }
};

/** What serves the machines for which there are no CUDA libraries. */
const otherProviders = {
  win32: 'DirectML comes with the package: --execution-provider directml',
  darwin: 'CoreML comes with the package: --execution-provider coreml',
};

const needed = `What it needs besides, from NVIDIA:
  - a driver for CUDA 12 (525 or newer): nvidia-smi must list the card
  - CUDA 12: the runtime, cuBLAS, cuFFT and cuRAND (libcudart.so.12, libcublas.so.12, ...)
  - cuDNN 9 for CUDA 12 (libcudnn.so.9)
  - only for --execution-provider tensorrt: TensorRT 10 (libnvinfer.so.10)
Their folders must be where the system looks for libraries: ldconfig, or LD_LIBRARY_PATH.
Then see whether it works: faceswap doctor
`;

const { 'dry-run': isDry, platform: asked, help } = readArguments();
if (help) {
  process.stdout.write(usage);
  process.exit(0);
}
if (asked !== undefined && !isDry) fail(exitCodes.usage, '--platform must come with --dry-run');
const platform = asked ?? `${process.platform}/${process.arch}`;

let packageFolder;
try {
  packageFolder = dirname(require.resolve('onnxruntime-node/package.json'));
} catch {
  fail(exitCodes.unavailable, 'onnxruntime-node is not installed; run: npm ci');
}
const { version } = require('onnxruntime-node/package.json');
const metadata = require(join(packageFolder, 'script', 'install-metadata.js'));

const manifest = metadata.manifests[`${platform}:cuda12`];
if (manifest === undefined) {
  const other = otherProviders[platform.split('/')[0]];
  fail(
    exitCodes.unavailable,
    `onnxruntime-node ${version} has no CUDA libraries for ${platform}, only for linux/x64` +
      (other === undefined ? '' : `. ${other}`),
  );
}

const folder = join(packageFolder, 'bin', 'napi-v6', platform);
const files = Object.keys(manifest).map((name) => ({
  name: name.replace(/^\.\//, ''),
  path: join(folder, name),
}));
const sources = new Set(
  Object.values(manifest).flatMap(({ package: id }) =>
    metadata.packages[id].versions.map(
      (candidate) =>
        `${metadata.packages[id].name} ${candidate.version} from ${metadata.feeds[candidate.feed].index}`,
    ),
  ),
);
process.stdout.write(
  `onnxruntime-node ${version}, ${platform}. To be downloaded (some hundred megabytes):\n` +
    `${[...sources].map((source) => `  ${source}\n`).join('')}` +
    `Out of it into ${folder}:\n` +
    `${files.map(({ name }) => `  ${name}\n`).join('')}\n`,
);
if (isDry) {
  process.stdout.write(needed);
  process.exit(0);
}

// A value such as `cuda12` is ignored by the installer of 1.30, and without any it leaves at once where it runs in a
// project of its own.
const { status } = spawnSync(process.execPath, [join(packageFolder, 'script', 'install.js')], {
  stdio: 'inherit',
  env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'true' },
});
const missing = files.filter(({ path }) => !existsSync(path));
if (status !== 0 || missing.length > 0) {
  fail(
    exitCodes.unavailable,
    status === 0
      ? `the installer of onnxruntime-node ended without an error, but ${missing.map(({ name }) => name).join(', ')} is not there`
      : 'the installer of onnxruntime-node failed: it needs a way to the address above, directly or through GLOBAL_AGENT_HTTPS_PROXY',
  );
}
process.stdout.write(`\nThe libraries are there.\n${needed}`);
