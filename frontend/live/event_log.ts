/** The latest events of a device, as a strip that scrolls. Decoration: the list says the same in words. */

import { type NotificationChange, type NotificationEvent, sequenceOf } from "../client/index.js";
import { element } from "../inbox/dom.js";
import { Frames } from "../inbox/frames.js";

const MAX_EVENTS = 24;

const SIGNS: Record<NotificationChange, string> = {
  READ: "✓",
  UNREAD: "○",
  ARCHIVED: "↓",
  UNARCHIVED: "↑",
  SNOOZED: "☾",
  RETURNED: "+",
  PINNED: "◆",
  UNPINNED: "◇",
  ACTION: "☑",
  EDITED: "✎",
  RESTORED: "+",
  GROUPED: "≡",
  UNGROUPED: "+",
  OTHER: "✎",
};

export class EventLog {
  readonly root = element("div", { class: "event-log", "aria-hidden": "true" });
  private readonly events = element("div", { class: "events" });
  private readonly empty = element("span", { class: "empty" }, "no events yet");
  /** What has come since the last frame: of a burst, only the end is drawn. */
  private unseen: HTMLElement[] = [];
  private readonly frames = new Frames(() => this.draw());

  constructor() {
    this.events.append(this.empty);
    this.root.append(this.events);
  }

  append(event: NotificationEvent, resumed: boolean): void {
    const [sign, text] = describe(event);
    const number = event.position ? String(sequenceOf(event.position)) : "·";
    const attributes = { class: "event", "data-resumed": resumed, "data-kind": event.__typename };
    const parts = [element("b", {}, number), element("i", {}, sign), element("bdi", {}, text)];
    this.add(element("span", attributes, ...parts));
  }

  /** Mark where the connection was lost. */
  markGap(): void {
    const last = this.unseen.at(-1) ?? this.events.lastElementChild;
    if (last?.classList.contains("event")) this.add(element("span", { class: "gap" }));
  }

  clear(): void {
    this.unseen = [];
    this.events.replaceChildren(this.empty);
  }

  private add(node: HTMLElement): void {
    this.unseen.push(node);
    if (this.unseen.length > MAX_EVENTS) this.unseen.shift();
    this.frames.request();
  }

  private draw(): void {
    if (this.unseen.length === 0) return;
    this.empty.remove();
    this.events.append(...this.unseen);
    this.unseen = [];
    while (this.events.childElementCount > MAX_EVENTS) this.events.firstElementChild?.remove();
    this.root.scrollTo({ left: this.root.scrollWidth });
  }
}

/** Return a sign and a few words for an event. */
function describe(event: NotificationEvent): [sign: string, text: string] {
  switch (event.__typename) {
    case "NotificationAdded":
      return ["+", event.notification.title];
    case "NotificationUpdated":
      return [SIGNS[event.change], `#${event.notification.id} ${event.change.toLowerCase()}`];
    case "NotificationDeleted":
      return ["×", `#${event.notificationId} deleted`];
    case "AllNotificationsRead":
      return ["✓✓", `${event.count} read`];
    case "NotificationsUpdated":
      return [SIGNS[event.change], `${event.notificationIds.length} ${event.change.toLowerCase()}`];
    case "NotificationsDeleted":
      return ["×", `${event.notificationIds.length} deleted`];
    case "NotificationsSeen":
      return ["◦", `${event.count} seen`];
    case "InboxReset":
      return ["↻", "reloaded"];
    case "PositionAdvanced":
      return ["→", "others"];
  }
}
