import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { MemoryPeaks } from '../../../src/media/benchmark/measured-process.js';
import { linuxTreeReader, parseProcessList, treeOf } from '../../../src/media/benchmark/process-tree.js';
import { inFolder } from '../media-fixtures.js';

type FakeProcess = {
  readonly pid: number;
  readonly parent: number;
  readonly name?: string;
  readonly residentKilobytes?: number;
  readonly peakKilobytes?: number;
};

/** Writes what proc(5) says of a process; one without memory is a zombie. */
const writeProcess = async (folder: string, fake: FakeProcess): Promise<void> => {
  const { pid, parent, name = 'ffmpeg', residentKilobytes, peakKilobytes } = fake;
  const place = join(folder, String(pid));
  await mkdir(place);
  await writeFile(join(place, 'stat'), `${pid} (${name}) S ${parent} ${pid} ${pid} 0 -1 4194560 1 2 3 4 5\n`);
  const memory =
    residentKilobytes === undefined
      ? ''
      : `VmPeak:\t  999999 kB\nVmHWM:\t  ${peakKilobytes ?? residentKilobytes} kB\nVmRSS:\t  ${residentKilobytes} kB\n`;
  await writeFile(
    join(place, 'status'),
    `Name:\t${name}\nPid:\t${pid}\nPPid:\t${parent}\n${memory}Threads:\t7\n`,
  );
};

describe('a process tree', () => {
  test('holds children and grandchildren, and nobody else', () => {
    const parents = new Map([
      [10, 1],
      [11, 10],
      [12, 10],
      [20, 1],
      [21, 20],
      [30, 12],
    ]);
    assert.deepEqual([...treeOf(10, parents)].sort(), [10, 11, 12, 30]);
    assert.deepEqual(treeOf(99, parents), []);
  });

  test('is read from /proc, whatever the programs are called', async () => {
    await inFolder(async (folder) => {
      await writeProcess(folder, {
        pid: 100,
        parent: 1,
        name: 'node',
        residentKilobytes: 200,
        peakKilobytes: 250,
      });
      await writeProcess(folder, { pid: 101, parent: 100, name: 'a) S 1 (b', residentKilobytes: 30 });
      await writeProcess(folder, { pid: 102, parent: 101, residentKilobytes: 4 });
      await writeProcess(folder, { pid: 103, parent: 100 });
      await writeProcess(folder, { pid: 200, parent: 1, residentKilobytes: 5000 });
      await mkdir(join(folder, 'sys'));
      const processes = await linuxTreeReader(folder)(100);
      assert.deepEqual(
        [...processes].sort((a, b) => a.pid - b.pid),
        [
          { pid: 100, residentBytes: 200 * 1024, peakBytes: 250 * 1024 },
          { pid: 101, residentBytes: 30 * 1024, peakBytes: 30 * 1024 },
          { pid: 102, residentBytes: 4 * 1024, peakBytes: 4 * 1024 },
        ],
      );
    });
  });

  test('goes on when processes end between two looks, and finds new ones after a while', async () => {
    await inFolder(async (folder) => {
      await writeProcess(folder, { pid: 100, parent: 1, residentKilobytes: 200 });
      await writeProcess(folder, { pid: 101, parent: 100, residentKilobytes: 30 });
      const read = linuxTreeReader(folder);
      assert.equal((await read(100)).length, 2);
      await rm(join(folder, '101'), { recursive: true });
      assert.equal((await read(100)).length, 1);
      await writeProcess(folder, { pid: 102, parent: 100, residentKilobytes: 1 });
      const found: number[] = [];
      for (let look = 0; look < 5; look++) found.push((await read(100)).length);
      assert.equal(found.at(-1), 2);
    });
  });

  test('is read from the list that ps prints', () => {
    // As macOS 14 prints it: ps -axo pid=,ppid=,rss=
    const text =
      '    1     0  14208\n  501     1   8320\n  612   501 151552\n  613   612  40960\n  700     1  99999\n';
    assert.deepEqual(parseProcessList(text, 612), [
      { pid: 612, residentBytes: 151_552 * 1024, peakBytes: null },
      { pid: 613, residentBytes: 40_960 * 1024, peakBytes: null },
    ]);
    assert.deepEqual(parseProcessList('', 612), []);
  });
});

describe('memory peaks', () => {
  const at = (pid: number, residentBytes: number, peakBytes: number | null = null) => ({
    pid,
    residentBytes,
    peakBytes,
  });

  test('are the largest sum over the tree and the largest of the process', () => {
    const peaks = new MemoryPeaks();
    peaks.take(1, [at(1, 100), at(2, 50)]);
    peaks.take(1, [at(1, 120), at(2, 10), at(3, 5)]);
    peaks.take(1, [at(1, 90), at(2, 70)]);
    assert.equal(peaks.ownBytes, 120);
    assert.equal(peaks.treeBytes, 160);
  });

  test('take the peak that the kernel counted where no look hit it', () => {
    const peaks = new MemoryPeaks();
    peaks.take(1, [at(1, 100, 400), at(2, 50, 60)]);
    assert.equal(peaks.ownBytes, 400);
    assert.equal(peaks.treeBytes, 400);
  });

  test('are unknown when no look was taken', () => {
    const peaks = new MemoryPeaks();
    peaks.take(1, []);
    assert.equal(peaks.ownBytes, null);
    assert.equal(peaks.treeBytes, null);
  });
});
