import { printableLine } from '../printable-text.js';

/** A label, empty where the row goes on with the one above, and its text. */
export type TableRow = readonly [label: string, text: string];

/** Rows with their labels in one aligned column; every line ends with a line break and has no spaces before it. A text takes one line. */
export const formatRows = (rows: readonly TableRow[]): string => {
  const width = Math.max(...rows.map(([label]) => label.length)) + 2;
  return rows
    .map(([label, text]) => `${printableLine(`${label.padEnd(width)}${text}`).trimEnd()}\n`)
    .join('');
};

/** Columns as wide as their widest cell, the last one open. */
export const formatColumns = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
};
