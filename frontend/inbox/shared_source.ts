/**
 * One connection for all tabs of a browser that show the same inbox. One tab leads: it holds a lock, has the connection,
 * and passes on what comes. When it is closed or crashes, the browser gives the lock to the next one, which goes on where
 * it is itself.
 */

import { type FollowStatus, type InboxReset, isApplied, type Notification, type NotificationEvent, sequenceOf } from "../client/index.js";
import { EVERYTHING, type Filter, type Page } from "./list.js";
import {
  type BulkChange,
  type BulkRange,
  type Change,
  type InboxSource,
  type Position,
  type Preference,
  ServerError,
  type SourceListener,
  toError,
  type Undoable,
} from "./source.js";

/** What tabs ask of the one that leads. */
type Call =
  | "loadPage"
  | "loadGroup"
  | "change"
  | "remove"
  | "changeAll"
  | "undo"
  | "performAction"
  | "execute"
  | "markSeen"
  | "preferences"
  | "setPreference"
  | "disconnect"
  | "reconnectNow"
  | "eventsAfter";

type Message =
  | { kind: "hello" | "lead" }
  | { kind: "status"; status: FollowStatus }
  | { kind: "event"; event: NotificationEvent }
  | { kind: "page"; page: Page; reset: InboxReset | undefined }
  | { kind: "error"; text: string }
  | { kind: "call"; id: string; call: Call; values: unknown[] }
  | { kind: "answer"; id: string; result?: unknown; error?: { text: string; code: unknown } };

interface Waiting {
  message: Message;
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** What tabs ask of each other. Those that run another version of this script, after a deployment, have their own connection. */
const PROTOCOL = 4;

/** With so many events, a tab that was behind a little goes on without a new list. */
const MAX_RECENT = 500;

export class SharedSource implements InboxSource {
  readonly canFilter = true;
  private listener: SourceListener | undefined;
  private position: string | undefined;
  private status: FollowStatus = { state: "connecting" };
  /** The source with the connection, in the tab that leads. */
  private own: InboxSource | undefined;
  private readonly recent: NotificationEvent[] = [];
  private readonly waiting = new Map<string, Waiting>();
  private readonly channel: BroadcastChannel;
  private readonly stopped = new AbortController();
  /** Whether this tab has a list, and every event after it so far. */
  private isInStep = false;
  private isCatchingUp = false;

  private readonly name: string;

  /** `name` must be of one user at one server. */
  constructor(
    name: string,
    private readonly makeSource: () => InboxSource,
  ) {
    this.name = `${name}:${PROTOCOL}`;
    this.channel = new BroadcastChannel(this.name);
    this.channel.onmessage = ({ data }) => this.onMessage(data as Message);
  }

  start(listener: SourceListener, position?: string): void {
    this.listener = listener;
    this.position = position;
    const { signal } = this.stopped;
    const until = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    const lead = (): Promise<void> => {
      if (!signal.aborted) this.lead();
      return until;
    };
    // Rejects when this tab stops before it leads.
    navigator.locks.request(this.name, { signal }, lead).catch(() => undefined);
    this.post({ kind: "hello" });
  }

  stop(): void {
    this.stopped.abort();
    this.own?.stop();
    this.channel.close();
    this.listener = undefined;
  }

  disconnect(): void {
    void this.call("disconnect");
  }

  reconnectNow(): void {
    void this.call("reconnectNow");
  }

  reload(): void {
    if (this.own) this.own.reload();
    else void this.catchUp(undefined);
  }

  loadPage(filter: Filter, after: string | null): Promise<Page> {
    return this.call("loadPage", filter, after);
  }

  loadGroup(id: string): Promise<Notification[]> {
    return this.call("loadGroup", id);
  }

  change(kind: Change, id: string, until?: string): Promise<Position> {
    return this.call("change", kind, id, until);
  }

  remove(id: string): Promise<Undoable> {
    return this.call("remove", id);
  }

  changeAll(kind: BulkChange, range: BulkRange): Promise<Undoable> {
    return this.call("changeAll", kind, range);
  }

  undo(token: string): Promise<Position> {
    return this.call("undo", token);
  }

  performAction(id: string, actionId: string): Promise<Position> {
    return this.call("performAction", id, actionId);
  }

  execute<Data>(query: string, variables?: Record<string, unknown>): Promise<Data> {
    return this.call("execute", query, variables);
  }

  markSeen(upTo: string): Promise<Position> {
    return this.call("markSeen", upTo);
  }

  preferences(): Promise<Preference[]> {
    return this.call("preferences");
  }

  setPreference(type: string, enabled: boolean, channel?: string): Promise<void> {
    return this.call("setPreference", type, enabled, channel);
  }

  // -- the tab that leads -------------------------------------------------------------------------------

  private lead(): void {
    const own = this.makeSource();
    this.own = own;
    own.start(
      {
        onPage: (page, reset) => {
          this.recent.length = 0;
          this.position = page.position;
          this.listener?.onPage(page, reset);
          this.post({ kind: "page", page, reset });
        },
        onEvent: (event) => {
          this.apply(event);
          this.post({ kind: "event", event });
        },
        onStatus: (status) => {
          this.setStatus(status);
          this.post({ kind: "status", status });
        },
        onError: (error) => {
          this.listener?.onError(error);
          this.post({ kind: "error", text: toError(error).message });
        },
      },
      this.position,
    );
    this.post({ kind: "lead" });
    // What was asked of a tab that is gone.
    for (const [id, { message }] of this.waiting) if (message.kind === "call") void this.answer(id, message);
  }

  private async answer(id: string, { call, values }: Message & { kind: "call" }): Promise<void> {
    let answer: Message;
    try {
      answer = { kind: "answer", id, result: await this.run(call, values) };
    } catch (error) {
      const { message: text } = toError(error);
      // Not by its class, which is another one in the script of the component.
      answer = { kind: "answer", id, error: { text, code: (error as { code?: unknown }).code } };
    }
    this.post(answer);
    this.onAnswer(answer);
  }

  private run(call: Call, values: unknown[]): unknown {
    if (call === "eventsAfter") return this.eventsAfter(values[0] as string);
    const own = this.own as unknown as Record<string, (...values: unknown[]) => unknown>;
    return own[call]?.(...values);
  }

  /** Return the events after a position; undefined if they are not known any more. */
  private eventsAfter(position: string): NotificationEvent[] | undefined {
    if (position === this.position) return [];
    const at = this.recent.findIndex((event) => event.position === position);
    return at < 0 ? undefined : this.recent.slice(at + 1);
  }

  // -- the other tabs -----------------------------------------------------------------------------------

  private onMessage(message: Message): void {
    if (this.own) this.onRequest(message);
    else this.onNews(message);
  }

  private onRequest(message: Message): void {
    if (message.kind === "hello") this.post({ kind: "status", status: this.status });
    else if (message.kind === "call") void this.answer(message.id, message);
  }

  private onNews(message: Message): void {
    switch (message.kind) {
      case "status":
        this.onStatus(message.status);
        break;
      case "event":
        if (this.isInStep) this.onEvent(message.event);
        break;
      case "page":
        this.isInStep = true;
        this.position = message.page.position;
        this.listener?.onPage(message.page, message.reset);
        break;
      case "error":
        this.listener?.onError(new Error(message.text));
        break;
      case "lead":
        for (const { message: asked } of this.waiting.values()) this.post(asked);
        break;
      case "answer":
        this.onAnswer(message);
    }
  }

  /** A tab that has just come takes the list from the one that leads, or what it has missed, once that one is live. */
  private onStatus(status: FollowStatus): void {
    if (this.isInStep) this.setStatus(status);
    else if (status.state === "live") void this.catchUp(this.position);
    else this.setStatus(status);
  }

  private onEvent(event: NotificationEvent): void {
    const { position } = this;
    if (position === undefined || isApplied(event.position, position)) return;
    const isNext = sequenceOf(event.position) === sequenceOf(position) + 1;
    if (isNext || event.__typename === "PositionAdvanced") this.apply(event);
    // The browser has kept something from this tab, which may have been frozen.
    else void this.catchUp(position);
  }

  private async catchUp(position: string | undefined): Promise<void> {
    this.isInStep = false;
    if (this.isCatchingUp) return;
    this.isCatchingUp = true;
    try {
      const missed = position && (await this.call<NotificationEvent[] | undefined>("eventsAfter", position));
      if (this.own || !this.listener) return;
      if (missed) {
        if (missed.length > 0) this.setStatus({ state: "catching-up" });
        for (const event of missed) if (!isApplied(event.position, this.position)) this.apply(event);
      } else {
        const page = await this.loadPage(EVERYTHING, null);
        if (this.own || !this.listener) return;
        this.position = page.position;
        this.listener.onPage(page);
      }
      this.isInStep = true;
      this.setStatus({ state: "live", resumed: missed ? missed.length : 0, reloaded: false });
      // What came while the list was on its way.
      if (!missed) void this.catchUpFurther();
    } catch (error) {
      this.listener?.onError(error);
    } finally {
      this.isCatchingUp = false;
    }
  }

  private async catchUpFurther(): Promise<void> {
    const { position } = this;
    if (position === undefined) return;
    const missed = await this.call<NotificationEvent[] | undefined>("eventsAfter", position);
    for (const event of missed ?? []) this.onEvent(event);
  }

  // -- both ---------------------------------------------------------------------------------------------

  private apply(event: NotificationEvent): void {
    this.position = event.position;
    this.recent.push(event);
    if (this.recent.length > MAX_RECENT) this.recent.shift();
    this.listener?.onEvent(event);
  }

  private setStatus(status: FollowStatus): void {
    this.status = status;
    this.listener?.onStatus(status);
  }

  private call<Result>(call: Call, ...values: unknown[]): Promise<Result> {
    if (this.own) return Promise.resolve(this.run(call, values)) as Promise<Result>;
    return new Promise((resolve, reject) => {
      const id = crypto.randomUUID();
      const message: Message = { kind: "call", id, call, values };
      this.waiting.set(id, { message, resolve: resolve as (result: unknown) => void, reject });
      this.post(message);
    });
  }

  private onAnswer(message: Message): void {
    if (message.kind !== "answer") return;
    const found = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (message.error) found?.reject(toLocalError(message.error));
    else found?.resolve(message.result);
  }

  private post(message: Message): void {
    if (!this.stopped.signal.aborted) this.channel.postMessage(message);
  }
}

/** Return the error of another tab as that tab had it. */
function toLocalError({ text, code }: { text: string; code: unknown }): Error {
  return code === undefined ? new Error(text) : new ServerError(text, code);
}
