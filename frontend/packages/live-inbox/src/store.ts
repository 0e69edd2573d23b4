/** `live-inbox/store`: an inbox as state, for user interfaces. */

export type { TokenSource } from "../../../client/index.js";
export type { NotificationCategoryCount, NotificationCounts, NotificationTypeCount } from "../../../client/documents.js";
export type { Filter } from "../../../inbox/list.js";
export type { ChannelPreference, Preference } from "../../../inbox/source.js";
export { type InboxState, InboxStore, type InboxStoreOptions } from "./inbox_store.js";
