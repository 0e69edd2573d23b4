/**
 * A document of each query, mutation and subscription of the GraphQL schema, with the types of its variables and its
 * result: for Apollo, urql and others that take parsed documents. Printed by `manage.py print_client_documents`: change
 * the schema instead.
 */

import type { InboxUser, MessageFormat, Notification, NotificationEvent, NotificationFolder, NotificationPriority } from "./schema.js";
import { NOTIFICATION_FIELDS } from "./schema.js";
import { typedDocument } from "./typed_document.js";

/** The types that each interface stands for, for Apollo's `InMemoryCache`. */
export const possibleTypes: Record<string, string[]> = {
  Node: ["Notification"],
  NotificationEvent: ["AllNotificationsRead", "InboxReset", "NotificationAdded", "NotificationDeleted", "NotificationUpdated", "NotificationsDeleted", "NotificationsSeen", "NotificationsUpdated", "PositionAdvanced"],
};

/** A filter of notifications. All conditions must hold. */
export interface NotificationFilter {
  types?: string[] | null;
  read?: boolean | null;
  categories?: string[] | null;
  priorities?: NotificationPriority[] | null;
  seen?: boolean | null;
  text?: string | null;
  folder?: NotificationFolder;
  groupOf?: string | null;
  pinnedOnly?: boolean;
}

/** A page of notifications, newest first, with the state of the inbox in the same database snapshot. */
export interface NotificationConnection {
  nodes: Notification[];
  pageInfo: PageInfo;
  stoppedEarly: boolean;
  totalCount: number;
  unreadCount: number;
  unseenCount: number;
  archivedCount: number;
  snoozedCount: number;
  position: string;
}

/** Information to aid in pagination. */
export interface PageInfo {
  hasNextPage: boolean;
  hasPreviousPage: boolean;
  startCursor: string | null;
  endCursor: string | null;
}

/** How many notifications of each type and category are in the folder `INBOX`. */
export interface NotificationCounts {
  types: NotificationTypeCount[];
  categories: NotificationCategoryCount[];
}

/** How many notifications of a type are in the folder `INBOX`. */
export interface NotificationTypeCount {
  type: string;
  total: number;
  unread: number;
  unseen: number;
  isExact: boolean;
}

/** How many notifications of a category are in the folder `INBOX`. */
export interface NotificationCategoryCount {
  category: string | null;
  total: number;
  unread: number;
  unseen: number;
  isExact: boolean;
}

/** An object with a Globally Unique ID */
export type Node =
  | ({ __typename: "Notification" } & Notification);

/** Whether a user receives notifications of one type. */
export interface NotificationPreference {
  type: string;
  enabled: boolean;
  required: boolean;
  label: string;
  description: string;
  category: string | null;
  icon: string | null;
  channels: NotificationChannelPreference[];
}

/** Whether a user receives notifications of one type by one channel. */
export interface NotificationChannelPreference {
  channel: string;
  label: string;
  enabled: boolean;
  required: boolean;
}

/** A type of notification that the site declares. Others may be sent, too. */
export interface NotificationType {
  type: string;
  enabled: boolean;
  required: boolean;
  label: string;
  description: string;
  category: string | null;
  icon: string | null;
  channels: NotificationChannelPreference[];
}

/** A channel by which notifications reach users: the inbox, or one that the site itself delivers by. */
export interface NotificationChannel {
  channel: string;
  label: string;
}

/** A bulk send in the background. Counts are of recipients: each who has been dealt with is in one of `sent`, `suppressed` and `failed`. */
export interface Campaign {
  id: string;
  state: CampaignState;
  total: number;
  sent: number;
  suppressed: number;
  failed: number;
  scheduled: number;
  recalled: number;
  seen: number;
  read: number;
  isExact: boolean;
  reason: string | null;
  topic: string | null;
  segment: string | null;
  deliverAt: string | null;
  startedAt: string;
  changedAt: string;
}

/** What is being done about a campaign. */
export type CampaignState =
  | "PENDING"
  | "RUNNING"
  | "DONE"
  | "CANCELLED"
  | "RECALLING"
  | "RECALLED";

/** A notification to send. */
export interface SendInput {
  title?: string | null;
  message?: string | null;
  type?: string;
  data?: unknown | null;
  link?: string | null;
  expiresAt?: string | null;
  expiresInSeconds?: number | null;
  context?: unknown | null;
  priority?: NotificationPriority;
  icon?: string | null;
  actor?: ActorInput | null;
  target?: TargetInput | null;
  actions?: ActionInput[] | null;
  format?: MessageFormat | null;
  groupKey?: string | null;
  deliverAt?: string | null;
  recipientId: string;
  idempotencyKey?: string | null;
}

/** Who did what a notification is about: either a user, or a name; and perhaps a picture. */
export interface ActorInput {
  userId?: string | null;
  name?: string | null;
  picture?: string | null;
}

/** What a notification is about: an object of the site. */
export interface TargetInput {
  type: string;
  objectId: string;
}

/** What can be done. It has either an id or a link. */
export interface ActionInput {
  label: string;
  actionId?: string | null;
  link?: string | null;
}

/** The result of `send`. */
export interface SendPayload {
  notification: Notification | null;
  suppressed: boolean;
  replayed: boolean;
  scheduled: ScheduledSend | null;
}

/** A send that waits for its time. */
export interface ScheduledSend {
  id: string;
  deliverAt: string;
}

/** A notification to send to many users. Name at least one. */
export interface SendManyInput {
  title?: string | null;
  message?: string | null;
  type?: string;
  data?: unknown | null;
  link?: string | null;
  expiresAt?: string | null;
  expiresInSeconds?: number | null;
  context?: unknown | null;
  priority?: NotificationPriority;
  icon?: string | null;
  actor?: ActorInput | null;
  target?: TargetInput | null;
  actions?: ActionInput[] | null;
  format?: MessageFormat | null;
  groupKey?: string | null;
  deliverAt?: string | null;
  recipientIds?: string[];
  recipientRefs?: string[];
  idempotencyKey?: string | null;
}

/** The result of `sendMany`. */
export interface SendManyPayload {
  results: RecipientResult[];
  sentCount: number;
  campaignId: string | null;
}

/** The result of `sendMany` for one recipient. */
export interface RecipientResult {
  recipient: string;
  status: SendStatus;
  notificationId: string | null;
}

/** What became of one recipient of `sendMany`. */
export type SendStatus =
  | "SENT"
  | "SCHEDULED"
  | "SUPPRESSED"
  | "UNKNOWN_RECIPIENT"
  | "FORBIDDEN"
  | "RATE_LIMITED";

/** The new content of a notification that was sent. Name it by one of `id` and `idempotencyKey`. Fields that are left out stay as they are. */
export interface EditInput {
  id?: string | null;
  idempotencyKey?: string | null;
  title?: string | null;
  message?: string | null;
  data?: unknown | null;
  link?: string | null;
  expiresAt?: string | null;
  expiresInSeconds?: number | null;
  context?: unknown | null;
  priority?: NotificationPriority | null;
}

/** The result of `editNotification`. */
export interface EditPayload {
  notification: Notification;
  changed: boolean;
}

/** The result of `cancelSend`. */
export interface CancelSendPayload {
  cancelled: boolean;
}

/** The result of `recall`. */
export interface RecallPayload {
  recalled: boolean;
}

/** The result of `markRead`. */
export interface MarkReadPayload {
  notification: Notification;
  unreadCount: number;
  unseenCount: number;
  position: string;
}

/** The result of `markUnread`. */
export interface MarkUnreadPayload {
  notification: Notification;
  unreadCount: number;
  unseenCount: number;
  position: string;
}

/** The result of `markAllRead`. */
export interface MarkAllReadPayload {
  count: number;
  hasMore: boolean;
  undoToken: string | null;
  unreadCount: number;
  unseenCount: number;
  position: string;
}

/** The result of `archiveAll`. */
export interface ArchiveAllPayload {
  count: number;
  hasMore: boolean;
  undoToken: string | null;
  unreadCount: number;
  unseenCount: number;
  position: string;
}

/** The result of `deleteAll`. */
export interface DeleteAllPayload {
  count: number;
  hasMore: boolean;
  undoToken: string | null;
  unreadCount: number;
  unseenCount: number;
  position: string;
}

/** The result of `undo`. */
export interface UndoPayload {
  count: number;
  unreadCount: number;
  unseenCount: number;
  position: string;
}

/** The result of `markSeen`. */
export interface MarkSeenPayload {
  count: number;
  unreadCount: number;
  unseenCount: number;
  position: string;
}

/** The result of `archive`. */
export interface ArchivePayload {
  notification: Notification;
  unreadCount: number;
  unseenCount: number;
  position: string;
}

/** The result of `unarchive`. */
export interface UnarchivePayload {
  notification: Notification;
  unreadCount: number;
  unseenCount: number;
  position: string;
}

/** The result of `snooze`. */
export interface SnoozePayload {
  notification: Notification;
  unreadCount: number;
  unseenCount: number;
  position: string;
}

/** The result of `unsnooze`. */
export interface UnsnoozePayload {
  notification: Notification;
  unreadCount: number;
  unseenCount: number;
  position: string;
}

/** The result of `pin`. */
export interface PinPayload {
  notification: Notification;
  unreadCount: number;
  unseenCount: number;
  position: string;
}

/** The result of `unpin`. */
export interface UnpinPayload {
  notification: Notification;
  unreadCount: number;
  unseenCount: number;
  position: string;
}

/** The result of `performAction`. */
export interface PerformActionPayload {
  notification: Notification;
  unreadCount: number;
  unseenCount: number;
  position: string;
  recorded: boolean;
}

/** The result of `delete`. */
export interface DeletePayload {
  notificationId: string;
  undoToken: string | null;
  unreadCount: number;
  unseenCount: number;
  position: string;
}

/** Whether to receive notifications of one type by one channel. */
export interface NotificationPreferenceInput {
  type: string;
  enabled: boolean;
  channel?: string;
}

/** The result of `subscribeToTopic` and `unsubscribeFromTopic`. */
export interface TopicsPayload {
  changed: boolean;
  topics: string[];
}

/** A notification to send to many users. Name one of `topic`, `segment` and `everybody`. */
export interface StartCampaignInput {
  title?: string | null;
  message?: string | null;
  type?: string;
  data?: unknown | null;
  link?: string | null;
  expiresAt?: string | null;
  expiresInSeconds?: number | null;
  context?: unknown | null;
  priority?: NotificationPriority;
  icon?: string | null;
  actor?: ActorInput | null;
  target?: TargetInput | null;
  actions?: ActionInput[] | null;
  format?: MessageFormat | null;
  groupKey?: string | null;
  deliverAt?: string | null;
  topic?: string | null;
  segment?: string | null;
  everybody?: boolean;
  idempotencyKey?: string | null;
}

/** The result of `startCampaign`, `cancelCampaign` and `recallCampaign`. */
export interface CampaignPayload {
  campaign: Campaign;
}

/** The result of `signOutEverywhere`. */
export interface SignOutPayload {
  signedOutBefore: string;
}

/** An API that serves sockets. */
export type SocketApi =
  | "GRAPHQL"
  | "JSON";

/** The result of `createTicket`. */
export interface TicketPayload {
  ticket: string;
  expiresInSeconds: number;
}

/** The result of `refreshToken`. */
export interface RefreshTokenPayload {
  expiresAt: string | null;
}

/** The caller. */
export const ViewerDocument = /* @__PURE__ */ typedDocument<
  { viewer: InboxUser },
  Record<string, never>
>(/* GraphQL */ `query Viewer { viewer { id username name } }`);

/** A page of a folder, newest first, with the counts and the position of the inbox in the same database snapshot. Without arguments, the newest 20. */
export const NotificationsDocument = /* @__PURE__ */ typedDocument<
  { notifications: NotificationConnection },
  { first?: number | null; after?: string | null; last?: number | null; before?: string | null; filter?: NotificationFilter | null }
>(/* GraphQL */ `query Notifications($first: Int, $after: String, $last: Int, $before: String, $filter: NotificationFilter) { notifications(first: $first, after: $after, last: $last, before: $before, filter: $filter) { nodes { ...NotificationFields } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } stoppedEarly totalCount unreadCount unseenCount archivedCount snoozedCount position } } ${NOTIFICATION_FIELDS}`);

/** How many notifications of each type and category are in the folder `INBOX`, in one database snapshot. */
export const NotificationCountsDocument = /* @__PURE__ */ typedDocument<
  { notificationCounts: NotificationCounts },
  Record<string, never>
>(/* GraphQL */ `query NotificationCounts { notificationCounts { types { type total unread unseen isExact } categories { category total unread unseen isExact } } }`);

/** One notification of the inbox. If the inbox has none with this id, the field is null and there is an error with the code NOT_FOUND. */
export const NotificationDocument = /* @__PURE__ */ typedDocument<
  { notification: Notification | null },
  { id: string }
>(/* GraphQL */ `query Notification($id: ID!) { notification(id: $id) { ...NotificationFields } } ${NOTIFICATION_FIELDS}`);

/** An object by its id, for the stores of clients such as Relay's: a notification of the inbox. Null if the inbox has none with this id. */
export const NodeDocument = /* @__PURE__ */ typedDocument<
  { node: Node | null },
  { id: string }
>(/* GraphQL */ `query Node($id: ID!) { node(id: $id) { __typename id ... on Notification { ...NotificationFields } } } ${NOTIFICATION_FIELDS}`);

/** The declared types, and those that the caller has turned on or off, sorted by type. Types that are not listed are delivered. */
export const NotificationPreferencesDocument = /* @__PURE__ */ typedDocument<
  { notificationPreferences: NotificationPreference[] },
  Record<string, never>
>(/* GraphQL */ `query NotificationPreferences { notificationPreferences { type enabled required label description category icon channels { channel label enabled required } } }`);

/** The types of notification that the site declares, in its order, with what the caller wants of each: also of those that they have never had. */
export const NotificationTypesDocument = /* @__PURE__ */ typedDocument<
  { notificationTypes: NotificationType[] },
  Record<string, never>
>(/* GraphQL */ `query NotificationTypes { notificationTypes { type enabled required label description category icon channels { channel label enabled required } } }`);

/** The channels by which notifications reach users: the inbox, then those that the site declares, in its order. */
export const NotificationChannelsDocument = /* @__PURE__ */ typedDocument<
  { notificationChannels: NotificationChannel[] },
  Record<string, never>
>(/* GraphQL */ `query NotificationChannels { notificationChannels { channel label } }`);

/** The topics that the caller is subscribed to, sorted. */
export const TopicsDocument = /* @__PURE__ */ typedDocument<
  { topics: string[] },
  Record<string, never>
>(/* GraphQL */ `query Topics { topics }`);

/** How far a campaign has come, which the caller has started or may view by permission. If there is none, the field is null and there is an error with the code NOT_FOUND. */
export const CampaignDocument = /* @__PURE__ */ typedDocument<
  { campaign: Campaign | null },
  { id: string }
>(/* GraphQL */ `query Campaign($id: ID!) { campaign(id: $id) { id state total sent suppressed failed scheduled recalled seen read isExact reason topic segment deliverAt startedAt changedAt } }`);

/** Send a notification: to yourself, or to others with permission. The rate is limited. */
export const SendDocument = /* @__PURE__ */ typedDocument<
  { send: SendPayload },
  { input: SendInput }
>(/* GraphQL */ `mutation Send($input: SendInput!) { send(input: $input) { notification { ...NotificationFields } suppressed replayed scheduled { id deliverAt } } } ${NOTIFICATION_FIELDS}`);

/** Send the same notification to many users, with permission. Each recipient has a result: one who does not exist does not keep the others from theirs. The rate is limited; each recipient counts. */
export const SendManyDocument = /* @__PURE__ */ typedDocument<
  { sendMany: SendManyPayload },
  { input: SendManyInput }
>(/* GraphQL */ `mutation SendMany($input: SendManyInput!) { sendMany(input: $input) { results { recipient status notificationId } sentCount campaignId } }`);

/** Change the content of a notification that you have sent; with permission, of any. It keeps its place, and whether it is read. Counts as a send. */
export const EditNotificationDocument = /* @__PURE__ */ typedDocument<
  { editNotification: EditPayload },
  { input: EditInput }
>(/* GraphQL */ `mutation EditNotification($input: EditInput!) { editNotification(input: $input) { notification { ...NotificationFields } changed } } ${NOTIFICATION_FIELDS}`);

/** Cancel a send with a `deliverAt` that is still to come. Name it by one of the arguments. Counts as a change. */
export const CancelSendDocument = /* @__PURE__ */ typedDocument<
  { cancelSend: CancelSendPayload },
  { id?: string | null; idempotencyKey?: string | null }
>(/* GraphQL */ `mutation CancelSend($id: ID, $idempotencyKey: String) { cancelSend(id: $id, idempotencyKey: $idempotencyKey) { cancelled } }`);

/** Take back a notification that you have sent; with permission, any: it is deleted at its recipient. Name it by one of the arguments. Counts as a send. */
export const RecallDocument = /* @__PURE__ */ typedDocument<
  { recall: RecallPayload },
  { id?: string | null; idempotencyKey?: string | null }
>(/* GraphQL */ `mutation Recall($id: ID, $idempotencyKey: String) { recall(id: $id, idempotencyKey: $idempotencyKey) { recalled } }`);

/** Mark a notification as read. Does nothing if it is read. */
export const MarkReadDocument = /* @__PURE__ */ typedDocument<
  { markRead: MarkReadPayload },
  { id: string }
>(/* GraphQL */ `mutation MarkRead($id: ID!) { markRead(id: $id) { notification { ...NotificationFields } unreadCount unseenCount position } } ${NOTIFICATION_FIELDS}`);

/** Mark a notification as unread. Does nothing if it is unread. */
export const MarkUnreadDocument = /* @__PURE__ */ typedDocument<
  { markUnread: MarkUnreadPayload },
  { id: string }
>(/* GraphQL */ `mutation MarkUnread($id: ID!) { markUnread(id: $id) { notification { ...NotificationFields } unreadCount unseenCount position } } ${NOTIFICATION_FIELDS}`);

/** Mark all notifications of the inbox as read, or those that a filter has. */
export const MarkAllReadDocument = /* @__PURE__ */ typedDocument<
  { markAllRead: MarkAllReadPayload },
  { filter?: NotificationFilter | null; upTo?: string | null }
>(/* GraphQL */ `mutation MarkAllRead($filter: NotificationFilter, $upTo: String) { markAllRead(filter: $filter, upTo: $upTo) { count hasMore undoToken unreadCount unseenCount position } }`);

/** Move all notifications of the inbox to the archive, or those that a filter has. BAD_USER_INPUT for a filter of another folder. */
export const ArchiveAllDocument = /* @__PURE__ */ typedDocument<
  { archiveAll: ArchiveAllPayload },
  { filter?: NotificationFilter | null; upTo?: string | null }
>(/* GraphQL */ `mutation ArchiveAll($filter: NotificationFilter, $upTo: String) { archiveAll(filter: $filter, upTo: $upTo) { count hasMore undoToken unreadCount unseenCount position } }`);

/** Delete all notifications of the inbox, or those that a filter has. Until it cannot be undone any more, the server keeps their content apart. */
export const DeleteAllDocument = /* @__PURE__ */ typedDocument<
  { deleteAll: DeleteAllPayload },
  { filter?: NotificationFilter | null; upTo?: string | null }
>(/* GraphQL */ `mutation DeleteAll($filter: NotificationFilter, $upTo: String) { deleteAll(filter: $filter, upTo: $upTo) { count hasMore undoToken unreadCount unseenCount position } }`);

/** Undo `delete`, `markAllRead`, `archiveAll` or `deleteAll`: what it changed, and nothing has changed since, is as it was. NOT_FOUND if the token is not yours, was used, or is older than 30 seconds. */
export const UndoDocument = /* @__PURE__ */ typedDocument<
  { undo: UndoPayload },
  { token: string }
>(/* GraphQL */ `mutation Undo($token: String!) { undo(token: $token) { count unreadCount unseenCount position } }`);

/** Note that the user has opened the list: what is in it is not new any more. `unseenCount` drops, `unreadCount` stays. */
export const MarkSeenDocument = /* @__PURE__ */ typedDocument<
  { markSeen: MarkSeenPayload },
  { upTo?: string | null }
>(/* GraphQL */ `mutation MarkSeen($upTo: String) { markSeen(upTo: $upTo) { count unreadCount unseenCount position } }`);

/** Move a notification to the archive, read or unread as it is. Does nothing if it is there. */
export const ArchiveDocument = /* @__PURE__ */ typedDocument<
  { archive: ArchivePayload },
  { id: string }
>(/* GraphQL */ `mutation Archive($id: ID!) { archive(id: $id) { notification { ...NotificationFields } unreadCount unseenCount position } } ${NOTIFICATION_FIELDS}`);

/** Move a notification from the archive back to its place in the inbox. Does nothing if it is in another folder. */
export const UnarchiveDocument = /* @__PURE__ */ typedDocument<
  { unarchive: UnarchivePayload },
  { id: string }
>(/* GraphQL */ `mutation Unarchive($id: ID!) { unarchive(id: $id) { notification { ...NotificationFields } unreadCount unseenCount position } } ${NOTIFICATION_FIELDS}`);

/** Take a notification out of the inbox until a moment, a few seconds after which it returns to the top, unread. A snoozed one gets the new moment. */
export const SnoozeDocument = /* @__PURE__ */ typedDocument<
  { snooze: SnoozePayload },
  { id: string; until: string }
>(/* GraphQL */ `mutation Snooze($id: ID!, $until: DateTime!) { snooze(id: $id, until: $until) { notification { ...NotificationFields } unreadCount unseenCount position } } ${NOTIFICATION_FIELDS}`);

/** Return a snoozed notification to the top of the inbox now, unread. Does nothing if it is not snoozed. */
export const UnsnoozeDocument = /* @__PURE__ */ typedDocument<
  { unsnooze: UnsnoozePayload },
  { id: string }
>(/* GraphQL */ `mutation Unsnooze($id: ID!) { unsnooze(id: $id) { notification { ...NotificationFields } unreadCount unseenCount position } } ${NOTIFICATION_FIELDS}`);

/** Pin a notification. It stays in its place, and `filter: {pinnedOnly: true}` lists it, too. CONFLICT when too many are pinned. Does nothing if it is pinned. */
export const PinDocument = /* @__PURE__ */ typedDocument<
  { pin: PinPayload },
  { id: string }
>(/* GraphQL */ `mutation Pin($id: ID!) { pin(id: $id) { notification { ...NotificationFields } unreadCount unseenCount position } } ${NOTIFICATION_FIELDS}`);

/** Unpin a notification. Does nothing if it is not pinned. */
export const UnpinDocument = /* @__PURE__ */ typedDocument<
  { unpin: UnpinPayload },
  { id: string }
>(/* GraphQL */ `mutation Unpin($id: ID!) { unpin(id: $id) { notification { ...NotificationFields } unreadCount unseenCount position } } ${NOTIFICATION_FIELDS}`);

/** Record that the user has chosen an action of a notification. The outcome is recorded once: if two devices choose at the same moment, one of them is first, and the other gets that outcome. */
export const PerformActionDocument = /* @__PURE__ */ typedDocument<
  { performAction: PerformActionPayload },
  { id: string; actionId: string }
>(/* GraphQL */ `mutation PerformAction($id: ID!, $actionId: String!) { performAction(id: $id, actionId: $actionId) { notification { ...NotificationFields } unreadCount unseenCount position recorded } } ${NOTIFICATION_FIELDS}`);

/** Delete a notification. */
export const DeleteDocument = /* @__PURE__ */ typedDocument<
  { delete: DeletePayload },
  { id: string; undoable?: boolean }
>(/* GraphQL */ `mutation Delete($id: ID!, $undoable: Boolean! = false) { delete(id: $id, undoable: $undoable) { notificationId undoToken unreadCount unseenCount position } }`);

/** Turn notifications of a type on or off on a channel, from now on. The inbox keeps what it has. */
export const SetNotificationPreferenceDocument = /* @__PURE__ */ typedDocument<
  { setNotificationPreference: NotificationPreference },
  { input: NotificationPreferenceInput }
>(/* GraphQL */ `mutation SetNotificationPreference($input: NotificationPreferenceInput!) { setNotificationPreference(input: $input) { type enabled required label description category icon channels { channel label enabled required } } }`);

/** Subscribe yourself to a topic that is open to users. */
export const SubscribeToTopicDocument = /* @__PURE__ */ typedDocument<
  { subscribeToTopic: TopicsPayload },
  { topic: string }
>(/* GraphQL */ `mutation SubscribeToTopic($topic: String!) { subscribeToTopic(topic: $topic) { changed topics } }`);

/** Unsubscribe yourself from a topic, whoever has subscribed you. */
export const UnsubscribeFromTopicDocument = /* @__PURE__ */ typedDocument<
  { unsubscribeFromTopic: TopicsPayload },
  { topic: string }
>(/* GraphQL */ `mutation UnsubscribeFromTopic($topic: String!) { unsubscribeFromTopic(topic: $topic) { changed topics } }`);

/** Send the same notification to a topic, a segment or all active users, in the background: for callers who may send to anybody. `campaign` says how far it is. */
export const StartCampaignDocument = /* @__PURE__ */ typedDocument<
  { startCampaign: CampaignPayload },
  { input: StartCampaignInput }
>(/* GraphQL */ `mutation StartCampaign($input: StartCampaignInput!) { startCampaign(input: $input) { campaign { id state total sent suppressed failed scheduled recalled seen read isExact reason topic segment deliverAt startedAt changedAt } } }`);

/** Send a campaign to nobody else. Does nothing for one that has ended. */
export const CancelCampaignDocument = /* @__PURE__ */ typedDocument<
  { cancelCampaign: CampaignPayload },
  { id: string }
>(/* GraphQL */ `mutation CancelCampaign($id: ID!) { cancelCampaign(id: $id) { campaign { id state total sent suppressed failed scheduled recalled seen read isExact reason topic segment deliverAt startedAt changedAt } } }`);

/** Delete the notifications of a campaign from all inboxes, with an event for each, and send it to nobody else. */
export const RecallCampaignDocument = /* @__PURE__ */ typedDocument<
  { recallCampaign: CampaignPayload },
  { id: string }
>(/* GraphQL */ `mutation RecallCampaign($id: ID!) { recallCampaign(id: $id) { campaign { id state total sent suppressed failed scheduled recalled seen read isExact reason topic segment deliverAt startedAt changedAt } } }`);

/** Sign out everywhere: all tokens and sessions that you have so far are refused, and their sockets closed, that of this request included. */
export const SignOutEverywhereDocument = /* @__PURE__ */ typedDocument<
  { signOutEverywhere: SignOutPayload },
  Record<string, never>
>(/* GraphQL */ `mutation SignOutEverywhere { signOutEverywhere { signedOutBefore } }`);

/** Trade your token for a ticket: for clients that can put credentials only into the URL of a socket, as `?ticket=...`. It opens one socket of one API, from your address, within 30 seconds. A session is not traded: sockets of this API take its cookie. */
export const CreateTicketDocument = /* @__PURE__ */ typedDocument<
  { createTicket: TicketPayload },
  { api: SocketApi }
>(/* GraphQL */ `mutation CreateTicket($api: SocketApi!) { createTicket(api: $api) { ticket expiresInSeconds } }`);

/** On a socket: keep it open by a fresh token of yours, until that expires. Over HTTP, there is nothing to extend: `BAD_USER_INPUT`. */
export const RefreshTokenDocument = /* @__PURE__ */ typedDocument<
  { refreshToken: RefreshTokenPayload },
  { token: string }
>(/* GraphQL */ `mutation RefreshToken($token: String!) { refreshToken(token: $token) { expiresAt } }`);

/** Every change of the caller's inbox, once and in order, whichever device or service made it. To miss nothing: query `notifications { position ... }`, subscribe after that position, store the position of each event, and after a lost connection subscribe after the latest one. */
export const NotificationEventsDocument = /* @__PURE__ */ typedDocument<
  { notificationEvents: NotificationEvent },
  { after?: string | null; types?: string[] | null }
>(/* GraphQL */ `subscription NotificationEvents($after: String, $types: [String!]) { notificationEvents(after: $after, types: $types) { __typename position unreadCount unseenCount occurredAt ... on AllNotificationsRead { count throughRank } ... on InboxReset { reason } ... on NotificationAdded { notification { ...NotificationFields } } ... on NotificationDeleted { notificationId } ... on NotificationUpdated { notification { ...NotificationFields } change } ... on NotificationsDeleted { notificationIds } ... on NotificationsSeen { count throughRank } ... on NotificationsUpdated { change notificationIds } } } ${NOTIFICATION_FIELDS}`);
