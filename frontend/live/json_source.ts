/**
 * An inbox over the original JSON protocol, which knows neither positions nor filters: after a lost connection
 * the list is read anew. Here so that both protocols can be watched side by side.
 */

import type { FollowStatus, Notification, NotificationEvent, TokenSource } from "../client/index.js";
import { Gate } from "../client/gate.js";
import type { Filter, Page } from "../inbox/list.js";
import { type InboxSource, type Listener, type Preference, socketAddress } from "../inbox/source.js";

interface Told {
  id: number;
  title: string;
  message: string;
  type: string;
  read: boolean;
  created_at: string;
  data: Record<string, unknown>;
  link: string | null;
}

interface Failure {
  success?: boolean;
  error?: { code: string; message: string };
}

type ServerMessage = Failure &
  (
    | { type: "notification"; notification: Told }
    | { type: "notifications_list"; notifications: Told[]; total: number; unread_count: number }
    | { type: "notification_marked_read" | "notification_marked_unread" | "notification_deleted"; notification_id: number }
    | { type: "all_notifications_marked_read" }
    | { type: "notification_sent"; notification_id: number | null }
    | { type: "error"; code: string; message: string }
    | { type: "pong" }
  );

const PING_EVERY_MS = 10_000;
const PONG_WITHIN_MS = 5_000;
const CONNECT_WITHIN_MS = 15_000;

export class JsonSource implements InboxSource {
  readonly canFilter = false;
  private socket: WebSocket | undefined;
  private listener: Listener | undefined;
  private stopped = false;
  private refresh = false;
  private wasLive = false;
  private unread = 0;
  private watchdog: ReturnType<typeof setTimeout> | undefined;
  private readonly known = new Map<string, Notification>();
  /** Who waits for lists: answers come in the order of asking. */
  private readonly asked: ((page: Page) => void)[] = [];
  private readonly gate = new Gate({ firstMs: 1_000, longestMs: 30_000, goodAfterMs: 5_000 });

  constructor(private readonly options: { endpoint: string; token: TokenSource; pageSize: number }) {}

  start(listener: Listener): void {
    this.listener = listener;
    void this.connect();
  }

  stop(): void {
    this.stopped = true;
    this.gate.openNow();
    clearTimeout(this.watchdog);
    this.socket?.close(1000);
  }

  drop(): void {
    this.leave(4499, "");
  }

  reconnectNow(): void {
    this.gate.openNow();
  }

  page(_filter: Filter, after: string | null): Promise<Page> {
    const limit = this.options.pageSize;
    return this.ask({ limit, ...(after !== null && { before_id: Number(after) }) });
  }

  async markRead(id: string): Promise<void> {
    this.say({ type: "mark_read", notification_id: Number(id) });
  }

  async markUnread(id: string): Promise<void> {
    this.say({ type: "mark_unread", notification_id: Number(id) });
  }

  async markAllRead(): Promise<void> {
    this.say({ type: "mark_all_read" });
  }

  async remove(id: string): Promise<void> {
    this.say({ type: "delete_notification", notification_id: Number(id) });
  }

  async preferences(): Promise<Preference[]> {
    return [];
  }

  async setPreference(): Promise<void> {
    throw new Error("The original protocol has no preferences.");
  }

  // -- the socket --------------------------------------------------------------------------------------

  private async connect(): Promise<void> {
    await this.gate.pass();
    const token = await this.token();
    if (this.stopped) return;
    const url = new URL(socketAddress(this.options.endpoint));
    url.searchParams.set("token", token ?? "");
    const socket = new WebSocket(url);
    this.socket = socket;
    this.expect(CONNECT_WITHIN_MS);
    socket.onopen = () => {
      this.gate.connected();
      this.tell({ state: "catching-up" });
      void this.ask({ limit: this.options.pageSize }).then((page) => this.loaded(page));
    };
    socket.onmessage = ({ data }) => {
      this.expect(PING_EVERY_MS);
      this.hear(JSON.parse(data as string) as ServerMessage);
    };
    socket.onclose = ({ code, reason }) => this.leave(code, reason);
  }

  private async token(): Promise<string | null | undefined> {
    const { token } = this.options;
    for (;;) {
      try {
        return typeof token === "function" ? await token({ refresh: this.refresh }) : token;
      } catch (error) {
        const waitMs = this.gate.lost();
        this.tell({ state: "reconnecting", attempt: this.gate.attempt, waitMs, reason: String(error) });
        await this.gate.pass();
      }
    }
  }

  /** Be done with the socket, whichever side has closed it, and come back later. */
  private leave(code: number, reason: string): void {
    const { socket } = this;
    if (!socket) return;
    this.socket = undefined;
    clearTimeout(this.watchdog);
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
    this.asked.length = 0;
    if (this.stopped) return;
    this.refresh = code === 4401 || code === 4403;
    const waitMs = this.gate.lost();
    this.tell({ state: "reconnecting", attempt: this.gate.attempt, waitMs, code, reason });
    void this.connect();
  }

  /** Expect something within that time; after silence, ping; after more silence, leave. */
  private expect(withinMs: number): void {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => {
      if (this.socket?.readyState !== WebSocket.OPEN || withinMs === PONG_WITHIN_MS) {
        this.leave(4499, "");
        return;
      }
      this.say({ type: "ping" });
      this.expect(PONG_WITHIN_MS);
    }, withinMs);
  }

  private say(message: Record<string, unknown>): void {
    if (this.socket?.readyState !== WebSocket.OPEN) throw new Error("Not connected.");
    this.socket.send(JSON.stringify(message));
  }

  private ask(range: { limit: number; before_id?: number }): Promise<Page> {
    return new Promise((resolve, reject) => {
      try {
        this.say({ type: "get_notifications", ...range });
        this.asked.push(resolve);
      } catch (error) {
        reject(error);
      }
    });
  }

  // -- what the server says ----------------------------------------------------------------------------

  private hear(message: ServerMessage): void {
    if (message.success === false) {
      this.listener?.failed(new Error(message.error?.message ?? "It was refused."));
      return;
    }
    switch (message.type) {
      case "notifications_list":
        this.answer(message.notifications.map(toNotification), message.unread_count);
        break;
      case "notification":
        this.added(toNotification(message.notification));
        break;
      case "notification_marked_read":
        this.marked(String(message.notification_id), true);
        break;
      case "notification_marked_unread":
        this.marked(String(message.notification_id), false);
        break;
      case "notification_deleted":
        this.deleted(String(message.notification_id));
        break;
      case "all_notifications_marked_read":
        this.allRead();
    }
  }

  private loaded(page: Page): void {
    this.unread = page.unreadCount;
    this.listener?.loaded(page);
    this.tell({ state: "live", resumed: 0, reloaded: this.wasLive });
    this.wasLive = true;
  }

  private answer(notifications: Notification[], unreadCount: number): void {
    for (const each of notifications) this.known.set(each.id, each);
    this.unread = unreadCount;
    const hasMore = notifications.length === this.options.pageSize;
    const endCursor = notifications.at(-1)?.id ?? null;
    // There are no positions: every page is as good as what has been told by then.
    this.asked.shift()?.({ notifications, endCursor, hasMore, unreadCount, position: "" });
  }

  private added(notification: Notification): void {
    this.known.set(notification.id, notification);
    this.unread += 1;
    this.happened({ __typename: "NotificationAdded", notification });
  }

  private marked(id: string, read: boolean): void {
    const known = this.known.get(id);
    // What was never shown here can only be counted by asking.
    if (!known) return void this.recount();
    if (known.read === read) return;
    const notification = { ...known, read, readAt: read ? new Date().toISOString() : null };
    this.known.set(id, notification);
    this.unread += read ? -1 : 1;
    this.happened({ __typename: "NotificationUpdated", notification });
  }

  private deleted(id: string): void {
    const known = this.known.get(id);
    this.known.delete(id);
    if (!known) return void this.recount();
    if (!known.read) this.unread -= 1;
    this.happened({ __typename: "NotificationDeleted", notificationId: id });
  }

  private allRead(): void {
    for (const [id, each] of this.known) this.known.set(id, { ...each, read: true });
    const count = this.unread;
    this.unread = 0;
    const throughId = "9".repeat(19);
    this.happened({ __typename: "AllNotificationsRead", count, throughId });
  }

  private async recount(): Promise<void> {
    await this.ask({ limit: 1 });
    this.happened({ __typename: "AllNotificationsRead", count: 0, throughId: null });
  }

  private happened(event: Partial<NotificationEvent>): void {
    const told = { position: "", unreadCount: this.unread, occurredAt: new Date().toISOString() };
    this.listener?.happened({ ...told, ...event } as NotificationEvent);
  }

  private tell(status: FollowStatus): void {
    if (!this.stopped) this.listener?.status(status);
  }
}

function toNotification(told: Told): Notification {
  const { id, title, message, type, read, created_at, data, link } = told;
  const rest = { readAt: null, sender: null };
  return { id: String(id), title, message, type, read, createdAt: created_at, data, link, ...rest };
}
