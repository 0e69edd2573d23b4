/**
 * `<notification-inbox endpoint="/graphql/">`: a live inbox for any page.
 *
 * Attributes: `endpoint`; `token`, or else the browser's session; `inline` (always open, without a bell);
 * `page-size`; `remember="KEY"` (store the list in this browser under that key, which must be of one user, and
 * resume it after a reload); `label`; `lang`; `title-badge` (the number of unread notifications in the title of the page);
 * `alerts` (`toast`, `sound`, `browser`: what tells of arrivals beside the list); `show-data` (the data of notifications, for
 * developers). Properties: `tokenProvider`, a function that returns a token or
 * a promise of one and is called with `{refresh: true}` when the last was refused; `strings`, to replace texts; `snoozePresets`,
 * to replace the choices of a snooze; `renderRow` and `icons`, to draw rows and icons; `source`, to show another kind of inbox. `forget()` removes what is stored: call it before signing out.
 * Events: `inbox-change`, `inbox-status`, `inbox-event`, `signed-out`, and `notification-open` (cancelable).
 * Slots: `signed-out`, `error` and `empty`.
 */

import type { FollowStatus, InboxReset, Notification, NotificationEvent, TokenSource } from "../client/index.js";
import type { Alerts } from "./alerts.js";
import { Announcer } from "./announcer.js";
import { Bell } from "./bell.js";
import { deferred } from "./deferred_source.js";
import { setAttributes } from "./dom.js";
import type { Absence } from "./entries.js";
import { Feed } from "./feed.js";
import { Frames } from "./frames.js";
import { GraphQLSource } from "./graphql_source.js";
import type { Icons } from "./icons.js";
import type { ItemSettings, RenderRow } from "./item.js";
import { languageOf, loadLanguage } from "./languages.js";
import { EVERYTHING, folderOf, InboxList, isArrival, isNewer, type Page, pinnedFirst, rankOf, sameFilter } from "./list.js";
import { ListStorage } from "./list_storage.js";
import { ownAddress } from "./own_address.js";
import { Panel } from "./panel.js";
import { loadAlerts, loadDiagnosis, loadSharedSource } from "./parts.js";
import { PendingChanges } from "./pending_changes.js";
import { placePanel } from "./placement.js";
import { type Refusal, refusalOf } from "./refusal.js";
import { SignedOut } from "./signed_out.js";
import type { SnoozePresets } from "./snooze_times.js";
import { type InboxSource, toError } from "./source.js";
import { localeOf, type Strings, Texts } from "./strings.js";
import { styleSheet } from "./style_sheet.js";
import { setTitleBadge } from "./title_badge.js";
import { UndoBar } from "./undo.js";
import { Unreachable } from "./unreachable.js";
import { upgradeProperties } from "./upgrade.js";
import { type ActionContext, UserActions } from "./user_actions.js";

const PAGE_SIZE = 20;
const UPDATE_TIMES_MS = 30_000;

/** So many attempts to load the list, or so long, until its place says that it cannot be loaded. */
const HOPEFUL_ATTEMPTS = 2;
const HOPEFUL_MS = 10_000;

export class NotificationInbox extends HTMLElement implements ActionContext, ItemSettings {
  static observedAttributes = [
    "endpoint",
    "token",
    "inline",
    "remember",
    "page-size",
    "label",
    "lang",
    "show-data",
    "title-badge",
  ];

  /** @internal */
  list = new InboxList();
  /** @internal */
  texts = new Texts("en");
  private ownStrings: Partial<Strings> | undefined;
  private ownRows: RenderRow | undefined;
  private ownIcons: Icons | undefined;
  private absence: Absence | undefined;
  private isOpen = false;
  private isLoaded = false;
  private wasLive = false;
  private startedAt = 0;
  private isRestartScheduled = false;
  private isReloading = false;
  private graphqlSource: InboxSource | undefined;
  private customSource: InboxSource | undefined;
  private tokens: TokenSource | undefined;
  private listening = new AbortController();
  private alerts: Promise<Alerts> | undefined;
  private timesTimer: ReturnType<typeof setInterval> | undefined;
  private readonly storage = new ListStorage(
    () => this.getAttribute("remember"),
    () => this.list,
  );
  private readonly getTexts = (): Texts => this.texts;
  private readonly frames = new Frames(() => this.renderNow());
  private readonly ranges = new Frames(() => this.feed.renderRange());
  private readonly pageLanguage = new MutationObserver(() => this.updateTexts());
  private readonly root: ShadowRoot;
  private readonly bell = new Bell();
  private readonly announcer = new Announcer(this.getTexts, () => this.bell.ring());
  /** @internal */
  readonly pending = new PendingChanges();
  /** @internal */
  readonly undoBar = new UndoBar(this.getTexts);
  private readonly signedOut = new SignedOut();
  private readonly unreachable = new Unreachable(() => this.tryNow());
  /** @internal */
  readonly actions = new UserActions(this);
  /** @internal */
  readonly feed = new Feed(this, () => this.render());
  /** @internal */
  readonly panel = new Panel(
    this.feed.root,
    this.undoBar.root,
    this.signedOut,
    this.unreachable,
    this.actions,
    this.getTexts,
  );

  constructor() {
    super();
    this.root = this.attachShadow({ mode: "open" });
    this.root.adoptedStyleSheets = [styleSheet()];
    this.root.append(this.bell.button, this.panel.root, this.announcer.root);
    this.bell.button.addEventListener("click", () => {
      this.open = !this.open;
    });
    this.root.addEventListener("keydown", (event) => this.onKey(event as KeyboardEvent));
    this.panel.onScroll(() => this.ranges.request());
    for (const name of ["pointerenter", "pointerleave"]) {
      this.panel.listFrame.addEventListener(name, () => {
        this.feed.isPointedAt = name === "pointerenter";
        this.render();
      });
    }
  }

  // -- the public properties ---------------------------------------------------------------------------

  /** Returns an access token. Replaces the attribute `token`. */
  get tokenProvider(): TokenSource | undefined {
    return this.tokens;
  }

  set tokenProvider(tokens: TokenSource | undefined) {
    this.tokens = tokens;
    this.scheduleRestart();
  }

  /** Where the inbox comes from, if not from GraphQL at `endpoint`. */
  get source(): InboxSource | undefined {
    return this.customSource ?? this.graphqlSource;
  }

  /** Use a source. A source is used once: this stops the one before. */
  set source(source: InboxSource | undefined) {
    this.undoBar.hide();
    this.customSource?.stop();
    this.customSource = source;
    this.scheduleRestart();
  }

  /** Texts that replace those of the language, by their names (docs/clients/web-component.md). */
  get strings(): Partial<Strings> | undefined {
    return this.ownStrings;
  }

  set strings(strings: Partial<Strings> | undefined) {
    this.ownStrings = strings;
    this.updateTexts(true);
  }

  /** Returns the content of a row, in place of the usual one, or null for that. */
  get renderRow(): RenderRow | undefined {
    return this.ownRows;
  }

  set renderRow(render: RenderRow | undefined) {
    this.ownRows = render;
    this.updateTexts(true);
  }

  /** Drawings of the icons that notifications name, by these names. */
  get icons(): Icons | undefined {
    return this.ownIcons;
  }

  set icons(icons: Icons | undefined) {
    this.ownIcons = icons;
    this.updateTexts(true);
  }

  /** Returns the choices of a snooze at a moment, in place of the component's own. */
  declare snoozePresets: SnoozePresets | undefined;

  /** The number of unread notifications, as it is shown: with the changes that are on their way. */
  get unreadCount(): number {
    return this.pending.unreadCount(this.list);
  }

  /** The position of the last change that is shown. */
  get position(): string | undefined {
    return this.list.position;
  }

  get open(): boolean {
    return this.isOpen;
  }

  set open(open: boolean) {
    if (open === this.isOpen) return;
    const hadFocus = this.root.activeElement !== null;
    this.isOpen = open;
    // What has arrived while it was open was seen as well.
    this.markSeen();
    this.renderFrame();
    if (open) {
      this.place();
      this.panel.root.focus({ preventScroll: true });
      this.withAlerts((alerts) => alerts.opened());
      // What is cut off is known only now that there is a layout.
      this.feed.renderRange();
      return;
    }
    this.closeDialog();
    this.absence = undefined;
    // What is hidden under a pointer is not left by it.
    this.feed.isPointedAt = false;
    if (hadFocus) this.bell.button.focus();
    this.render();
  }

  /** Note that the user has seen the list. The panel does it by itself; for an inline list, the page knows. */
  markSeen(): void {
    this.actions.markSeen();
  }

  /** Remove the list from this browser's storage, for a sign-out. It is stored again after the next start. */
  forget(): void {
    this.storage.forget();
  }

  // -- the life cycle ----------------------------------------------------------------------------------

  connectedCallback(): void {
    upgradeProperties(this, ["tokenProvider", "source", "strings", "renderRow", "icons", "open"]);
    this.timesTimer = setInterval(() => this.feed.updateTimes(), UPDATE_TIMES_MS);
    this.listening = new AbortController();
    const { signal } = this.listening;
    document.addEventListener("pointerdown", this.closeOutside, { signal });
    document.addEventListener("visibilitychange", this.onVisibility, { signal });
    addEventListener("pagehide", this.onPageHide, { signal });
    addEventListener("pageshow", this.onPageShow, { signal });
    addEventListener("resize", this.place, { signal });
    addEventListener("scroll", this.onPageScroll, { signal, passive: true });
    this.pageLanguage.observe(document.documentElement, { attributeFilter: ["lang"] });
    this.updateTexts();
    this.renderFrame();
    this.scheduleRestart();
  }

  disconnectedCallback(): void {
    clearInterval(this.timesTimer);
    this.listening.abort();
    this.closeDialog();
    this.pageLanguage.disconnect();
    this.undoBar.hide();
    this.storage.flush();
    this.frames.stop();
    this.ranges.stop();
    this.source?.stop();
    this.graphqlSource = undefined;
    if (this.hasAttribute("title-badge")) setTitleBadge(0);
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now) return;
    if (before !== null && name === "remember") this.storage.forget(before);
    if (now === null && name === "token") this.forget();
    if (name === "title-badge" && now === null) setTitleBadge(0);
    if (name === "lang" || name === "show-data") this.updateTexts(true);
    else if (name === "inline" || name === "label") this.renderFrame();
    else if (name === "title-badge") this.render();
    else this.scheduleRestart();
  }

  /** Restart once, however many attributes and properties are being set. */
  private scheduleRestart(): void {
    if (!this.isConnected || this.isRestartScheduled) return;
    this.isRestartScheduled = true;
    queueMicrotask(() => {
      this.isRestartScheduled = false;
      if (this.isConnected) this.restart();
    });
  }

  private restart(): void {
    this.undoBar.hide();
    this.graphqlSource?.stop();
    this.graphqlSource = this.customSource ? undefined : this.makeGraphQLSource();
    const { source } = this;
    this.list = new InboxList();
    this.absence = undefined;
    this.wasLive = this.isReloading = false;
    this.startedAt = performance.now();
    this.signedOut.show(undefined, this.texts);
    this.panel.showSearch(false);
    this.unreachable.show(false);
    this.feed.clear();
    this.panel.status.reset(source ? undefined : "The attribute “endpoint” is missing.");
    const stored = source?.canFilter ? this.storage.read() : undefined;
    if (stored) this.list.load(stored);
    this.isLoaded = stored !== undefined;
    this.renderFrame();
    this.renderNow();
    if (source) this.start(source, stored?.position);
  }

  private start(source: InboxSource, position: string | undefined): void {
    const isCurrent = (): boolean => source === this.source;
    this.actions.refreshes.reset();
    source.start(
      {
        onPage: (page, reset) => isCurrent() && this.onPage(page, reset),
        onEvent: (event) => isCurrent() && this.onEvent(event),
        onStatus: (next) => isCurrent() && this.onStatus(next),
        onError: (error) => isCurrent() && this.onError(error),
      },
      position,
    );
  }

  private makeGraphQLSource(): InboxSource | undefined {
    const endpoint = this.getAttribute("endpoint");
    if (endpoint === null) return undefined;
    const token = this.tokens ?? this.getAttribute("token") ?? undefined;
    const pageSize = Number(this.getAttribute("page-size")) || PAGE_SIZE;
    const make = (): InboxSource => new GraphQLSource({ endpoint, token, pageSize });
    const user = this.getAttribute("remember");
    if (user === null || !canShare()) return make();
    const { href } = new URL(endpoint, document.baseURI);
    const shared = loadSharedSource().then(
      ({ SharedSource }) => new SharedSource(`notification-inbox:${user}:${href}`, make),
      // Without that script, each tab has a connection of its own.
      make,
    );
    return deferred(shared);
  }

  /** Close the dialog about a row, which would go on blocking the page. */
  private closeDialog(): void {
    this.root.querySelector("dialog")?.close();
  }

  // -- from the page -----------------------------------------------------------------------------------

  private onKey(event: KeyboardEvent): void {
    const isUndo = event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey;
    if (isUndo && this.undoBar.undo()) event.preventDefault();
    if (event.key !== "Escape" || !this.isOpen || this.hasAttribute("inline")) return;
    this.open = false;
    event.stopPropagation();
  }

  private readonly closeOutside = (event: Event): void => {
    if (this.isOpen && !event.composedPath().includes(this)) this.open = false;
  };

  private readonly onPageScroll = (): void => {
    this.place();
    this.ranges.request();
  };

  private readonly place = (): void => {
    if (this.isOpen && !this.hasAttribute("inline")) placePanel(this.panel.root, this.bell.button);
  };

  private readonly onVisibility = (): void => {
    if (document.visibilityState === "visible") this.feed.updateTimes();
  };

  private readonly onPageHide = ({ persisted }: PageTransitionEvent): void => {
    this.storage.flush();
    // A page with a connection is not kept to come back to.
    if (persisted && !this.customSource) this.source?.stop();
  };

  private readonly onPageShow = ({ persisted }: PageTransitionEvent): void => {
    if (!persisted || this.customSource) return;
    this.graphqlSource = this.makeGraphQLSource();
    if (this.graphqlSource) this.start(this.graphqlSource, this.list.position);
  };

  /** Take the language of the page, and render everything anew if it is another one. */
  private updateTexts(isForced = false): void {
    const locale = localeOf(this);
    if (locale === this.texts.locale && !isForced) return;
    this.texts = new Texts(locale, this.ownStrings);
    void loadLanguage(languageOf(locale)).then((isNew) => isNew && this.updateTexts(true));
    this.feed.clear();
    this.renderFrame();
    this.render();
  }

  // -- from the source ---------------------------------------------------------------------------------

  private onPage(page: Page, reset?: InboxReset): void {
    const { filter, types } = this.list;
    // A shorter list: what is missing in it is not gone.
    if (this.isReloading) this.feed.release();
    this.isReloading = false;
    this.list = new InboxList(EVERYTHING, types);
    this.list.load(page);
    this.isLoaded = true;
    this.unreachable.show(false);
    // The page is of everything: if a filter is set, its own page is loaded as well.
    if (!sameFilter(filter, EVERYTHING)) void this.actions.applyFilter(filter);
    else void this.actions.loadPinned();
    this.afterChange();
    if (reset) this.emit("inbox-event", { event: reset, resumed: false });
  }

  private onEvent(event: NotificationEvent): void {
    const resumed = !this.panel.status.isLive;
    const [newest] = this.list.notifications;
    this.list.apply(event);
    if (isArrival(event)) {
      const { notification } = event;
      this.announcer.add(notification.title);
      if (!resumed) this.withAlerts((alerts) => alerts.arrived(notification));
      if (this.list.matches(notification)) this.feed.highlight(notification.id, resumed);
      if (resumed) this.absence = extended(this.absence, newest && rankOf(newest), rankOf(notification));
    }
    this.afterChange();
    this.emit("inbox-event", { event, resumed });
  }

  private onStatus(status: FollowStatus): void {
    this.panel.status.update(status);
    if (status.state === "live") {
      if (!this.wasLive) void this.actions.loadTypes();
      this.wasLive = true;
      this.showRefusal(undefined);
    }
    if (status.state === "reconnecting") {
      this.absence = undefined;
      this.onLost(status);
    }
    this.render();
    this.emit("inbox-status", status);
  }

  /** Find out whether coming back is of use: a server that refuses this page does so again. */
  private onLost({ attempt, code, reason }: FollowStatus & { state: "reconnecting" }): void {
    const refusal = refusalOf(code, reason);
    // With a provider, the next attempt has a fresh token. An open connection may end with its session's time.
    const isFinal = attempt > 1 || (this.tokens === undefined && !this.wasLive && !this.customSource);
    if (refusal && isFinal) {
      this.forget();
      this.showRefusal(refusal);
    }
    if (refusal || this.wasLive) return;
    const isHopeful = attempt <= HOPEFUL_ATTEMPTS && performance.now() - this.startedAt < HOPEFUL_MS;
    this.unreachable.show(!isHopeful && !this.isLoaded && !this.signedOut.isShown);
    const endpoint = this.getAttribute("endpoint");
    if (attempt < HOPEFUL_ATTEMPTS || endpoint === null || this.customSource) return;
    const isRefused = loadDiagnosis().then(({ isOriginRefused }) => isOriginRefused(endpoint, ownAddress, attempt));
    // Without its script, the connection is lost for reasons unknown.
    isRefused.then(
      (isOrigin) => isOrigin && !this.wasLive && this.showRefusal({ reason: "origin", code }),
      () => undefined,
    );
  }

  private showRefusal(refusal: Refusal | undefined): void {
    const isNew = this.signedOut.show(refusal, this.texts);
    if (!refusal || !isNew) return;
    this.unreachable.show(false);
    const explained = loadDiagnosis().then(({ explainRefusal }) => explainRefusal(refusal));
    explained.catch(() => undefined);
    this.emit("signed-out", refusal);
    this.render();
  }

  private tryNow(): void {
    this.panel.status.update({ state: "connecting" });
    this.source?.reconnectNow();
    this.render();
  }

  private onError(error: unknown): void {
    this.panel.status.fail(toError(error).message);
    this.render();
  }

  private afterChange(): void {
    this.pending.settle(this.list.position);
    this.render();
    this.scheduleWrite();
    this.emit("inbox-change", { unreadCount: this.unreadCount, position: this.list.position });
  }

  /** Keep a list short that grows by what arrives, while nobody looks at its lower part. */
  private shorten(): void {
    if (this.isReloading || !this.list.isLong || !this.feed.isAtTop()) return;
    this.isReloading = true;
    this.source?.reload();
  }

  /** Use the alerts that the page wants, once their script is there. Without it, there are none. */
  private withAlerts(use: (alerts: Alerts) => void): void {
    if (!this.hasAttribute("alerts")) return;
    this.alerts ??= loadAlerts().then(({ Alerts }) => new Alerts(this, this.root, this.panel.question));
    this.alerts.then(use, () => undefined);
  }

  // -- for the parts of the component ------------------------------------------------------------------

  /** @internal */
  get showsData(): boolean {
    return this.hasAttribute("show-data");
  }

  /** @internal */
  get hasFolders(): boolean {
    return this.source?.canFilter ?? false;
  }

  /** @internal */
  isSending(id: string): boolean {
    return !this.panel.status.isLive && this.pending.isSending(id);
  }

  /** @internal */
  scheduleWrite(): void {
    this.storage.scheduleWrite();
  }

  /** @internal */
  dispatchOpen(notification: Notification): boolean {
    return this.emit("notification-open", { notification });
  }

  // -- rendering ---------------------------------------------------------------------------------------

  /** Render what does not depend on the list: whether it is open, its words, what its source can do. */
  private renderFrame(): void {
    const inline = this.hasAttribute("inline");
    this.bell.button.hidden = inline;
    this.panel.root.hidden = !inline && !this.isOpen;
    const label = this.getAttribute("label") ?? this.texts.text("heading");
    this.panel.renderFrame(label, inline, this.source?.canFilter ?? true);
    setAttributes(this.announcer.root, { lang: this.texts.language });
    this.renderBell();
    this.render();
  }

  /** @internal Render before the next frame. */
  render(): void {
    this.frames.request();
  }

  private renderBell(): void {
    const { texts, unreadCount, list, isOpen } = this;
    this.bell.render(texts, unreadCount, Math.min(list.unseenCount, unreadCount), isOpen);
  }

  private renderNow(): void {
    this.frames.stop();
    this.pending.settle(this.list.position);
    const { list, isLoaded, feed, panel, pending, unreadCount, absence } = this;
    this.shorten();
    this.actions.refresh();
    panel.status.setQueued(pending.count);
    panel.status.render();
    const shown = pending.applyTo(list);
    feed.render({ notifications: folderOf(list.filter) === "INBOX" ? pinnedFirst(shown) : shown, absence });
    feed.updateContext();
    panel.render({ list, isLoaded, isEmpty: feed.isEmpty, unreadCount, waiting: feed.waiting });
    this.renderBell();
    if (this.hasAttribute("title-badge")) setTitleBadge(unreadCount);
  }

  private emit(name: string, detail: unknown): boolean {
    const settings = { detail, bubbles: true, composed: true, cancelable: name === "notification-open" };
    return this.dispatchEvent(new CustomEvent(name, settings));
  }
}

/** Whether tabs can share a connection: it takes locks, which pages without TLS do not have. */
function canShare(): boolean {
  return "locks" in navigator;
}

/** Return the absence that a notification was missed in: it began after what was the newest before. */
function extended(absence: Absence | undefined, newest: string | undefined, rank: string): Absence {
  if (absence) return { ...absence, through: isNewer(rank, absence.through) ? rank : absence.through };
  return { after: newest ?? "0", through: rank };
}
