const microsecondsPerSecond = 1_000_000;

/** A day is longer than any file that this is meant for, and keeps all sums far inside exact integers. */
const longestMicroseconds = 24 * 3600 * microsecondsPerSecond;

/**
 * Reads a time as whole microseconds: seconds (`62.5`) or `[[hh:]mm:]ss[.fraction]` (`1:02.5`, `00:01:02.500`).
 * The digits are read as text, so that no float rounds them; more than six decimals are refused.
 *
 * @returns undefined for anything else; with a colon, minutes and seconds must be below 60.
 */
export function parseTrimTime(value: number | string): number | undefined {
  const match = /^(?:(?:(\d{1,2}):)?(\d{1,2}):)?(\d{1,6})(?:\.(\d{1,6}))?$/.exec(String(value).trim());
  if (match === null) return undefined;
  const [, hours, minutes, seconds = '0', fraction = ''] = match;
  if (minutes !== undefined && (Number(seconds) >= 60 || seconds.length > 2)) return undefined;
  if (hours !== undefined && Number(minutes) >= 60) return undefined;
  const wholeSeconds = Number(hours ?? '0') * 3600 + Number(minutes ?? '0') * 60 + Number(seconds);
  const microseconds = wholeSeconds * microsecondsPerSecond + Number(fraction.padEnd(6, '0'));
  return microseconds <= longestMicroseconds ? microseconds : undefined;
}
