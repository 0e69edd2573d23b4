/** One notification in the list. */

import type { Notification } from "../client/index.js";
import { element, icon, setAttributes } from "./dom.js";
import { relativeTime } from "./relative_time.js";
import { safeLink } from "./safe_link.js";

export interface ItemActions {
  toggleRead(notification: Notification): void;
  remove(notification: Notification): void;
  /** The user is about to follow the link; returns false to keep the browser from doing so. */
  open(notification: Notification): boolean;
}

/** Renders a notification as an `<article>`, and updates it. */
export class Item {
  readonly root: HTMLElement;
  private readonly title = element("h3", { id: "title" });
  private readonly message = element("p", { class: "message", dir: "auto" });
  private readonly time = element("time");
  private readonly type = element("span", { class: "type" });
  private readonly sender = element("span");
  private readonly toggle = element("button", { type: "button", class: "tool" });
  private readonly trash = element("button", { type: "button", class: "tool" }, icon("trash"));
  private shownData = "";

  constructor(
    private notification: Notification,
    private readonly actions: ItemActions,
  ) {
    const titleId = `title-${notification.id}`;
    this.title.id = titleId;
    this.toggle.addEventListener("click", () => actions.toggleRead(this.notification));
    this.trash.addEventListener("click", () => actions.remove(this.notification));
    this.root = element(
      "article",
      { tabindex: -1, "aria-labelledby": titleId, "data-id": notification.id },
      this.title,
      this.message,
      element("div", { class: "meta" }, this.type, this.sender, this.time),
      element("div", { class: "actions" }, this.toggle, this.trash),
    );
    this.show(notification);
  }

  show(notification: Notification): void {
    this.notification = notification;
    const { title, message, read, type, sender, createdAt } = notification;
    setAttributes(this.root, { "data-unread": !read });
    this.title.replaceChildren(
      ...(read ? [] : [element("span", { class: "sr" }, "Unread: ")]),
      this.titleNode(title),
    );
    this.message.textContent = message;
    this.message.hidden = message === "";
    this.type.textContent = type;
    const from = sender && (sender.name || sender.username);
    this.sender.replaceChildren(...(from ? ["from ", element("bdi", {}, from)] : []));
    this.sender.hidden = !from;
    setAttributes(this.time, { datetime: createdAt, title: new Date(createdAt).toLocaleString() });
    this.toggle.replaceChildren(icon(read ? "dot" : "check"));
    label(this.toggle, read ? "Mark as unread" : "Mark as read", title);
    label(this.trash, "Delete", title);
    this.showData(notification.data);
    this.updateTime();
  }

  /** Update how long ago it arrived. */
  updateTime(): void {
    this.time.textContent = relativeTime(this.notification.createdAt);
  }

  /** Follow the link, if there is one. */
  open(): void {
    this.title.querySelector("a")?.click();
  }

  private titleNode(title: string): Node {
    const href = safeLink(this.notification.link);
    // Isolated: its direction is its own, whatever comes before and after.
    const text = element("bdi", {}, title);
    if (href === null) return text;
    const link = element("a", { href, rel: "noopener noreferrer" }, text);
    link.addEventListener("click", (event) => {
      if (!this.actions.open(this.notification)) event.preventDefault();
    });
    return link;
  }

  private showData(data: unknown): void {
    const isEmpty = typeof data !== "object" || data === null || Object.keys(data).length === 0;
    const text = isEmpty ? "" : JSON.stringify(data, null, 2);
    if (text === this.shownData) return;
    this.shownData = text;
    this.root.querySelector("details")?.remove();
    if (text === "") return;
    this.root.append(element("details", {}, element("summary", {}, "Data"), element("pre", { tabindex: 0 }, text)));
  }
}

function label(button: HTMLButtonElement, action: string, title: string): void {
  setAttributes(button, { title: action, "aria-label": `${action}: ${title}` });
}
