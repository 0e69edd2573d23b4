/** The interface between the list and the server, so that the same list can be shown over either protocol. */

import type { FollowStatus, InboxReset, NotificationEvent } from "../client/index.js";
import type { Filter, Page } from "./list.js";

export interface Preference {
  type: string;
  enabled: boolean;
  required: boolean;
  label: string;
  description: string;
}

export interface SourceListener {
  /** Receive the newest page of the whole inbox: at the start, and when positions became useless. */
  onPage(page: Page, reset?: InboxReset): void;
  onEvent(event: NotificationEvent): void;
  onStatus(status: FollowStatus): void;
  onError(error: unknown): void;
}

export interface InboxSource {
  /** Whether pages can be filtered, and whether there are preferences. */
  readonly canFilter: boolean;
  /** Start; with a position, resume after it instead of loading the list. */
  start(listener: SourceListener, position?: string): void;
  stop(): void;
  /** Drop the connection. It reconnects by itself. */
  disconnect(): void;
  reconnectNow(): void;
  loadPage(filter: Filter, after: string | null): Promise<Page>;
  markRead(id: string): Promise<void>;
  markUnread(id: string): Promise<void>;
  /** Mark as read what had arrived by a position. */
  markAllRead(upTo: string | undefined): Promise<void>;
  remove(id: string): Promise<void>;
  preferences(): Promise<Preference[]>;
  setPreference(type: string, enabled: boolean): Promise<void>;
}

/** Return an error with a sentence for users, whatever graphql-ws reports. */
export function toError(error: unknown): Error {
  if (Array.isArray(error)) return new Error(String(error[0]?.message ?? "The server refused it."));
  if (error instanceof Error) return error;
  const { code, reason } = error as { code?: number; reason?: string };
  return new Error(reason || `The connection was closed${code ? ` (${code})` : ""}.`);
}
