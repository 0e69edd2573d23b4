/** `live-inbox-react`: the inbox in React. */

export type { InboxState, InboxStore, InboxStoreOptions, TokenSource } from "live-inbox/store";
export { NotificationInbox, type NotificationInboxProps } from "./notification_inbox.js";
export { type Inbox, InboxProvider, useInbox } from "./use_inbox.js";
