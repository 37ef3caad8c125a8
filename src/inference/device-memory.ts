/** One accelerator as its vendor's tool describes it; null is what the tool would not tell. */
export type DeviceMemory = {
  /** The tool's own number, in the order of the bus. */
  readonly index: number;
  readonly name: string;
  readonly uuid: string | null;
  readonly driver: string | null;
  readonly totalBytes: number | null;
  readonly freeBytes: number | null;
};

/** What a vendor's tool said, or why it said nothing. */
export type DeviceToolAnswer =
  | { readonly ok: true; readonly stdout: string }
  | { readonly ok: false; readonly reason: string };

/** Runs a tool; the media layer has one (`runDeviceTool`), since only it starts processes. */
export type DeviceToolRunner = (tool: string, args: readonly string[]) => Promise<DeviceToolAnswer>;

/** The devices that were found, or in words for people why there are none. */
export type DeviceReading =
  | { readonly ok: true; readonly devices: readonly DeviceMemory[] }
  | { readonly ok: false; readonly reason: string };

type DeviceTool = {
  readonly tool: string;
  readonly args: readonly string[];
  readonly parse: (stdout: string) => DeviceMemory[];
};

const nvidiaFields = ['index', 'name', 'uuid', 'driver_version', 'memory.total', 'memory.free'] as const;

const nvidiaSmi: DeviceTool = {
  tool: 'nvidia-smi',
  args: [`--query-gpu=${nvidiaFields.join(',')}`, '--format=csv,noheader,nounits'],
  parse: parseNvidiaSmi,
};

const rocmSmi: DeviceTool = {
  tool: 'rocm-smi',
  args: ['--showmeminfo', 'vram', '--showproductname', '--showuniqueid', '--showdriverversion', '--json'],
  parse: parseRocmSmi,
};

/** Which tools know the memory that an execution provider of onnxruntime works in. CoreML works in the machine's own memory. */
const providerTools: Readonly<Record<string, readonly DeviceTool[]>> = {
  cuda: [nvidiaSmi],
  tensorrt: [nvidiaSmi],
  rocm: [rocmSmi],
  migraphx: [rocmSmi],
  dml: [nvidiaSmi, rocmSmi],
  webgpu: [nvidiaSmi, rocmSmi],
};

/** Whether a provider computes in memory of its own, as opposed to the machine's. */
export function hasDeviceMemory(provider: string): boolean {
  return providerTools[provider] !== undefined;
}

/**
 * Asks the vendor's tools for the memory of the devices that a provider may use. Takes some tens of milliseconds with a driver that is
 * loaded, and a second or two with one that is not.
 *
 * @param provider onnxruntime's name
 */
export async function readDeviceMemory(provider: string, runTool: DeviceToolRunner): Promise<DeviceReading> {
  const tools = providerTools[provider];
  if (tools === undefined)
    return { ok: false, reason: `no tool is known for the memory of provider "${provider}"` };
  const reasons: string[] = [];
  for (const { tool, args, parse } of tools) {
    const answer = await runTool(tool, args);
    if (!answer.ok) {
      reasons.push(answer.reason);
      continue;
    }
    const devices = parse(answer.stdout);
    if (devices.length > 0) return { ok: true, devices };
    const words = answer.stdout.trim().split('\n', 1)[0]?.slice(0, 200) ?? '';
    reasons.push(words === '' ? `${tool} lists no device` : `${tool} said: ${words}`);
  }
  return { ok: false, reason: reasons.join('; ') };
}

/**
 * Reads `nvidia-smi --query-gpu=index,name,uuid,driver_version,memory.total,memory.free --format=csv,noheader,nounits`. Memory
 * comes in MiB; what is not available (`[N/A]`, as for a GPU that is split into MIG instances, or `[Not Supported]`) becomes
 * null. A line that is no row of the table, such as the driver's complaints, is none here either.
 */
export function parseNvidiaSmi(stdout: string): DeviceMemory[] {
  const devices: DeviceMemory[] = [];
  for (const line of stdout.split(/\r?\n/)) {
    const cells = line.split(',').map((cell) => cell.trim());
    const index = cells[0] ?? '';
    if (cells.length < nvidiaFields.length || !/^\d+$/.test(index)) continue;
    // A name with a comma has more cells than one.
    const [uuid, driver, total, free] = cells.slice(-4) as [string, string, string, string];
    devices.push({
      index: Number(index),
      name: cells.slice(1, -4).join(', '),
      uuid: available(uuid),
      driver: available(driver),
      totalBytes: mebibytes(total),
      freeBytes: mebibytes(free),
    });
  }
  return devices;
}

/**
 * Reads the JSON of `rocm-smi --showmeminfo vram --showproductname --showuniqueid --showdriverversion --json`: one object per
 * card, with every value a string. Text before the JSON (warnings) is skipped; anything else gives no device.
 */
export function parseRocmSmi(stdout: string): DeviceMemory[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(stdout.slice(Math.max(0, stdout.indexOf('{'))));
  } catch {
    return [];
  }
  if (typeof parsed !== 'object' || parsed === null) return [];
  const cards = parsed as Record<string, unknown>;
  const driver = textOf(cards['system'], 'Driver version');
  return Object.entries(cards).flatMap(([key, card]) => {
    const index = /^card(\d+)$/.exec(key)?.[1];
    if (index === undefined) return [];
    const totalBytes = wholeNumber(textOf(card, 'VRAM Total Memory (B)'));
    const usedBytes = wholeNumber(textOf(card, 'VRAM Total Used Memory (B)'));
    const name = textOf(card, 'Card Series') ?? textOf(card, 'Card series') ?? textOf(card, 'Card Model');
    return [
      {
        index: Number(index),
        name: name ?? key,
        uuid: textOf(card, 'Unique ID'),
        driver,
        totalBytes,
        freeBytes: totalBytes === null || usedBytes === null ? null : Math.max(0, totalBytes - usedBytes),
      },
    ];
  });
}

/**
 * The device that a CUDA session works on, as far as that can be known. CUDA counts what `CUDA_VISIBLE_DEVICES` leaves, the fastest first unless `CUDA_DEVICE_ORDER` says otherwise; where several devices might be
 * meant, it is the one with the least free memory, so that what fits it fits whichever it is.
 *
 * @param deviceId CUDA's number of the device; a session that gives none gets 0
 * @returns null when no device is visible, or one that the tool does not list, such as an instance of a split GPU
 */
export function visibleCudaDevice(
  devices: readonly DeviceMemory[],
  environment: Readonly<Record<string, string | undefined>>,
  deviceId = 0,
): DeviceMemory | null {
  const choice = environment['CUDA_VISIBLE_DEVICES'];
  const byBus = environment['CUDA_DEVICE_ORDER'] === 'PCI_BUS_ID';
  if (choice === undefined) {
    if (byBus) return ofIndex(devices, deviceId);
    return deviceId < devices.length ? leastFree(devices) : null;
  }
  // CUDA stops at the first entry that names nothing.
  const first = choice.split(',')[deviceId]?.trim() ?? '';
  if (/^\d+$/.test(first)) {
    if (byBus) return devices.find(({ index }) => index === Number(first)) ?? null;
    return Number(first) < devices.length ? leastFree(devices) : null;
  }
  if (!first.startsWith('GPU-')) return null;
  return devices.find(({ uuid }) => uuid?.startsWith(first) ?? false) ?? null;
}

/** The device at this place in the order of the bus. */
const ofIndex = (devices: readonly DeviceMemory[], place: number): DeviceMemory | null =>
  [...devices].sort((first, second) => first.index - second.index)[place] ?? null;

/** A device that does not tell its memory counts as full. */
const leastFree = (devices: readonly DeviceMemory[]): DeviceMemory | null =>
  devices.reduce<DeviceMemory | null>(
    (least, next) => (least === null || (next.freeBytes ?? 0) < (least.freeBytes ?? 0) ? next : least),
    null,
  );

const available = (cell: string): string | null => (cell === '' || cell.startsWith('[') ? null : cell);

const mebibytes = (cell: string): number | null => {
  const count = wholeNumber(available(cell));
  return count === null ? null : count * 2 ** 20;
};

const wholeNumber = (text: string | null): number | null =>
  text !== null && /^\d+$/.test(text) ? Number(text) : null;

const textOf = (record: unknown, key: string): string | null => {
  if (typeof record !== 'object' || record === null) return null;
  const value = (record as Record<string, unknown>)[key];
  return typeof value === 'string' && value !== '' && value !== 'N/A' ? value : null;
};
