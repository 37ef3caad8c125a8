/**
 * What must not reach a terminal as it is: control characters of both blocks (escape sequences begin with one), marks that turn the
 * direction of writing or hide letters, the line separators of Unicode, and halves of surrogate pairs.
 */
const unprintable =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/**
 * Text of several lines that can do nothing to a terminal: whatever is not printable stands as `\uXXXX`, line breaks and tabs stay.
 * Names, metadata and words of other programs are hostile. JSON stays the same JSON, because there such characters stand in strings only.
 */
export const printableText = (text: string): string => text.replace(unprintable, escaped);

/** {@link printableText} in one line: every line break and the blanks around it become one blank. */
export const printableLine = (text: string): string =>
  printableText(text.replace(/\s*[\r\n\u2028\u2029]+\s*/g, ' '));
