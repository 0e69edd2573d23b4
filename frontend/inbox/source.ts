/** The interface between the list and the server, so that the same list can be shown over either protocol. */

import type { FollowStatus, InboxReset, Notification, NotificationEvent } from "../client/index.js";
import type { Filter, Page } from "./list.js";
import type { Texts } from "./strings.js";

/** What the user wants of a type by one channel: the inbox, or one by which the site itself delivers. */
export interface ChannelPreference {
  channel: string;
  label: string;
  enabled: boolean;
  required: boolean;
}

/** What the user wants of a type. `enabled` and `required` are about the inbox, the first of the channels. */
export interface Preference {
  type: string;
  enabled: boolean;
  required: boolean;
  label: string;
  description: string;
  category: string | null;
  channels: ChannelPreference[];
}

/** The channel of the inbox itself. */
export const IN_APP = "in_app";

export interface SourceListener {
  /** Receive the newest page of the whole inbox: at the start, and when positions became useless. */
  onPage(page: Page, reset?: InboxReset): void;
  onEvent(event: NotificationEvent): void;
  onStatus(status: FollowStatus): void;
  onError(error: unknown): void;
}

/** Which notifications a bulk change is about: those that match the filter and had arrived. */
export interface BulkRange {
  readonly filter: Filter;
  /** The position of the inbox when the user decided it. */
  readonly upTo: string | undefined;
}

/** The position after a change; undefined where the events of the change have arrived already. */
export type Position = string | undefined;

/** A change that was made. The token undoes it for half a minute; undefined if nothing can. */
export interface Undoable {
  readonly position: Position;
  readonly undoToken?: string | undefined;
}

/** What is done to all notifications of a range. */
export type BulkChange = "markAllRead" | "archiveAll" | "deleteAll";

/** What is done to one notification, beside deleting it. */
export type Change = "markRead" | "markUnread" | "archive" | "unarchive" | "snooze" | "unsnooze" | "pin" | "unpin";

/** Actions wait while there is no connection. They reject with a `ServerError` if the server refuses them. */
export interface InboxSource {
  /** Whether there are filters, other folders, pins and preferences. */
  readonly canFilter: boolean;
  /** Start; with a position, resume after it instead of loading the list. */
  start(listener: SourceListener, position?: string): void;
  stop(): void;
  /** Drop the connection. It reconnects by itself. */
  disconnect(): void;
  reconnectNow(): void;
  /** Read the newest page again, in order with the events. */
  reload(): void;
  loadPage(filter: Filter, after: string | null): Promise<Page>;
  /** Return what is folded under a notification, the newest first. */
  loadGroup(id: string): Promise<Notification[]>;
  /** Make a change; a snooze `until` a moment, in ISO 8601. A notification that is gone already is no error. */
  change(kind: Change, id: string, until?: string): Promise<Position>;
  /** Delete a notification. One that is gone already is no error. */
  remove(id: string): Promise<Undoable>;
  /** Change all of a range, by as many calls as that takes. Sources without filters only mark as read. */
  changeAll(kind: BulkChange, range: BulkRange): Promise<Undoable>;
  /** Undo what has given this token. */
  undo(token: string): Promise<Position>;
  /** Choose an action of a notification, unless one was chosen before. One that is gone already is no error. */
  performAction(id: string, actionId: string): Promise<Position>;
  /** Run a query of GraphQL. Sources without it have no links of targets. */
  execute?<Data>(query: string, variables?: Record<string, unknown>): Promise<Data>;
  /** Note that the user has opened the list: what had arrived by `upTo` is not new any more. */
  markSeen(upTo: string): Promise<Position>;
  /** Return what the user wants of each type: of those that the server declares, and of those that they have chosen. */
  preferences(): Promise<Preference[]>;
  /** Turn a type on or off by a channel, or else in the inbox. */
  setPreference(type: string, enabled: boolean, channel?: string): Promise<void>;
}

/** An error that the server reported, with its sentence for users and its code. */
export class ServerError extends Error {
  constructor(
    message: string,
    readonly code: unknown,
  ) {
    super(message);
  }
}

/** Return a sentence for users: what the server said, or that it did not work. */
export function problemText(error: unknown, texts: Texts): string {
  const found = toError(error);
  return found instanceof ServerError ? found.message : texts.text("failed");
}

/** Return an error, whatever graphql-ws reports. */
export function toError(error: unknown): Error {
  if (Array.isArray(error)) {
    const [first] = error as { message?: unknown; extensions?: { code?: unknown } }[];
    return new ServerError(String(first?.message), first?.extensions?.code);
  }
  if (error instanceof Error) return error;
  const { code, reason } = error as { code?: number; reason?: string };
  return new Error(reason || `The connection was closed (${code}).`);
}
