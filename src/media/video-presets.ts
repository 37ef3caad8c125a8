/** x264's speed presets from fastest to smallest. */
export const videoPresets = [
  'ultrafast',
  'superfast',
  'veryfast',
  'faster',
  'fast',
  'medium',
  'slow',
  'slower',
  'veryslow',
] as const;

export type VideoPreset = (typeof videoPresets)[number];
