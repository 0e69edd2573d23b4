/** An inbox as state that a user interface shows: the list with its counts, kept up to date by events. No DOM. */

import type { NotificationCounts } from "../../../client/documents.js";
import type { FollowStatus, Notification, NotificationEvent, TokenSource } from "../../../client/index.js";
import { DetailedList } from "../../../inbox/detailed_list.js";
import { GraphQLSource } from "../../../inbox/graphql_source.js";
import { EVERYTHING, type Filter, type InboxList, type Page, sameFilter } from "../../../inbox/list.js";
import { PendingChanges } from "../../../inbox/pending_changes.js";
import { type BulkChange, type Change, type Preference, toError, type Undoable } from "../../../inbox/source.js";
import { REFRESH_MS, Throttle } from "../../../inbox/throttle.js";
import { effectOf, effectOfAll, type PlannedChange } from "./planned_changes.js";

export interface InboxStoreOptions {
  /** The endpoint of GraphQL: an address or, on a page, a path. */
  url: string;
  /** The access token, or a function that returns it (`{ refresh: true }` when the last one will not do). */
  token?: TokenSource | undefined;
  /** Notifications in a page: 20 by default. */
  pageSize?: number | undefined;
  /** Whether the state has how many notifications there are of each type and category: read again after changes. */
  counts?: boolean | undefined;
}

/** What is shown. Each change makes a new object; notifications that have not changed are the same objects. */
export interface InboxState {
  readonly notifications: readonly Notification[];
  readonly unreadCount: number;
  /** How many of the unread ones came since the user opened the list: for a badge. */
  readonly unseenCount: number;
  /** Whether there are older notifications: `loadMore` reads them. */
  readonly hasMore: boolean;
  /** Whether the list has been read. */
  readonly isLoaded: boolean;
  readonly status: FollowStatus;
  /** Why the server refuses the subscription for good. */
  readonly error: Error | undefined;
  /** The position of the last change that is shown. */
  readonly position: string | undefined;
  readonly filter: Filter;
  /** How many there are of each type and category in the folder `INBOX`; undefined without the option `counts`. */
  readonly counts: NotificationCounts | undefined;
}

const PAGE_SIZE = 20;

/** Events that arrive so shortly after each other are one change of the state. */
const FRAME_MS = 16;

/** How long counts wait at least between two readings. */
const COUNTS_MS = 1_000;

const COUNTED = "total unread unseen isExact";
const COUNTS = `query Counts { notificationCounts { types { type ${COUNTED} } categories { category ${COUNTED} } } }`;

const NOTHING: InboxState = {
  notifications: [],
  unreadCount: 0,
  unseenCount: 0,
  hasMore: false,
  isLoaded: false,
  status: { state: "connecting" },
  error: undefined,
  position: undefined,
  filter: EVERYTHING,
  counts: undefined,
};

/**
 * One inbox. It connects with the first subscriber and disconnects after the last one; with the next, it resumes where it
 * was. The state has a change at once (optimistic update). Its action resolves when the server has made it, or rejects with a
 * sentence for users, and the state is as it was.
 */
export class InboxStore {
  private state = NOTHING;
  private list: InboxList = new DetailedList();
  private readonly pending = new PendingChanges();
  private readonly refreshes = new Throttle(() => this.refresh(), REFRESH_MS);
  private readonly countings = new Throttle(() => this.count(), COUNTS_MS);
  private source: GraphQLSource | undefined;
  private isFollowing = false;
  private readonly listeners = new Set<() => void>();
  private frame: ReturnType<typeof setTimeout> | undefined;
  private isReloading = false;

  constructor(private readonly options: InboxStoreOptions) {}

  /** The state before there is a connection: what a server renders. */
  readonly getInitialState = (): InboxState => NOTHING;

  readonly getState = (): InboxState => this.state;

  /** Call `listener` after each change of the state; returns a function that stops it. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    if (!this.isFollowing) this.follow();
    return () => {
      this.listeners.delete(listener);
      // A component that is rendered anew subscribes again at once, and keeps the connection.
      queueMicrotask(() => {
        if (this.listeners.size === 0) this.stop();
      });
    };
  };

  /** Show only a part of the inbox. What is not named stays as it is; `undefined` drops a condition. */
  readonly setFilter = async (change: Partial<Filter>): Promise<void> => {
    await this.applyFilter({ ...this.list.filter, ...change });
  };

  /** Read older notifications. */
  readonly loadMore = async (): Promise<void> => {
    const { list } = this;
    const page = await this.connected().loadPage(list.filter, list.endCursor);
    if (list !== this.list) return;
    list.append(page);
    this.publish();
  };

  /** Read what is folded under a notification of which `groupCount` is more than 1, the newest first. */
  readonly loadGroup = (id: string): Promise<Notification[]> => this.connected().loadGroup(id);

  readonly markRead = (id: string): Promise<void> => this.change("markRead", id);

  readonly markUnread = (id: string): Promise<void> => this.change("markUnread", id);

  /**
   * Mark as read what a filter has, and by default what that of the list has, shown or not: what arrives meanwhile stays as
   * it is. `{}` is the whole folder `INBOX`. Resolves to a token for `undo`, unless there was nothing to mark, or too much
   * to undo it.
   */
  readonly markAllRead = (filter?: Partial<Filter>): Promise<string | undefined> =>
    this.changeAll("markAllRead", filter, { ...this.list.filter, unreadOnly: false });

  /** Move what a filter of the folder `INBOX` has to the archive, likewise. */
  readonly archiveAll = (filter?: Partial<Filter>): Promise<string | undefined> => this.changeAll("archiveAll", filter);

  /** Delete what a filter has, likewise. */
  readonly deleteAll = (filter?: Partial<Filter>): Promise<string | undefined> => this.changeAll("deleteAll", filter);

  /** Note that the user has opened the list: nothing in it is new any more. */
  readonly markSeen = async (): Promise<void> => {
    const { position } = this.list;
    if (position !== undefined) await this.connected().markSeen(position);
  };

  readonly archive = (id: string): Promise<void> => this.change("archive", id);

  readonly unarchive = (id: string): Promise<void> => this.change("unarchive", id);

  /** Take a notification out of the inbox until a moment. */
  readonly snooze = (id: string, until: Date): Promise<void> => this.change("snooze", id, until.toISOString());

  /** Return a snoozed notification to the top of the inbox now. */
  readonly unsnooze = (id: string): Promise<void> => this.change("unsnooze", id);

  readonly pin = (id: string): Promise<void> => this.change("pin", id);

  readonly unpin = (id: string): Promise<void> => this.change("unpin", id);

  /** Choose one of a notification's actions. If one was chosen before, wherever it was, that one stays. */
  readonly performAction = async (id: string, actionId: string): Promise<void> => {
    await this.connected().performAction(id, actionId);
  };

  /** Delete a notification. Resolves to a token for `undo`, unless it was gone already. */
  readonly remove = async (id: string): Promise<string | undefined> => {
    const planned = effectOf("remove", id, this.list);
    return (await this.optimistically(planned, () => this.connected().remove(id))).undoToken;
  };

  /** Undo what has given this token, within half a minute. */
  readonly undo = async (token: string): Promise<void> => {
    await this.connected().undo(token);
  };

  readonly preferences = (): Promise<Preference[]> => this.connected().preferences();

  /** Turn a type on or off, by one of the channels or else in the inbox. */
  readonly setPreference = (type: string, enabled: boolean, channel?: string): Promise<void> =>
    this.connected().setPreference(type, enabled, channel);

  /** Connect now instead of after the wait. */
  readonly reconnectNow = (): void => this.source?.reconnectNow();

  private async change(kind: Change, id: string, until?: string): Promise<void> {
    const planned = effectOf(kind, id, this.list);
    await this.optimistically(planned, async () => ({ position: await this.connected().change(kind, id, until) }));
  }

  /** Change all that a given filter has, or else `own`, that of the list. */
  private async changeAll(kind: BulkChange, given?: Partial<Filter>, own = this.list.filter): Promise<string | undefined> {
    // An action that is the handler of a button is called with an event, which has a `type` as well.
    const filter = given && !("preventDefault" in given) ? { ...EVERYTHING, ...given } : own;
    const range = { filter, upTo: this.list.position };
    const planned = effectOfAll(kind, filter, this.list);
    return (await this.optimistically(planned, () => this.connected().changeAll(kind, range))).undoToken;
  }

  /** Show a change at once, and make it. */
  private async optimistically<Made extends Undoable>(
    planned: PlannedChange | undefined,
    make: () => Promise<Made>,
  ): Promise<Made> {
    if (!planned) return make();
    const change = this.pending.add(planned);
    this.publish();
    try {
      const made = await make();
      this.pending.done(change, made.position);
      return made;
    } catch (error) {
      this.pending.drop(change);
      throw error;
    } finally {
      this.publish();
    }
  }

  // -- the connection -----------------------------------------------------------------------------------

  private connected(): GraphQLSource {
    const { url: endpoint, token, pageSize = PAGE_SIZE } = this.options;
    this.source ??= new GraphQLSource({ endpoint, pageSize, ...(token !== undefined && { token }) });
    return this.source;
  }

  private follow(): void {
    this.isFollowing = true;
    const source = this.connected();
    const isCurrent = (): boolean => source === this.source;
    source.start(
      {
        onPage: (page) => isCurrent() && this.onPage(page),
        onEvent: (event) => isCurrent() && this.onEvent(event),
        onStatus: (status) => isCurrent() && this.publish({ status }),
        onError: (error) => isCurrent() && this.publish({ error: toError(error) }),
      },
      this.list.position,
    );
  }

  private stop(): void {
    if (!this.isFollowing) return;
    this.isFollowing = false;
    this.source?.stop();
    this.source = undefined;
    this.refreshes.reset();
    this.countings.reset();
    this.publish({ status: { state: "connecting" } });
  }

  private onPage(page: Page): void {
    const { filter } = this.list;
    this.isReloading = false;
    this.list = new DetailedList(EVERYTHING, this.list.types);
    this.list.load(page);
    // The page is of everything: if a filter is set, its own page is loaded as well, and nothing else is shown.
    if (!sameFilter(filter, EVERYTHING)) void this.applyFilter(filter).catch(() => undefined);
    this.publish({ isLoaded: true, error: undefined });
    if (this.options.counts) this.countings.request();
  }

  private onEvent(event: NotificationEvent): void {
    this.list.apply(event);
    if (this.list.staleFrom !== undefined) this.refreshes.request();
    if (this.options.counts) this.countings.request();
    if (this.list.isLong && !this.isReloading) {
      this.isReloading = true;
      this.source?.reload();
    }
    this.frame ??= setTimeout(() => this.publish(), FRAME_MS);
  }

  private async applyFilter(filter: Filter): Promise<void> {
    const list = this.list.filtered(filter, DetailedList);
    this.list = list;
    this.publish();
    const page = await this.connected().loadPage(list.filter, null);
    if (list !== this.list) return;
    list.show(page);
    this.publish();
  }

  /** Read the newest page again, after events that do not say all that they have changed. */
  private async refresh(): Promise<void> {
    const { list, source } = this;
    const page = await source?.loadPage(list.filter, null);
    if (!page || list !== this.list) return;
    list.refresh(page);
    this.publish();
    if (list.staleFrom !== undefined) this.refreshes.request();
  }

  private async count(): Promise<void> {
    const { source } = this;
    const data = await source?.execute<{ notificationCounts: NotificationCounts }>(COUNTS);
    if (data && source === this.source) this.publish({ counts: data.notificationCounts });
  }

  private publish(change: Partial<Pick<InboxState, "status" | "error" | "isLoaded" | "counts">> = {}): void {
    clearTimeout(this.frame);
    this.frame = undefined;
    const { list, pending } = this;
    pending.settle(list.position);
    const { hasMore, position, filter } = list;
    const { status, error, isLoaded, counts } = { ...this.state, ...change };
    const unreadCount = pending.unreadCount(list);
    this.state = {
      notifications: [...pending.applyTo(list)],
      unreadCount,
      unseenCount: Math.min(list.unseenCount, unreadCount),
      hasMore,
      isLoaded,
      status,
      error,
      position,
      filter,
      counts,
    };
    for (const listener of [...this.listeners]) listener();
  }
}
