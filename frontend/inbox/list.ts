/** The list of an inbox as it is shown: pages joined and kept up to date by events. No DOM, no network. */

import {
  isApplied,
  type Notification,
  type NotificationAdded,
  type NotificationEvent,
  type NotificationFolder,
  type NotificationPriority,
  type NotificationUpdated,
} from "../client/index.js";

/** Which part of the inbox is shown: all conditions hold together. */
export interface Filter extends Conditions {
  type: string | null;
  unreadOnly: boolean;
  /** By default, the inbox itself. */
  folder?: NotificationFolder;
  pinnedOnly?: boolean;
}

/** Further conditions, as GraphQL's `NotificationFilter` has them. They take a `DetailedList`. */
export interface Conditions {
  /** Of one of these types; an empty list matches none, here and below. */
  types?: readonly string[] | undefined;
  /** Of a declared type of one of these categories. */
  categories?: readonly string[] | undefined;
  priorities?: readonly NotificationPriority[] | undefined;
  read?: boolean | undefined;
  /** `false`: unread, and come since a list was opened. */
  seen?: boolean | undefined;
  /** With these words, or parts of words, in the title or the message. */
  text?: string | undefined;
}

export const EVERYTHING: Filter = { type: null, unreadOnly: false };

export function sameFilter(a: Filter, b: Filter): boolean {
  return keyOf(a) === keyOf(b);
}

/** Return the conditions that a filter sets, as text. */
function keyOf(filter: Filter): string {
  const { type, unreadOnly, pinnedOnly, types, categories, priorities, read, seen, text } = filter;
  const key = [folderOf(filter), type, unreadOnly, !pinnedOnly, types, categories, priorities, read, seen, text || null];
  return JSON.stringify(key);
}

/** A page of the inbox, in the order of ranks, the highest first, with the counts and the position at the moment it was read. */
export interface Page {
  notifications: Notification[];
  endCursor: string | null;
  hasMore: boolean;
  unreadCount: number;
  unseenCount: number;
  position: string;
}

/** What it takes to show the list again after a reload of the page, and to resume it. */
export type StoredList = Page & { version: 1; pinned?: Notification[] | undefined };

/** A longer list is read anew, from its newest page, as soon as nobody looks at the rest of it. */
const LONGEST_LIST = 1_000;

/** Until then, arrivals do not make it longer than this. */
const MOST_NOTIFICATIONS = 2_000;

const MAX_RECENT_EVENTS = 500;
const MAX_STORED_NOTIFICATIONS = 200;

export class InboxList {
  /** What matches the filter, in the order of ranks, the highest first. */
  notifications: Notification[] = [];
  unreadCount = 0;
  /** How many of the unread ones came since the user opened a list. */
  unseenCount = 0;
  hasMore = false;
  endCursor: string | null = null;
  position: string | undefined;
  /**
   * Events have changed the list in ways that they do not say, at this rank or above: its newest page has to be read again,
   * for `refresh`. Undefined while the list is right.
   */
  staleFrom: string | undefined;
  /** What is pinned, however old it is; undefined until it was read. */
  private pinned: InboxList | undefined;
  private recent: NotificationEvent[] = [];
  /** Whether arrivals were left out, for there was no room. */
  private isIncomplete = false;

  /**
   * `types` are the choices of the filter: the types that were ever in the list and those that the server knows, with their
   * names. Lists that follow one another share them.
   */
  constructor(
    readonly filter: Filter = EVERYTHING,
    readonly types = new Map<string, string>(),
  ) {}

  /** Whether to read the list anew as soon as nobody looks at it. */
  get isLong(): boolean {
    return this.isIncomplete || this.notifications.length > LONGEST_LIST;
  }

  /** Start with the newest page of the whole inbox, and take the counts from it. */
  load(page: Page | StoredList): void {
    this.show(page);
    if ("pinned" in page) this.setPinned(page.pinned ?? []);
    this.unreadCount = page.unreadCount;
    // Lists that were stored before there was this number do not have it.
    this.unseenCount = page.unseenCount ?? page.unreadCount;
    this.position = page.position;
  }

  /** Return the same inbox with another filter: until its page is read, the loaded notifications that match. */
  filtered(filter: Filter, List = InboxList): InboxList {
    const list = new List(filter, this.types);
    list.unreadCount = this.unreadCount;
    list.unseenCount = this.unseenCount;
    list.position = this.position;
    list.notifications = this.notifications.filter((each) => list.resembles(each));
    list.hasMore = true;
    return list;
  }

  /** Show the newest page of what matches the filter. The counts stay those of the events. */
  show(page: Page): void {
    this.notifications = [];
    this.staleFrom = undefined;
    this.append(page);
    for (const event of this.since(page)) this.changeList(event);
  }

  /** Take the newest page of what matches the filter again. What was read below it stays, if it is right. */
  refresh(page: Page): void {
    const { notifications, endCursor, hasMore, staleFrom = "0" } = this;
    const end = page.notifications.at(-1);
    const below = notifications.filter((each) => end && isNewer(rankOf(end), rankOf(each)));
    this.show(page);
    // Unless the page does not reach what was in the list before, or what has changed.
    if (!end || !page.hasMore || below.length === notifications.length || isNewer(rankOf(end), staleFrom)) return;
    if (!below.length) return;
    this.notifications.push(...below);
    this.endCursor = endCursor;
    this.hasMore = hasMore;
  }

  /** Take the page of what is pinned and matches the filter. */
  showPinned(page: Page): void {
    const pinned = this.setPinned(page.notifications);
    for (const event of this.since(page)) pinned.changeList(event);
  }

  private setPinned(notifications: Notification[]): InboxList {
    this.pinned = this.part({ ...this.filter, pinnedOnly: true });
    this.pinned.notifications = notifications;
    return this.pinned;
  }

  /** Return what matches the filter as far as it was read, by rank: the pages, and what is pinned and older. */
  all(): readonly Notification[] {
    const known = new Set(this.notifications.map(({ id }) => id));
    const older = this.pinned?.notifications.filter(({ id }) => !known.has(id)) ?? [];
    return older.length ? [...this.notifications, ...older] : this.notifications;
  }

  /** Add an older page at the end. */
  append(page: Page): void {
    const known = new Set(this.notifications.map(({ id }) => id));
    const older = this.part(this.filter);
    older.hasMore = page.hasMore;
    older.notifications = page.notifications.filter(({ id }) => !known.has(id));
    for (const event of this.since(page)) {
      const isKnown = event.__typename === "NotificationUpdated" && known.has(event.notification.id);
      if (event.__typename !== "NotificationAdded" && !isKnown) older.changeList(event);
    }
    for (const { type } of page.notifications) this.addType(type);
    this.notifications.push(...older.notifications);
    this.hasMore = page.hasMore;
    this.endCursor = page.endCursor ?? this.endCursor;
  }

  /** Return the events that are newer than a page: they may have arrived while it was being read. */
  private since(page: Page): NotificationEvent[] {
    return this.recent.filter((event) => !isApplied(event.position, page.position));
  }

  /** Apply an event: to the list, to the counts and to the position. */
  apply(event: NotificationEvent): void {
    this.changeList(event);
    this.pinned?.changeList(event);
    this.unreadCount = event.unreadCount;
    this.unseenCount = event.unseenCount;
    this.position = event.position;
    this.recent.push(event);
    if (this.recent.length > MAX_RECENT_EVENTS) this.recent.shift();
  }

  /** Return a list of the same kind. */
  private part(filter: Filter): InboxList {
    return new (this.constructor as typeof InboxList)(filter);
  }

  /**
   * Return the lowest rank at which an event, which was applied, may have changed this list without saying how: by
   * notifications of which it has only the ids, for example. Undefined if it has not.
   */
  protected staleRank(event: NotificationEvent): string | undefined {
    const isToArchive = event.__typename === "NotificationsUpdated" && event.change === "ARCHIVED";
    return isToArchive && folderOf(this.filter) === "ARCHIVE" ? "0" : undefined;
  }

  /** Whether to show a notification of another list until the page of this one is read. */
  resembles(notification: Notification): boolean {
    return this.matches(notification);
  }

  /** Whether a notification belongs to this list. */
  matches(notification: Notification): boolean {
    const { type, unreadOnly, pinnedOnly } = this.filter;
    const isOfType = type === null || notification.type === type;
    const isHere = folderOf(notification) === folderOf(this.filter);
    return isHere && isOfType && !(unreadOnly && notification.read) && !(pinnedOnly && !notification.pinned);
  }

  /** Return what to store across reloads: position and list belong together. Undefined if the list is too long, or was. */
  toStored(): StoredList | undefined {
    const { notifications, endCursor, hasMore, unreadCount, unseenCount, position } = this;
    if (!sameFilter(this.filter, EVERYTHING) || !position || this.isIncomplete || notifications.length > MAX_STORED_NOTIFICATIONS) {
      return undefined;
    }
    const pinned = this.pinned?.notifications;
    return { version: 1, notifications, endCursor, hasMore, unreadCount, unseenCount, position, pinned };
  }

  private changeList(event: NotificationEvent): void {
    switch (event.__typename) {
      case "NotificationAdded":
        this.addType(event.notification.type);
        this.put(event.notification, true);
        break;
      case "NotificationUpdated":
        this.put(event.notification, isArrival(event));
        break;
      case "NotificationDeleted":
        this.removeAll(new Set([event.notificationId]));
        break;
      case "NotificationsDeleted":
        this.removeAll(new Set(event.notificationIds));
        break;
      case "NotificationsUpdated": {
        const ids = new Set(event.notificationIds);
        if (event.change === "ARCHIVED") this.removeAll(ids);
        else this.readWhere(({ id }) => ids.has(id), event.occurredAt);
        break;
      }
      case "AllNotificationsRead":
        this.readAll(event.throughRank, event.occurredAt);
    }
    const rank = this.staleRank(event);
    if (rank && (!this.staleFrom || isNewer(this.staleFrom, rank))) this.staleFrom = rank;
  }

  /**
   * Insert or replace a notification in order, or remove it if it no longer matches the filter. A new one is
   * always inserted; any other, only as far down as pages have been read.
   */
  protected put(notification: Notification, isNew: boolean): void {
    const at = this.notifications.findIndex(({ id }) => id === notification.id);
    const known = this.notifications[at];
    if (known && this.matches(notification) && rankOf(known) === rankOf(notification)) {
      this.notifications[at] = notification;
      return;
    }
    if (known) this.notifications.splice(at, 1);
    if (!this.matches(notification)) return;
    const rank = rankOf(notification);
    const before = this.notifications.findIndex((each) => isNewer(rank, rankOf(each)));
    if (before === 0 && (this.isIncomplete ||= this.notifications.length >= MOST_NOTIFICATIONS)) return;
    if (before >= 0) this.notifications.splice(before, 0, notification);
    else if (isNew || !this.hasMore) this.notifications.push(notification);
  }

  /** A type that the server has not named is called by its own name. */
  private addType(type: string): void {
    if (!this.types.has(type)) this.types.set(type, type);
  }

  private removeAll(gone: ReadonlySet<string>): void {
    this.notifications = this.notifications.filter(({ id }) => !gone.has(id));
  }

  private readAll(throughRank: string | null, readAt: string): void {
    if (throughRank === null) return;
    this.readWhere((each) => folderOf(each) === "INBOX" && !isNewer(rankOf(each), throughRank), readAt);
  }

  private readWhere(covers: (notification: Notification) => boolean, readAt: string): void {
    this.notifications = this.notifications
      .map((each) => (each.read || !covers(each) ? each : { ...each, read: true, readAt }))
      .filter((each) => this.matches(each));
  }
}

/** Parse what `toStored` returned; undefined for anything else. */
export function restore(text: string | null): StoredList | undefined {
  if (text === null) return undefined;
  try {
    const stored = JSON.parse(text) as Partial<StoredList>;
    const isValid =
      stored.version === 1 && Array.isArray(stored.notifications) && Boolean(stored.position);
    return isValid ? (stored as StoredList) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a notification has come to the top of the list: a new one, or one that returns from its snooze. */
export function isArrival(event: NotificationEvent): event is NotificationAdded | NotificationUpdated {
  return event.__typename === "NotificationAdded" || ("change" in event && event.change === "RETURNED");
}

/** Return the place of a notification in lists, a number. Lists that were stored before there were ranks have the id alone. */
export function rankOf({ rank, id }: Notification): string {
  return rank ?? id;
}

/** Return the folder of a notification or a filter. In a list that was stored before there were folders, it is the inbox. */
export function folderOf({ folder }: { folder?: NotificationFolder }): NotificationFolder {
  return folder ?? "INBOX";
}

/** Return for how many a notification counts among the unread ones of the inbox. */
export function weightOf(notification: Notification): number {
  return notification.read || folderOf(notification) !== "INBOX" ? 0 : 1;
}

/** Return notifications with what is pinned first. */
export function pinnedFirst(notifications: readonly Notification[]): readonly Notification[] {
  const pinned = notifications.filter((each) => each.pinned);
  return pinned.length ? [...pinned, ...notifications.filter((each) => !each.pinned)] : notifications;
}

/** Whether one rank, or id, is larger than another. They are integers that may exceed what a double holds exactly. */
export function isNewer(id: string, than: string): boolean {
  return id.length === than.length ? id > than : id.length > than.length;
}
