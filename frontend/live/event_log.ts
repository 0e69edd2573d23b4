/** The latest events of a device, as a strip that scrolls. Decoration: the list says the same in words. */

import { type NotificationEvent, sequenceOf } from "../client/index.js";
import { element } from "../inbox/dom.js";

const MAX_EVENTS = 24;

export class EventLog {
  readonly root = element("div", { class: "event-log", "aria-hidden": "true" });
  private readonly events = element("div", { class: "events" });
  private readonly empty = element("span", { class: "empty" }, "no events yet");

  constructor() {
    this.events.append(this.empty);
    this.root.append(this.events);
  }

  append(event: NotificationEvent, resumed: boolean): void {
    this.empty.remove();
    const [sign, text] = describe(event);
    const number = event.position ? String(sequenceOf(event.position)) : "·";
    const attributes = { class: "event", "data-resumed": resumed, "data-kind": event.__typename };
    const parts = [element("b", {}, number), element("i", {}, sign), element("span", {}, text)];
    this.events.append(element("span", attributes, ...parts));
    while (this.events.childElementCount > MAX_EVENTS) this.events.firstElementChild?.remove();
    this.root.scrollTo({ left: this.root.scrollWidth });
  }

  /** Mark where the connection was lost. */
  markGap(): void {
    if (this.events.lastElementChild?.classList.contains("event")) {
      this.events.append(element("span", { class: "gap" }));
    }
  }

  clear(): void {
    this.events.replaceChildren(this.empty);
  }
}

/** Return a sign and a few words for an event. */
function describe(event: NotificationEvent): [sign: string, text: string] {
  switch (event.__typename) {
    case "NotificationAdded":
      return ["+", event.notification.title];
    case "NotificationUpdated": {
      const { id, read } = event.notification;
      return read ? ["✓", `#${id} read`] : ["○", `#${id} unread`];
    }
    case "NotificationDeleted":
      return ["×", `#${event.notificationId} deleted`];
    case "AllNotificationsRead":
      return ["✓✓", `${event.count} read`];
    case "InboxReset":
      return ["↻", "reloaded"];
    case "PositionAdvanced":
      return ["→", "others"];
  }
}
