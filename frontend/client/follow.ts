/**
 * Following an inbox: read the list, then receive every change after it, each once and in order, whatever
 * happens to the connection. The caller decides how to read the list and where to store it.
 */

import { Backoff } from "./backoff.js";
import type { ConnectionStatus } from "./connection.js";
import { EVENTS_DOCUMENT, type InboxReset, type NotificationEvent } from "./events.js";
import { isApplied } from "./position.js";
import type { Subscribing } from "./resuming.js";

export interface FollowOptions {
  /** Where to resume; without a position, `load` is called first. */
  position?: string | undefined;
  /**
   * Read the list from the server, not from a cache, and return its position. Called at the start, after a reset,
   * and by `reload`. No event is applied meanwhile, and afterwards only what came after that position. If it fails,
   * it is retried.
   */
  load: (reset?: InboxReset) => Promise<string>;
  /**
   * Apply one event; the next one follows when its promise resolves. If it fails, the list is reloaded. It may be a
   * PositionAdvanced, which changes the unread count only: for a notification that is gone, or is not of the `types`.
   */
  apply: (event: NotificationEvent) => void | Promise<void>;
  /** Store the position, with the list that belongs to it, for the next start. */
  remember?: (position: string) => void;
  status?: (status: FollowStatus) => void;
  /** Called when following ends because the server refuses the subscription itself. */
  failed?: (error: unknown) => void;
  /** The subscription: a variable `$after`, and a field that selects `__typename` and `position`. */
  document?: string;
  /** The waits before a list that has failed, or that could not be resumed, is read again: the first, the longest. */
  firstWaitMs?: number;
  longestWaitMs?: number;
}

export type FollowStatus =
  | { state: "connecting" }
  | { state: "reconnecting"; attempt: number; waitMs: number; code?: number; reason?: string }
  | { state: "catching-up" }
  /** `resumed`: how many missed events were applied since; `reloaded`: the list was read again instead. */
  | { state: "live"; resumed: number; reloaded: boolean };

export interface Following {
  /** The position of the last event that was applied. */
  readonly position: string | undefined;
  readonly status: FollowStatus;
  /** Read the list again, in order with the events. */
  reload(): Promise<void>;
  /** Read a list that has failed again now instead of after the wait. */
  retryNow(): void;
  stop(): void;
}

/** A list that has failed is read again after a wait, and so is one that led to a reset at once; each time longer. */
const LIST_BACKOFF = { firstMs: 1_000, longestMs: 30_000, goodAfterMs: 1_000 };

const HEAD_DOCUMENT = "query InboxHead { notifications(first: 1) { position } }";

/** Follow the inbox of the connection's user until `stop` is called. */
export function follow(connection: Subscribing, options: FollowOptions): Following {
  return new Follower(connection, options).start();
}

class Follower implements Following {
  position: string | undefined;
  status: FollowStatus = { state: "connecting" };
  private stopped = false;
  private subscription: Subscription | undefined;
  private stopStatus: () => void = () => undefined;
  /** How many lists were read. What arrived before the latest one is not applied. */
  private generation = 0;
  /** The end of the queue in which loading and applying run one after the other. */
  private queue: Promise<void> = Promise.resolve();
  /** The inbox's position right after the last connect, once known. The follower is live when it has reached it. */
  private head: string | undefined;
  private stopHead: () => void = () => undefined;
  private caughtUp = false;
  private resumed = 0;
  private reloaded = false;
  private readonly lists: Backoff;

  constructor(
    private readonly connection: Subscribing,
    private readonly options: FollowOptions,
  ) {
    this.position = options.position;
    const { firstMs, longestMs, goodAfterMs } = LIST_BACKOFF;
    this.lists = new Backoff({
      firstMs: options.firstWaitMs ?? firstMs,
      longestMs: options.longestWaitMs ?? longestMs,
      goodAfterMs,
    });
  }

  start(): this {
    this.stopStatus = this.connection.onStatus((status) => this.onConnectionStatus(status));
    if (this.position === undefined) {
      this.caughtUp = true;
      void this.enqueue(() => this.load());
    } else {
      this.subscribe();
    }
    return this;
  }

  reload(): Promise<void> {
    return this.enqueue(() => this.load());
  }

  retryNow(): void {
    this.lists.skipWait();
  }

  stop(): void {
    this.stopped = true;
    this.stopHead();
    this.stopStatus();
    this.lists.skipWait();
    this.subscription?.stop();
  }

  private enqueue(step: () => Promise<void> | void): Promise<void> {
    this.queue = this.queue.then(() => (this.stopped ? undefined : step()));
    return this.queue;
  }

  /** Read the list, and receive from now on what came after it. */
  private async load(reset?: InboxReset): Promise<void> {
    while (!this.stopped) {
      try {
        this.advance(await this.options.load(reset));
        break;
      } catch (error) {
        if (this.stopped) return;
        const waitMs = this.lists.lost();
        const { attempt } = this.lists;
        this.setStatus({ state: "reconnecting", attempt, waitMs, reason: String(error) });
        await this.lists.wait();
      }
    }
    if (this.stopped) return;
    this.lists.connected();
    this.generation += 1;
    if (reset) this.reloaded = true;
    // Otherwise the subscription is where the list is, and has nothing on its way that came before.
    if (this.subscription?.received !== this.position) this.subscribe();
    else if (this.connection.status.state === "connected") {
      this.stopHead();
      this.head = this.position;
      this.compareWithHead();
    }
  }

  /**
   * Subscribe after the position. The subscription takes the place of the one before: that one was at another
   * position than the list, so the server would not notice if the log lost what only the list has shown.
   */
  private subscribe(): void {
    const former = this.subscription;
    const { document = EVENTS_DOCUMENT, failed } = this.options;
    const payload = { query: document, variables: { after: this.position } };
    const subscription: Subscription = { received: this.position, stop: () => undefined };
    this.subscription = subscription;
    // In this order: the socket stays open, and never has more operations than before.
    former?.stop();
    subscription.stop = this.connection.subscribe<Record<string, NotificationEvent>>(payload, {
      next: ({ data }) => {
        const event = Object.values(data ?? {})[0];
        if (!event) return;
        subscription.received = event.position;
        const { generation } = this;
        void this.enqueue(() => (generation === this.generation ? this.applyEvent(event) : undefined));
      },
      error: (error) => failed?.(error),
      complete: () => undefined,
    });
    if (this.connection.status.state === "connected") this.queryHead();
  }

  private async applyEvent(event: NotificationEvent): Promise<void> {
    if (event.__typename === "InboxReset") {
      await this.startOver(event);
      return;
    }
    if (isApplied(event.position, this.position)) return;
    try {
      await this.options.apply(event);
    } catch (error) {
      // Going on would leave a gap in what is shown.
      reportUncaught(error);
      await this.load();
      return;
    }
    if (!this.caughtUp && event.__typename !== "PositionAdvanced") this.resumed += 1;
    this.advance(event.position);
    this.compareWithHead();
  }

  /** Read the list after a reset: at once, unless the one before it has just led to a reset, too. */
  private async startOver(reset: InboxReset): Promise<void> {
    this.caughtUp = false;
    if (this.status.state === "live") this.setStatus({ state: "catching-up" });
    this.lists.lost();
    if (this.lists.attempt === 1) this.lists.skipWait();
    await this.lists.wait();
    await this.load(reset);
  }

  private advance(position: string): void {
    this.position = position;
    this.options.remember?.(position);
  }

  // -- the status -----------------------------------------------------------------------------------

  private onConnectionStatus(status: ConnectionStatus): void {
    switch (status.state) {
      case "connecting":
        if (this.status.state !== "reconnecting") this.setStatus({ state: "connecting" });
        break;
      case "connected":
        if (this.subscription) this.queryHead();
        break;
      case "waiting": {
        const { state: _, ...details } = status;
        this.forgetHead();
        this.setStatus({ state: "reconnecting", ...details });
        break;
      }
      case "idle":
        this.forgetHead();
    }
  }

  /** Query how far there is to go. The query is sent along with the subscription, after every connect. */
  private queryHead(): void {
    this.forgetHead();
    this.caughtUp = false;
    this.setStatus({ state: "catching-up" });
    type Head = { notifications: { position: string } };
    const settle = (): void => {
      this.head ??= this.position;
      void this.enqueue(() => this.compareWithHead());
    };
    this.stopHead = this.connection.subscribe<Head>(
      { query: HEAD_DOCUMENT },
      {
        next: ({ data }) => {
          this.head = data?.notifications.position;
          settle();
        },
        error: settle,
        complete: () => undefined,
      },
    );
  }

  private forgetHead(): void {
    this.stopHead();
    this.head = undefined;
  }

  private compareWithHead(): void {
    if (this.caughtUp && this.status.state === "live") return;
    if (this.head === undefined) return;
    if (!isApplied(this.head, this.position)) return;
    const { resumed, reloaded } = this;
    this.caughtUp = true;
    this.resumed = 0;
    this.reloaded = false;
    this.setStatus({ state: "live", resumed, reloaded });
  }

  private setStatus(status: FollowStatus): void {
    if (this.stopped) return;
    this.status = status;
    this.options.status?.(status);
  }
}

/** A subscription of the follower. `received` is where it began, then the position of what it delivered last. */
interface Subscription {
  received: string | undefined;
  stop: () => void;
}

/** Report an error of the caller's `apply` as an uncaught error. */
function reportUncaught(error: unknown): void {
  setTimeout(() => {
    throw error;
  });
}
