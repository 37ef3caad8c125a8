import { resolve } from 'node:path';
import { FaceswapError } from '../errors.js';
import { nearestName } from './nearest-name.js';

/** What a placeholder stands for; the names are FaceFusion's. */
export type TemplateValues = {
  /** Place of the target in the batch, counted from 0. */
  readonly index: number;
  /** Name of the first source photo, without its extension. */
  readonly source_name: string;
  readonly target_name: string;
  /** With its dot. */
  readonly target_extension: string;
};

type Placeholder = keyof TemplateValues;

type Token = { readonly literal: string } | { readonly placeholder: Placeholder };

/** A path with placeholders, taken apart. */
export type NameTemplate = { readonly text: string; readonly tokens: readonly Token[] };

const placeholders = ['index', 'source_name', 'target_name', 'target_extension'] as const;

const known = placeholders.map((name) => `{${name}}`).join(', ');

const isPlaceholder = (name: string): name is Placeholder =>
  placeholders.some((placeholder) => placeholder === name);

/** Doubled braces stand for one; a pair of them holds a placeholder; everything else is text. */
const tokenPattern = /\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+/g;

/** Whether a text has a placeholder that is known. */
export const hasPlaceholder = (text: string): boolean =>
  (text.match(tokenPattern) ?? []).some((part) => part !== '{{' && isPlaceholder(part.slice(1, -1)));

/**
 * Takes a template apart. `{{` and `}}` stand for single braces.
 *
 * @param flag the option that it was given with, for errors.
 * @throws FaceswapError (usage) for an unknown placeholder or a brace without its partner.
 */
export function parseNameTemplate(text: string, flag: string): NameTemplate {
  const tokens = (text.match(tokenPattern) ?? []).map((part): Token => {
    if (part === '{{' || part === '}}') return { literal: part.slice(1) };
    if (!/[{}]/.test(part)) return { literal: part };
    const name = part.slice(1, -1);
    if (part.length > 1 && isPlaceholder(name)) return { placeholder: name };
    const nearest = part.length > 1 ? nearestName(name, placeholders) : undefined;
    const what = part.length > 1 ? `the unknown placeholder ${part}` : `a single ${part}`;
    throw new FaceswapError('usage', `${flag} has ${what}; known are ${known}`, {
      hint:
        nearest === undefined
          ? 'Write {{ and }} for braces that mean themselves'
          : `Did you mean {${nearest}}?`,
    });
  });
  return { text, tokens };
}

const pathParts = (path: string): readonly string[] =>
  path.split(process.platform === 'win32' ? /[\\/]/ : '/');

/** Puts texts in the place of the placeholders; a dot that the template has before an extension is not doubled. */
const fill = ({ tokens }: NameTemplate, textOf: (placeholder: Placeholder) => string): string =>
  tokens.reduce((text, token) => {
    if ('literal' in token) return text + token.literal;
    const value = textOf(token.placeholder);
    return token.placeholder === 'target_extension' && text.endsWith('.') && value.startsWith('.')
      ? text + value.slice(1)
      : text + value;
  }, '');

/**
 * The path that a template gives for one target.
 *
 * @returns an absolute path.
 * @throws FaceswapError (usage) when a name would lead into another folder, such as that of a file called `...mp4`.
 */
export function expandNameTemplate(template: NameTemplate, values: TemplateValues, target: string): string {
  const path = fill(template, (placeholder) => String(values[placeholder]));
  const written = pathParts(template.text);
  const strays = pathParts(path).some(
    (part, index) => ['', '.', '..'].includes(part) && /[{}]/.test(written[index] ?? ''),
  );
  if (strays) {
    const message = `The name of this target cannot stand in the place of a placeholder in ${template.text}`;
    throw new FaceswapError('usage', message, { file: target });
  }
  return resolve(path);
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

/**
 * An expression for all absolute paths that a template may have given in an earlier batch: any number for the index, and any
 * name where `values` has none.
 */
export function templateExpression(
  template: NameTemplate,
  values: Partial<Omit<TemplateValues, 'index'>>,
): RegExp {
  // Characters that no path has, so that the path can be made absolute before they are replaced.
  const marks: Record<Placeholder, string> = {
    index: '\u0000i',
    source_name: values.source_name ?? '\u0000s',
    target_name: values.target_name ?? '\u0000n',
    target_extension: values.target_extension ?? '.\u0000e',
  };
  const path = escaped(resolve(fill(template, (placeholder) => marks[placeholder])));
  return new RegExp(
    `^${path
      .replaceAll('\u0000i', '\\d+')
      .replaceAll('\u0000s', '[^/\\\\]*')
      .replaceAll('\u0000n', '[^/\\\\]*')
      .replaceAll('\u0000e', '[^/\\\\.]+')}$`,
    's',
  );
}

/** The folder above everything that a template can give. Absolute path. */
export function templateFolder({ tokens }: NameTemplate): string {
  const end = tokens.findIndex((token) => 'placeholder' in token);
  const head = tokens
    .slice(0, end === -1 ? tokens.length : end)
    .map((token) => ('literal' in token ? token.literal : ''))
    .join('');
  return resolve(`${head}x`, '..');
}
