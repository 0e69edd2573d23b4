/** The notifications on the screen: one article each, reachable by keyboard, updated in place. */

import type { Notification } from "../client/index.js";
import { element, setAttributes } from "./dom.js";
import { Item, type ItemActions } from "./item.js";
import type { InboxList } from "./list.js";

const STEPS: Record<string, number> = { ArrowDown: 1, PageDown: 1, j: 1, ArrowUp: -1, PageUp: -1, k: -1 };
const FOCUS_OBSERVED_MS = 10_000;

export class Feed {
  readonly root = element("div", {
    role: "feed",
    "aria-labelledby": "heading",
    "aria-describedby": "keys",
  });
  private readonly items = new Map<string, Item>();
  private shown: Notification[] = [];

  constructor(private readonly actions: ItemActions) {
    this.root.addEventListener("focusin", ({ target }) => {
      const article = (target as Element).closest("article");
      if (article) this.makeReachable(article);
    });
    this.root.addEventListener("keydown", (event) => {
      if (this.onKey(event)) event.preventDefault();
    });
  }

  render({ notifications, hasMore }: InboxList): void {
    this.shown = notifications;
    const ids = new Set(notifications.map(({ id }) => id));
    for (const id of [...this.items.keys()]) if (!ids.has(id)) this.discard(id);
    let next = this.root.firstElementChild;
    for (const [index, notification] of notifications.entries()) {
      const { root } = this.item(notification);
      if (root === next) next = next.nextElementSibling;
      else this.root.insertBefore(root, next);
      const size = hasMore ? -1 : notifications.length;
      setAttributes(root, { "aria-posinset": index + 1, "aria-setsize": size });
    }
    if (!this.root.querySelector('article[tabindex="0"]')) {
      this.root.querySelector("article")?.setAttribute("tabindex", "0");
    }
  }

  /** Update how long ago each notification arrived. */
  updateTimes(): void {
    for (const item of this.items.values()) item.updateTime();
  }

  /** Highlight a notification that is about to be shown. */
  highlight(notification: Notification, resumed: boolean): void {
    this.discard(notification.id);
    this.item(notification).root.setAttribute(resumed ? "data-resumed" : "data-new", "");
  }

  focus(id: string): void {
    this.items.get(id)?.root.focus({ preventScroll: true });
  }

  setBusy(id: string, busy: boolean): void {
    const article = this.items.get(id)?.root;
    if (article) setAttributes(article, { "aria-busy": busy && "true" });
  }

  /** If the focused article leaves the list, move the focus to its neighbour, or else to `fallback`. */
  keepFocusNear(id: string, fallback: HTMLElement): void {
    const article = this.items.get(id)?.root;
    const root = this.root.getRootNode() as ShadowRoot;
    if (!article?.contains(root.activeElement)) return;
    const neighbour = (article.nextElementSibling ?? article.previousElementSibling) as HTMLElement | null;
    const observer = new MutationObserver(() => {
      if (article.isConnected) return;
      observer.disconnect();
      if (root.activeElement === null) (neighbour?.isConnected ? neighbour : fallback).focus();
    });
    observer.observe(this.root, { childList: true });
    setTimeout(() => observer.disconnect(), FOCUS_OBSERVED_MS);
  }

  /** Handle a key; returns whether it has a meaning here. */
  private onKey(event: KeyboardEvent): boolean {
    const target = event.target as Element;
    const article = target.closest<HTMLElement>("article");
    if (!article || event.altKey || event.ctrlKey || event.metaKey) return false;
    const step = STEPS[event.key];
    if (step !== undefined && !target.closest("pre")) return this.focusAt(article, step);
    // On the buttons of a notification, the other keys keep their usual meaning.
    if (target !== article) return false;
    if (event.key === "Home") return this.focusAt(undefined, 1);
    if (event.key === "End") return this.focusAt(undefined, -1);
    const notification = this.shown.find(({ id }) => id === article.dataset["id"]);
    return notification !== undefined && this.act(event.key, notification);
  }

  private act(key: string, notification: Notification): boolean {
    if (key === "r" || key === "u") this.actions.toggleRead(notification);
    else if (key === "Delete" || key === "Backspace") this.actions.remove(notification);
    else if (key === "Enter") this.items.get(notification.id)?.open();
    else return false;
    return true;
  }

  private focusAt(from: HTMLElement | undefined, step: number): true {
    const articles = [...this.root.querySelectorAll("article")];
    const start = step > 0 ? 0 : articles.length - 1;
    const at = from ? articles.indexOf(from) + step : start;
    articles[Math.max(0, Math.min(at, articles.length - 1))]?.focus();
    return true;
  }

  /** Let Tab return to the article that was focused last (roving tabindex). */
  private makeReachable(article: Element): void {
    for (const each of this.root.querySelectorAll("article")) each.tabIndex = each === article ? 0 : -1;
  }

  /** Return the up-to-date item of a notification. */
  private item(notification: Notification): Item {
    const known = this.items.get(notification.id);
    if (known) {
      known.show(notification);
      return known;
    }
    const item = new Item(notification, this.actions);
    this.items.set(notification.id, item);
    return item;
  }

  private discard(id: string): void {
    this.items.get(id)?.root.remove();
    this.items.delete(id);
  }
}
