import { printableText } from '../../printable-text.js';

/** Markup that is safe to stand in a page as it is: made by {@link html}, or of text of our own that holds no input. */
export class Markup {
  readonly #text: string;

  /** @param text must hold nothing that came from outside; use {@link html} for all else. */
  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** What may stand in the gaps of {@link html}; texts are escaped, lists are joined. */
export type MarkupValue = Markup | string | number | readonly MarkupValue[];

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text that means itself in an element and in a quoted attribute; what could turn or hide letters is shown as `\uXXXX`. */
const escapeText = (text: string): string =>
  printableText(text).replace(/[&<>"']/g, (character) => entities[character] ?? '');

const markupText = (value: MarkupValue): string => {
  if (value instanceof Markup) return value.toString();
  if (typeof value === 'string') return escapeText(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'n/a';
  return value.map(markupText).join('');
};

/**
 * A template of markup in which everything that is put in is escaped, so that names, tags and messages can say nothing but
 * themselves. Attributes must be quoted in the template; nothing may be put into a `<style>` or an address.
 */
export const html = (parts: TemplateStringsArray, ...values: readonly MarkupValue[]): Markup =>
  new Markup(parts.reduce((text, part, at) => `${text}${markupText(values[at - 1] as MarkupValue)}${part}`));

/** Nothing. */
export const noMarkup = new Markup('');
