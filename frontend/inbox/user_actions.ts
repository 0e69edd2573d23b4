/** What users do with the inbox: mark, delete, undo, filter, page, open, set preferences. */

import type { Notification } from "../client/index.js";
import type { Feed } from "./feed.js";
import type { ItemActions } from "./item.js";
import { EVERYTHING, type Filter, folderOf, InboxList, sameFilter, weightOf } from "./list.js";
import { loadPreferencesView, loadSearch, loadSnoozeMenu } from "./parts.js";
import type { Panel, PanelActions } from "./panel.js";
import type { PendingChange, PendingChanges } from "./pending_changes.js";
import { upcomingTime } from "./relative_time.js";
import { type SnoozePresets, tomorrowMorning } from "./snooze_times.js";
import { type BulkChange, type Change, type InboxSource, type Position, problemText, type Undoable } from "./source.js";
import type { Texts } from "./strings.js";
import { REFRESH_MS, Throttle } from "./throttle.js";
import type { UndoBar } from "./undo.js";

/** The parts of the component that actions use. */
export interface ActionContext {
  readonly source: InboxSource | undefined;
  readonly feed: Feed;
  readonly panel: Panel;
  readonly undoBar: UndoBar;
  readonly pending: PendingChanges;
  readonly texts: Texts;
  readonly snoozePresets: SnoozePresets | undefined;
  readonly actions: UserActions;
  list: InboxList;
  /** Render before the next frame. */
  render(): void;
  scheduleWrite(): void;
  /** Whether the panel is open. */
  open: boolean;
  /** Dispatch `notification-open`; returns false if a listener has canceled it. */
  dispatchOpen(notification: Notification): boolean;
}

type Run<Result> = (source: InboxSource) => Promise<Result>;

/** Undoes a change; undefined if nothing can. */
type Undo = (source: InboxSource) => Promise<unknown>;

export class UserActions implements ItemActions, PanelActions {
  /** What lists are made of: the search needs another kind. */
  List = InboxList;
  readonly refreshes = new Throttle(() => this.loadStale(), REFRESH_MS);

  constructor(private readonly context: ActionContext) {}

  markAllRead(): void {
    const { list, texts } = this.context;
    const { type } = list.filter;
    // Of a part of the inbox, nobody knows here how many there are further down.
    const done = isWhole(list)
      ? texts.count("markedRead", list.unreadCount)
      : `${type === null ? "" : `${list.types.get(type) ?? type} · `}${texts.text("allRead")}`;
    this.changeAll("markAllRead", done);
  }

  /** Change all that the filter of the list has, and say that it is `done`: what is loaded at once. */
  changeAll(kind: BulkChange, done: string): void {
    const { list } = this.context;
    const { filter, position, unreadCount } = list;
    const isRead = kind === "markAllRead";
    const loaded = new Set(list.all().filter((each) => !isRead || !each.read));
    const unread = [...loaded].reduce((sum, each) => sum + weightOf(each), 0);
    const ids = new Set([...loaded].map(({ id }) => id));
    for (const id of ids) this.context.feed.allow(id);
    const covers = ({ id }: Notification): boolean => ids.has(id);
    this.undoable(
      done,
      {
        effect: isRead ? "read" : "remove",
        covers,
        // Which of them are on their way is no news where it is all.
        ids: isRead ? [] : [...ids],
        unreadDelta: -(isWhole(list) ? unreadCount : unread),
      },
      (source) => source.changeAll(kind, { filter: isRead ? { ...filter, unreadOnly: false } : filter, upTo: position }),
      byToken,
    );
  }

  toggleRead(notification: Notification): void {
    this.mark(notification);
  }

  remove(notification: Notification): void {
    this.takeOut(notification, this.context.texts.text("deleted"), 0, (source) => source.remove(notification.id), byToken);
  }

  /** Move a notification to the archive, or back from there. */
  archive(notification: Notification): void {
    const { id, read, snoozedUntil } = notification;
    const { texts } = this.context;
    if (folderOf(notification) === "ARCHIVE") {
      const again: Undo = (source) => source.change("archive", id);
      this.move(notification, texts.text("movedBack"), "unarchive", read ? 0 : 1, again);
    } else {
      const back: Undo = (source) =>
        snoozedUntil ? source.change("snooze", id, snoozedUntil) : source.change("unarchive", id);
      this.move(notification, texts.text("archived"), "archive", 0, back);
    }
  }

  /** Take a notification out of the inbox until a moment that the user chooses, or bring it back now, unread. */
  snooze(notification: Notification, button: HTMLElement): void {
    const { id, snoozedUntil } = notification;
    if (folderOf(notification) === "SNOOZED") {
      const again: Undo = (source) => source.change("snooze", id, snoozedUntil ?? undefined);
      this.move(notification, this.context.texts.text("movedBack"), "unsnooze", 1, again);
      return;
    }
    const snooze = (until: Date): void => this.snoozeUntil(notification, until);
    // Without the script of the menu, it is until tomorrow morning.
    loadSnoozeMenu().then(
      ({ askUntil }) => askUntil(this.context, id, button, snooze),
      () => snooze(tomorrowMorning(new Date())),
    );
  }

  private snoozeUntil(notification: Notification, until: Date): void {
    const { id } = notification;
    const { texts } = this.context;
    // Back to its place, and read if it was: from a snooze it would return to the top, unread.
    const back: Undo = async (source) => {
      const position = await source.change("archive", id);
      return folderOf(notification) === "ARCHIVE" ? position : source.change("unarchive", id);
    };
    const done = texts.text("snoozed", { time: upcomingTime(until, texts.locale) });
    this.move(notification, done, "snooze", 0, back, until.toISOString());
  }

  togglePin(notification: Notification): void {
    const kind = notification.pinned ? "unpin" : "pin";
    this.changeNow(notification, kind, (source) => source.change(kind, notification.id));
  }

  /** Note that the user has seen the list as it is. If that fails, the next time will do. */
  markSeen(): void {
    const { source, list } = this.context;
    if (list.position && list.unseenCount) source?.markSeen(list.position).catch(() => undefined);
  }

  open(notification: Notification): boolean {
    if (!notification.read) this.mark(notification);
    return this.context.dispatchOpen(notification);
  }

  changeFilter(change: Partial<Filter>): Promise<void> {
    return this.applyFilter({ ...this.context.list.filter, ...change });
  }

  applyFilter(filter: Filter): Promise<void> {
    return this.run((source) => this.loadFiltered(source, filter));
  }

  toggleSearch(): void {
    void this.run(async (source) => (await loadSearch()).toggleSearch(this.context, source));
  }

  showOlder(): void {
    void this.run((source) => this.loadOlder(source));
  }

  showWaiting(isByKeyboard: boolean): void {
    this.context.feed.release();
    this.context.panel.scrollToTop();
    if (isByKeyboard) requestAnimationFrame(() => this.context.feed.focusFirst());
  }

  togglePreferences(): void {
    void this.run(async (source) => (await loadPreferencesView()).togglePreferences(this.context, source));
  }

  close(): void {
    this.context.open = false;
  }

  /** Read the newest page of the list again, if events have not said all that has changed. */
  refresh(): void {
    if (this.context.list.staleFrom !== undefined) this.refreshes.request();
  }

  /** Read what is pinned, however old it is. If that fails, it is where its page is. */
  async loadPinned(): Promise<void> {
    const { source, list } = this.context;
    if (!source?.canFilter || folderOf(list.filter) !== "INBOX") return;
    try {
      list.showPinned(await source.loadPage({ ...list.filter, pinnedOnly: true }, null));
      this.context.render();
    } catch {
      // The next page of the newest tries again.
    }
  }

  /** Read which types there are, for the filter. What the list has is there in any case. */
  async loadTypes(): Promise<void> {
    const { source, list } = this.context;
    if (!source?.canFilter) return;
    try {
      for (const { type, label } of await source.preferences()) list.types.set(type, label);
      this.context.render();
    } catch {
      // The filter goes on with the types of the list.
    }
  }

  /** Move a notification to another list, where it has `weight` in the number of unread ones. */
  private move(
    notification: Notification,
    done: string,
    kind: Change,
    weight: number,
    undo: Undo,
    until?: string,
  ): void {
    const move: Run<Undoable> = async (source) => ({ position: await source.change(kind, notification.id, until) });
    this.takeOut(notification, done, weight, move, () => undo);
  }

  /** Take a notification out of the list. */
  private takeOut(
    notification: Notification,
    done: string,
    weight: number,
    action: Run<Undoable>,
    undoOf: (made: Undoable) => Undo | undefined,
  ): void {
    const { id } = notification;
    const covers = (each: Notification): boolean => each.id === id;
    const unreadDelta = weight - weightOf(notification);
    this.undoable(done, { effect: "remove", covers, ids: [id], unreadDelta }, action, undoOf);
  }

  private mark(notification: Notification): void {
    const [effect, kind] = notification.read ? (["unread", "markUnread"] as const) : (["read", "markRead"] as const);
    this.changeNow(notification, effect, (source) => source.change(kind, notification.id));
  }

  /** Show a change of a notification at once, and make it at the server. */
  changeNow(notification: Notification, effect: PendingChange["effect"], action: Run<Position>): void {
    const { id } = notification;
    const covers = (each: Notification): boolean => each.id === id;
    const after = effect === "read" || effect === "unread" ? { ...notification, read: effect === "read" } : notification;
    const unreadDelta = weightOf(after) - weightOf(notification);
    const change = this.context.pending.add({ effect, covers, ids: [id], unreadDelta });
    void this.send(change, async (source) => ({ position: await action(source) }));
  }

  /** Make a change at once, and offer to undo it. */
  private undoable<Made extends Undoable>(
    text: string,
    change: Omit<PendingChange, "changed">,
    action: Run<Made>,
    undoOf: (made: Made) => Undo | undefined,
  ): void {
    const { pending, undoBar } = this.context;
    const added = pending.add(change);
    const undone = this.send(added, action).then((made) => made && undoOf(made));
    const undo = (): void => {
      // Where it has not been made yet, nobody has to wait to see it undone.
      pending.drop(added);
      this.allow(change.ids);
      void undone.then((found) => found && this.run(found)).then(() => this.allow(change.ids));
    };
    undoBar.offer(text, undo);
    void undone.then((found) => found ?? undoBar.withdraw(undo));
  }

  /** Make a change at the server, and return the result. If that fails, show why, and the state as it was. */
  private async send<Made extends Undoable>(change: PendingChange, action: Run<Made>): Promise<Made | undefined> {
    const { source, pending, panel } = this.context;
    let made: Made | undefined;
    this.allow(change.ids);
    panel.hideProblem();
    try {
      made = source && (await action(source));
    } catch (error) {
      panel.showProblem(problemText(error, this.context.texts));
    }
    if (made) pending.done(change, made.position);
    else pending.drop(change);
    this.context.render();
    return made;
  }

  /** Let rows come and go although the list is held, for the user has acted on them. */
  private allow(ids: readonly string[]): void {
    for (const id of ids) this.context.feed.allow(id);
    this.context.render();
  }

  /** Run what changes nothing at the server; if it fails, show why. */
  async run(action: Run<unknown>): Promise<void> {
    const { source, panel } = this.context;
    if (!source) return;
    panel.hideProblem();
    try {
      await action(source);
    } catch (error) {
      panel.showProblem(problemText(error, this.context.texts));
    }
  }

  private async loadFiltered(source: InboxSource, filter: Filter): Promise<void> {
    const { context } = this;
    const filtered = context.list.filtered(filter, this.List);
    context.list = filtered;
    context.panel.scrollToTop();
    context.feed.release();
    const page = await source.loadPage(filter, null);
    if (context.list !== filtered) return;
    filtered.show(page);
    context.feed.release();
    context.scheduleWrite();
    await this.loadPinned();
  }

  private async loadStale(): Promise<void> {
    const { context } = this;
    const { list, source } = context;
    const page = await source?.loadPage(list.filter, null);
    if (!page || context.list !== list) return;
    list.refresh(page);
    context.render();
    await this.loadPinned();
  }

  private async loadOlder(source: InboxSource): Promise<void> {
    const { context } = this;
    const { list, panel, feed } = context;
    const last = list.notifications.at(-1)?.id;
    const hadFocus = panel.isMoreFocused;
    panel.setLoadingMore(true);
    try {
      const page = await source.loadPage(list.filter, list.endCursor);
      if (context.list !== list) return;
      list.append(page);
      context.render();
      context.scheduleWrite();
    } finally {
      panel.setLoadingMore(false);
    }
    if (!hadFocus) return;
    const next = list.notifications.findIndex(({ id }) => id === last) + 1;
    requestAnimationFrame(() => feed.focus(list.notifications[next]?.id ?? ""));
  }
}

function byToken({ undoToken }: Undoable): Undo | undefined {
  return undoToken === undefined ? undefined : (source) => source.undo(undoToken);
}

/** Whether what is unread of a list is all that is unread in the inbox. */
function isWhole({ filter }: InboxList): boolean {
  return sameFilter({ ...filter, unreadOnly: false }, EVERYTHING);
}
