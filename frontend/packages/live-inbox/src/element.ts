/**
 * `live-inbox/element`: defines `<notification-inbox>`, where there are elements. Without a browser, as on a server that
 * renders pages, it does nothing.
 */

import { NotificationInbox } from "../../../inbox/notification_inbox.js";

if (globalThis.customElements && !customElements.get("notification-inbox")) {
  customElements.define("notification-inbox", NotificationInbox);
}

declare global {
  interface HTMLElementTagNameMap {
    "notification-inbox": NotificationInbox;
  }
}

export type { IconDrawing, Icons } from "../../../inbox/icons.js";
export type { RenderRow } from "../../../inbox/item.js";
export type { InboxSource, SourceListener } from "../../../inbox/source.js";
export type { SnoozePreset, SnoozePresets } from "../../../inbox/snooze_times.js";
export type { Strings } from "../../../inbox/strings.js";
export { ServerError } from "../../../inbox/source.js";
export { NotificationInbox };
