/** The paper tape: what has happened lately, as it comes off the wire. For the eye; the list says it in words. */

import { type NotificationEvent, sequenceOf } from "../client/index.js";
import { element } from "../inbox/elements.js";

const KEPT = 24;

const PRINTS: Record<NotificationEvent["__typename"], (event: never) => [string, string]> = {
  NotificationAdded: ({ notification }: { notification: { title: string } }) => ["+", notification.title],
  NotificationUpdated: ({ notification }: { notification: { id: string; read: boolean } }) => [
    notification.read ? "✓" : "○",
    `#${notification.id} ${notification.read ? "read" : "unread"}`,
  ],
  NotificationDeleted: ({ notificationId }: { notificationId: string }) => ["×", `#${notificationId} deleted`],
  AllNotificationsRead: ({ count }: { count: number }) => ["✓✓", `${count} read`],
  InboxReset: () => ["↻", "loaded anew"],
};

export class Tape {
  readonly root = element("div", { class: "tape", "aria-hidden": "true" });
  private readonly run = element("div", { class: "run" });
  private readonly blank = element("span", { class: "blank" }, "the tape is blank");

  constructor() {
    this.run.append(this.blank);
    this.root.append(this.run);
  }

  print(event: NotificationEvent, resumed: boolean): void {
    this.blank.remove();
    const [sign, text] = PRINTS[event.__typename](event as never);
    const number = event.position ? String(sequenceOf(event.position)) : "·";
    const cell = element(
      "span",
      { class: "cell", "data-resumed": resumed, "data-kind": event.__typename },
      element("b", {}, number),
      element("i", {}, sign),
      element("span", {}, text),
    );
    this.run.append(cell);
    while (this.run.childElementCount > KEPT) this.run.firstElementChild?.remove();
    this.root.scrollTo({ left: this.root.scrollWidth });
  }

  /** Mark where the wire was cut. */
  tear(): void {
    if (this.run.lastElementChild?.classList.contains("cell")) {
      this.run.append(element("span", { class: "tear" }));
    }
  }

  clear(): void {
    this.run.replaceChildren(this.blank);
  }
}
