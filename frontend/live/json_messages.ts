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

export function toNotification(received: JsonNotification): Notification {
  const { id, title, message, type, read, created_at, data, link } = received;
  const missing = { readAt: null, sender: null };
  return { id: String(id), title, message, type, read, createdAt: created_at, data, link, ...missing };
}
