import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** What {@link modelFolder} reads of the machine. */
export type ModelPlace = {
  readonly environment: NodeJS.ProcessEnv;
  readonly platform: NodeJS.Platform;
  readonly homeFolder: string;
};

const here = (): ModelPlace => ({
  environment: process.env,
  platform: process.platform,
  homeFolder: homedir(),
});

/**
 * Where fetched models are kept when no folder is given: `FACESWAP_MODEL_DIR`, else the system's place for data
 * (`~/Library/Application Support/faceswap/models` on macOS, `%LOCALAPPDATA%\faceswap\models` on Windows, elsewhere
 * `$XDG_DATA_HOME/faceswap/models` or `~/.local/share/faceswap/models`). The folder need not exist.
 *
 * @returns an absolute path.
 */
export function modelFolder({ environment, platform, homeFolder }: ModelPlace = here()): string {
  const given = (name: string): string | undefined => {
    const value = environment[name];
    return value === undefined || value === '' ? undefined : value;
  };
  const own = given('FACESWAP_MODEL_DIR');
  if (own !== undefined) return resolve(own);
  const xdg = given('XDG_DATA_HOME');
  if (xdg !== undefined) return resolve(xdg, 'faceswap', 'models');
  switch (platform) {
    case 'darwin':
      return join(homeFolder, 'Library', 'Application Support', 'faceswap', 'models');
    case 'win32':
      return join(given('LOCALAPPDATA') ?? join(homeFolder, 'AppData', 'Local'), 'faceswap', 'models');
    default:
      return join(homeFolder, '.local', 'share', 'faceswap', 'models');
  }
}
