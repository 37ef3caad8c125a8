import assert from 'node:assert/strict';
import { totalmem } from 'node:os';
import { describe, it } from 'node:test';
import { parseMemoryGroup, readSystemMemory, systemMemory } from '../../src/inference/system-memory.js';

const gibibyte = 2 ** 30;

describe('system memory', () => {
  it('a control group of version 2 counts what is used, without file pages that nobody uses', () => {
    // memory.max, memory.current and memory.stat as the kernel writes them (Linux 6.1).
    const stat =
      'anon 412352512\nfile 1610612736\nkernel 9437184\ninactive_file 1073741824\nactive_file 536870912\n';
    assert.deepEqual(parseMemoryGroup('4294967296\n', '2147483648\n', stat), {
      limitBytes: 4 * gibibyte,
      usedBytes: gibibyte,
    });
  });

  it('a control group of version 1 has other names for the same', () => {
    const stat =
      'cache 1073741824\nactive_file 4096\ninactive_file 536870912\ntotal_inactive_file 536870912\n';
    assert.deepEqual(parseMemoryGroup('1073741824\n', '805306368\n', stat), {
      limitBytes: gibibyte,
      usedBytes: 268435456,
    });
  });

  it('no limit and no group are the same', () => {
    assert.equal(parseMemoryGroup('max\n', '1000\n', null), null);
    assert.equal(parseMemoryGroup('9223372036854771712\n', '1000\n', null), null);
    assert.equal(parseMemoryGroup(null, null, null), null);
  });

  it('the tightest figure counts', () => {
    const machine = { totalBytes: 16 * gibibyte, freeBytes: 9 * gibibyte, constrainedBytes: 0, groups: [] };
    assert.deepEqual(systemMemory(machine), { totalBytes: 16 * gibibyte, freeBytes: 9 * gibibyte });
    const group = { limitBytes: 4 * gibibyte, usedBytes: 3 * gibibyte };
    assert.deepEqual(systemMemory({ ...machine, groups: [group] }), {
      totalBytes: 4 * gibibyte,
      freeBytes: gibibyte,
    });
    assert.deepEqual(systemMemory({ ...machine, constrainedBytes: 2 * gibibyte }), {
      totalBytes: 2 * gibibyte,
      freeBytes: 2 * gibibyte,
    });
    assert.deepEqual(systemMemory({ ...machine, constrainedBytes: 2 ** 64 }), systemMemory(machine));
    const exceeded = { limitBytes: gibibyte, usedBytes: 2 * gibibyte };
    assert.equal(systemMemory({ ...machine, groups: [exceeded] }).freeBytes, 0);
  });

  it('this machine has some', async () => {
    const { totalBytes, freeBytes } = await readSystemMemory();
    assert.ok(totalBytes > 0 && totalBytes <= totalmem());
    assert.ok(freeBytes > 0 && freeBytes <= totalBytes);
  });
});
