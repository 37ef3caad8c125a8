/** Width and height of a character's cell in dots, the gap to the next one included. */
const cellColumns = 6;
const glyphRows = 7;

/** Rows of five dots each, from the top; the highest bit is on the left. Only what labels need. */
const glyphs: Readonly<Record<string, readonly number[]>> = {
  '0': [14, 17, 19, 21, 25, 17, 14],
  '1': [4, 12, 4, 4, 4, 4, 14],
  '2': [14, 17, 1, 2, 4, 8, 31],
  '3': [31, 2, 4, 2, 1, 17, 14],
  '4': [2, 6, 10, 18, 31, 2, 2],
  '5': [31, 16, 30, 1, 1, 17, 14],
  '6': [6, 8, 16, 30, 17, 17, 14],
  '7': [31, 1, 2, 4, 8, 8, 8],
  '8': [14, 17, 17, 14, 17, 17, 14],
  '9': [14, 17, 17, 15, 1, 2, 12],
  p: [0, 0, 30, 17, 30, 16, 16],
  e: [0, 0, 14, 17, 31, 16, 14],
  r: [0, 0, 22, 25, 16, 16, 16],
  s: [0, 0, 14, 16, 14, 1, 30],
  o: [0, 0, 14, 17, 17, 17, 14],
  n: [0, 0, 22, 25, 17, 17, 17],
  '.': [0, 0, 0, 0, 0, 12, 12],
  ':': [0, 12, 12, 0, 12, 12, 0],
  ' ': [0, 0, 0, 0, 0, 0, 0],
};

/** An 8-bit picture to draw on: interleaved R, G, B. */
export type Canvas = { readonly widthPx: number; readonly heightPx: number; readonly rgb: Uint8Array };

/** Height of a line of text in pixels. */
export const labelHeightPx = (dotPx: number): number => glyphRows * dotPx;

/**
 * Writes a line in white, with dots of `dotPx`. A font of our own, because what a system's fonts are, and whether there are any, would
 * decide how a picture looks. It knows digits, the letters of "person", and `.`, `:` and a space; other characters stay blank.
 * What lies beyond the canvas is left out.
 */
export const drawLabel = (
  { widthPx, heightPx, rgb }: Canvas,
  text: string,
  { x, y, dotPx }: { readonly x: number; readonly y: number; readonly dotPx: number },
): void => {
  for (const [at, character] of [...text].entries()) {
    for (const [row, bits] of (glyphs[character] ?? []).entries()) {
      for (let column = 0; column < 5; column += 1) {
        if ((bits & (16 >> column)) === 0) continue;
        const left = x + (at * cellColumns + column) * dotPx;
        const top = y + row * dotPx;
        for (let dotY = top; dotY < Math.min(heightPx, top + dotPx); dotY += 1) {
          const right = Math.min(widthPx, left + dotPx);
          if (left < right) rgb.fill(255, 3 * (dotY * widthPx + left), 3 * (dotY * widthPx + right));
        }
      }
    }
  }
};
