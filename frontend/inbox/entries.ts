/** What stands in the list from top to bottom: rows, the days above them, and the line below what was missed. No DOM. */

import type { Row } from "./arrangement.js";
import { isNewer, rankOf } from "./list.js";

export type Entry =
  | { readonly key: string; readonly row: Row }
  | { readonly key: string; readonly day: number }
  | { readonly key: string; readonly isPinned: true }
  | { readonly key: string; readonly missed: number };

/** What arrived while this inbox was away: every rank above `after` up to `through`. */
export interface Absence {
  after: string;
  through: string;
}

const days = new WeakMap<object, number>();

/** Return the entries of these rows: those that are pinned and stand first, and then the days. Times that no clock knows belong to the day of the row above. */
export function entriesOf(rows: readonly Row[], absence?: Absence): Entry[] {
  const entries: Entry[] = [];
  let day: number | undefined;
  let missed = 0;
  let isMarked = false;
  let isPinned = true;
  for (const row of rows) {
    const { id, pinned } = row.notification;
    isPinned &&= pinned;
    if (isPinned) {
      if (entries.length === 0) entries.push({ key: "pinned", isPinned });
      entries.push({ key: id, row });
      continue;
    }
    if (absence && !isMarked) {
      const rank = rankOf(row.notification);
      if (!isNewer(rank, absence.after)) {
        isMarked = true;
        if (missed > 0) entries.push({ key: "missed", missed });
      } else if (!isNewer(rank, absence.through)) missed += 1;
    }
    const own = dayOf(row.notification);
    if (own !== day && !Number.isNaN(own)) {
      day = own;
      entries.push({ key: `day ${own}`, day: own });
    }
    entries.push({ key: id, row });
  }
  if (absence && !isMarked && missed > 0) entries.push({ key: "missed", missed });
  return unique(entries);
}

/** Return the midnight before a notification arrived, in this browser's time zone; NaN without a valid time. */
function dayOf(notification: { createdAt: string }): number {
  const known = days.get(notification);
  if (known !== undefined) return known;
  const day = new Date(notification.createdAt).setHours(0, 0, 0, 0);
  days.set(notification, day);
  return day;
}

/** A day may come twice where the order of ids is not that of times: each place has a key of its own. */
function unique(entries: Entry[]): Entry[] {
  const seen = new Map<string, number>();
  return entries.map((entry) => {
    if ("row" in entry) return entry;
    const times = (seen.get(entry.key) ?? 0) + 1;
    seen.set(entry.key, times);
    return times === 1 ? entry : { ...entry, key: `${entry.key} ${times}` };
  });
}
