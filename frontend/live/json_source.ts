/**
 * An inbox over the JSON API, which knows neither positions nor filters: after a lost connection, the list is
 * read again. It exists so that the page can show both protocols side by side.
 */

import type { FollowStatus, Notification, NotificationEvent, TokenSource } from "../client/index.js";
import type { Filter, Page } from "../inbox/list.js";
import {
  type Change,
  type InboxSource,
  type Position,
  type Preference,
  ServerError,
  type SourceListener,
  type Undoable,
} from "../inbox/source.js";
import { JsonConnection } from "./json_connection.js";
import { type ClientMessage, type JsonNotification, type ServerMessage, toNotification } from "./json_messages.js";

/** The rank of the first notification. The ranks that are given here have one number of digits. */
const FIRST_RANK = 5e14;

/** Above every rank: `AllNotificationsRead` of this protocol means all of them. */
const ABOVE_ALL_RANKS = "9".repeat(19);

/** The message of each change, and its confirmation. Other folders and pins are not shown over this protocol. */
const CHANGES: Partial<Record<Change, [ClientMessage["type"], string]>> = {
  markRead: ["mark_read", "notification_marked_read"],
  markUnread: ["mark_unread", "notification_marked_unread"],
  archive: ["archive_notification", "notification_archived"],
  unarchive: ["unarchive_notification", "notification_unarchived"],
  snooze: ["snooze_notification", "notification_snoozed"],
};

/** A change that the server has not confirmed: it is sent again after a lost connection. */
interface Unconfirmed {
  message: ClientMessage;
  resolve(answer?: ServerMessage): void;
  reject(error: Error): void;
}

/** `replaces`: the list takes the place of all that is known, and is not a part of it. */
interface PendingList {
  replaces: boolean;
  resolve(page: Page): void;
}

export interface JsonSourceOptions {
  endpoint: string;
  token: TokenSource;
  pageSize: number;
}

export class JsonSource implements InboxSource {
  readonly canFilter = false;
  private readonly connection: JsonConnection;
  private readonly pageSize: number;
  private listener: SourceListener | undefined;
  private isStopped = false;
  private wasLive = false;
  /** Whether there is a connection, and the list has been read from it. */
  private isListed = false;
  private unread = 0;
  private readonly known = new Map<string, Notification>();
  /** What arrives has a rank above all others; what further pages have, one below. */
  private highestRank = FIRST_RANK;
  private lowestRank = FIRST_RANK;
  /** The requests for lists that wait for an answer: answers come in the order of asking. */
  private readonly pending: PendingList[] = [];
  /** By the type of the confirmation and the notification. */
  private readonly unconfirmed = new Map<string, Unconfirmed>();

  constructor({ endpoint, token, pageSize }: JsonSourceOptions) {
    this.pageSize = pageSize;
    this.connection = new JsonConnection(endpoint, token, {
      onOpen: () => this.onOpen(),
      onMessage: (message) => this.onMessage(message),
      onLost: (status) => {
        this.pending.length = 0;
        this.isListed = false;
        this.setStatus(status);
      },
    });
  }

  start(listener: SourceListener): void {
    this.listener = listener;
    void this.connection.connect();
  }

  stop(): void {
    this.isStopped = true;
    this.connection.stop();
  }

  disconnect(): void {
    this.connection.disconnect();
  }

  reconnectNow(): void {
    this.connection.reconnectNow();
  }

  loadPage(_filter: Filter, after: string | null): Promise<Page> {
    return this.requestList(this.pageSize, { after });
  }

  /** Groups are not expanded over this protocol. */
  async loadGroup(): Promise<Notification[]> {
    return [];
  }

  reload(): void {
    // Without a connection, the list is read again as soon as there is one.
    if (!this.isListed || !this.connection.isOpen) return;
    void this.requestList(this.pageSize, { replaces: true }).then((page) => this.listener?.onPage(page));
  }

  async change(kind: Change, id: string, until?: string): Promise<Position> {
    const known = CHANGES[kind];
    if (!known) throw new ServerError("The JSON API does not show this on other devices.", undefined);
    const [type, confirmation] = known;
    const message = { type, notification_id: Number(id), ...(until && { until }) } as ClientMessage;
    await this.request(message, confirmation, id);
    return undefined;
  }

  async remove(id: string): Promise<Undoable> {
    const message: ClientMessage = { type: "delete_notification", notification_id: Number(id), undoable: true };
    const answer = await this.request(message, "notification_deleted", id);
    return { position: undefined, undoToken: answer && "undo_token" in answer ? answer.undo_token : undefined };
  }

  async undo(token: string): Promise<Position> {
    await this.request({ type: "undo", undo_token: token }, "change_undone");
    return undefined;
  }

  /** Mark all as read, the only bulk change without filters, as the guide has it: without a token. */
  async changeAll(): Promise<Undoable> {
    await this.request({ type: "mark_all_read" }, "all_notifications_marked_read");
    return { position: undefined };
  }

  async performAction(id: string, actionId: string): Promise<Position> {
    const message: ClientMessage = { type: "perform_action", notification_id: Number(id), action_id: actionId };
    await this.request(message, "action_performed", id);
    return undefined;
  }

  /** Does nothing: other devices would not learn of it, so here everything that is unread counts as new. */
  async markSeen(): Promise<Position> {
    return undefined;
  }

  async preferences(): Promise<Preference[]> {
    return [];
  }

  async setPreference(): Promise<void> {
    throw new ServerError("The JSON API has no preferences.", undefined);
  }

  /** Send a change, now or as soon as there is a connection; resolve to the confirmation, if the server has sent one. */
  private request(message: ClientMessage, confirmation: string, id = ""): Promise<ServerMessage | undefined> {
    return new Promise((resolve, reject) => {
      const key = `${confirmation} ${id}`;
      this.unconfirmed.get(key)?.resolve();
      this.unconfirmed.set(key, { message, resolve, reject });
      if (this.isListed && this.connection.isOpen) this.connection.send(message);
    });
  }

  /** Rejects if there is no connection. */
  private requestList(
    limit: number,
    { after = null, replaces = false }: { after?: string | null; replaces?: boolean } = {},
  ): Promise<Page> {
    return new Promise((resolve) => {
      const range = after === null ? {} : { before_id: Number(after) };
      this.connection.send({ type: "get_notifications", limit, ...range });
      this.pending.push({ replaces, resolve });
    });
  }

  // -- from the server ---------------------------------------------------------------------------------

  private onOpen(): void {
    this.setStatus({ state: "catching-up" });
    void this.requestList(this.pageSize, { replaces: true }).then((page) => {
      this.listener?.onPage(page);
      this.setStatus({ state: "live", resumed: 0, reloaded: this.wasLive });
      this.wasLive = this.isListed = true;
      for (const { message } of this.unconfirmed.values()) this.connection.send(message);
    });
  }

  private onMessage(message: ServerMessage): void {
    const { message: text = "It was refused.", code } = message.error ?? {};
    const error = message.success === false ? new ServerError(text, code) : undefined;
    if (!error) this.onChange(message);
    this.confirm(message, error);
  }

  /** The server has made a change of this client, or not. */
  private confirm(message: ServerMessage, error: Error | undefined): void {
    const id = "notification_id" in message ? String(message.notification_id ?? "") : "";
    const key = `${message.type} ${id}`;
    const found = this.unconfirmed.get(key);
    this.unconfirmed.delete(key);
    if (error) found?.reject(error);
    else found?.resolve(message);
  }

  private onChange(message: ServerMessage): void {
    switch (message.type) {
      case "notifications_list":
        this.onList(message.notifications, message.unread_count);
        break;
      case "notification":
        this.onAdded(message.notification);
        break;
      case "notification_marked_read":
        this.onMarked(String(message.notification_id), true);
        break;
      case "notification_marked_unread":
        this.onMarked(String(message.notification_id), false);
        break;
      case "notification_deleted":
        this.onDeleted(String(message.notification_id));
        break;
      case "action_performed":
        this.onPerformed(String(message.notification_id), message.action_id, message.performed_at);
        break;
      case "all_notifications_marked_read":
        this.onAllRead();
    }
  }

  private onList(received: JsonNotification[], unreadCount: number): void {
    const pending = this.pending.shift();
    // A list without a request replaces what is shown: it has changes that no message can express.
    if (pending?.replaces ?? true) this.known.clear();
    const notifications = received.map((each) => this.listed(each));
    this.unread = unreadCount;
    const hasMore = notifications.length === this.pageSize;
    const endCursor = notifications.at(-1)?.id ?? null;
    // There are no positions: a list contains every change that was sent before it.
    const page = { notifications, endCursor, hasMore, unreadCount, unseenCount: unreadCount, position: "" };
    if (pending) pending.resolve(page);
    else this.listener?.onPage(page);
  }

  /** Take a notification of a list: in its place if it is known, or else below all that are. */
  private listed(received: JsonNotification): Notification {
    const rank = this.known.get(String(received.id))?.rank ?? String((this.lowestRank -= 1));
    const notification = toNotification(received, rank);
    this.known.set(notification.id, notification);
    return notification;
  }

  /** A notification is new, or has returned from its snooze: it is at the top. */
  private onAdded(received: JsonNotification): void {
    this.highestRank += 1;
    const notification = toNotification(received, String(this.highestRank));
    this.known.set(notification.id, notification);
    this.unread += 1;
    this.emit({ __typename: "NotificationAdded", notification });
  }

  private onMarked(id: string, read: boolean): void {
    const known = this.known.get(id);
    // Whether the count changes is unknown for what was never loaded here: ask for it.
    if (!known) return void this.refreshCount();
    if (known.read === read) return;
    const notification = { ...known, read, readAt: read ? new Date().toISOString() : null };
    this.known.set(id, notification);
    this.unread += read ? -1 : 1;
    this.emit({ __typename: "NotificationUpdated", notification, change: read ? "READ" : "UNREAD" });
  }

  private onPerformed(id: string, performedAction: string, performedAt: string): void {
    const known = this.known.get(id);
    if (!known) return;
    const notification = { ...known, performedAction, performedAt };
    this.known.set(id, notification);
    this.emit({ __typename: "NotificationUpdated", notification, change: "ACTION" });
  }

  private onDeleted(id: string): void {
    const known = this.known.get(id);
    this.known.delete(id);
    if (!known) return void this.refreshCount();
    if (!known.read) this.unread -= 1;
    this.emit({ __typename: "NotificationDeleted", notificationId: id });
  }

  private onAllRead(): void {
    for (const [id, each] of this.known) this.known.set(id, { ...each, read: true });
    const count = this.unread;
    this.unread = 0;
    this.emit({ __typename: "AllNotificationsRead", count, throughRank: ABOVE_ALL_RANKS });
  }

  private async refreshCount(): Promise<void> {
    await this.requestList(1);
    this.emit({ __typename: "AllNotificationsRead", count: 0, throughRank: null });
  }

  private emit(event: Partial<NotificationEvent>): void {
    const counts = { unreadCount: this.unread, unseenCount: this.unread };
    const shared = { position: "", ...counts, occurredAt: new Date().toISOString() };
    this.listener?.onEvent({ ...shared, ...event } as NotificationEvent);
  }

  private setStatus(status: FollowStatus): void {
    if (!this.isStopped) this.listener?.onStatus(status);
  }
}
