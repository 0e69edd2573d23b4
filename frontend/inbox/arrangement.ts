/** Which notifications have a row, in which order, while a user points at the list. No DOM, no network. */

import type { Notification } from "../client/index.js";
import { isNewer, rankOf } from "./list.js";

/** A row of the list. `isGone`: its notification was deleted elsewhere, and the row keeps its place for now. */
export interface Row {
  readonly notification: Notification;
  readonly isGone: boolean;
}

/**
 * While the list is held, no row moves unless the user has moved it: what arrives waits, and what others delete keeps its
 * place. Otherwise the rows are the list.
 */
export class Arrangement {
  rows: readonly Row[] = [];
  /** How many notifications wait for the list to be let go. */
  waiting = 0;
  private readonly own = new Set<string>();

  /** Let a notification come and go although the list is held: the user has acted on it here. */
  allow(id: string): void {
    this.own.add(id);
  }

  update(list: readonly Notification[], isHeld: boolean): void {
    if (!isHeld || this.rows.length === 0) {
      this.own.clear();
      this.waiting = 0;
      this.rows = list.map((notification) => ({ notification, isGone: false }));
      return;
    }
    const current = new Map(list.map((each) => [each.id, each]));
    const shown = new Set<string>();
    const rows: Row[] = [];
    for (const row of this.rows) {
      const { id } = row.notification;
      const notification = current.get(id);
      if (!notification && this.own.has(id)) continue;
      shown.add(id);
      rows.push({ notification: notification ?? row.notification, isGone: !notification });
    }
    const last = rows.at(-1);
    this.waiting = 0;
    for (const notification of list) {
      const { id } = notification;
      if (shown.has(id)) continue;
      if (!last || isNewer(rankOf(last.notification), rankOf(notification))) rows.push({ notification, isGone: false });
      else if (this.own.has(id)) insert(rows, { notification, isGone: false });
      else this.waiting += 1;
    }
    this.rows = rows;
  }
}

function insert(rows: Row[], row: Row): void {
  const rank = rankOf(row.notification);
  const at = rows.findIndex(({ notification }) => isNewer(rank, rankOf(notification)));
  rows.splice(at < 0 ? rows.length : at, 0, row);
}
