/** Notifications for tests. */

import type { Notification } from "../client/index.js";

/** The time at which they arrived. */
export const AT = "2026-01-02T03:04:05Z";

export function notification(id: number, changes: Partial<Notification> = {}): Notification {
  return {
    id: String(id),
    type: "general",
    title: `n${id}`,
    message: "",
    link: null,
    data: {},
    read: false,
    readAt: null,
    editedAt: null,
    createdAt: AT,
    expiresAt: null,
    sender: null,
    priority: "NORMAL",
    icon: null,
    actor: null,
    target: null,
    actions: [],
    format: "PLAIN",
    folder: "INBOX",
    snoozedUntil: null,
    pinned: false,
    performedAction: null,
    performedAt: null,
    groupKey: null,
    groupCount: 1,
    groupActors: [],
    rank: String(id),
    ...changes,
  };
}
