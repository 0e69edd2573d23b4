/** The events of the subscription `notificationEvents`, as the default document selects them. */

import type * as schema from "./schema.js";

export { EVENTS_DOCUMENT, NOTIFICATION_FIELDS } from "./schema.js";
export type {
  InboxReset,
  InboxUser,
  MessageFormat,
  Notification,
  NotificationAction,
  NotificationActor,
  NotificationAdded,
  NotificationChange,
  NotificationDeleted,
  NotificationFolder,
  NotificationPriority,
  NotificationsDeleted,
  NotificationsSeen,
  NotificationTarget,
  NotificationsUpdated,
  NotificationUpdated,
  PositionAdvanced,
} from "./schema.js";

/**
 * `count` notifications became read; every notification of the inbox up to the rank `throughRank` is read now. The JSON protocol
 * does not say which is the highest of them, so there it is null.
 */
export type AllNotificationsRead = Omit<schema.AllNotificationsRead, "throughRank"> & {
  throughRank: string | null;
};

export type NotificationEvent =
  | Exclude<schema.NotificationEvent, schema.AllNotificationsRead>
  | AllNotificationsRead;
