const two = (value: number): string => String(value).padStart(2, '0');

/** `0:00:04.120`: hours, minutes, seconds and thousandths. */
export const timecode = (seconds: number): string => {
  const milliseconds = Math.round(1000 * seconds);
  const whole = Math.floor(milliseconds / 1000);
  const rest = String(milliseconds % 1000).padStart(3, '0');
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}.${rest}`;
};
