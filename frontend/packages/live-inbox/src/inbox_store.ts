/** An inbox as state that a user interface shows: the list with its counts, kept up to date by events. No DOM. */

import type { FollowStatus, Notification, NotificationEvent, TokenSource } from "../../../client/index.js";
import { GraphQLSource } from "../../../inbox/graphql_source.js";
import { EVERYTHING, type Filter, InboxList, type Page, sameFilter } from "../../../inbox/list.js";
import { type Change, type Preference, toError } from "../../../inbox/source.js";

export interface InboxStoreOptions {
  /** The endpoint of GraphQL: an address or, on a page, a path. */
  url: string;
  /** The access token, or a function that returns it (`{ refresh: true }` when the last one will not do). */
  token?: TokenSource | undefined;
  /** Notifications in a page: 20 by default. */
  pageSize?: number | undefined;
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
}

const PAGE_SIZE = 20;

/** Events that arrive so shortly after each other are one change of the state. */
const FRAME_MS = 16;

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
};

/**
 * One inbox. It connects with the first subscriber and disconnects after the last one; with the next, it resumes where it
 * was. Its actions resolve when the server has made the change, and reject with a sentence for users; the change itself
 * comes as an event, as on every other device.
 */
export class InboxStore {
  private state = NOTHING;
  private list = new InboxList();
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

  /** Show only a part of the inbox: of one type, or what is unread. */
  readonly setFilter = async (change: Partial<Filter>): Promise<void> => {
    const list = this.list.filtered({ ...this.list.filter, ...change });
    this.list = list;
    this.publish();
    await this.showPage(list);
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
   * Mark what is in the list, and what is older, as read: of one type, if the filter is of one. Resolves to a token for
   * `undo`, unless there was nothing to mark, or too much to undo it.
   */
  readonly markAllRead = async (): Promise<string | undefined> => {
    const { filter, position } = this.list;
    const range = { filter: { ...filter, unreadOnly: false }, upTo: position };
    return (await this.connected().markAllRead(range)).undoToken;
  };

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
  readonly remove = async (id: string): Promise<string | undefined> => (await this.connected().remove(id)).undoToken;

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
    await this.connected().change(kind, id, until);
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
    this.publish({ status: { state: "connecting" } });
  }

  private onPage(page: Page): void {
    const { filter } = this.list;
    this.isReloading = false;
    this.list = new InboxList();
    this.list.load(page);
    this.publish({ isLoaded: true, error: undefined });
    // The page is of everything: if a filter is set, its own page is loaded as well.
    if (!sameFilter(filter, EVERYTHING)) void this.setFilter(filter).catch(() => undefined);
  }

  private onEvent(event: NotificationEvent): void {
    this.list.apply(event);
    if (this.list.isBehind(event)) void this.setFilter({}).catch(() => undefined);
    if (this.list.isLong && !this.isReloading) {
      this.isReloading = true;
      this.source?.reload();
    }
    this.frame ??= setTimeout(() => this.publish(), FRAME_MS);
  }

  private async showPage(list: InboxList): Promise<void> {
    const page = await this.connected().loadPage(list.filter, null);
    if (list !== this.list) return;
    list.show(page);
    this.publish();
  }

  private publish(change: Partial<Pick<InboxState, "status" | "error" | "isLoaded">> = {}): void {
    clearTimeout(this.frame);
    this.frame = undefined;
    const { notifications, unreadCount, unseenCount, hasMore, position, filter } = this.list;
    const { status, error, isLoaded } = { ...this.state, ...change };
    this.state = {
      notifications: [...notifications],
      unreadCount,
      unseenCount,
      hasMore,
      isLoaded,
      status,
      error,
      position,
      filter,
    };
    for (const listener of [...this.listeners]) listener();
  }
}
