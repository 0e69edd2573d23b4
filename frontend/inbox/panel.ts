/** The panel: heading, status, filters, the frame around the list, preferences. It renders, and reports clicks. */

import { element, icon, setAttributes } from "./dom.js";
import { EVERYTHING, type Filter, type InboxList, sameFilter } from "./list.js";
import type { Preference } from "./source.js";
import { StatusLine } from "./status_line.js";

/** What the buttons and choices of the panel do. */
export interface PanelActions {
  markAllRead(): void;
  togglePreferences(): void;
  setPreference(type: string, enabled: boolean): void;
  changeFilter(change: Partial<Filter>): void;
  showOlder(): void;
}

const KEYS =
  "Arrow keys move between notifications. R marks as read or unread, Delete deletes, Enter opens.";

/** Pixels between the panel and the edge of the page. */
const MARGIN = 8;

export class Panel {
  private readonly markAll = tool("checks", "Mark all as read");
  private readonly preferencesButton = tool("tune", "Preferences");
  private readonly all = element("button", { type: "button" }, "All");
  private readonly unread = element("button", { type: "button" }, "Unread");
  private readonly types = element("select", { "aria-label": "Type" });
  readonly more = element("button", { type: "button", class: "more" }, "Show older");
  readonly status = new StatusLine();
  readonly root: HTMLElement;
  private readonly heading = element("h2", { id: "heading" });
  private readonly count = element("span", { class: "count" });
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

  constructor(
    feed: HTMLElement,
    private readonly actions: PanelActions,
  ) {
    this.scroller = element("div", { class: "scroll", part: "list" }, feed, this.empty, this.more);
    this.root = element(
      "section",
      { class: "panel", part: "panel", id: "panel", "aria-labelledby": "heading", tabindex: -1 },
      element("header", {}, this.heading, this.status.root, this.markAll, this.preferencesButton),
      this.filters,
      this.scroller,
      this.preferences,
      this.problem,
      element("p", { class: "sr", id: "keys" }, KEYS),
    );
    this.listen();
  }

  private listen(): void {
    const { actions } = this;
    this.markAll.addEventListener("click", () => actions.markAllRead());
    this.preferencesButton.addEventListener("click", () => actions.togglePreferences());
    this.all.addEventListener("click", () => actions.changeFilter({ unreadOnly: false }));
    this.unread.addEventListener("click", () => actions.changeFilter({ unreadOnly: true }));
    this.types.addEventListener("change", () => actions.changeFilter({ type: this.types.value || null }));
    this.more.addEventListener("click", () => actions.showOlder());
  }

  get showsPreferences(): boolean {
    return !this.preferences.hidden;
  }

  /** Render the heading, and show only what the source can do. */
  renderFrame(label: string, inline: boolean, canFilter: boolean): void {
    this.canFilter = canFilter;
    this.heading.replaceChildren(label, this.count);
    setAttributes(this.root, { role: inline ? "region" : "dialog" });
    this.preferencesButton.hidden = !canFilter;
    this.showView(this.showsPreferences && canFilter);
  }

  /** Shift the panel sideways as far as it is outside of the page, wherever the bell is. */
  moveIntoView(): void {
    this.root.style.translate = "none";
    const { left, right } = this.root.getBoundingClientRect();
    const most = document.documentElement.clientWidth - MARGIN;
    const shift = left < MARGIN ? MARGIN - left : Math.min(0, most - right);
    // A panel that fills the page, as on phones, stays where it is.
    if (shift && right - left <= most - MARGIN) this.root.style.translate = `${shift}px 0`;
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

  /** Show the preferences, or the list. */
  showView(showsPreferences: boolean): void {
    this.preferences.hidden = !showsPreferences;
    this.scroller.hidden = showsPreferences;
    this.filters.hidden = showsPreferences || !this.canFilter;
    setAttributes(this.preferencesButton, { "aria-pressed": String(showsPreferences) });
  }

  showPreferences(rows: Preference[]): void {
    const switches = rows.map(({ type, label, description, enabled, required }) => {
      const input = element("input", { type: "checkbox", role: "switch", disabled: required });
      input.checked = enabled;
      input.addEventListener("change", () => this.actions.setPreference(type, input.checked));
      const note = required && element("small", {}, "always on");
      return element("label", { title: description }, element("span", {}, label), note, input);
    });
    const intro = "What should reach you? What is in the inbox stays.";
    this.preferences.replaceChildren(element("p", {}, intro), ...switches);
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
