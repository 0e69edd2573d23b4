/** Times relative to now, in words. */

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** Return how long ago something was: "just now", "5 minutes ago"; after a week, its date. */
export function relativeTime(moment: string, now = Date.now(), locale?: string): string {
  const then = Date.parse(moment);
  const seconds = Math.round((now - then) / 1_000);
  if (Number.isNaN(seconds)) return "";
  if (seconds < 45) return "just now";
  if (seconds > 7 * 86_400) return new Intl.DateTimeFormat(locale, { dateStyle: "medium" }).format(then);
  const format = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  for (const [unit, length] of STEPS) {
    if (seconds >= length) return format.format(-Math.round(seconds / length), unit);
  }
  return format.format(-1, "minute");
}
