import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { doctorExitCode, formatChecks } from '../../src/cli/doctor-action.js';
import {
  type Check,
  checkDisk,
  checkEncoders,
  checkHardware,
  checkMemory,
  checkNode,
  checkProvider,
} from '../../src/cli/doctor-checks.js';
import { runCommand } from './command.js';

const gibibyte = 2 ** 30;

describe('doctor', () => {
  test('finds Node 20 new enough and Node 18 too old', () => {
    assert.equal(checkNode('20.11.0').status, 'ok');
    assert.equal(checkNode('18.20.0').status, 'fail');
  });

  test('warns only about encoders that are used by default', () => {
    assert.equal(checkEncoders(['libx264', 'libvpx-vp9', 'ffv1']).status, 'ok');
    const check = checkEncoders(['libvpx-vp9', 'ffv1', 'libx265']);
    assert.equal(check.status, 'warn');
    assert.match(check.detail, /^libvpx-vp9 ffv1 libx265; not there: libx264 /);
    assert.match(check.advice ?? '', /libx264/);
  });

  test('says which hardware decoders open, and why the others do not', () => {
    const check = checkHardware({ cuda: undefined, vaapi: 'no such device' });
    assert.equal(check.status, 'ok');
    assert.equal(check.detail, 'cuda; not there: vaapi (no such device)');
    assert.match(checkHardware({}).detail, /^none/);
    assert.equal(checkHardware({ qsv: undefined }).detail, 'qsv');
  });

  test('needs the CPU provider and no other', () => {
    assert.equal(checkProvider({ name: 'cpu', ok: true }).status, 'ok');
    assert.equal(checkProvider({ name: 'cpu', ok: false, reason: 'broken' }).status, 'fail');
    assert.equal(checkProvider({ name: 'cuda', ok: false, reason: 'no library' }).status, 'warn');
  });

  test('names the devices that a model runs on where there are several', () => {
    assert.equal(checkProvider({ name: 'cuda', ok: true, devices: [0] }).detail, 'cuda runs a model');
    assert.equal(
      checkProvider({ name: 'cuda', ok: true, devices: [0, 1] }).detail,
      'cuda runs a model on each of the devices 0, 1',
    );
  });

  test('says which part a provider lacks and where it comes from', () => {
    const adviceFor = (name: string, reason: string): string =>
      checkProvider({ name, ok: false, reason }).advice ?? '';
    const cases: readonly (readonly [string, string, RegExp])[] = [
      ['cuda', 'libonnxruntime_providers_cuda.so is not installed', /npm run setup:cuda/],
      ['cuda', 'libcublasLt.so.12: cannot open shared object file: No such file', /^Install CUDA 12/],
      ['cuda', 'libcudnn.so.9: cannot open shared object file: No such file', /^Install cuDNN 9/],
      ['cuda', 'libcuda.so.1: cannot open shared object file', /driver/],
      ['tensorrt', 'libnvinfer.so.10: cannot open shared object file', /^Install TensorRT 10/],
      ['cuda', 'CUDA failure 100: no CUDA-capable device is detected', /nvidia-smi/],
      ['tensorrt', 'something else', /TensorRT 10/],
      ['webgpu', 'No supported adapters', /Vulkan/],
      ['dml', 'something else', /Windows/],
      ['coreml', 'something else', /macOS/],
    ];
    for (const [name, reason, advice] of cases) assert.match(adviceFor(name, reason), advice, reason);
    assert.equal(checkProvider({ name: 'qnn', ok: false, reason: 'something else' }).advice, undefined);
  });

  test('counts the memory that the control group leaves', () => {
    assert.equal(checkMemory(16 * gibibyte, 8 * gibibyte, undefined).status, 'ok');
    assert.equal(checkMemory(16 * gibibyte, 8 * gibibyte, 0).status, 'ok');
    assert.equal(checkMemory(16 * gibibyte, 8 * gibibyte, gibibyte / 2).status, 'warn');
    assert.equal(checkMemory(16 * gibibyte, gibibyte / 2, undefined).status, 'warn');
  });

  test('warns about a disk that is nearly full', () => {
    assert.equal(checkDisk('/tmp', 50 * gibibyte).status, 'ok');
    assert.equal(checkDisk('/tmp', gibibyte).status, 'warn');
  });

  test('exits 9 for a missing tool, 4 for a missing model, 0 for warnings', () => {
    const tool: Check = { area: 'ffmpeg', status: 'fail', detail: '' };
    const model: Check = { area: 'model', status: 'fail', detail: '' };
    const remark: Check = { area: 'disk', status: 'warn', detail: '' };
    assert.equal(doctorExitCode([tool, model]), 9);
    assert.equal(doctorExitCode([model, remark]), 4);
    assert.equal(doctorExitCode([remark]), 0);
  });

  test('puts what to do below what is wrong', () => {
    const text = formatChecks([
      { area: 'ffmpeg', status: 'fail', detail: 'not found', advice: 'Install it' },
      { area: 'cores', status: 'ok', detail: '2' },
    ]);
    assert.equal(text, 'fail  ffmpeg  not found\n              -> Install it\nok    cores   2\n');
  });

  test('exits 9 and says what to install when FACESWAP_FFMPEG names nothing', async () => {
    const missing = { FACESWAP_FFMPEG: '/nonexistent/ffmpeg', FACESWAP_FFPROBE: '/nonexistent/ffprobe' };
    const { exitCode, stdout } = await runCommand(['doctor', '--json'], missing);
    assert.equal(exitCode, 9);
    const answer = JSON.parse(stdout) as { ok: boolean; checks: Check[] };
    assert.equal(answer.ok, false);
    const check = answer.checks.find(({ area }) => area === 'ffmpeg');
    assert.equal(check?.status, 'fail');
    assert.ok(check?.advice);
  });

  test('runs a model on the CPU provider of this machine', async () => {
    const { stdout } = await runCommand(['doctor']);
    assert.match(stdout, /^ok +provider +cpu runs a model$/m);
  });
});
