/** The list of a part of the inbox that takes further conditions. No DOM, no network. */

import type { Notification, NotificationChange, NotificationEvent } from "../client/index.js";
import { InboxList, rankOf } from "./list.js";

/** What changes neither the text nor the type of a notification: one that is in a list stays in it, but for `seen`. */
const KEEPS_CONTENT: ReadonlySet<NotificationChange> = new Set(["READ", "UNREAD", "PINNED", "UNPINNED", "ACTION"]);

/**
 * Only the server knows how it compares texts, which types are of a category and what was seen. Under these conditions,
 * events take notifications out of the list and update them; what they may bring in makes the list stale.
 */
export class DetailedList extends InboxList {
  /** Whether events alone say what belongs to the list. */
  get isDecidedHere(): boolean {
    const { text, categories, seen } = this.filter;
    return !text && !categories && seen === undefined;
  }

  /** Whether a notification may belong to this list: it does, if `isDecidedHere`. */
  override matches(notification: Notification): boolean {
    const { types, priorities, read, seen } = this.filter;
    if (!super.matches(notification)) return false;
    if (types && !types.includes(notification.type)) return false;
    if (priorities && !priorities.includes(notification.priority)) return false;
    // What is read was seen.
    return (read ?? notification.read) === notification.read && !(seen === false && notification.read);
  }

  override resembles(notification: Notification): boolean {
    const found = `${notification.title} ${notification.message}`.toLowerCase();
    const words = (this.filter.text ?? "").toLowerCase().split(/\s+/);
    return this.matches(notification) && words.every((word) => found.includes(word));
  }

  protected override put(notification: Notification, isNew: boolean): void {
    if (this.isDecidedHere || this.has(notification)) super.put(notification, isNew);
  }

  protected override staleRank(event: NotificationEvent): string | undefined {
    const { read, seen } = this.filter;
    switch (event.__typename) {
      case "NotificationAdded":
        return this.mayBring(event.notification) ? rankOf(event.notification) : undefined;
      case "NotificationUpdated": {
        const { notification, change } = event;
        const isKnown = seen === undefined && KEEPS_CONTENT.has(change) && this.has(notification);
        return !isKnown && this.mayBring(notification) ? rankOf(notification) : undefined;
      }
      case "NotificationsSeen":
        return seen === undefined ? undefined : "0";
      case "AllNotificationsRead":
        return read || seen ? "0" : undefined;
      case "NotificationsUpdated":
        return event.change === "READ" && (read || seen) ? "0" : super.staleRank(event);
      default:
        return undefined;
    }
  }

  private mayBring(notification: Notification): boolean {
    return !this.isDecidedHere && this.matches(notification);
  }

  private has({ id }: Notification): boolean {
    return this.notifications.some((each) => each.id === id);
  }
}
