/** The panel: heading, status, filters, the list's frame, preferences. What is shown, not what it does. */

import type { FollowStatus } from "../client/index.js";
import { element, icon, setAttributes } from "./elements.js";
import { EVERYTHING, type Filter, type InboxList, sameFilter } from "./list.js";
import type { Preference } from "./source.js";
import { statusWords } from "./status_words.js";

const KEYS =
  "Arrow keys move between notifications. R marks as read or unread, Delete deletes, Enter opens.";

export class Panel {
  readonly markAll = tool("checks", "Mark all as read");
  readonly tune = tool("tune", "Preferences");
  readonly all = element("button", { type: "button" }, "All");
  readonly unread = element("button", { type: "button" }, "Unread");
  readonly types = element("select", { "aria-label": "Type" });
  readonly more = element("button", { type: "button", class: "more" }, "Show older");
  readonly root: HTMLElement;
  private readonly heading = element("h2", { id: "heading" });
  private readonly count = element("span", { class: "count" });
  private readonly status = element("div", { class: "status", role: "status" });
  private readonly filters = element(
    "div",
    { class: "filters" },
    element("div", { class: "segments", role: "group", "aria-label": "Show" }, this.all, this.unread),
    this.types,
  );
  private readonly empty = element("p", { class: "empty" });
  private readonly scroller: HTMLElement;
  private readonly preferences = element("div", {
    class: "preferences",
    role: "group",
    "aria-label": "Preferences",
    hidden: true,
  });
  private readonly problem = element("div", { class: "problem", role: "alert", hidden: true });
  private canFilter = true;

  constructor(feed: HTMLElement) {
    this.scroller = element("div", { class: "scroll", part: "list" }, feed, this.empty, this.more);
    this.root = element(
      "section",
      { class: "panel", part: "panel", id: "panel", "aria-labelledby": "heading", tabindex: -1 },
      element("header", {}, this.heading, this.status, this.markAll, this.tune),
      this.filters,
      this.scroller,
      this.preferences,
      this.problem,
      element("p", { class: "sr", id: "keys" }, KEYS),
    );
  }

  get showsPreferences(): boolean {
    return !this.preferences.hidden;
  }

  /** Fit the panel to its place and to what its source can do. */
  fit(label: string, inline: boolean, canFilter: boolean): void {
    this.canFilter = canFilter;
    this.heading.replaceChildren(label, this.count);
    setAttributes(this.root, { role: inline ? "region" : "dialog" });
    this.tune.hidden = !canFilter;
    this.turn(this.showsPreferences && canFilter);
  }

  render(list: InboxList, isLoaded: boolean): void {
    const { notifications, filter, unreadCount, hasMore } = list;
    this.count.textContent = isLoaded ? (unreadCount ? `${unreadCount} unread` : "all read") : "";
    this.markAll.disabled = unreadCount === 0;
    const isFiltered = !sameFilter(filter, EVERYTHING);
    this.empty.hidden = notifications.length > 0 || !isLoaded;
    this.empty.textContent = isFiltered ? "Nothing here matches." : "Nothing has arrived yet.";
    this.more.hidden = !hasMore;
    this.renderFilter(filter, list.types);
  }

  renderStatus(status: FollowStatus, failure: string | undefined): void {
    const words = failure === undefined ? statusWords(status) : { text: failure, isNews: false };
    setAttributes(this.status, { "data-state": failure === undefined ? status.state : "failed" });
    // Only what has changed: screen readers read it aloud.
    if (this.status.textContent === words.text) return;
    this.status.replaceChildren(element("span", { class: words.isNews && "caught-up" }, words.text));
  }

  /** Turn to the preferences, or back to the list. */
  turn(toPreferences: boolean): void {
    this.preferences.hidden = !toPreferences;
    this.scroller.hidden = toPreferences;
    this.filters.hidden = toPreferences || !this.canFilter;
    setAttributes(this.tune, { "aria-pressed": String(toPreferences) });
  }

  showPreferences(rows: Preference[], changed: (type: string, enabled: boolean) => void): void {
    const switches = rows.map(({ type, enabled, required }) => {
      const input = element("input", { type: "checkbox", role: "switch", disabled: required });
      input.checked = enabled;
      input.addEventListener("change", () => changed(type, input.checked));
      const note = required && element("small", {}, "always on");
      return element("label", {}, element("span", {}, type), note, input);
    });
    const words = "What should reach you? What is in the inbox stays.";
    this.preferences.replaceChildren(element("p", {}, words), ...switches);
  }

  showProblem(message: string): void {
    const dismiss = element("button", { type: "button" }, "Dismiss");
    dismiss.addEventListener("click", () => this.hideProblem());
    this.problem.replaceChildren(element("span", {}, message), dismiss);
    this.problem.hidden = false;
  }

  hideProblem(): void {
    this.problem.hidden = true;
  }

  private renderFilter(filter: Filter, types: Iterable<string>): void {
    setAttributes(this.all, { "aria-pressed": String(!filter.unreadOnly) });
    setAttributes(this.unread, { "aria-pressed": String(filter.unreadOnly) });
    const values = ["", ...[...types].sort()];
    if (this.types.childElementCount !== values.length) {
      const options = values.map((type) => element("option", { value: type }, type || "All types"));
      this.types.replaceChildren(...options);
    }
    this.types.value = filter.type ?? "";
  }
}

function tool(name: "checks" | "tune", label: string): HTMLButtonElement {
  return element("button", { type: "button", class: "tool", title: label, "aria-label": label }, icon(name));
}
