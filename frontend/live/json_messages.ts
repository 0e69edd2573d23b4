/** The messages of the JSON API (docs/legacy-protocol.md), as far as the page uses them. */

import type {
  MessageFormat,
  Notification,
  NotificationActor,
  NotificationFolder,
  NotificationPriority,
} from "../client/index.js";

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
  priority?: Lowercase<NotificationPriority>;
  icon?: string;
  actor?: { user?: string; name: string; picture?: string };
  target?: { type: string; id: string };
  actions?: { label: string; id?: string; link?: string }[];
  format?: Lowercase<MessageFormat>;
  folder?: Lowercase<NotificationFolder>;
  snoozed_until?: string;
  pinned?: boolean;
  performed_action?: string;
  performed_at?: string;
  edited_at?: string;
  group_key?: string;
  group_count?: number;
  group_actors?: NonNullable<JsonNotification["actor"]>[];
}

interface Failure {
  success?: boolean;
  error?: { code: string; message: string };
}

export type ServerMessage = Failure &
  (
    | { type: "notification"; notification: JsonNotification }
    | { type: "notifications_list"; notifications: JsonNotification[]; total: number; unread_count: number }
    | { type: "notification_marked_read" | "notification_marked_unread"; notification_id: number }
    | { type: "notification_deleted"; notification_id: number; undo_token?: string }
    | { type: "notification_archived" | "notification_unarchived" | "notification_snoozed"; notification_id: number }
    | { type: "change_undone"; count: number }
    | { type: "all_notifications_marked_read" }
    | { type: "action_performed"; notification_id: number; action_id: string; performed_at: string }
    | { type: "notification_sent"; notification_id: number | null }
    | { type: "error"; code: string; message: string }
    | { type: "pong" }
  );

export type ClientMessage =
  | { type: "get_notifications"; limit: number; before_id?: number }
  | { type: "mark_read" | "mark_unread" | "archive_notification" | "unarchive_notification"; notification_id: number }
  | { type: "delete_notification"; notification_id: number; undoable: boolean }
  | { type: "undo"; undo_token: string }
  | { type: "snooze_notification"; notification_id: number; until: string }
  | { type: "perform_action"; notification_id: number; action_id: string }
  | { type: "mark_all_read" | "ping" };

/** Convert a notification, and give it a rank, which this protocol has not. Who sent it, and when it was read, is unknown. */
export function toNotification(received: JsonNotification, rank: string): Notification {
  const { id, title, message, type, read, data, link } = received;
  const { priority = "normal", folder = "inbox", pinned = false, format = "plain" } = received;
  const { icon = null, actor, target, actions = [] } = received;
  return {
    ...{ id: String(id), title, message, type, read, data, link, pinned, rank },
    createdAt: received.created_at,
    expiresAt: received.expires_at ?? null,
    snoozedUntil: received.snoozed_until ?? null,
    priority: priority.toUpperCase() as NotificationPriority,
    folder: folder.toUpperCase() as NotificationFolder,
    format: format.toUpperCase() as MessageFormat,
    icon,
    actor: actor ? toActor(actor) : null,
    target: target ? { type: target.type, objectId: target.id } : null,
    actions: actions.map(({ label, id, link }) => ({ label, actionId: id ?? null, link: link ?? null })),
    performedAction: received.performed_action ?? null,
    performedAt: received.performed_at ?? null,
    sender: null,
    readAt: null,
    editedAt: received.edited_at ?? null,
    groupKey: received.group_key ?? null,
    groupCount: received.group_count ?? 1,
    groupActors: (received.group_actors ?? []).map(toActor),
  };
}

function toActor({ user, name, picture }: NonNullable<JsonNotification["actor"]>): NotificationActor {
  return { userId: user ?? null, name, picture: picture ?? null };
}
