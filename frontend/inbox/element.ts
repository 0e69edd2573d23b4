/**
 * `<notification-inbox endpoint="/graphql/">`: a live inbox for any page.
 *
 * Attributes: `endpoint`; `token`, or else the browser's session; `inline` (always open, without a bell);
 * `page-size`; `remember="KEY"` (keep the list in this browser under that key, which must be of one user, and
 * resume it after a reload); `label`. Properties: `tokenProvider`, a function that returns a token or a promise
 * of one and is asked with `{refresh: true}` when the last was refused; `source`, to show another kind of inbox.
 * Events: `inbox-change`, `inbox-status`, `inbox-event`, and `notification-open` (cancelable).
 */

import type { FollowStatus, InboxReset, Notification, NotificationEvent, TokenSource } from "../client/index.js";
import { Bell } from "./bell.js";
import { Feed } from "./feed.js";
import { Keeping } from "./keeping.js";
import { EVERYTHING, type Filter, InboxList, type Page, sameFilter } from "./list.js";
import { Panel } from "./panel.js";
import { sheet } from "./sheet.js";
import { GraphQLSource, type InboxSource, toError } from "./source.js";

const PAGE_SIZE = 20;
const TICK_MS = 30_000;
const CAUGHT_UP_SHOWN_MS = 8_000;

export class NotificationInbox extends HTMLElement {
  static observedAttributes = ["endpoint", "token", "inline", "remember", "page-size", "label"];

  private list = new InboxList();
  private status: FollowStatus = { state: "connecting" };
  private failure: string | undefined;
  private isOpen = false;
  private isLoaded = false;
  private isBeginning = false;
  private ownSource: InboxSource | undefined;
  private givenSource: InboxSource | undefined;
  private givenTokens: TokenSource | undefined;
  private ticking: ReturnType<typeof setInterval> | undefined;
  private settling: ReturnType<typeof setTimeout> | undefined;
  private readonly keeping = new Keeping(
    () => this.getAttribute("remember"),
    () => this.list,
  );
  private readonly root: ShadowRoot;
  private readonly bell = new Bell();
  private readonly feed = new Feed({
    toggle: (notification) => this.toggle(notification),
    remove: (notification) => this.delete(notification),
    open: (notification) => this.visit(notification),
  });
  private readonly panel = new Panel(this.feed.root);

  constructor() {
    super();
    this.root = this.attachShadow({ mode: "open" });
    this.root.adoptedStyleSheets = [sheet()];
    this.root.append(this.bell.button, this.panel.root, this.bell.news);
    this.listen();
  }

  // -- what pages use ----------------------------------------------------------------------------------

  /** Returns an access token. Replaces the attribute `token`. */
  get tokenProvider(): TokenSource | undefined {
    return this.givenTokens;
  }

  set tokenProvider(tokens: TokenSource | undefined) {
    this.givenTokens = tokens;
    this.beginSoon();
  }

  /** Where the inbox comes from, if not from GraphQL at `endpoint`. */
  get source(): InboxSource | undefined {
    return this.givenSource ?? this.ownSource;
  }

  /** A source is used once: this ends the one before. */
  set source(source: InboxSource | undefined) {
    this.givenSource?.stop();
    this.givenSource = source;
    this.beginSoon();
  }

  get unreadCount(): number {
    return this.list.unreadCount;
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
    this.fit();
    if (open) this.panel.root.focus();
    else if (hadFocus) this.bell.button.focus();
  }

  // -- its life ----------------------------------------------------------------------------------------

  connectedCallback(): void {
    this.ticking = setInterval(() => this.feed.tick(), TICK_MS);
    document.addEventListener("pointerdown", this.closeOutside);
    window.addEventListener("pagehide", this.keeping.now);
    this.fit();
    this.beginSoon();
  }

  disconnectedCallback(): void {
    clearInterval(this.ticking);
    document.removeEventListener("pointerdown", this.closeOutside);
    window.removeEventListener("pagehide", this.keeping.now);
    this.keeping.now();
    this.source?.stop();
    this.ownSource = undefined;
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now) return;
    if (name === "inline" || name === "label") this.fit();
    else this.beginSoon();
  }

  /** Begin anew, once, however many attributes and properties are being set. */
  private beginSoon(): void {
    if (!this.isConnected || this.isBeginning) return;
    this.isBeginning = true;
    queueMicrotask(() => {
      this.isBeginning = false;
      if (this.isConnected) this.begin();
    });
  }

  private begin(): void {
    this.ownSource?.stop();
    this.ownSource = this.givenSource ? undefined : this.overGraphQL();
    const { source } = this;
    this.list = new InboxList();
    this.failure = source ? undefined : "The attribute “endpoint” is missing.";
    this.status = { state: "connecting" };
    const kept = source?.canFilter ? this.keeping.read() : undefined;
    if (kept) this.list.load(kept);
    this.isLoaded = kept !== undefined;
    this.fit();
    this.render();
    source?.start(
      {
        loaded: (page, reset) => this.loaded(page, reset),
        happened: (event) => this.happened(event),
        status: (status) => this.setStatus(status),
        failed: (error) => this.fail(toError(error).message),
      },
      kept?.position,
    );
  }

  private overGraphQL(): InboxSource | undefined {
    const endpoint = this.getAttribute("endpoint");
    if (endpoint === null) return undefined;
    const token = this.givenTokens ?? this.getAttribute("token") ?? undefined;
    const pageSize = Number(this.getAttribute("page-size")) || PAGE_SIZE;
    return new GraphQLSource({ endpoint, token, pageSize });
  }

  // -- what comes from the source ----------------------------------------------------------------------

  private loaded(page: Page, reset?: InboxReset): void {
    const { filter } = this.list;
    this.list = new InboxList();
    this.list.load(page);
    this.isLoaded = true;
    // What was read is everything: if that is not what is to be shown, the rest is read as well.
    if (!sameFilter(filter, EVERYTHING)) void this.try((source) => this.choose(source, filter));
    this.changed();
    if (reset) this.emit("inbox-event", { event: reset, resumed: false });
  }

  private happened(event: NotificationEvent): void {
    const resumed = this.status.state !== "live";
    this.list.apply(event);
    if (event.__typename === "NotificationAdded") {
      this.bell.announce(event.notification.title);
      if (this.list.matches(event.notification)) this.feed.greet(event.notification, resumed);
    }
    this.changed();
    this.emit("inbox-event", { event, resumed });
  }

  private changed(): void {
    this.render();
    this.keeping.soon();
    this.emit("inbox-change", { unreadCount: this.list.unreadCount, position: this.list.position });
  }

  private setStatus(status: FollowStatus): void {
    this.status = status;
    clearTimeout(this.settling);
    if (status.state === "live" && (status.resumed > 0 || status.reloaded)) {
      this.settling = setTimeout(() => {
        this.status = { state: "live", resumed: 0, reloaded: false };
        this.render();
      }, CAUGHT_UP_SHOWN_MS);
    }
    this.panel.renderStatus(status, this.failure);
    this.emit("inbox-status", status);
  }

  private fail(message: string): void {
    this.failure = message;
    this.panel.renderStatus(this.status, message);
  }

  // -- what people do ----------------------------------------------------------------------------------

  private listen(): void {
    const { panel } = this;
    this.bell.button.addEventListener("click", () => {
      this.open = !this.open;
    });
    panel.markAll.addEventListener("click", () => {
      void this.try((source) => source.markAllRead(this.list.position));
    });
    panel.tune.addEventListener("click", () => void this.try((source) => this.turn(source)));
    panel.all.addEventListener("click", () => this.refilter({ unreadOnly: false }));
    panel.unread.addEventListener("click", () => this.refilter({ unreadOnly: true }));
    panel.types.addEventListener("change", () => this.refilter({ type: panel.types.value || null }));
    panel.more.addEventListener("click", () => void this.try((source) => this.showOlder(source)));
    panel.root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.isOpen) return;
      this.open = false;
      event.stopPropagation();
    });
  }

  private readonly closeOutside = (event: Event): void => {
    if (this.isOpen && !event.composedPath().includes(this)) this.open = false;
  };

  /** Do something at the server; if it fails, say why. */
  private async try(action: (source: InboxSource) => Promise<void>): Promise<void> {
    const { source } = this;
    if (!source) return;
    this.panel.hideProblem();
    try {
      await action(source);
    } catch (error) {
      this.panel.showProblem(toError(error).message);
    }
  }

  private refilter(change: Partial<Filter>): void {
    void this.try((source) => this.choose(source, { ...this.list.filter, ...change }));
  }

  private async choose(source: InboxSource, filter: Filter): Promise<void> {
    const chosen = this.list.filtered(filter);
    this.list = chosen;
    this.render();
    const page = await source.page(filter, null);
    if (this.list !== chosen) return;
    chosen.show(page);
    this.render();
    this.keeping.soon();
  }

  private async showOlder(source: InboxSource): Promise<void> {
    const { list, panel } = this;
    const last = list.notifications.at(-1)?.id;
    panel.more.disabled = true;
    try {
      const page = await source.page(list.filter, list.endCursor);
      if (this.list !== list) return;
      list.append(page);
      this.render();
      this.keeping.soon();
      const next = list.notifications.findIndex(({ id }) => id === last) + 1;
      this.feed.focus(list.notifications[next]?.id ?? "");
    } finally {
      panel.more.disabled = false;
    }
  }

  private toggle({ id, read }: Notification): void {
    this.act(id, (source) => (read ? source.markUnread(id) : source.markRead(id)));
  }

  private delete({ id }: Notification): void {
    this.act(id, (source) => source.remove(id));
  }

  private act(id: string, action: (source: InboxSource) => Promise<void>): void {
    this.feed.keepFocusNear(id, this.panel.root);
    this.feed.setBusy(id, true);
    void this.try(action).finally(() => this.feed.setBusy(id, false));
  }

  private visit(notification: Notification): boolean {
    if (!notification.read) void this.try((source) => source.markRead(notification.id));
    return this.emit("notification-open", { notification });
  }

  /** Turn to the preferences, or back to the list. */
  private async turn(source: InboxSource): Promise<void> {
    this.panel.turn(!this.panel.showsPreferences);
    if (!this.panel.showsPreferences) return;
    this.panel.showPreferences([], () => undefined);
    const said = new Map((await source.preferences()).map((each) => [each.type, each]));
    for (const type of this.list.types) {
      if (!said.has(type)) said.set(type, { type, enabled: true, required: false });
    }
    const rows = [...said.values()].sort((a, b) => a.type.localeCompare(b.type));
    this.panel.showPreferences(rows, (type, enabled) => {
      void this.try((current) => current.setPreference(type, enabled));
    });
  }

  // -- what is shown -----------------------------------------------------------------------------------

  private fit(): void {
    const inline = this.hasAttribute("inline");
    this.bell.button.hidden = inline;
    this.panel.root.hidden = !inline && !this.isOpen;
    const label = this.getAttribute("label") ?? "Notifications";
    this.panel.fit(label, inline, this.source?.canFilter ?? true);
    this.bell.render(this.list.unreadCount, this.isOpen);
  }

  private render(): void {
    this.feed.render(this.list);
    this.panel.render(this.list, this.isLoaded);
    this.panel.renderStatus(this.status, this.failure);
    this.bell.render(this.list.unreadCount, this.isOpen);
  }

  private emit(name: string, detail: unknown): boolean {
    const settings = { detail, bubbles: true, composed: true, cancelable: name === "notification-open" };
    return this.dispatchEvent(new CustomEvent(name, settings));
  }
}
