import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** What {@link cacheFolder} reads of the machine. */
export type CachePlace = {
  readonly environment: NodeJS.ProcessEnv;
  readonly platform: NodeJS.Platform;
  readonly homeFolder: string;
};

const here = (): CachePlace => ({
  environment: process.env,
  platform: process.platform,
  homeFolder: homedir(),
});

/**
 * Where this program keeps what it may lose: `FACESWAP_CACHE_DIR`, else the system's place for caches
 * (`~/Library/Caches/faceswap` on macOS, `%LOCALAPPDATA%\faceswap\Cache` on Windows, elsewhere `$XDG_CACHE_HOME/faceswap` or
 * `~/.cache/faceswap`). The folder need not exist.
 *
 * @returns an absolute path.
 */
export function cacheFolder({ environment, platform, homeFolder }: CachePlace = here()): string {
  const given = (name: string): string | undefined => {
    const value = environment[name];
    return value === undefined || value === '' ? undefined : value;
  };
  const own = given('FACESWAP_CACHE_DIR');
  if (own !== undefined) return resolve(own);
  const xdg = given('XDG_CACHE_HOME');
  if (xdg !== undefined) return resolve(xdg, 'faceswap');
  switch (platform) {
    case 'darwin':
      return join(homeFolder, 'Library', 'Caches', 'faceswap');
    case 'win32':
      return join(given('LOCALAPPDATA') ?? join(homeFolder, 'AppData', 'Local'), 'faceswap', 'Cache');
    default:
      return join(homeFolder, '.cache', 'faceswap');
  }
}

/** Where a run keeps copies of models and what was measured of them; null where it keeps nothing. */
export const modelCacheFolder = ({ cache }: { readonly cache: boolean }): string | null =>
  cache ? join(cacheFolder(), 'models') : null;
