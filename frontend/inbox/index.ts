import { NotificationInbox } from "./element.js";

if (!customElements.get("notification-inbox")) {
  customElements.define("notification-inbox", NotificationInbox);
}

export { NotificationInbox };
