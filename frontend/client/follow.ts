/**
 * Following an inbox: read the list, then receive every change after it, each once and in order, whatever
 * happens to the connection. The caller decides how to read the list and where to store it.
 */

import type { Connection, ConnectionStatus } from "./connection.js";
import { EVENTS_DOCUMENT, type InboxReset, type NotificationEvent } from "./events.js";
import { isApplied } from "./position.js";

export interface FollowOptions {
  /** Where to resume; without a position, `load` is called first. */
  position?: string | undefined;
  /**
   * Read the list and return its position. Called at the start, after a reset, and by `reload`. No event is
   * applied meanwhile, and afterwards only what came after that position. If it fails, it is retried.
   */
  load: (reset?: InboxReset) => Promise<string>;
  /**
   * Apply one event; the next one follows when its promise resolves. If it fails, the list is reloaded. With a document
   * that is limited by `types`, it may be a PositionAdvanced, which changes the unread count only.
   */
  apply: (event: NotificationEvent) => void | Promise<void>;
  /** Store the position, with the list that belongs to it, for the next start. */
  remember?: (position: string) => void;
  status?: (status: FollowStatus) => void;
  /** Called when following ends because the server refuses the subscription itself. */
  failed?: (error: unknown) => void;
  /** The subscription: a variable `$after`, and a field that selects `__typename` and `position`. */
  document?: string;
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
  stop(): void;
}

const HEAD_DOCUMENT = "query InboxHead { notifications(first: 1) { position } }";

/** Follow the inbox of the connection's user until `stop` is called. */
export function follow(connection: Connection, options: FollowOptions): Following {
  return new Follower(connection, options).start();
}

class Follower implements Following {
  position: string | undefined;
  status: FollowStatus = { state: "connecting" };
  private stopped = false;
  private subscribed = false;
  private stops: (() => void)[] = [];
  /** The end of the queue in which loading and applying run one after the other. */
  private queue: Promise<void> = Promise.resolve();
  /** The inbox's position right after the last connect, once known. The follower is live when it has reached it. */
  private head: string | undefined;
  private stopHead: () => void = () => undefined;
  private caughtUp = false;
  private resumed = 0;
  private reloaded = false;

  constructor(
    private readonly connection: Connection,
    private readonly options: FollowOptions,
  ) {
    this.position = options.position;
  }

  start(): this {
    this.stops.push(this.connection.onStatus((status) => this.onConnectionStatus(status)));
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

  stop(): void {
    this.stopped = true;
    this.stopHead();
    for (const stop of this.stops.splice(0)) stop();
  }

  private enqueue(step: () => Promise<void> | void): Promise<void> {
    this.queue = this.queue.then(() => (this.stopped ? undefined : step()));
    return this.queue;
  }

  private async load(reset?: InboxReset): Promise<void> {
    for (let waitMs = 1_000; !this.stopped; waitMs = Math.min(2 * waitMs, 30_000)) {
      try {
        this.advance(await this.options.load(reset));
        break;
      } catch (error) {
        this.setStatus({ state: "reconnecting", attempt: 0, waitMs, reason: String(error) });
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
    if (reset) this.reloaded = true;
    if (!this.subscribed && !this.stopped) this.subscribe();
    else this.compareWithHead();
  }

  private subscribe(): void {
    this.subscribed = true;
    const { document = EVENTS_DOCUMENT, failed } = this.options;
    const payload = { query: document, variables: { after: this.position } };
    const stop = this.connection.subscribe<Record<string, NotificationEvent>>(payload, {
      next: ({ data }) => {
        const event = Object.values(data ?? {})[0];
        if (event) void this.enqueue(() => this.applyEvent(event));
      },
      error: (error) => failed?.(error),
      complete: () => undefined,
    });
    this.stops.push(stop);
    if (this.connection.status.state === "connected") this.queryHead();
  }

  private async applyEvent(event: NotificationEvent): Promise<void> {
    if (event.__typename === "InboxReset") {
      await this.load(event);
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
        if (this.subscribed) this.queryHead();
        break;
      case "waiting": {
        const { state: _, ...details } = status;
        this.stopHead();
        this.setStatus({ state: "reconnecting", ...details });
        break;
      }
      case "idle":
        this.stopHead();
    }
  }

  /** Query how far there is to go. The query is sent along with the subscription, after every connect. */
  private queryHead(): void {
    this.stopHead();
    this.head = undefined;
    this.caughtUp = false;
    this.resumed = 0;
    this.reloaded = false;
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

  private compareWithHead(): void {
    if (this.caughtUp && this.status.state === "live") return;
    if (this.head === undefined) return;
    if (!isApplied(this.head, this.position)) return;
    this.caughtUp = true;
    this.setStatus({ state: "live", resumed: this.resumed, reloaded: this.reloaded });
  }

  private setStatus(status: FollowStatus): void {
    if (this.stopped) return;
    this.status = status;
    this.options.status?.(status);
  }
}

/** Report an error of the caller's `apply` as an uncaught error. */
function reportUncaught(error: unknown): void {
  setTimeout(() => {
    throw error;
  });
}
