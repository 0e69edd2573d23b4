/** The panel: heading, status, filters, the frame around the list, preferences. It renders, and reports clicks. */

import { element, name, setAttributes, tool, setText } from "./dom.js";
import { type Filter, folderOf, type InboxList } from "./list.js";
import { onNearEnd } from "./scrolling.js";
import type { SignedOut } from "./signed_out.js";
import { StatusLine } from "./status_line.js";
import type { Strings, Texts } from "./strings.js";
import type { Unreachable } from "./unreachable.js";

/** What the buttons and choices of the panel do. */
export interface PanelActions {
  markAllRead(): void;
  toggleSearch(): void;
  togglePreferences(): void;
  changeFilter(change: Partial<Filter>): Promise<void>;
  showOlder(): void;
  /** Show what waits above the list. */
  showWaiting(isByKeyboard: boolean): void;
  close(): void;
}

/** What the panel shows beside the list. */
export interface PanelContent {
  readonly list: InboxList;
  readonly isLoaded: boolean;
  readonly isEmpty: boolean;
  readonly unreadCount: number;
  readonly waiting: number;
}

/** Below this height in pixels, a list that scrolls has no room for a row and the keys beside each other. */
const LOW = 240;

/** The parts of the inbox that can be shown, and their names. */
const PARTS: [Pick<Filter, "unreadOnly" | "folder">, keyof Strings][] = [
  [{ unreadOnly: false, folder: "INBOX" }, "all"],
  [{ unreadOnly: true, folder: "INBOX" }, "unread"],
  [{ unreadOnly: false, folder: "ARCHIVE" }, "archiveFolder"],
  [{ unreadOnly: false, folder: "SNOOZED" }, "snoozedFolder"],
];

export class Panel {
  private readonly markAll = tool("checks");
  /** Shows and hides the search. */
  readonly searchButton = tool("search");
  private readonly preferencesButton = tool("tune");
  private readonly closeButton = tool("close");
  private readonly parts = PARTS.map(([filter, name]) => ({ filter, name, button: element("button") }));
  private readonly segments = element(
    "div",
    { class: "segments", role: "group" },
    ...this.parts.map(({ button }) => button),
  );
  private readonly more = element("button", { class: "more" });
  private readonly newAbove = element("button", { class: "new-above", hidden: true });
  readonly status: StatusLine;
  readonly root: HTMLElement;
  private readonly heading = element("h2", { id: "heading" });
  private readonly count = element("span", { class: "count" });
  /** The search stands here, once it is wanted. */
  readonly search = element("div", { class: "search", role: "search", hidden: true });
  private readonly filters = element("div", { class: "filters" }, this.segments, this.search);
  private readonly emptyText = element("p");
  // The page can put something of its own in the place of the text.
  private readonly empty = element("div", { class: "empty" }, element("slot", { name: "empty" }, this.emptyText));
  private readonly scroller: HTMLElement;
  readonly listFrame: HTMLElement;
  private readonly keys = element("p", { class: "keys", id: "keys" });
  /** The preferences stand here, once they are wanted. */
  readonly preferences = element("div", { class: "preferences", role: "group", hidden: true });
  /** A question or a hint to the user. */
  readonly question = element("div", { class: "question", hidden: true });
  private readonly problem = element("div", { class: "problem", role: "alert", hidden: true });
  private canFilter = true;
  private isLoadingMore = false;

  constructor(
    feed: HTMLElement,
    undoBar: HTMLElement,
    private readonly signedOut: SignedOut,
    private readonly unreachable: Unreachable,
    private readonly actions: PanelActions,
    private readonly texts: () => Texts,
  ) {
    this.status = new StatusLine(texts);
    this.scroller = element("div", { class: "scroll", part: "list" }, feed, this.empty, this.more);
    const keys = element("div", { class: "keys-frame" }, this.keys);
    this.listFrame = element("div", { class: "list" }, this.newAbove, this.scroller, keys);
    this.root = element(
      "section",
      { class: "panel", part: "panel", id: "panel", "aria-labelledby": "heading", tabindex: -1 },
      element("div", {}, this.heading, this.status.root, this.markAll, this.searchButton, this.preferencesButton, this.closeButton),
      this.filters,
      signedOut.root,
      unreachable.root,
      this.listFrame,
      this.preferences,
      element("div", { class: "bars" }, this.question, undoBar, this.problem),
    );
    this.listen();
  }

  private listen(): void {
    const { actions } = this;
    this.markAll.addEventListener("click", () => {
      if (!this.markAll.ariaDisabled) actions.markAllRead();
    });
    this.searchButton.addEventListener("click", () => actions.toggleSearch());
    this.preferencesButton.addEventListener("click", () => actions.togglePreferences());
    this.closeButton.addEventListener("click", () => actions.close());
    for (const { filter, button } of this.parts) button.addEventListener("click", () => void actions.changeFilter(filter));
    this.more.addEventListener("click", () => this.loadMore());
    // A click by keyboard has no position.
    this.newAbove.addEventListener("click", ({ detail }) => actions.showWaiting(detail === 0));
    onNearEnd(this.scroller, this.more, () => this.loadMore());
  }

  get showsPreferences(): boolean {
    return !this.preferences.hidden;
  }

  get isMoreFocused(): boolean {
    return this.more.matches(":focus");
  }

  /** Call back when the list scrolls, or gets another size. */
  onScroll(callback: () => void): void {
    const { scroller, root } = this;
    const onChange = (): void => {
      const isLow = scroller.clientHeight < LOW && isCut(scroller);
      root.toggleAttribute("data-low", isLow || isCut(root));
      callback();
    };
    scroller.addEventListener("scroll", onChange, { passive: true });
    new ResizeObserver(onChange).observe(scroller);
  }

  scrollToTop(): void {
    this.scroller.scrollTop = 0;
  }

  setLoadingMore(isLoading: boolean): void {
    this.isLoadingMore = isLoading;
    setAttributes(this.more, { "aria-busy": isLoading && "true" });
  }

  /** Render the words, and show only what the source can do. */
  renderFrame(label: string, inline: boolean, canFilter: boolean): void {
    const texts = this.texts();
    this.canFilter = canFilter;
    this.heading.replaceChildren(element("bdi", {}, label), this.count);
    // The words may be in another language than the page.
    setAttributes(this.root, { role: inline ? "region" : "dialog", lang: texts.language });
    this.searchButton.hidden = this.preferencesButton.hidden = !canFilter;
    this.closeButton.hidden = inline;
    name(this.searchButton, texts.text("search"));
    name(this.preferencesButton, texts.text("preferences"));
    name(this.closeButton, texts.text("close"));
    for (const { name, button } of this.parts) button.textContent = texts.text(name);
    this.more.textContent = texts.text("showOlder");
    this.keys.textContent = texts.text("keys");
    setAttributes(this.segments, { "aria-label": texts.text("show") });
    setAttributes(this.preferences, { "aria-label": texts.text("preferences") });
    this.signedOut.render(texts);
    this.unreachable.render(texts);
    this.status.render();
    this.showView(this.showsPreferences && canFilter);
  }

  render({ list, isLoaded, isEmpty, unreadCount, waiting }: PanelContent): void {
    const texts = this.texts();
    const { filter, hasMore, types } = list;
    const count = unreadCount ? texts.count("unreadCount", unreadCount) : texts.text("allRead");
    setText(this.count, isLoaded ? count : "");
    // Not `disabled`: whoever has just pressed it keeps the focus, and can undo it by the keyboard.
    setAttributes(this.markAll, { "aria-disabled": !unreadCount && "true" });
    // It is of the inbox alone.
    this.markAll.hidden = folderOf(filter) !== "INBOX";
    const type = filter.type === null ? undefined : (types.get(filter.type) ?? filter.type);
    name(this.markAll, type === undefined ? texts.text("markAllRead") : texts.text("markTypeRead", { type }));
    this.empty.hidden = !isEmpty || !isLoaded || hasMore;
    setText(this.emptyText, texts.text(this.search.hidden ? emptyText(filter) : "emptyFiltered"));
    this.more.hidden = !hasMore || !isLoaded;
    this.newAbove.hidden = waiting === 0;
    setText(this.newAbove, waiting === 0 ? "" : `↑ ${texts.count("newAbove", waiting)}`);
    this.renderFilter(filter);
  }

  /** Show the search, or hide it. */
  showSearch(isShown: boolean): void {
    this.search.hidden = !isShown;
    setAttributes(this.searchButton, { "aria-expanded": String(isShown) });
  }

  /** Show the preferences, or the list. */
  showView(showsPreferences: boolean): void {
    this.preferences.hidden = !showsPreferences;
    this.listFrame.hidden = showsPreferences;
    this.filters.hidden = showsPreferences || !this.canFilter;
    setAttributes(this.preferencesButton, { "aria-pressed": String(showsPreferences) });
  }

  showProblem(message: string): void {
    const dismiss = element("button", { class: "link" }, this.texts().text("dismiss"));
    dismiss.addEventListener("click", () => this.hideProblem());
    this.problem.replaceChildren(element("span", { dir: "auto" }, message), dismiss);
    this.problem.hidden = false;
  }

  hideProblem(): void {
    this.problem.hidden = true;
  }

  private loadMore(): void {
    if (!this.isLoadingMore) this.actions.showOlder();
  }

  private renderFilter(filter: Filter): void {
    setAttributes(this.search, { "data-folder": folderOf(filter) });
    for (const { filter: part, button } of this.parts) {
      const isShown = part.unreadOnly === filter.unreadOnly && folderOf(part) === folderOf(filter);
      setAttributes(button, { "aria-pressed": String(isShown) });
    }
  }
}

/** Whether an element has more content than it shows. */
function isCut({ clientHeight, scrollHeight }: Element): boolean {
  return scrollHeight > clientHeight;
}

function emptyText(filter: Filter): keyof Strings {
  if (folderOf(filter) !== "INBOX") return "emptyFolder";
  return filter.unreadOnly ? "emptyUnread" : "empty";
}
