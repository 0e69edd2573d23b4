/** The messages of the JSON API (docs/legacy-protocol.md), as far as the page uses them. */

import type { Notification } from "../client/index.js";

export interface JsonNotification {
  id: number;
  title: string;
  message: string;
  type: string;
  read: boolean;
  created_at: string;
  data: Record<string, unknown>;
  link: string | null;
  expires_at?: string;
}

interface Failure {
  success?: boolean;
  error?: { code: string; message: string };
}

export type ServerMessage = Failure &
  (
    | { type: "notification"; notification: JsonNotification }
    | { type: "notifications_list"; notifications: JsonNotification[]; total: number; unread_count: number }
    | { type: "notification_marked_read" | "notification_marked_unread" | "notification_deleted"; notification_id: number }
    | { type: "all_notifications_marked_read" }
    | { type: "notification_sent"; notification_id: number | null }
    | { type: "error"; code: string; message: string }
    | { type: "pong" }
  );

export type ClientMessage =
  | { type: "get_notifications"; limit: number; before_id?: number }
  | { type: "mark_read" | "mark_unread" | "delete_notification"; notification_id: number }
  | { type: "mark_all_read" | "ping" };

/** Convert a notification. Fields that only GraphQL has are missing. */
export function toNotification({ created_at, expires_at, ...rest }: JsonNotification): Notification {
  const times = { createdAt: created_at, expiresAt: expires_at ?? null, readAt: null };
  return { ...rest, ...times, id: String(rest.id), sender: null } as Notification;
}
