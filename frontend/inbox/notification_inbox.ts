/**
 * `<notification-inbox endpoint="/graphql/">`: a live inbox for any page.
 *
 * Attributes: `endpoint`; `token`, or else the browser's session; `inline` (always open, without a bell);
 * `page-size`; `remember="KEY"` (store the list in this browser under that key, which must be of one user, and
 * resume it after a reload); `label`. Properties: `tokenProvider`, a function that returns a token or a promise
 * of one and is called with `{refresh: true}` when the last was refused; `source`, to show another kind of inbox.
 * `forget()` removes what is stored: call it before signing out.
 * Events: `inbox-change`, `inbox-status`, `inbox-event`, and `notification-open` (cancelable).
 */

import type { FollowStatus, InboxReset, NotificationEvent, TokenSource } from "../client/index.js";
import { isTokenRefused } from "../client/reconnecting.js";
import { Bell } from "./bell.js";
import { Feed } from "./feed.js";
import { GraphQLSource } from "./graphql_source.js";
import { EVERYTHING, InboxList, type Page, sameFilter } from "./list.js";
import { ListStorage } from "./list_storage.js";
import { Panel } from "./panel.js";
import { type InboxSource, toError } from "./source.js";
import { styleSheet } from "./style_sheet.js";
import { type ActionContext, UserActions } from "./user_actions.js";

const PAGE_SIZE = 20;
const UPDATE_TIMES_MS = 30_000;

export class NotificationInbox extends HTMLElement {
  static observedAttributes = ["endpoint", "token", "inline", "remember", "page-size", "label"];

  private list = new InboxList();
  private isOpen = false;
  private isLoaded = false;
  private isRestartScheduled = false;
  private graphqlSource: InboxSource | undefined;
  private customSource: InboxSource | undefined;
  private tokens: TokenSource | undefined;
  private timesTimer: ReturnType<typeof setInterval> | undefined;
  private readonly storage = new ListStorage(
    () => this.getAttribute("remember"),
    () => this.list,
  );
  private readonly root: ShadowRoot;
  private readonly bell = new Bell();
  private readonly actions = new UserActions(this.actionContext());
  private readonly feed = new Feed(this.actions);
  private readonly panel = new Panel(this.feed.root, this.actions);

  constructor() {
    super();
    this.root = this.attachShadow({ mode: "open" });
    this.root.adoptedStyleSheets = [styleSheet()];
    this.root.append(this.bell.button, this.panel.root, this.bell.announcements);
    this.bell.button.addEventListener("click", () => {
      this.open = !this.open;
    });
    this.panel.root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.isOpen) return;
      this.open = false;
      event.stopPropagation();
    });
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
    this.customSource?.stop();
    this.customSource = source;
    this.scheduleRestart();
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
    this.renderFrame();
    if (open) {
      this.panel.moveIntoView();
      this.panel.root.focus();
    } else if (hadFocus) this.bell.button.focus();
  }

  /** Remove the list from this browser's storage, for a sign-out. It is stored again after the next start. */
  forget(): void {
    this.storage.forget();
  }

  // -- the life cycle ----------------------------------------------------------------------------------

  connectedCallback(): void {
    this.timesTimer = setInterval(() => this.feed.updateTimes(), UPDATE_TIMES_MS);
    document.addEventListener("pointerdown", this.closeOutside);
    window.addEventListener("pagehide", this.storage.flush);
    this.renderFrame();
    this.scheduleRestart();
  }

  disconnectedCallback(): void {
    clearInterval(this.timesTimer);
    document.removeEventListener("pointerdown", this.closeOutside);
    window.removeEventListener("pagehide", this.storage.flush);
    this.storage.flush();
    this.source?.stop();
    this.graphqlSource = undefined;
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now) return;
    if (before !== null && name === "remember") this.storage.forget(before);
    if (now === null && name === "token") this.forget();
    if (name === "inline" || name === "label") this.renderFrame();
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
    this.graphqlSource?.stop();
    this.graphqlSource = this.customSource ? undefined : this.makeGraphQLSource();
    const { source } = this;
    this.list = new InboxList();
    this.panel.status.reset(source ? undefined : "The attribute “endpoint” is missing.");
    const stored = source?.canFilter ? this.storage.read() : undefined;
    if (stored) this.list.load(stored);
    this.isLoaded = stored !== undefined;
    this.renderFrame();
    this.render();
    source?.start(
      {
        onPage: (page, reset) => this.onPage(page, reset),
        onEvent: (event) => this.onEvent(event),
        onStatus: (next) => this.onStatus(next),
        onError: (error) => this.onError(error),
      },
      stored?.position,
    );
  }

  private makeGraphQLSource(): InboxSource | undefined {
    const endpoint = this.getAttribute("endpoint");
    if (endpoint === null) return undefined;
    const token = this.tokens ?? this.getAttribute("token") ?? undefined;
    const pageSize = Number(this.getAttribute("page-size")) || PAGE_SIZE;
    return new GraphQLSource({ endpoint, token, pageSize });
  }

  private readonly closeOutside = (event: Event): void => {
    if (this.isOpen && !event.composedPath().includes(this)) this.open = false;
  };

  // -- from the source ---------------------------------------------------------------------------------

  private onPage(page: Page, reset?: InboxReset): void {
    const { filter } = this.list;
    this.list = new InboxList();
    this.list.load(page);
    this.isLoaded = true;
    // The page is of everything: if a filter is set, its own page is loaded as well.
    if (!sameFilter(filter, EVERYTHING)) this.actions.applyFilter(filter);
    this.afterChange();
    if (reset) this.emit("inbox-event", { event: reset, resumed: false });
  }

  private onEvent(event: NotificationEvent): void {
    const resumed = !this.panel.status.isLive;
    this.list.apply(event);
    if (event.__typename === "NotificationAdded") {
      this.bell.announce(event.notification.title);
      if (this.list.matches(event.notification)) this.feed.highlight(event.notification, resumed);
    }
    this.afterChange();
    this.emit("inbox-event", { event, resumed });
  }

  private onStatus(status: FollowStatus): void {
    this.panel.status.update(status);
    // Refused again, with a fresh token if there is a provider: the user is signed out.
    if (status.state === "reconnecting" && status.attempt > 1 && isTokenRefused(status.code ?? 0)) this.forget();
    this.emit("inbox-status", status);
  }

  private onError(error: unknown): void {
    this.panel.status.fail(toError(error).message);
  }

  private afterChange(): void {
    this.render();
    this.storage.scheduleWrite();
    this.emit("inbox-change", { unreadCount: this.list.unreadCount, position: this.list.position });
  }

  // -- rendering ---------------------------------------------------------------------------------------

  private actionContext(): ActionContext {
    const inbox = this;
    return {
      get source() {
        return inbox.source;
      },
      get feed() {
        return inbox.feed;
      },
      get panel() {
        return inbox.panel;
      },
      get list() {
        return inbox.list;
      },
      set list(list) {
        inbox.list = list;
      },
      render: () => this.render(),
      scheduleWrite: () => this.storage.scheduleWrite(),
      dispatchOpen: (notification) => this.emit("notification-open", { notification }),
    };
  }

  /** Render what does not depend on the list: whether it is open, its label, what its source can do. */
  private renderFrame(): void {
    const inline = this.hasAttribute("inline");
    this.bell.button.hidden = inline;
    this.panel.root.hidden = !inline && !this.isOpen;
    const label = this.getAttribute("label") ?? "Notifications";
    this.panel.renderFrame(label, inline, this.source?.canFilter ?? true);
    this.bell.render(this.list.unreadCount, this.isOpen);
  }

  private render(): void {
    this.feed.render(this.list);
    this.panel.render(this.list, this.isLoaded);
    this.bell.render(this.list.unreadCount, this.isOpen);
  }

  private emit(name: string, detail: unknown): boolean {
    const settings = { detail, bubbles: true, composed: true, cancelable: name === "notification-open" };
    return this.dispatchEvent(new CustomEvent(name, settings));
  }
}
