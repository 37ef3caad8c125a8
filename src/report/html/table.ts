import { html, type Markup, type MarkupValue } from './markup.js';

/** A table with a heading row; it scrolls sideways where it is wider than the screen. */
export const table = (
  headings: readonly string[],
  rows: readonly (readonly MarkupValue[])[],
): Markup => html`<div class="scroll"><table>
<thead><tr>${headings.map((heading) => html`<th scope="col">${heading}</th>`)}</tr></thead>
<tbody>
${rows.map((cells) => html`<tr>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>\n`)}</tbody>
</table></div>`;

/** Names with what they are, one under the other. */
export const definitions = (rows: readonly (readonly [name: string, value: MarkupValue])[]): Markup =>
  html`<div class="scroll"><table><tbody>
${rows.map(([name, value]) => html`<tr><th scope="row">${name}</th><td class="wrap">${value}</td></tr>\n`)}</tbody></table></div>`;

/** Short figures in boxes that flow. */
export const facts = (rows: readonly (readonly [name: string, value: MarkupValue])[]): Markup =>
  html`<dl class="facts">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

/** What is shown when its heading is opened. */
export const folded = (heading: string, body: MarkupValue): Markup =>
  html`<details><summary>${heading}</summary>${body}</details>`;
