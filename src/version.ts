import { readFileSync } from 'node:fs';

/** Absolute folder of the installed package: the parent of `src/` or `dist/`. */
export const packageRootUrl = new URL('../', import.meta.url);

/** The package version, read from package.json so that it is written in one place. */
export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('package.json', packageRootUrl), 'utf8'));
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) {
    return String(manifest.version);
  }
  throw new Error('package.json has no version');
}

/** What every result says of itself in its metadata (`comment` of videos, EXIF ImageDescription of images). */
export function editNote(): string {
  return `Face replaced with faceswap ${packageVersion()}`;
}
