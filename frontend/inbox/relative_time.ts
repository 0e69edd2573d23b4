/** Times relative to now, in words. */

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

interface Formats {
  relative: Intl.RelativeTimeFormat;
  date: Intl.DateTimeFormat;
  moment: Intl.DateTimeFormat;
}

const formats = new Map<string, Formats>();

function formatsOf(locale: string): Formats {
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

/** Return a moment that is to come: its time today, with the day of the week for six days, or else with the date of the next 366 days. */
export function upcomingTime(moment: string | Date, locale: string, now = Date.now()): string {
  const then = new Date(moment);
  if (Number.isNaN(then.getTime())) return "";
  const days = daysFrom(now, then.getTime());
  const date = days >= 0 && days < 7 ? {} : ({ month: "short", day: "numeric" } as const);
  const weekday = days === 0 ? undefined : "short";
  return then.toLocaleString(locale, { hour: "numeric", minute: "2-digit", weekday, ...date });
}

/** Return a day, given as its midnight: "today", "yesterday", or its date. */
export function dayName(day: number, locale: string, now = Date.now()): string {
  const { relative, date } = formatsOf(locale);
  const ago = -daysFrom(now, day);
  return ago === 0 || ago === 1 ? relative.format(-ago, "day") : date.format(day);
}

/** Return how many midnights are between two moments. */
function daysFrom(now: number, then: number): number {
  const [from, to] = [now, then].map((moment) => new Date(moment).setHours(0, 0, 0, 0)) as [number, number];
  // Days of 23 and 25 hours are days as well.
  return Math.round((to - from) / 86_400_000);
}
