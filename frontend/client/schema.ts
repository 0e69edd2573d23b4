/**
 * The types of events, as the GraphQL schema has them, and the documents that select all of their fields. Printed by
 * `manage.py print_client_types`: change the schema instead.
 */

/** A user, as other users see them. */
export interface InboxUser {
  id: string;
  username: string;
  name: string;
}

/** Who did what a notification is about. */
export interface NotificationActor {
  userId: string | null;
  name: string;
  picture: string | null;
}

/** What a notification is about: an object of the site. */
export interface NotificationTarget {
  type: string;
  objectId: string;
}

/** What can be done: a link, or what `performAction` records. */
export interface NotificationAction {
  label: string;
  actionId: string | null;
  link: string | null;
}

/** A notification in the caller's inbox. */
export interface Notification {
  id: string;
  type: string;
  title: string;
  message: string;
  link: string | null;
  data: unknown;
  read: boolean;
  readAt: string | null;
  createdAt: string;
  expiresAt: string | null;
  sender: InboxUser | null;
  priority: NotificationPriority;
  icon: string | null;
  actor: NotificationActor | null;
  target: NotificationTarget | null;
  actions: NotificationAction[];
  format: MessageFormat;
  folder: NotificationFolder;
  snoozedUntil: string | null;
  pinned: boolean;
  performedAction: string | null;
  performedAt: string | null;
  rank: string;
  editedAt: string | null;
  groupKey: string | null;
  groupCount: number;
  groupActors: NotificationActor[];
}

export type NotificationPriority =
  | "LOW"
  | "NORMAL"
  | "HIGH"
  | "URGENT";

export type MessageFormat =
  | "PLAIN"
  | "MARKDOWN";

export type NotificationFolder =
  | "INBOX"
  | "ARCHIVE"
  | "SNOOZED"
  | "GROUPED";

export type ResetReason =
  | "EXPIRED"
  | "EPOCH"
  | "AHEAD"
  | "UNKNOWN_EVENT";

export type NotificationChange =
  | "READ"
  | "UNREAD"
  | "ARCHIVED"
  | "UNARCHIVED"
  | "SNOOZED"
  | "RETURNED"
  | "PINNED"
  | "UNPINNED"
  | "ACTION"
  | "EDITED"
  | "RESTORED"
  | "GROUPED"
  | "UNGROUPED"
  | "OTHER";

/** Several notifications were marked as read at once. Sent whatever `types` the subscription has. */
export interface AllNotificationsRead {
  __typename: "AllNotificationsRead";
  position: string;
  unreadCount: number;
  unseenCount: number;
  occurredAt: string;
  count: number;
  throughRank: string;
}

/** The events up to here cannot be sent: reload the list. Events continue after the `position` of this event. Sent whatever `types` the subscription has. */
export interface InboxReset {
  __typename: "InboxReset";
  position: string;
  unreadCount: number;
  unseenCount: number;
  occurredAt: string;
  reason: ResetReason;
}

/** A notification arrived. It belongs at the top of the list. */
export interface NotificationAdded {
  __typename: "NotificationAdded";
  position: string;
  unreadCount: number;
  unseenCount: number;
  occurredAt: string;
  notification: Notification;
}

/** A notification was deleted: by the user, because it expired, or because it was recalled. */
export interface NotificationDeleted {
  __typename: "NotificationDeleted";
  position: string;
  unreadCount: number;
  unseenCount: number;
  occurredAt: string;
  notificationId: string;
}

/** A notification was marked, moved, pinned or edited, or one of its actions was chosen. Show it in the list of its `folder`, at the place of its `rank`. */
export interface NotificationUpdated {
  __typename: "NotificationUpdated";
  position: string;
  unreadCount: number;
  unseenCount: number;
  occurredAt: string;
  notification: Notification;
  change: NotificationChange;
}

/** Several notifications were deleted by a bulk change. Sent whatever `types` the subscription has, up to 500 notifications at a time. */
export interface NotificationsDeleted {
  __typename: "NotificationsDeleted";
  position: string;
  unreadCount: number;
  unseenCount: number;
  occurredAt: string;
  notificationIds: string[];
}

/** The list was opened on a device: `unseenCount` is lower. Sent whatever `types` the subscription has. */
export interface NotificationsSeen {
  __typename: "NotificationsSeen";
  position: string;
  unreadCount: number;
  unseenCount: number;
  occurredAt: string;
  count: number;
  throughRank: string;
}

/** Several notifications were marked as read or archived by a bulk change. Sent whatever `types` the subscription has, up to 500 notifications at a time. */
export interface NotificationsUpdated {
  __typename: "NotificationsUpdated";
  position: string;
  unreadCount: number;
  unseenCount: number;
  occurredAt: string;
  change: NotificationChange;
  notificationIds: string[];
}

/** The position has moved on, and nothing else is to be done but to store it. Sent in place of an event whose notification has been deleted since, and now and then to subscriptions with `types`, for the events that they leave out. */
export interface PositionAdvanced {
  __typename: "PositionAdvanced";
  position: string;
  unreadCount: number;
  unseenCount: number;
  occurredAt: string;
}

export type NotificationEvent =
  | AllNotificationsRead
  | InboxReset
  | NotificationAdded
  | NotificationDeleted
  | NotificationUpdated
  | NotificationsDeleted
  | NotificationsSeen
  | NotificationsUpdated
  | PositionAdvanced;

export type ErrorCode =
  | "UNAUTHENTICATED"
  | "FORBIDDEN"
  | "NOT_FOUND"
  | "BAD_USER_INPUT"
  | "CONFLICT"
  | "RATE_LIMITED"
  | "TOO_MANY_OPERATIONS"
  | "SERVICE_UNAVAILABLE"
  | "INTERNAL_SERVER_ERROR"
  | "BAD_REQUEST"
  | "GRAPHQL_PARSE_FAILED"
  | "GRAPHQL_VALIDATION_FAILED"
  | "PERSISTED_QUERY_NOT_FOUND"
  | "PERSISTED_QUERY_NOT_SUPPORTED"
  | "PERSISTED_QUERY_NOT_IN_LIST"
  | "MAX_COST_EXCEEDED"
  | "RESPONSE_TOO_LARGE"
  | "OPERATION_RESOLUTION_FAILURE";

export const NOTIFICATION_FIELDS = /* GraphQL */ `
  fragment NotificationFields on Notification {
    id type title message link data read readAt createdAt expiresAt sender { id username name } priority icon actor { userId name picture } target { type objectId } actions { label actionId link } format folder snoozedUntil pinned performedAction performedAt rank editedAt groupKey groupCount groupActors { userId name picture }
  }
`;

/** The document that `follow` subscribes with. */
export const EVENTS_DOCUMENT = /* GraphQL */ `
  subscription NotificationEvents($after: String) {
    notificationEvents(after: $after) {
      __typename position unreadCount unseenCount occurredAt
      ... on AllNotificationsRead { count throughRank }
      ... on InboxReset { reason }
      ... on NotificationAdded { notification { ...NotificationFields } }
      ... on NotificationDeleted { notificationId }
      ... on NotificationUpdated { notification { ...NotificationFields } change }
      ... on NotificationsDeleted { notificationIds }
      ... on NotificationsSeen { count throughRank }
      ... on NotificationsUpdated { change notificationIds }
    }
  }
  ${NOTIFICATION_FIELDS}
`;
