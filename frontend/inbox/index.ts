import { NotificationInbox } from "./notification_inbox.js";

if (!customElements.get("notification-inbox")) {
  customElements.define("notification-inbox", NotificationInbox);
}

export { NotificationInbox };
