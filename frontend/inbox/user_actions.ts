/** What users do with the inbox: mark, delete, filter, page, open, set preferences. */

import type { Notification } from "../client/index.js";
import type { Feed } from "./feed.js";
import type { ItemActions } from "./item.js";
import type { Filter, InboxList } from "./list.js";
import type { Panel, PanelActions } from "./panel.js";
import { type InboxSource, type Preference, toError } from "./source.js";

/** The parts of the component that actions use. */
export interface ActionContext {
  readonly source: InboxSource | undefined;
  readonly feed: Feed;
  readonly panel: Panel;
  list: InboxList;
  render(): void;
  scheduleWrite(): void;
  /** Dispatch `notification-open`; returns false if a listener has canceled it. */
  dispatchOpen(notification: Notification): boolean;
}

export class UserActions implements ItemActions, PanelActions {
  constructor(private readonly context: ActionContext) {}

  markAllRead(): void {
    void this.run((source) => source.markAllRead(this.context.list.position));
  }

  toggleRead({ id, read }: Notification): void {
    this.runOn(id, (source) => (read ? source.markUnread(id) : source.markRead(id)));
  }

  remove({ id }: Notification): void {
    this.runOn(id, (source) => source.remove(id));
  }

  open(notification: Notification): boolean {
    if (!notification.read) void this.run((source) => source.markRead(notification.id));
    return this.context.dispatchOpen(notification);
  }

  changeFilter(change: Partial<Filter>): void {
    this.applyFilter({ ...this.context.list.filter, ...change });
  }

  applyFilter(filter: Filter): void {
    void this.run((source) => this.loadFiltered(source, filter));
  }

  showOlder(): void {
    void this.run((source) => this.loadOlder(source));
  }

  togglePreferences(): void {
    void this.run((source) => this.loadPreferences(source));
  }

  setPreference(type: string, enabled: boolean): void {
    void this.run((source) => source.setPreference(type, enabled));
  }

  /** Run an action at the server; if it fails, show why. */
  private async run(action: (source: InboxSource) => Promise<void>): Promise<void> {
    const { source, panel } = this.context;
    if (!source) return;
    panel.hideProblem();
    try {
      await action(source);
    } catch (error) {
      panel.showProblem(toError(error).message);
    }
  }

  private runOn(id: string, action: (source: InboxSource) => Promise<void>): void {
    const { feed, panel } = this.context;
    feed.keepFocusNear(id, panel.root);
    feed.setBusy(id, true);
    void this.run(action).finally(() => feed.setBusy(id, false));
  }

  private async loadFiltered(source: InboxSource, filter: Filter): Promise<void> {
    const { context } = this;
    const filtered = context.list.filtered(filter);
    context.list = filtered;
    context.render();
    const page = await source.loadPage(filter, null);
    if (context.list !== filtered) return;
    filtered.show(page);
    context.render();
    context.scheduleWrite();
  }

  private async loadOlder(source: InboxSource): Promise<void> {
    const { context } = this;
    const { list, panel, feed } = context;
    const last = list.notifications.at(-1)?.id;
    panel.more.disabled = true;
    try {
      const page = await source.loadPage(list.filter, list.endCursor);
      if (context.list !== list) return;
      list.append(page);
      context.render();
      context.scheduleWrite();
      const next = list.notifications.findIndex(({ id }) => id === last) + 1;
      feed.focus(list.notifications[next]?.id ?? "");
    } finally {
      panel.more.disabled = false;
    }
  }

  private async loadPreferences(source: InboxSource): Promise<void> {
    const { panel } = this.context;
    panel.showView(!panel.showsPreferences);
    if (!panel.showsPreferences) return;
    panel.showPreferences([]);
    panel.showPreferences(withTypes(await source.preferences(), this.context.list.types));
  }
}

/** Add a row for every type in the list that the server has no preference for; sorted by type. */
function withTypes(preferences: Preference[], types: Iterable<string>): Preference[] {
  const rows = new Map(preferences.map((each) => [each.type, each]));
  for (const type of types) {
    if (!rows.has(type)) rows.set(type, { type, enabled: true, required: false, label: type, description: "" });
  }
  return [...rows.values()].sort((a, b) => a.type.localeCompare(b.type));
}
