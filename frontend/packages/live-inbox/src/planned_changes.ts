/** What a change will do to the list, as far as that is known before the server has made it. No DOM, no network. */

import type { Notification } from "../../../client/index.js";
import { DetailedList } from "../../../inbox/detailed_list.js";
import { EVERYTHING, type Filter, folderOf, type InboxList, sameFilter, weightOf } from "../../../inbox/list.js";
import type { PendingChange } from "../../../inbox/pending_changes.js";
import type { BulkChange, Change } from "../../../inbox/source.js";

export type PlannedChange = Omit<PendingChange, "changed">;

const EFFECTS: Record<Change | "remove", PendingChange["effect"]> = {
  markRead: "read",
  markUnread: "unread",
  archive: "remove",
  unarchive: "remove",
  snooze: "remove",
  unsnooze: "remove",
  pin: "pin",
  unpin: "unpin",
  remove: "remove",
};

/** Return what a change of one notification does; undefined if it is not in the list. */
export function effectOf(kind: Change | "remove", id: string, list: InboxList): PlannedChange | undefined {
  const found = list.notifications.find((each) => each.id === id);
  if (!found) return undefined;
  const before = weightOf(found);
  const after = weightAfter(kind, found);
  return planned(EFFECTS[kind], [found], after - before);
}

/**
 * Return what a bulk change of all that a filter has does. Of what is not in the list, it knows nothing unless the filter is
 * of the whole inbox; and what only the server can decide is known for the filter of the list alone.
 */
export function effectOfAll(kind: BulkChange, filter: Filter, list: InboxList): PlannedChange {
  const range = new DetailedList(filter);
  const isKnown = range.isDecidedHere || sameFilter(filter, { ...list.filter, unreadOnly: filter.unreadOnly });
  const covered = isKnown ? list.notifications.filter((each) => range.matches(each)) : [];
  const isAll = sameFilter({ ...filter, unreadOnly: false, read: undefined }, EVERYTHING) && filter.read !== true;
  const unread = isAll ? list.unreadCount : covered.reduce((sum, each) => sum + weightOf(each), 0);
  return planned(kind === "markAllRead" ? "read" : "remove", covered, -unread);
}

/** Only what is in the folder that it was in: what is moved there is not hidden in the other one. */
function planned(effect: PendingChange["effect"], covered: readonly Notification[], unreadDelta: number): PlannedChange {
  const folders = new Map(covered.map((each) => [each.id, folderOf(each)]));
  const covers = (each: Notification): boolean => folders.get(each.id) === folderOf(each);
  return { effect, covers, ids: [...folders.keys()], unreadDelta };
}

function weightAfter(kind: Change | "remove", notification: Notification): number {
  const isHere = folderOf(notification) === "INBOX";
  switch (kind) {
    case "markUnread":
      return isHere ? 1 : 0;
    case "unarchive":
      return notification.read ? 0 : 1;
    // It returns unread.
    case "unsnooze":
      return 1;
    case "pin":
    case "unpin":
      return weightOf(notification);
    default:
      return 0;
  }
}
