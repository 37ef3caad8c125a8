import assert from 'node:assert/strict';
import { test } from 'node:test';
import { html } from '../../../src/report/html/markup.js';
import { htmlPage } from '../../../src/report/html/page.js';

test('whatever is put into a template means itself', () => {
  const hostile = `<script>alert('1')</script>&amp;"`;
  assert.equal(
    html`<p title="${hostile}">${hostile}</p>`.toString(),
    '<p title="&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;&quot;">&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;&quot;</p>',
  );
});

test('marks that turn or hide letters are shown by their numbers', () => {
  assert.equal(html`${'a\u202egpj.exe\u0000\ud800'}`.toString(), 'a\\u202egpj.exe\\u0000\\ud800');
});

test('markup goes into markup as it is, lists are joined, numbers without a value are named', () => {
  const items = ['a<', 'b'].map((text) => html`<li>${text}</li>`);
  assert.equal(
    html`<ul>${items}</ul>${1.5}${Number.NaN}`.toString(),
    '<ul><li>a&lt;</li><li>b</li></ul>1.5n/a',
  );
});

test('a page may load nothing and run nothing', () => {
  const page = htmlPage('</title><script>', html`<p>x</p>`);
  assert.match(page, /content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"/);
  assert.match(page, /<title>&lt;\/title&gt;&lt;script&gt;<\/title>/);
  assert.doesNotMatch(page, /<script|https?:|url\(|@import/);
});
