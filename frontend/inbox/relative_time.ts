/** Times relative to now, in words. */

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

const formats = new Map<string, { relative: Intl.RelativeTimeFormat; date: Intl.DateTimeFormat; moment: Intl.DateTimeFormat }>();

function formatsOf(locale: string) {
  const known = formats.get(locale);
  if (known) return known;
  const made = {
    relative: new Intl.RelativeTimeFormat(locale, { numeric: "auto" }),
    date: new Intl.DateTimeFormat(locale, { dateStyle: "medium" }),
    moment: new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" }),
  };
  formats.set(locale, made);
  return made;
}

/** Return how long ago something was: "now", "5 minutes ago"; after a week, its date. */
export function relativeTime(moment: string, locale: string, now = Date.now()): string {
  const then = Date.parse(moment);
  const seconds = Math.round((now - then) / 1_000);
  if (Number.isNaN(seconds)) return "";
  const { relative, date } = formatsOf(locale);
  if (seconds < 45) return relative.format(0, "second");
  if (seconds > 7 * 86_400) return date.format(then);
  for (const [unit, length] of STEPS) {
    if (seconds >= length) return relative.format(-Math.round(seconds / length), unit);
  }
  return relative.format(-1, "minute");
}

/** Return a moment as date and time; nothing for what is none. */
export function fullTime(moment: string, locale: string): string {
  const then = Date.parse(moment);
  return Number.isNaN(then) ? "" : formatsOf(locale).moment.format(then);
}

/** Return a day, given as its midnight: "today", "yesterday", or its date. */
export function dayName(day: number, locale: string, now = Date.now()): string {
  const { relative, date } = formatsOf(locale);
  const today = new Date(now).setHours(0, 0, 0, 0);
  // Days of 23 and 25 hours are days as well.
  const ago = Math.round((today - day) / 86_400_000);
  return ago === 0 || ago === 1 ? relative.format(-ago, "day") : date.format(day);
}
