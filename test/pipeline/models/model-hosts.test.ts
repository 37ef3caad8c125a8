import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FaceswapError } from '../../../src/errors.js';
import { fileUrl, modelHosts } from '../../../src/pipeline/models/model-hosts.js';
import { proxyFor } from '../../../src/pipeline/models/proxy-choice.js';
import { redirectTarget } from '../../../src/pipeline/models/redirect-target.js';

const usage =
  (line: RegExp) =>
  (error: unknown): boolean =>
    error instanceof FaceswapError && error.exitCode === 2 && line.test(String(error));

const urls = (hosts: ReturnType<typeof modelHosts>, base: string, file: string): readonly string[] =>
  hosts.flatMap((host) => fileUrl(host, base, file) ?? []);

describe('hosts', () => {
  it('are those that publish the models, in the order in which FaceFusion tries them', () => {
    assert.deepEqual(urls(modelHosts([], undefined), 'models-3.0.0', 'inswapper_128.onnx'), [
      'https://github.com/facefusion/facefusion-assets/releases/download/models-3.0.0/inswapper_128.onnx',
      'https://huggingface.co/facefusion/models-3.0.0/resolve/main/inswapper_128.onnx',
      'https://hf-mirror.com/facefusion/models-3.0.0/resolve/main/inswapper_128.onnx',
    ]);
  });

  it('of DeepFaceLive models are two of them', () => {
    assert.deepEqual(urls(modelHosts([], undefined), 'deepfacelive-models-jen', 'x.dfm'), [
      'https://huggingface.co/facefusion/deepfacelive-models-jen/resolve/main/x.dfm',
      'https://hf-mirror.com/facefusion/deepfacelive-models-jen/resolve/main/x.dfm',
    ]);
  });

  it('are taken by name and as URLs, in the order given, and before those of the environment', () => {
    const names = (given: readonly string[], listed?: string) =>
      modelHosts(given, listed).map(({ name }) => name);
    assert.deepEqual(names(['hf-mirror', 'github']), ['hf-mirror', 'github']);
    assert.deepEqual(names(['hf-mirror,github']), ['hf-mirror', 'github']);
    assert.deepEqual(names([], 'huggingface, https://m.example:8443/{base}/{file}'), [
      'huggingface',
      'm.example:8443',
    ]);
    assert.deepEqual(names(['github'], 'huggingface'), ['github']);
    assert.deepEqual(names([], '').length, 3);
    assert.deepEqual(urls(modelHosts(['http://m.example/all/{file}'], undefined), 'b', 'a b.onnx'), [
      'http://m.example/all/a%20b.onnx',
    ]);
  });

  it('that are neither are refused', () => {
    for (const text of [
      'gitlab',
      'https://m.example/',
      'ftp://m.example/{file}',
      'file:///models/{file}',
      'https://me:secret@m.example/{file}',
      'https://{file}',
    ]) {
      assert.throws(() => modelHosts([text], undefined), usage(/^A model host must be one of github/), text);
    }
  });
});

describe('a redirect', () => {
  const to = (from: string, location: string): string => redirectTarget(new URL(from), location).href;

  it('leads anywhere over https, and from http over http as well', () => {
    assert.equal(to('https://a.example/x/y', '/z?q'), 'https://a.example/z?q');
    assert.equal(to('https://a.example/', 'https://cdn.example/f'), 'https://cdn.example/f');
    assert.equal(to('http://a.example/', '//b.example/f'), 'http://b.example/f');
    assert.equal(to('http://a.example/', 'https://b.example/f'), 'https://b.example/f');
  });

  it('never leaves https, nor the web', () => {
    for (const [from, location] of [
      ['https://a.example/', 'http://a.example/'],
      ['https://a.example/', 'file:///etc/passwd'],
      ['http://a.example/', 'data:text/plain,x'],
      ['https://a.example/', 'https://'],
    ] as const) {
      assert.throws(() => to(from, location), /it sends to a place that is n/, location);
    }
  });
});

describe('the proxy for a URL', () => {
  const choose = (address: string, environment: NodeJS.ProcessEnv): string | undefined =>
    proxyFor(new URL(address), environment);

  it('is that of its protocol, lower-case names first', () => {
    const environment = { HTTP_PROXY: 'http://a:1', HTTPS_PROXY: 'http://b:2', https_proxy: 'http://c:3' };
    assert.equal(choose('http://x.example/', environment), 'http://a:1');
    assert.equal(choose('https://x.example/', environment), 'http://c:3');
    assert.equal(choose('https://x.example/', {}), undefined);
    assert.equal(choose('https://x.example/', { HTTPS_PROXY: ' ' }), undefined);
    assert.equal(choose('https://x.example/', { HTTPS_PROXY: 'proxy:8080' }), 'http://proxy:8080');
  });

  it('is none for hosts that NO_PROXY names', () => {
    const withNo = (address: string, list: string): boolean =>
      choose(address, { HTTPS_PROXY: 'http://p:1', NO_PROXY: list }) === undefined;
    assert.ok(withNo('https://x.example/', '*'));
    assert.ok(withNo('https://x.example/', 'a.example, x.example'));
    assert.ok(withNo('https://y.x.example/', 'x.example'));
    assert.ok(withNo('https://y.x.example/', '.x.example'));
    assert.ok(withNo('https://y.x.example/', '*.x.example'));
    assert.ok(withNo('https://X.example:8443/', 'x.example:8443'));
    assert.ok(withNo('https://x.example/', 'x.example:443'));
    assert.ok(!withNo('https://x.example/', 'x.example:8443'));
    assert.ok(!withNo('https://notx.example/', 'x.example'));
    assert.ok(!withNo('https://x.example/', ''));
  });

  it('must be a URL', () => {
    assert.throws(
      () => choose('http://x.example/', { HTTP_PROXY: 'socks5://p:1' }),
      usage(/HTTP_PROXY must be the URL of a proxy, got "socks5:/),
    );
  });
});
