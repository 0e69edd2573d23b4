/** What the subscription `notificationEvents` tells, as the default document selects it. */

export interface Person {
  id: string;
  username: string;
  name: string;
}

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
  sender: Person | null;
}

interface Told {
  position: string;
  unreadCount: number;
  occurredAt: string;
}

export type NotificationAdded = Told & { __typename: "NotificationAdded"; notification: Notification };
export type NotificationUpdated = Told & { __typename: "NotificationUpdated"; notification: Notification };
export type NotificationDeleted = Told & { __typename: "NotificationDeleted"; notificationId: string };
/** `count` notifications became read; every notification up to the id `throughId` is read now. */
export type AllNotificationsRead = Told & {
  __typename: "AllNotificationsRead";
  count: number;
  throughId: string | null;
};
/** The position could not be resumed: what is shown must be loaded anew. The events then go on. */
export type InboxReset = Told & { __typename: "InboxReset"; reason: string };

export type NotificationEvent =
  | NotificationAdded
  | NotificationUpdated
  | NotificationDeleted
  | AllNotificationsRead
  | InboxReset;

export const NOTIFICATION_FIELDS = /* GraphQL */ `
  fragment NotificationFields on Notification {
    id type title message link data read readAt createdAt
    sender { id username name }
  }
`;

/** The document that `follow` subscribes with. */
export const EVENTS_DOCUMENT = /* GraphQL */ `
  subscription NotificationEvents($after: String) {
    notificationEvents(after: $after) {
      __typename
      position
      unreadCount
      occurredAt
      ... on NotificationAdded { notification { ...NotificationFields } }
      ... on NotificationUpdated { notification { ...NotificationFields } }
      ... on NotificationDeleted { notificationId }
      ... on AllNotificationsRead { count throughId }
      ... on InboxReset { reason }
    }
  }
  ${NOTIFICATION_FIELDS}
`;
