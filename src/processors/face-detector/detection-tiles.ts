/** A square window of the frame that is reduced to the detector's input. */
export type DetectionTile = { readonly x: number; readonly y: number; readonly sidePx: number };

/**
 * Smallest face, in pixels of the detector's 256-pixel input, that blazeface finds reliably. Measured on the group
 * photograph of 29 people: recall falls off below this size.
 */
const smallestInputFacePx = 13;

/** Neighbouring tiles share this part of their side, so that a face on a border is whole in one of them. */
const tileOverlap = 0.2;

/**
 * Face height in frame pixels that a full scan is expected to find: 32 px in a 1080-line frame, in proportion above it,
 * and never below 20 px, where 468 landmarks no longer mean anything.
 */
export function smallestFacePx(heightPx: number): number {
  return Math.max(20, (32 * heightPx) / 1080);
}

/**
 * The windows of a full scan: the whole frame first, then, when the whole frame reduced to the input would lose faces of
 * {@link smallestFacePx}, tiles at which a face of that height is still large enough. A frame that is small enough needs
 * no tiles.
 */
export function detectionTiles(widthPx: number, heightPx: number): DetectionTile[] {
  const wholeSidePx = Math.max(widthPx, heightPx);
  const tiles: DetectionTile[] = [{ x: 0, y: 0, sidePx: wholeSidePx }];
  const tileSidePx = Math.round((smallestFacePx(heightPx) * 256) / smallestInputFacePx);
  if (tileSidePx >= wholeSidePx * 0.9) return tiles;
  const columns = tileCount(widthPx, tileSidePx);
  const rows = tileCount(heightPx, tileSidePx);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      tiles.push({
        x: tileStart(column, columns, widthPx, tileSidePx),
        y: tileStart(row, rows, heightPx, tileSidePx),
        sidePx: tileSidePx,
      });
    }
  }
  return tiles;
}

function tileCount(lengthPx: number, sidePx: number): number {
  if (lengthPx <= sidePx) return 1;
  return 1 + Math.ceil((lengthPx - sidePx) / (sidePx * (1 - tileOverlap)));
}

function tileStart(index: number, count: number, lengthPx: number, sidePx: number): number {
  return count === 1 ? 0 : Math.round((index * (lengthPx - sidePx)) / (count - 1));
}
