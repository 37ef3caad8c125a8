import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type DeviceMemory,
  type DeviceToolRunner,
  hasDeviceMemory,
  parseNvidiaSmi,
  parseRocmSmi,
  readDeviceMemory,
  visibleCudaDevice,
} from '../../src/inference/device-memory.js';

const mebibyte = 2 ** 20;

// In the form that nvidia-smi prints for --query-gpu=index,name,uuid,driver_version,memory.total,memory.free
// --format=csv,noheader,nounits (drivers 525 to 570).
const oneGpu =
  '0, NVIDIA GeForce RTX 3090, GPU-3a5f2d7e-11c4-4d0a-9f53-0c5f7a1b2c3d, 550.54.15, 24576, 23921\n';
const twoGpus =
  '0, NVIDIA H200, GPU-6e1d0b52-90a7-4f7a-8f9c-54c0d1f0a111, 570.86.15, 143771, 143242\r\n' +
  '1, NVIDIA H200, GPU-9c44fa10-7be3-4a0c-b2aa-21b3ce0da222, 570.86.15, 143771, 1204\r\n';
const splitGpu =
  '0, NVIDIA A100-SXM4-40GB, GPU-5c89852c-d268-c3f3-1b07-005d5ae1dc3f, 535.129.03, [N/A], [N/A]\n';
const integratedGpu =
  '0, Orin (nvgpu), GPU-aaaaaaaa-0000-1111-2222-333333333333, 540.4.0, [Not Supported], [Not Supported]\n';
const noDriver =
  "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n\n";

// In the form of rocm-smi 6: all values are strings, keys as printed.
const rocm = JSON.stringify({
  card0: {
    'Unique ID': '0x6bd2c8a4f3e91d07',
    'VRAM Total Memory (B)': '25753026560',
    'VRAM Total Used Memory (B)': '1203113984',
    'Card Series': 'Radeon RX 7900 XTX',
    'Card Model': '0x744c',
  },
  card1: { 'VRAM Total Memory (B)': '536870912', 'VRAM Total Used Memory (B)': 'N/A', 'Card Series': 'N/A' },
  system: { 'Driver version': '6.7.0' },
});

describe('device memory', () => {
  it("nvidia-smi's table is read, with mebibytes as bytes", () => {
    assert.deepEqual(parseNvidiaSmi(oneGpu), [
      {
        index: 0,
        name: 'NVIDIA GeForce RTX 3090',
        uuid: 'GPU-3a5f2d7e-11c4-4d0a-9f53-0c5f7a1b2c3d',
        driver: '550.54.15',
        totalBytes: 24576 * mebibyte,
        freeBytes: 23921 * mebibyte,
      },
    ]);
    assert.deepEqual(
      parseNvidiaSmi(twoGpus).map(({ index, freeBytes }) => [index, freeBytes]),
      [
        [0, 143242 * mebibyte],
        [1, 1204 * mebibyte],
      ],
    );
  });

  it('what a GPU does not tell is null, as on one that is split into instances', () => {
    for (const text of [splitGpu, integratedGpu]) {
      const [device] = parseNvidiaSmi(text);
      assert.equal(device?.totalBytes, null);
      assert.equal(device?.freeBytes, null);
      assert.match(device?.uuid ?? '', /^GPU-/);
    }
  });

  it('complaints of the driver and broken rows are no devices', () => {
    for (const text of [
      noDriver,
      'No devices were found\n',
      '',
      '0, only three, cells\n',
      'x, a, b, c, 1, 2\n',
    ])
      assert.deepEqual(parseNvidiaSmi(text), []);
  });

  it("rocm-smi's JSON is read, with warnings in front of it skipped", () => {
    for (const text of [rocm, `WARNING: AMD GPU device(s) is/are in a low-power state.\n\n${rocm}\n`]) {
      const [first, second] = parseRocmSmi(text);
      assert.deepEqual(first, {
        index: 0,
        name: 'Radeon RX 7900 XTX',
        uuid: '0x6bd2c8a4f3e91d07',
        driver: '6.7.0',
        totalBytes: 25753026560,
        freeBytes: 25753026560 - 1203113984,
      });
      assert.equal(second?.name, 'card1');
      assert.equal(second?.freeBytes, null);
    }
    for (const text of ['', 'ERROR: No AMD GPUs found', '[1, 2]', '{"card0": ', 'null', '{"card": {}}'])
      assert.deepEqual(parseRocmSmi(text), []);
  });

  it('each provider is asked for by its vendor, and silence has a reason', async () => {
    const asked: string[] = [];
    const runner =
      (answers: Readonly<Record<string, string>>): DeviceToolRunner =>
      async (tool) => {
        asked.push(tool);
        const stdout = answers[tool];
        return stdout === undefined
          ? { ok: false, reason: `${tool} is not installed` }
          : { ok: true, stdout };
      };
    const cuda = await readDeviceMemory('cuda', runner({ 'nvidia-smi': oneGpu }));
    assert.ok(cuda.ok && cuda.devices.length === 1);
    const webgpu = await readDeviceMemory('webgpu', runner({ 'rocm-smi': rocm }));
    assert.ok(webgpu.ok && webgpu.devices.length === 2);
    assert.deepEqual(asked, ['nvidia-smi', 'nvidia-smi', 'rocm-smi']);
    assert.deepEqual(await readDeviceMemory('dml', runner({})), {
      ok: false,
      reason: 'nvidia-smi is not installed; rocm-smi is not installed',
    });
    assert.deepEqual(await readDeviceMemory('cuda', runner({ 'nvidia-smi': '' })), {
      ok: false,
      reason: 'nvidia-smi lists no device',
    });
    const broken = await readDeviceMemory('cuda', runner({ 'nvidia-smi': noDriver }));
    assert.ok(!broken.ok);
    assert.match(broken.reason, /^nvidia-smi said: NVIDIA-SMI has failed because/);
    assert.equal((await readDeviceMemory('cpu', runner({}))).ok, false);
    assert.deepEqual(['cpu', 'cuda', 'tensorrt', 'coreml', 'dml', 'webgpu'].map(hasDeviceMemory), [
      false,
      true,
      true,
      false,
      true,
      true,
    ]);
  });

  it("CUDA's first device is found through its environment, and doubt is on the side of the least memory", () => {
    const devices = parseNvidiaSmi(twoGpus);
    const [roomy, full] = devices as [DeviceMemory, DeviceMemory];
    const inBusOrder = { CUDA_DEVICE_ORDER: 'PCI_BUS_ID' };
    const cases: readonly (readonly [Record<string, string>, DeviceMemory | null])[] = [
      [{}, full],
      [inBusOrder, roomy],
      [{ CUDA_VISIBLE_DEVICES: '1,0', ...inBusOrder }, full],
      [{ CUDA_VISIBLE_DEVICES: '0', ...inBusOrder }, roomy],
      [{ CUDA_VISIBLE_DEVICES: '0' }, full],
      [{ CUDA_VISIBLE_DEVICES: '2' }, null],
      [{ CUDA_VISIBLE_DEVICES: 'GPU-6e1d0b52' }, roomy],
      [{ CUDA_VISIBLE_DEVICES: 'GPU-77777777' }, null],
      [{ CUDA_VISIBLE_DEVICES: 'MIG-GPU-6e1d0b52/1/0' }, null],
      [{ CUDA_VISIBLE_DEVICES: '' }, null],
      [{ CUDA_VISIBLE_DEVICES: '-1' }, null],
    ];
    for (const [environment, expected] of cases)
      assert.equal(visibleCudaDevice(devices, environment), expected, JSON.stringify(environment));
    assert.equal(visibleCudaDevice([], {}), null);
    const [unknown] = parseNvidiaSmi(splitGpu) as [DeviceMemory];
    assert.equal(visibleCudaDevice([roomy, unknown], {}), unknown);
  });

  it('a device is asked for by its number among those that CUDA sees', () => {
    const devices = parseNvidiaSmi(twoGpus);
    const order = { CUDA_DEVICE_ORDER: 'PCI_BUS_ID' };
    assert.equal(visibleCudaDevice(devices, order, 1), devices[1]);
    assert.equal(visibleCudaDevice(devices, order, 9), null);
    assert.equal(visibleCudaDevice(devices, {}, 9), null);
    assert.equal(visibleCudaDevice(devices, { ...order, CUDA_VISIBLE_DEVICES: '1,0' }, 1), devices[0]);
    assert.equal(visibleCudaDevice(devices, { ...order, CUDA_VISIBLE_DEVICES: '1' }, 1), null);
  });
});
