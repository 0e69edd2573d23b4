/**
 * The notifications on the screen: one article each, in place and only as far as they are near the part that is seen.
 * An event touches the row that it is about, and no other.
 */

import { Arrangement } from "./arrangement.js";
import { element, setAttributes, setText } from "./dom.js";
import { type Absence, type Entry, entriesOf } from "./entries.js";
import { Item, type ItemSettings } from "./item.js";
import { loadRowWindow } from "./parts.js";
import { dayName } from "./relative_time.js";
import { type Range, type RowWindow, WHOLE } from "./row_window.js";
import type { Notification } from "../client/index.js";

const STEPS: Record<string, number> = { ArrowDown: 1, PageDown: 1, j: 1, ArrowUp: -1, PageUp: -1, k: -1 };

/** What the feed shows. */
export interface FeedContent {
  readonly notifications: readonly Notification[];
  readonly absence: Absence | undefined;
}

export class Feed {
  readonly root = element("div", { class: "feed" });
  private readonly above = element("div", { class: "spacer" });
  private readonly below = element("div", { class: "spacer" });
  private readonly arrangement = new Arrangement();
  /** Only long lists have one, once its script is there. */
  private window: RowWindow | undefined;
  private loading: Promise<void> | undefined;
  private readonly nodes = new Map<string, HTMLElement>();
  private readonly items = new Map<string, Item>();
  private readonly marks = new Map<string, "data-new" | "data-resumed">();
  private entries: Entry[] = [];
  /** Whether a mouse or a finger is on the list. */
  isPointedAt = false;
  /** Whether a dialog about one of the rows is open. */
  hasDialog = false;
  private unmeasured: Item[] = [];
  /** What has come above the part that is seen, since the user scrolled down. */
  private readonly unseen = new Set<string>();
  private isReleased = false;
  private width = 0;
  /** The notification that Tab reaches (roving tabindex). */
  private current: string | undefined;

  /** `onChange` is called when there is something to render: the list is let go, for example. */
  constructor(
    private readonly settings: ItemSettings,
    private readonly onChange: () => void,
  ) {
    this.root.append(this.above, this.below);
    this.root.addEventListener("focusin", ({ target }) => this.onFocus((target as Element).closest("article")));
    this.root.addEventListener("focusout", () => this.onChange());
    this.root.addEventListener("keydown", (event) => {
      if (this.onKey(event)) event.preventDefault();
    });
  }

  /** How many new notifications are not to be seen: they wait until the list is let go, or are above what is seen. */
  get waiting(): number {
    return Math.max(this.arrangement.waiting, this.unseen.size);
  }

  get isEmpty(): boolean {
    return this.arrangement.rows.length === 0;
  }

  /** Whether the list is free to be shortened: nobody holds it, and its top is what is seen. Or what waits is wanted. */
  isAtTop(): boolean {
    return this.isReleased || (!this.isHeld() && !this.isScrolled);
  }

  private get isScrolled(): boolean {
    return (this.scroller()?.scrollTop ?? 0) > 1;
  }

  /** Let a notification come or go although the list is held: the user has acted on it. */
  allow(id: string): void {
    this.arrangement.allow(id);
  }

  /** Show what waits, although the list is held. */
  release(): void {
    this.isReleased = true;
    this.onChange();
  }

  /** Forget all rows: the next rendering makes them anew. */
  clear(): void {
    for (const node of this.nodes.values()) node.remove();
    this.nodes.clear();
    this.items.clear();
    this.arrangement.update([], false);
  }

  render({ notifications, absence }: FeedContent): void {
    const focused = this.hasFocus() ? this.current : undefined;
    const at = this.arrangement.rows.findIndex(({ notification }) => notification.id === focused);
    this.arrangement.update(notifications, !this.isReleased && this.isHeld());
    this.isReleased = false;
    this.entries = entriesOf(this.arrangement.rows, absence);
    if (this.unseen.size > 0) {
      const ids = new Set(notifications.map(({ id }) => id));
      for (const id of this.unseen) if (!ids.has(id)) this.unseen.delete(id);
    }
    setAttributes(this.root, {
      role: !this.isEmpty && "feed",
      "aria-labelledby": !this.isEmpty && "heading",
      "aria-describedby": !this.isEmpty && "keys",
    });
    this.renderRange();
    // The row that had the focus has left the list: the one in its place has it now.
    if (focused === undefined || this.items.has(focused)) return;
    if (this.isEmpty) this.root.closest<HTMLElement>(".panel")?.focus();
    else this.focusAt(at);
  }

  /** Bring the rows near the part that is seen into the document, and take out the others. */
  renderRange(): void {
    const scroller = this.scroller();
    if (this.unseen.size > 0 && !this.isScrolled) {
      this.unseen.clear();
      this.onChange();
    }
    const anchor = this.findAnchor(scroller);
    this.place(this.range(scroller));
    this.measure();
    if (anchor && scroller) {
      const moved = anchor.node.getBoundingClientRect().top - anchor.top;
      if (Math.abs(moved) > 0.5) scroller.scrollTop += moved;
    }
  }

  /** Update how long ago each notification arrived, and the names of days. */
  updateTimes(): void {
    for (const item of this.items.values()) item.updateTime();
    for (const entry of this.entries) if ("day" in entry) this.showLabel(entry);
  }

  /** Update which notifications have changes on their way, and what their types are called. */
  updateContext(): void {
    for (const item of this.items.values()) item.updateContext();
  }

  /** Mark a notification that is about to be shown as new, or as one that was missed. */
  highlight(id: string, resumed: boolean): void {
    this.marks.set(id, resumed ? "data-resumed" : "data-new");
    if (this.isScrolled) this.unseen.add(id);
  }

  focus(id: string): void {
    this.items.get(id)?.root.focus({ preventScroll: true });
  }

  focusFirst(): void {
    this.focusAt(0);
  }

  private hasFocus(): boolean {
    return this.root.contains((this.root.getRootNode() as ShadowRoot).activeElement);
  }

  // -- holding ------------------------------------------------------------------------------------------

  /** Whether rows keep their places: a pointer is on the list, the focus is in it, or a dialog is about one of them. */
  private isHeld(): boolean {
    // A click leaves the focus on what was clicked, and means nothing once the pointer is gone.
    return this.isPointedAt || this.hasDialog || this.root.querySelector(":focus-visible") !== null;
  }

  // -- rows in the document -----------------------------------------------------------------------------

  private scroller(): HTMLElement | null {
    return this.root.closest<HTMLElement>(".scroll");
  }

  private range(scroller: HTMLElement | null): Range {
    const keys = this.entries.map(({ key }) => key);
    // Without its script, all rows are in the document.
    if (keys.length > WHOLE) this.loading ??= this.loadWindow();
    if (!this.window) return { start: 0, end: keys.length, above: 0, below: 0 };
    const { top } = this.root.getBoundingClientRect();
    this.window.prune(keys);
    const frame = scroller?.getBoundingClientRect();
    const seenTop = Math.max(frame?.top ?? 0, 0) - top;
    const seenBottom = Math.min(frame?.bottom ?? innerHeight, innerHeight) - top;
    const focused = this.hasFocus() ? keys.indexOf(this.current ?? "") : -1;
    return this.window.range(keys, seenTop, Math.max(seenTop, seenBottom), focused);
  }

  private async loadWindow(): Promise<void> {
    try {
      this.window = new (await loadRowWindow()).RowWindow();
      this.onChange();
    } catch {
      // It is not tried again.
    }
  }

  /** Return what must not move: the topmost row that is seen, unless the list is at its very top. */
  private findAnchor(scroller: HTMLElement | null): { node: HTMLElement; top: number } | undefined {
    if (!scroller || !this.isScrolled) return undefined;
    const edge = scroller.getBoundingClientRect().top;
    for (const { key } of this.entries) {
      const node = this.nodes.get(key);
      if (!node?.isConnected || !this.items.has(key)) continue;
      const { top, bottom } = node.getBoundingClientRect();
      if (bottom > edge) return { node, top };
    }
    return undefined;
  }

  private place({ start, end, above, below }: Range): void {
    const wanted = this.entries.slice(start, end);
    const keys = new Set(wanted.map(({ key }) => key));
    for (const [key, node] of this.nodes) {
      if (keys.has(key)) continue;
      node.remove();
      this.nodes.delete(key);
      this.items.delete(key);
    }
    let next = this.above.nextElementSibling;
    for (const entry of wanted) {
      const node = this.node(entry);
      if (node === next) next = next.nextElementSibling;
      else this.root.insertBefore(node, next);
    }
    setHeight(this.above, above);
    setHeight(this.below, below);
    if (!this.current || !this.items.has(this.current)) this.makeReachable(this.items.keys().next().value);
  }

  private node(entry: Entry): HTMLElement {
    const known = this.nodes.get(entry.key);
    if (!("row" in entry)) {
      const label = known ?? element("p", { class: "missed" in entry ? "missed" : "day" });
      this.nodes.set(entry.key, label);
      this.showLabel(entry);
      return label;
    }
    const item = this.items.get(entry.key);
    if (item) {
      item.update(entry.row);
      return item.root;
    }
    const made = new Item(entry.row, this.settings);
    const mark = this.marks.get(entry.key);
    if (mark) made.root.setAttribute(mark, "");
    this.items.set(entry.key, made);
    this.nodes.set(entry.key, made.root);
    this.unmeasured.push(made);
    return made.root;
  }

  private showLabel(entry: Entry): void {
    const label = this.nodes.get(entry.key);
    if (!label || "row" in entry) return;
    const { texts } = this.settings;
    const text =
      "day" in entry
        ? dayName(entry.day, texts.locale)
        : "missed" in entry
          ? texts.count("away", entry.missed)
          : texts.text("pinned");
    setText(label, text);
  }

  /** Learn which messages are cut off, and the heights of rows. Of all of them, if the list has another width. */
  private measure(): void {
    this.marks.clear();
    const { width } = this.root.getBoundingClientRect();
    const items = width === this.width ? this.unmeasured : [...this.items.values()];
    if (width !== this.width) this.window?.forget();
    this.width = width;
    this.unmeasured = [];
    // Reads first, then writes: the layout is computed once.
    const clipped = items.map((item) => item.isClipped());
    for (const [at, item] of items.entries()) item.setClipped(clipped[at] ?? false);
    if (!this.window || this.entries.length <= this.nodes.size) return;
    for (const [key, node] of this.nodes) this.window.measured(key, node.offsetHeight);
  }

  // -- keyboard -----------------------------------------------------------------------------------------

  private onFocus(article: HTMLElement | null): void {
    const id = article?.dataset["id"];
    if (!article || id === undefined) return;
    this.makeReachable(id);
    // On the focused row alone: an arrival moves all the others, and must not touch them.
    const { rows } = this.arrangement;
    const at = rows.findIndex(({ notification }) => notification.id === id);
    for (const each of this.root.querySelectorAll("[aria-posinset]")) {
      setAttributes(each, { "aria-posinset": null, "aria-setsize": null });
    }
    setAttributes(article, { "aria-posinset": at + 1, "aria-setsize": rows.length });
  }

  /** Let Tab return to the row that was focused last. */
  private makeReachable(id: string | undefined): void {
    const former = this.current === undefined ? undefined : this.items.get(this.current);
    if (former && this.current !== id) former.root.tabIndex = -1;
    this.current = id;
    const item = id === undefined ? undefined : this.items.get(id);
    if (item && item.root.tabIndex !== 0) item.root.tabIndex = 0;
  }

  /** Handle a key; returns whether it has a meaning here. */
  private onKey(event: KeyboardEvent): boolean {
    const target = event.target as HTMLElement;
    const id = target.closest<HTMLElement>("article")?.dataset["id"];
    const item = id === undefined ? undefined : this.items.get(id);
    if (!item || id === undefined || event.altKey || event.ctrlKey || event.metaKey) return false;
    const { rows } = this.arrangement;
    const at = rows.findIndex(({ notification }) => notification.id === id);
    const step = STEPS[event.key];
    if (step !== undefined) return this.focusAt(at + step);
    if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      const isForward = (event.key === "ArrowRight") === (getComputedStyle(this.root).direction === "ltr");
      return this.focusControl(item, target, isForward ? 1 : -1);
    }
    // On the controls of a notification, the other keys keep their usual meaning.
    if (target !== item.root) return false;
    if (event.key === "Home") return this.focusAt(0);
    if (event.key === "End") return this.focusAt(rows.length - 1);
    const row = rows[at];
    return row !== undefined && !row.isGone && this.act(event.key, item);
  }

  private act(key: string, item: Item): boolean {
    if (key !== "Enter") return item.act(key);
    item.open();
    return true;
  }

  private focusControl(item: Item, from: HTMLElement, step: number): true {
    const places = [item.root, ...item.controls()];
    places[Math.max(0, Math.min(places.indexOf(from) + step, places.length - 1))]?.focus();
    return true;
  }

  private focusAt(at: number): true {
    const { rows } = this.arrangement;
    const row = rows[Math.max(0, Math.min(at, rows.length - 1))];
    if (!row) return true;
    const { id } = row.notification;
    if (!this.items.has(id)) this.bringIn(id);
    this.items.get(id)?.root.focus();
    return true;
  }

  /** Put a row into the document that is far from what is seen. */
  private bringIn(id: string): void {
    if (!this.window) return;
    const keys = this.entries.map(({ key }) => key);
    const top = this.window.offset(keys, keys.indexOf(id));
    this.place(this.window.range(keys, top, top, -1));
  }
}

function setHeight(spacer: HTMLElement, pixels: number): void {
  const height = pixels > 0 ? `${Math.round(pixels)}px` : "";
  if (spacer.style.height !== height) spacer.style.height = height;
}
