import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { FaceswapError } from '../../../src/errors.js';
import { modelHosts } from '../../../src/pipeline/models/model-hosts.js';
import { type PullListener, type PullOptions, pullModels } from '../../../src/pipeline/models/model-pull.js';
import { ModelServer } from '../../support/model-server.js';
import { arcfaceBytes, inswapperBytes, modelBytes } from '../../support/unit-signatures.js';

const root = mkdtempSync(join(tmpdir(), 'faceswap-pull-'));
const server = new ModelServer();
const spare = new ModelServer();
before(async () => {
  await server.start();
  await spare.start();
});
after(async () => {
  await server.stop();
  await spare.stop();
  rmSync(root, { recursive: true });
});

let folder = '';
let count = 0;
beforeEach(() => {
  count += 1;
  folder = join(root, String(count));
  server.seen.length = 0;
  spare.seen.length = 0;
});

const arcface = 'arcface_w600k_r50';
/** Each test has a release folder of its own, so that no behaviour of another one is left. */
const pathOf = (file: string): string => `/${count}/models-3.0.0/${file}`;
const arcfacePath = (): string => pathOf('arcface_w600k_r50.onnx');
const fileOf = (file: string): string => join(folder, file);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const hostsOf = (...servers: readonly ModelServer[]): PullOptions['hosts'] =>
  modelHosts(
    servers.map(({ origin }) => `${origin}/${count}/{base}/{file}`),
    undefined,
  );

const warnings: string[] = [];
const accepting: PullListener = {
  decide: async () => true,
  // A server that is to cut waits until something has arrived.
  onProgress: () => server.cut(),
  onEnd: () => {},
  warn: (message) => warnings.push(message),
};

const options = (more: Partial<PullOptions> = {}): PullOptions => ({
  folder,
  hosts: hostsOf(server),
  force: false,
  offline: false,
  environment: {},
  signal: new AbortController().signal,
  clock: { wait: async () => {}, random: () => 0 },
  limits: { connectTimeoutMs: 2000, stallTimeoutMs: 2000 },
  ...more,
});

const pull = (ids: readonly string[], more: Partial<PullOptions> = {}, listener = accepting) =>
  pullModels(ids, options(more), listener);

const modelError =
  (line: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof FaceswapError, String(error));
    assert.equal(error.exitCode, 4, String(error));
    assert.match(String(error), line);
    return true;
  };

/** What is left in the folder besides the licences. */
const left = (): readonly string[] =>
  readdirSync(folder)
    .filter((name) => name !== 'accepted-licences.json')
    .sort();

describe('pulling a model', () => {
  it('brings it whole under its name, with a record of its bytes', async () => {
    const bytes = arcfaceBytes(300_000);
    server.publish(arcfacePath(), bytes);
    const progress: (readonly [number, number | null])[] = [];
    const [result] = await pull(
      [arcface],
      {},
      {
        ...accepting,
        onProgress: (_, done, total) => progress.push([done, total]),
      },
    );
    assert.deepEqual(result, {
      id: arcface,
      file: fileOf('arcface_w600k_r50.onnx'),
      outcome: 'fetched',
      sizeBytes: bytes.length,
      url: `${server.origin}${arcfacePath()}`,
      sha256: sha256(bytes),
    });
    assert.deepEqual(readFileSync(fileOf('arcface_w600k_r50.onnx')), bytes);
    assert.deepEqual(progress.at(-1), [bytes.length, bytes.length]);
    assert.deepEqual(left(), ['arcface_w600k_r50.onnx', 'arcface_w600k_r50.onnx.json']);
    const record = JSON.parse(readFileSync(fileOf('arcface_w600k_r50.onnx.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    assert.equal(record.sha256, sha256(bytes));
    assert.equal(record.crc32, record.publishedCrc32);
    assert.equal(record.sizeBytes, bytes.length);
    assert.equal(record.source, `${server.origin}${arcfacePath()}`);
  });

  it('does not fetch again what is there', async () => {
    server.publish(arcfacePath(), arcfaceBytes());
    await pull([arcface]);
    const seen = server.seen.length;
    const [again] = await pull(['arcface']);
    assert.deepEqual([again?.outcome, again?.id, server.seen.length], ['there', arcface, seen]);
  });

  it('brings what it needs as well, first', async () => {
    server.publish(arcfacePath(), arcfaceBytes());
    server.publish(pathOf('inswapper_128.onnx'), inswapperBytes());
    const results = await pull(['inswapper_128']);
    assert.deepEqual(
      results.map(({ id, outcome }) => [id, outcome]),
      [
        [arcface, 'fetched'],
        ['inswapper_128', 'fetched'],
      ],
    );
  });

  it('asks for sizes and licences before it fetches, and for each licence once', async () => {
    const bytes = arcfaceBytes();
    server.publish(arcfacePath(), bytes);
    server.publish(pathOf('inswapper_128.onnx'), inswapperBytes());
    const asked: unknown[] = [];
    const deciding = (yes: boolean): PullListener => ({
      ...accepting,
      decide: async (plan, terms) => {
        asked.push([
          plan.map(({ entry, sizeBytes }) => [entry.id, sizeBytes]),
          terms.map(({ vendor }) => vendor),
        ]);
        return yes;
      },
    });
    await assert.rejects(pull([arcface], {}, deciding(false)), (error) => {
      assert.ok(error instanceof FaceswapError, String(error));
      assert.equal(error.exitCode, 2);
      assert.match(String(error), /Non-Commercial \(InsightFace\).*--accept-license/);
      return true;
    });
    assert.equal(server.gets(arcfacePath()).length, 0);
    await pull([arcface], {}, deciding(true));
    await pull(['inswapper_128'], {}, deciding(false));
    assert.deepEqual(asked, [
      [[[arcface, bytes.length]], ['InsightFace']],
      [[[arcface, bytes.length]], ['InsightFace']],
      [[['inswapper_128', inswapperBytes().length]], []],
    ]);
  });

  it('follows redirects', async () => {
    server.publish('/elsewhere.onnx', arcfaceBytes());
    server.publish(arcfacePath(), arcfaceBytes());
    server.expect(arcfacePath(), { do: 'redirect', to: '/elsewhere.onnx' });
    const [result] = await pull([arcface]);
    assert.equal(result?.outcome, 'fetched');
    assert.equal(server.gets('/elsewhere.onnx').length, 1);
  });

  it('gives up redirects without an end, and tells so', async () => {
    server.publish(arcfacePath(), arcfaceBytes());
    server.expect(arcfacePath(), { do: 'redirect', to: arcfacePath() });
    await assert.rejects(pull([arcface]), modelError(/from place to place without an end/));
  });

  it('refuses to be sent to a place that is no web server', async () => {
    server.publish(arcfacePath(), arcfaceBytes());
    server.expect(arcfacePath(), { do: 'redirect', to: 'file:///etc/passwd' });
    await assert.rejects(pull([arcface]), modelError(/a place that is not safe \(file:/));
  });
});

describe('a host that fails', () => {
  it('is asked for the rest when it is cut off in the middle', async () => {
    const bytes = arcfaceBytes(300_000);
    server.publish(arcfacePath(), bytes);
    server.expect(arcfacePath(), { do: 'cut', afterBytes: 100_000 }, { do: 'send' });
    await pull([arcface]);
    assert.deepEqual(readFileSync(fileOf('arcface_w600k_r50.onnx')), bytes);
    const [first, second] = server.gets(arcfacePath());
    assert.equal(first?.range, undefined);
    assert.match(second?.range ?? '', /^bytes=[1-9]\d*-$/);
    assert.match(second?.ifRange ?? '', /^"[0-9a-f]+"$/);
    assert.deepEqual(left(), ['arcface_w600k_r50.onnx', 'arcface_w600k_r50.onnx.json']);
  });

  it('is asked for the rest by a later command', async () => {
    const bytes = arcfaceBytes(300_000);
    server.publish(arcfacePath(), bytes);
    server.expect(arcfacePath(), { do: 'cut', afterBytes: 100_000 });
    await assert.rejects(
      pull([arcface], { retry: { tries: 1, baseMs: 0, capMs: 0 } }),
      modelError(/could not be fetched: 127\.0\.0\.1:\d+: .*models import FILE --as arcface_w600k_r50/),
    );
    const have = statSync(fileOf('arcface_w600k_r50.onnx.part')).size;
    assert.ok(have > 0 && have < bytes.length, `${have} bytes are kept`);
    server.expect(arcfacePath(), { do: 'send' });
    await pull([arcface]);
    assert.equal(server.gets(arcfacePath()).at(-1)?.range, `bytes=${have}-`);
    assert.deepEqual(readFileSync(fileOf('arcface_w600k_r50.onnx')), bytes);
  });

  it('is asked for all when it cannot send a rest', async () => {
    const bytes = arcfaceBytes(300_000);
    server.publish(arcfacePath(), bytes);
    server.expect(arcfacePath(), { do: 'cut', afterBytes: 100_000 }, { do: 'whole' });
    await pull([arcface]);
    assert.deepEqual(readFileSync(fileOf('arcface_w600k_r50.onnx')), bytes);
    assert.match(server.gets(arcfacePath())[1]?.range ?? '', /^bytes=/);
  });

  it('is left after three tries when it is cut off again and again, and the next one sends the rest', async () => {
    const bytes = arcfaceBytes(300_000);
    server.publish(arcfacePath(), bytes);
    spare.publish(arcfacePath(), bytes);
    server.expect(arcfacePath(), { do: 'whole', cutAfterBytes: 50_000 });
    const [result] = await pull([arcface], { hosts: hostsOf(server, spare) });
    assert.equal(result?.url, `${spare.origin}${arcfacePath()}`);
    assert.equal(server.gets(arcfacePath()).length, 3);
    const [rest] = spare.gets(arcfacePath());
    assert.match(rest?.range ?? '', /^bytes=\d+-$/);
    // The validator is the other host's.
    assert.equal(rest?.ifRange, undefined);
    assert.deepEqual(readFileSync(fileOf('arcface_w600k_r50.onnx')), bytes);
  });

  it('is left when it goes silent', async () => {
    server.publish(arcfacePath(), arcfaceBytes(300_000));
    server.expect(arcfacePath(), { do: 'stall', afterBytes: 1000 });
    spare.publish(arcfacePath(), arcfaceBytes(300_000));
    const [result] = await pull([arcface], {
      hosts: hostsOf(server, spare),
      retry: { tries: 1, baseMs: 0, capMs: 0 },
      limits: { connectTimeoutMs: 2000, stallTimeoutMs: 100 },
    });
    assert.equal(result?.url, `${spare.origin}${arcfacePath()}`);
  });

  it('is left at once when it does not have the file', async () => {
    spare.publish(arcfacePath(), arcfaceBytes());
    server.publish(arcfacePath(), arcfaceBytes());
    server.expect(arcfacePath(), { do: 'status', status: 404 });
    const [result] = await pull([arcface], { hosts: hostsOf(server, spare) });
    assert.equal(result?.url, `${spare.origin}${arcfacePath()}`);
    assert.equal(server.gets(arcfacePath()).length, 1);
  });

  it('is asked again when it is overloaded', async () => {
    server.publish(arcfacePath(), arcfaceBytes());
    server.expect(arcfacePath(), { do: 'status', status: 503 }, { do: 'send' });
    const [result] = await pull([arcface]);
    assert.equal(result?.outcome, 'fetched');
  });

  it('is told with its reason when none is left', async () => {
    spare.publish(arcfacePath(), arcfaceBytes());
    spare.expect(arcfacePath(), { do: 'status', status: 403 });
    await assert.rejects(
      pull([arcface], { hosts: hostsOf(server, spare) }),
      modelError(
        /127\.0\.0\.1:\d+: it answered 404 for the file; 127\.0\.0\.1:\d+: it answered 403 for the file/,
      ),
    );
    assert.deepEqual(left(), []);
  });

  it('is left when what it has is damaged', async () => {
    server.publish(arcfacePath(), arcfaceBytes(), '00000000');
    spare.publish(arcfacePath(), arcfaceBytes());
    const [result] = await pull([arcface], { hosts: hostsOf(server, spare) });
    assert.equal(result?.url, `${spare.origin}${arcfacePath()}`);
    assert.equal(server.gets(arcfacePath()).length, 1);
    await assert.rejects(
      pull([arcface], { force: true }),
      modelError(/the file has the CRC32 [0-9a-f]{8}, and 00000000 was published/),
    );
  });

  it('is asked for all again when the parts of two requests do not fit together', async () => {
    const bytes = arcfaceBytes(300_000);
    server.publish(arcfacePath(), bytes);
    server.expect(arcfacePath(), { do: 'cut', afterBytes: 100_000 });
    await assert.rejects(
      pull([arcface], { retry: { tries: 1, baseMs: 0, capMs: 0 } }),
      modelError(/could not/),
    );
    const part = fileOf('arcface_w600k_r50.onnx.part');
    writeFileSync(part, readFileSync(part).fill(0));
    server.expect(arcfacePath(), { do: 'send' });
    await pull([arcface]);
    assert.deepEqual(readFileSync(fileOf('arcface_w600k_r50.onnx')), bytes);
  });

  it('is left when what it has is another model, or none', async () => {
    server.publish(arcfacePath(), Buffer.from('<html>Please log in</html>'));
    await assert.rejects(pull([arcface]), modelError(/what it has is not the model: .*no whole ONNX file/));
    server.publish(arcfacePath(), inswapperBytes());
    await assert.rejects(
      pull([arcface]),
      modelError(
        /no arcface: it must take "input" \[\?, 3, 112, 112\], and it has "target" \[1, 3, 128, 128\]/,
      ),
    );
    assert.deepEqual(left(), []);
  });

  it('cannot fill the disk', async () => {
    const limitBytes = 100_000;
    server.publish(arcfacePath(), arcfaceBytes(300_000));
    await assert.rejects(pull([arcface], { limitBytes }), modelError(/larger than the limit of 98 KiB/));
    server.expect(arcfacePath(), { do: 'endless' });
    await assert.rejects(pull([arcface], { limitBytes }), modelError(/larger than the limit of 98 KiB/));
    const part = fileOf('arcface_w600k_r50.onnx.part');
    assert.ok(!existsSync(part) || statSync(part).size <= limitBytes, 'no more than the limit is written');
  });

  it('that has more than the disk has room for is told before anything is written', async () => {
    server.publish(arcfacePath(), arcfaceBytes());
    server.expect(arcfacePath(), { do: 'claim', totalBytes: 10 ** 14 });
    await assert.rejects(pull([arcface], { limitBytes: 10 ** 15 }), (error) => {
      assert.ok(error instanceof FaceswapError, String(error));
      assert.equal(error.exitCode, 8);
      assert.match(String(error), /^There are .* free, and the model needs 91 TiB more/);
      return true;
    });
    assert.deepEqual(left(), []);
  });

  it('that says no length can be read all the same', async () => {
    const bytes = arcfaceBytes(300_000);
    server.publish(arcfacePath(), bytes);
    server.expect(arcfacePath(), { do: 'endless' });
    await pull([arcface]);
    assert.deepEqual(readFileSync(fileOf('arcface_w600k_r50.onnx')), bytes);
  });

  it('that publishes no checksum is used with a warning', async () => {
    warnings.length = 0;
    server.publish(arcfacePath(), arcfaceBytes(), null);
    server.expect(arcfacePath(), { do: 'status', status: 500 }, { do: 'send' });
    const [result] = await pull([arcface]);
    assert.equal(result?.outcome, 'fetched');
    assert.equal(warnings.length, 1, warnings.join('\n'));
    assert.match(warnings[0] ?? '', /its publisher gives no checksum/);
  });
});

describe('a model that was seen before', () => {
  it('must be the same when it is fetched again, unless that is forced', async () => {
    server.publish(arcfacePath(), arcfaceBytes(1000, 1));
    await pull([arcface]);
    rmSync(fileOf('arcface_w600k_r50.onnx'));
    server.publish(arcfacePath(), arcfaceBytes(1000, 2));
    await assert.rejects(
      pull([arcface]),
      modelError(
        new RegExp(
          `not the one that was first seen: .*${sha256(arcfaceBytes(1000, 2))}; first seen was ${sha256(arcfaceBytes(1000, 1))}.*pull --force arcface_w600k_r50`,
        ),
      ),
    );
    assert.deepEqual(left(), ['arcface_w600k_r50.onnx.json']);
    const [forced] = await pull([arcface], { force: true });
    assert.equal(forced?.sha256, sha256(arcfaceBytes(1000, 2)));
    assert.equal((await pull([arcface]))[0]?.outcome, 'there');
  });

  it('is fetched again when its file was changed', async () => {
    const bytes = arcfaceBytes(1000);
    server.publish(arcfacePath(), bytes);
    await pull([arcface]);
    writeFileSync(fileOf('arcface_w600k_r50.onnx'), arcfaceBytes(1000, 2));
    const [again] = await pull([arcface]);
    assert.equal(again?.outcome, 'fetched');
    assert.deepEqual(readFileSync(fileOf('arcface_w600k_r50.onnx')), bytes);
  });
});

describe('several at the same time', () => {
  it('fetch one file once', async () => {
    const bytes = arcfaceBytes(300_000);
    server.publish(arcfacePath(), bytes);
    const both = await Promise.all([pull([arcface]), pull([arcface]), pull([arcface])]);
    assert.deepEqual(both.map(([result]) => result?.outcome).sort(), ['fetched', 'there', 'there']);
    assert.equal(server.gets(arcfacePath()).length, 1);
    assert.deepEqual(left(), ['arcface_w600k_r50.onnx', 'arcface_w600k_r50.onnx.json']);
  });

  it('take the place of one that was killed', async () => {
    server.publish(arcfacePath(), arcfaceBytes());
    await pull([arcface]);
    rmSync(fileOf('arcface_w600k_r50.onnx'));
    const { describeSelf } = await import('../../../src/pipeline/job-lock.js');
    const owner = { ...(await describeSelf()), pid: 2 ** 22 + 1 };
    writeFileSync(fileOf('arcface_w600k_r50.onnx.lock'), JSON.stringify(owner));
    const [result] = await pull([arcface]);
    assert.equal(result?.outcome, 'fetched');
    assert.deepEqual(left(), ['arcface_w600k_r50.onnx', 'arcface_w600k_r50.onnx.json']);
  });

  it('tell when another machine has the file', async () => {
    server.publish(arcfacePath(), arcfaceBytes());
    await pull([arcface]);
    rmSync(fileOf('arcface_w600k_r50.onnx'));
    const { describeSelf } = await import('../../../src/pipeline/job-lock.js');
    const owner = { ...(await describeSelf()), host: 'elsewhere' };
    writeFileSync(fileOf('arcface_w600k_r50.onnx.lock'), JSON.stringify(owner));
    await assert.rejects(
      pull([arcface]),
      modelError(/Another machine \(elsewhere\) is working on this model.*\.lock/),
    );
  });
});

describe('without the network', () => {
  it('only what is there is given', async () => {
    server.publish(arcfacePath(), arcfaceBytes());
    await assert.rejects(
      pull(['inswapper_128'], { offline: true }),
      modelError(/no host may be asked: arcface_w600k_r50, inswapper_128/),
    );
    assert.equal(server.seen.length, 0);
    await pull([arcface]);
    assert.equal((await pull([arcface], { offline: true }))[0]?.outcome, 'there');
  });

  it('a file that was put there is trusted as it is, if its .hash beside it fits', async () => {
    server.publish(arcfacePath(), arcfaceBytes());
    await pull([arcface]);
    const bytes = inswapperBytes();
    writeFileSync(fileOf('inswapper_128.onnx'), bytes);
    writeFileSync(fileOf('inswapper_128.hash'), '00000000');
    await assert.rejects(
      pull(['inswapper_128'], { offline: true }),
      modelError(/its \.hash file says 00000000/),
    );
    rmSync(fileOf('inswapper_128.hash'));
    const results = await pull(['inswapper_128'], { offline: true });
    assert.deepEqual(
      results.map(({ outcome }) => outcome),
      ['there', 'there'],
    );
    assert.ok(existsSync(fileOf('inswapper_128.onnx.json')), 'its bytes are recorded');
  });
});

describe('names', () => {
  it('that nobody bears are refused, and so are those of the package', async () => {
    await assert.rejects(pull(['inswapper_129']), modelError(/There is no model "inswapper_129"/));
    await assert.rejects(pull(['blazeface']), /comes with the package/);
  });

  it('of DeepFaceLive models follow a pattern', async () => {
    const path = `/${count}/deepfacelive-models-iperov/Some_One.dfm`;
    server.publish(
      path,
      modelBytes(
        { 'in_face:0': ['n', 224, 224, 3] },
        { 'mask:0': ['n', 224, 224, 1], 'face:0': ['n', 224, 224, 3], 'other:0': ['n', 224, 224, 1] },
      ),
    );
    const [result] = await pull(['deepfacelive/iperov/Some_One']);
    assert.equal(result?.file, fileOf('deepfacelive/iperov/Some_One.dfm'));
    assert.ok(existsSync(fileOf('deepfacelive/iperov/Some_One.dfm')), 'it lies in a folder of its author');
    for (const name of ['deepfacelive/nobody/x', 'deepfacelive/iperov/../x', 'deepfacelive/iperov/']) {
      await assert.rejects(pull([name]), modelError(/There is no model/));
    }
    await assert.rejects(
      pull(['deepfacelive/custom/mine']),
      modelError(/published nowhere.*models import FILE --as deepfacelive\/custom\/mine/),
    );
    await assert.rejects(
      pull(['deepfacelive/iperov/other'], { hosts: modelHosts(['github'], undefined) }),
      modelError(/none of the hosts that were given has models like it/),
    );
  });
});

describe('a pull that is stopped', () => {
  it('ends at once and keeps what it has', async () => {
    server.publish(arcfacePath(), arcfaceBytes(300_000));
    server.expect(arcfacePath(), { do: 'stall', afterBytes: 100_000 });
    const stop = new AbortController();
    const stopping: PullListener = { ...accepting, onProgress: () => stop.abort() };
    await assert.rejects(pull([arcface], { signal: stop.signal }, stopping));
    assert.ok(statSync(fileOf('arcface_w600k_r50.onnx.part')).size > 0, 'the part is kept');
    assert.ok(!existsSync(fileOf('arcface_w600k_r50.onnx.lock')), 'the lock is given back');
  });
});

describe('a proxy', () => {
  it('is used where the environment names one', async () => {
    server.publish(arcfacePath(), arcfaceBytes());
    const asked: string[] = [];
    const proxy = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', (head) => {
        const [, host = '', port = ''] = /^CONNECT ([^:]+):(\d+) /.exec(head.toString('latin1')) ?? [];
        asked.push(`${host}:${port}`);
        const onward = connect(Number(port), host, () => {
          socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
          socket.pipe(onward).pipe(socket);
        });
        onward.on('error', () => socket.destroy());
      });
    });
    await new Promise<void>((resolve) => {
      proxy.listen(0, '127.0.0.1', resolve);
    });
    try {
      const address = proxy.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const environment = { HTTP_PROXY: `http://127.0.0.1:${port}` };
      const [result] = await pull([arcface], { environment });
      assert.equal(result?.outcome, 'fetched');
      assert.ok(asked.length > 0 && asked.every((to) => to === new URL(server.origin).host), String(asked));
      const before = asked.length;
      await pull([arcface], { force: true, environment: { ...environment, NO_PROXY: '127.0.0.1' } });
      assert.equal(asked.length, before);
    } finally {
      proxy.close();
    }
  });
});
