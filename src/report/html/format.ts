/** What stands for a figure that could not be taken. */
export const missing = 'n/a';

/** A figure with so many digits behind the point. */
export const fixed = (value: number | null | undefined, digits: number): string =>
  value === null || value === undefined || !Number.isFinite(value) ? missing : value.toFixed(digits);

/** A share of 0..1 as percent. */
export const percent = (share: number | null | undefined, digits = 1): string =>
  share === null || share === undefined || !Number.isFinite(share)
    ? missing
    : `${(100 * share).toFixed(digits)} %`;

/** `1:02:03.040`, hours only where there are any. */
export const timecode = (seconds: number): string => {
  if (!Number.isFinite(seconds)) return missing;
  const milliseconds = Math.max(0, Math.round(1000 * seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  const whole = Math.floor(milliseconds / 1000);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = `${two(whole % 60)}.${String(milliseconds % 1000).padStart(3, '0')}`;
  return hours > 0 ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
};

/** `1 frame`, `2 frames`. */
export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
