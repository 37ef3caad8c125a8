/**
 * Reads a share: a number from 0 to 1, or a text that says the same (`0.05`) or in percent (`5%`).
 *
 * @returns undefined for anything else
 */
export function parseShare(value: number | string): number | undefined {
  const match = /^\s*(\d{1,9}(?:\.\d{1,12})?)\s*(%?)\s*$/.exec(String(value));
  if (match === null) return undefined;
  const number = Number(match[1]);
  const share = match[2] === '%' ? number / 100 : number;
  return share <= 1 ? share : undefined;
}
