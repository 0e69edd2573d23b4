/**
 * The moments that a snooze can end at: what the menu offers, and the limits of a choice. No DOM. Hours and days are those
 * of the browser's time zone, where a day may have 23 or 25 hours.
 */

/** One choice of the menu: a page may set its own (`snoozePresets`). */
export interface SnoozePreset {
  readonly label: string;
  /** When the notification comes back. */
  readonly until: Date;
}

/** Return the choices at a moment. */
export type SnoozePresets = (now: Date) => readonly SnoozePreset[];

/** The names of the component's own choices, in the order of their times. */
export type PresetName = "inOneHour" | "thisEvening" | "tomorrowMorning" | "nextWeek";

const MORNING_HOUR = 8;
const EVENING_HOUR = 18;
const MONDAY = 1;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The longest snooze that the server allows. */
const LONGEST_MS = 366 * 24 * HOUR_MS;

/** Return the component's own choices. This evening is offered while it is more than an hour away, and each day once. */
export function presetTimes(now: Date): (readonly [PresetName, Date])[] {
  // Up to the minute that is shown: never less than an hour.
  const inOneHour = new Date(Math.ceil(now.getTime() / MINUTE_MS) * MINUTE_MS + HOUR_MS);
  const thisEvening = hourOf(now, 0, EVENING_HOUR);
  const tomorrow = tomorrowMorning(now);
  const untilMonday = (MONDAY + 7 - now.getDay()) % 7 || 7;
  const times: (readonly [PresetName, Date])[] = [["inOneHour", inOneHour]];
  if (thisEvening > inOneHour) times.push(["thisEvening", thisEvening]);
  times.push(["tomorrowMorning", tomorrow]);
  if (untilMonday > 1) times.push(["nextWeek", hourOf(now, untilMonday, MORNING_HOUR)]);
  return times;
}

/** Return eight o'clock tomorrow. */
export function tomorrowMorning(now: Date): Date {
  return hourOf(now, 1, MORNING_HOUR);
}

/** Return the first and the last minute that can be chosen. */
export function choiceLimits(now: Date): { first: Date; last: Date } {
  const first = (Math.floor(now.getTime() / MINUTE_MS) + 1) * MINUTE_MS;
  const last = Math.floor((now.getTime() + LONGEST_MS) / MINUTE_MS) * MINUTE_MS;
  return { first: new Date(first), last: new Date(last) };
}

/** Whether the server would accept it: later than now, and at most 366 days away. */
export function canSnoozeUntil(until: Date, now: Date): boolean {
  const distance = until.getTime() - now.getTime();
  return distance > 0 && distance <= LONGEST_MS;
}

/** Return a moment as `<input type="datetime-local">` has it: `2026-01-15T08:00`, in local time. */
export function toLocalTime(moment: Date): string {
  const local = moment.getTime() - moment.getTimezoneOffset() * MINUTE_MS;
  return new Date(local).toISOString().slice(0, 16);
}

/**
 * Return the moment of a local time. When summer time ends, an hour comes twice: in the second one, its times are those
 * that are still to come. A time that summer time leaves out is as much later.
 */
export function fromLocalTime(text: string, now: Date): Date {
  const moment = new Date(text);
  const again = new Date(moment.getTime() + HOUR_MS);
  return moment <= now && toLocalTime(again) === text ? again : moment;
}

function hourOf(now: Date, days: number, hour: number): Date {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hour);
}
