/** One notification in the list. */

import type { Notification } from "../client/index.js";
import type { Row } from "./arrangement.js";
import { element, icon, setAttributes, setText } from "./dom.js";
import type { Icons } from "./icons.js";
import type { Panel } from "./panel.js";
import { partsOf } from "./parts_of.js";
import type { PendingChange } from "./pending_changes.js";
import { fullTime, relativeTime, upcomingTime } from "./relative_time.js";
import { ROW_ACTIONS } from "./row_actions.js";
import { safeLink } from "./safe_link.js";
import type { InboxSource, Position } from "./source.js";
import type { Texts } from "./strings.js";

export interface ItemActions {
  toggleRead(notification: Notification): void;
  remove(notification: Notification): void;
  archive(notification: Notification): void;
  /** Ask until when beside the button, and snooze; or end the snooze. */
  snooze(notification: Notification, button: HTMLElement): void;
  /** Show a change of a notification at once, and make it at the server. */
  changeNow(
    notification: Notification,
    effect: PendingChange["effect"],
    action: (source: InboxSource) => Promise<Position>,
  ): void;
  togglePin(notification: Notification): void;
  /** Run what changes nothing at the server; if it fails, show why. */
  run(action: (source: InboxSource) => Promise<unknown>): Promise<void>;
  /** The user is about to follow the link; returns false to keep the browser from doing so. */
  open(notification: Notification): boolean;
}

export type RenderRow = (notification: Notification) => Node | null;

/** What all rows have in common. */
export interface ItemSettings {
  readonly actions: ItemActions;
  readonly texts: Texts;
  readonly source: InboxSource | undefined;
  readonly panel: Panel;
  /** What the list knows of types: their names. */
  readonly list: { readonly types: ReadonlyMap<string, string> };
  /** Show the data of notifications, for developers. */
  readonly showsData: boolean;
  /** Draws the content of a row in place of the usual one, unless it returns null. */
  readonly renderRow: RenderRow | undefined;
  /** How the page draws the icons that notifications name. */
  readonly icons: Icons | undefined;
  /** Whether there are other folders, and pins. */
  readonly hasFolders: boolean;
  /** Whether a change of this notification is on its way to the server. */
  isSending(id: string): boolean;
}

/**
 * Renders a notification as an `<article>`, and updates it. The article is the only tab stop; keys reach its controls
 * (see `Feed`).
 */
export class Item {
  readonly root: HTMLElement;
  // Pages style the parts by ::part().
  private readonly title = element("h3", { part: "title" });
  private readonly message = element("div", { class: "message", part: "message", dir: "auto" });
  private readonly expand = control("link expand");
  private readonly time = element("time", { part: "time", dir: "auto" });
  private readonly type = element("bdi", { class: "type", part: "type" });
  private readonly sender = element("span", { part: "sender" });
  private readonly mark = element("bdi", { class: "mark", part: "mark" });
  private readonly note = element("span", { class: "note" });
  private readonly buttons = ROW_ACTIONS.map((action) => {
    const button = control("tool");
    button.addEventListener("click", () => action.run(this.settings.actions, this.notification, button));
    return { action, button };
  });
  private isExpanded = false;
  /** The link of what it is about, once somebody has asked for it. */
  private targetLink: string | null = null;

  constructor(
    private row: Row,
    private readonly settings: ItemSettings,
  ) {
    const { id } = row.notification;
    const titleId = `title-${id}`;
    this.title.id = titleId;
    this.expand.addEventListener("click", () => this.setExpanded(!this.isExpanded));
    this.root = element(
      "article",
      { tabindex: -1, "aria-labelledby": titleId, "data-id": id },
      this.title,
      this.message,
      this.expand,
      element("div", { class: "meta", part: "meta" }, this.mark, this.type, this.sender, this.time, this.note),
      element("div", { class: "actions", part: "actions" }, ...this.buttons.map(({ button }) => button)),
    );
    this.expand.hidden = true;
    this.show(row);
  }

  get notification(): Notification {
    return this.row.notification;
  }

  /** Update the row, if it has changed. */
  update(row: Row): void {
    if (row.notification !== this.row.notification || row.isGone !== this.row.isGone) this.show(row);
  }

  /** Update what is not of the notification itself: whether a change of it is on its way, what its type is called. */
  updateContext(): void {
    const { settings, row } = this;
    const { type } = row.notification;
    const name = settings.list.types.get(type) ?? type;
    setText(this.type, name);
    const isSending = settings.isSending(this.notification.id);
    const text = row.isGone ? settings.texts.text("gone") : isSending ? settings.texts.text("notSent") : "";
    if (this.note.textContent === text) return;
    this.note.textContent = text;
    setAttributes(this.root, { "aria-busy": isSending && "true" });
  }

  private readonly setTargetLink = (link: string): void => {
    this.targetLink = link;
    this.show(this.row);
  };

  private show(row: Row): void {
    this.row = row;
    const { texts } = this.settings;
    const { title, message, read, sender, actor, createdAt, link, priority } = row.notification;
    setAttributes(this.root, {
      part: `row ${read ? "" : "un"}read ${priority.toLowerCase()}`,
      "data-unread": !read,
      "data-gone": row.isGone,
    });
    this.showMark(row.notification);
    this.showTitle(title, read, row.isGone ? null : safeLink(link ?? this.targetLink));
    const parts = partsOf(row.notification, this.settings, () => this.show(this.row));
    if (parts) parts.showParts(this.root, this.message, row, this.settings, this.setTargetLink);
    else this.message.textContent = message;
    this.message.hidden = message === "";
    const from = actor?.name || (sender && (sender.name || sender.username));
    // Isolated, as by <bdi>: the name has a direction of its own.
    this.sender.textContent = from ? texts.text("from", { name: `\u2068${from}\u2069` }) : "";
    this.sender.hidden = !from;
    setAttributes(this.time, { datetime: createdAt, title: fullTime(createdAt, texts.locale) });
    this.showActions(row);
    this.setExpanded(this.isExpanded);
    this.updateTime();
    this.updateContext();
  }

  /** Say how much it matters, and when it comes back. */
  private showMark({ priority, snoozedUntil }: Notification): void {
    const { texts } = this.settings;
    const urgency = priority === "URGENT" ? "urgent" : priority === "HIGH" && "high";
    const words = [urgency && texts.text(urgency)];
    if (snoozedUntil) words.push(texts.text("until", { time: upcomingTime(snoozedUntil, texts.locale) }));
    this.mark.textContent = words.filter(Boolean).join(" · ");
  }

  /** Update how long ago it arrived. */
  updateTime(): void {
    const text = relativeTime(this.notification.createdAt, this.settings.texts.locale);
    setText(this.time, text);
  }

  /** Whether the message is longer than what is shown of it: asked before, and applied after a layout. */
  isClipped(): boolean {
    return !this.isExpanded && this.message.scrollHeight > this.message.clientHeight + 1;
  }

  /** Offer to show more, or stop offering it. */
  setClipped(isClipped: boolean): void {
    if (!this.isExpanded) this.expand.hidden = !isClipped;
  }

  /** Do what a key stands for; returns false if it stands for nothing. */
  act(key: string): boolean {
    const found = this.buttons.find(({ action }) => action.keys.includes(key));
    found?.action.run(this.settings.actions, this.notification, found.button);
    return found !== undefined;
  }

  /** Follow the link, if there is one, or else show the whole message. */
  open(): void {
    const link = this.title.querySelector("a");
    if (link) link.click();
    else if (!this.expand.hidden) this.setExpanded(!this.isExpanded);
  }

  /** What keys reach within the row. */
  controls(): HTMLElement[] {
    const found = [...this.root.querySelectorAll<HTMLElement>("a, button, summary")];
    return found.filter((each) => !each.hidden && !(each as HTMLButtonElement).disabled);
  }

  private setExpanded(isExpanded: boolean): void {
    this.isExpanded = isExpanded;
    setAttributes(this.message, { "data-whole": isExpanded });
    setAttributes(this.expand, { "aria-expanded": String(isExpanded) });
    this.expand.textContent = this.settings.texts.text(isExpanded ? "showLess" : "showMore");
  }

  private showActions({ notification, isGone }: Row): void {
    for (const { action, button } of this.buttons) {
      button.hidden = action.needsFolders === true && !this.settings.hasFolders;
      const name = this.settings.texts.text(action.label(notification));
      button.replaceChildren(icon(action.icon(notification)));
      const label = `${name}: ${notification.title}`;
      const popup = action.asks?.(notification) && "dialog";
      setAttributes(button, { title: name, "aria-label": label, "aria-haspopup": popup, disabled: isGone });
    }
  }

  private showTitle(title: string, read: boolean, href: string | null): void {
    // Isolated: its direction is its own, whatever comes before and after.
    const text = element("bdi", {}, title);
    const mark = read ? [] : [element("span", { class: "sr" }, this.settings.texts.text("unreadMark"))];
    if (href === null) {
      this.title.replaceChildren(...mark, text);
      return;
    }
    const link = element("a", { href, rel: "noopener noreferrer", tabindex: -1 }, text);
    link.addEventListener("click", (event) => {
      if (!this.settings.actions.open({ ...this.notification, link: href })) event.preventDefault();
    });
    this.title.replaceChildren(...mark, link);
  }
}

function control(className: string, ...children: Node[]): HTMLButtonElement {
  return element("button", { class: className, tabindex: -1 }, ...children);
}
