/** The list of an inbox as it is shown: pages put together and kept up to date by events. No DOM, no network. */

import { isSeen, type Notification, type NotificationEvent } from "../client/index.js";

/** What of the inbox is shown. */
export interface Filter {
  type: string | null;
  unreadOnly: boolean;
}

export const EVERYTHING: Filter = { type: null, unreadOnly: false };

export function sameFilter(a: Filter, b: Filter): boolean {
  return a.type === b.type && a.unreadOnly === b.unreadOnly;
}

/** A stretch of the inbox, newest first, and the inbox at the moment when it was read. */
export interface Page {
  notifications: Notification[];
  endCursor: string | null;
  hasMore: boolean;
  unreadCount: number;
  position: string;
}

/** What is needed to show the list again after a reload of the page, and to resume it. */
export type Kept = Page & { version: 1 };

const KEPT_EVENTS = 500;
const KEPT_NOTIFICATIONS = 200;

export class InboxList {
  /** What matches the filter, newest first. */
  notifications: Notification[] = [];
  unreadCount = 0;
  hasMore = false;
  endCursor: string | null = null;
  position: string | undefined;
  /** Types that have been seen, for the choice of a filter. */
  readonly types = new Set<string>();
  private recent: NotificationEvent[] = [];

  constructor(readonly filter: Filter = EVERYTHING) {}

  /** Begin with the newest page of everything; the counts are taken from it. */
  load(page: Page): void {
    this.show(page);
    this.unreadCount = page.unreadCount;
    this.position = page.position;
  }

  /** The same inbox through another filter: until its page is read, what is known to match. */
  filtered(filter: Filter): InboxList {
    const chosen = new InboxList(filter);
    for (const type of this.types) chosen.types.add(type);
    chosen.unreadCount = this.unreadCount;
    chosen.position = this.position;
    chosen.notifications = this.notifications.filter((each) => chosen.matches(each));
    chosen.hasMore = true;
    return chosen;
  }

  /** Show the newest page of what matches. The counts stay those of the events. */
  show(page: Page): void {
    this.notifications = [];
    this.append(page);
    for (const event of this.since(page)) this.change(event);
  }

  /** Add an older page at the end. */
  append(page: Page): void {
    const known = new Set(this.notifications.map(({ id }) => id));
    const older = new InboxList(this.filter);
    older.notifications = page.notifications.filter(({ id }) => !known.has(id));
    for (const event of this.since(page)) {
      const isKnown = event.__typename === "NotificationUpdated" && known.has(event.notification.id);
      if (event.__typename !== "NotificationAdded" && !isKnown) older.change(event);
    }
    for (const { type } of page.notifications) this.types.add(type);
    this.notifications.push(...older.notifications);
    this.hasMore = page.hasMore;
    this.endCursor = page.endCursor ?? this.endCursor;
  }

  /** What has happened since a page was read: the page may have been overtaken. */
  private since(page: Page): NotificationEvent[] {
    return this.recent.filter((event) => !isSeen(event.position, page.position));
  }

  /** Take an event. */
  apply(event: NotificationEvent): void {
    this.change(event);
    this.unreadCount = event.unreadCount;
    this.position = event.position;
    this.recent.push(event);
    if (this.recent.length > KEPT_EVENTS) this.recent.shift();
  }

  matches(notification: Notification): boolean {
    const { type, unreadOnly } = this.filter;
    return (type === null || notification.type === type) && !(unreadOnly && notification.read);
  }

  /** What to keep across reloads: position and list belong together. Undefined if it is too much. */
  keep(): Kept | undefined {
    const { notifications, endCursor, hasMore, unreadCount, position } = this;
    if (!sameFilter(this.filter, EVERYTHING) || !position || notifications.length > KEPT_NOTIFICATIONS) {
      return undefined;
    }
    return { version: 1, notifications, endCursor, hasMore, unreadCount, position };
  }

  private change(event: NotificationEvent): void {
    switch (event.__typename) {
      case "NotificationAdded":
        this.types.add(event.notification.type);
        this.put(event.notification, true);
        break;
      case "NotificationUpdated":
        this.put(event.notification, false);
        break;
      case "NotificationDeleted":
        this.remove(event.notificationId);
        break;
      case "AllNotificationsRead":
        this.readAll(event.throughId, event.occurredAt);
    }
  }

  /**
   * Show a notification as it is now, in its place, if it matches. A new one belongs to the list; any other,
   * only as far down as pages have been read.
   */
  private put(notification: Notification, isNew: boolean): void {
    const at = this.notifications.findIndex(({ id }) => id === notification.id);
    if (!this.matches(notification)) {
      if (at >= 0) this.notifications.splice(at, 1);
      return;
    }
    if (at >= 0) {
      this.notifications[at] = notification;
      return;
    }
    const before = this.notifications.findIndex(({ id }) => isNewer(notification.id, id));
    if (before >= 0) this.notifications.splice(before, 0, notification);
    else if (isNew || !this.hasMore) this.notifications.push(notification);
  }

  private remove(id: string): void {
    this.notifications = this.notifications.filter((each) => each.id !== id);
  }

  private readAll(throughId: string | null, readAt: string): void {
    this.notifications = this.notifications
      .map((each) =>
        each.read || throughId === null || isNewer(each.id, throughId)
          ? each
          : { ...each, read: true, readAt },
      )
      .filter((each) => this.matches(each));
  }
}

/** Read back what `keep` returned; undefined for anything else. */
export function restore(text: string | null): Kept | undefined {
  if (text === null) return undefined;
  try {
    const kept = JSON.parse(text) as Partial<Kept>;
    const isKept =
      kept.version === 1 && Array.isArray(kept.notifications) && Boolean(kept.position);
    return isKept ? (kept as Kept) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether one id is larger than another: they are numbers that may be too long for a double. */
export function isNewer(id: string, than: string): boolean {
  return id.length === than.length ? id > than : id.length > than.length;
}
