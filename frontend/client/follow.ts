/**
 * Following an inbox: read the list, then hear of every change after it, each once and in order, whatever
 * happens to the connection. How the list is read and where it is kept is the caller's.
 */

import type { Connection, ConnectionStatus } from "./connection.js";
import { EVENTS_DOCUMENT, type InboxReset, type NotificationEvent } from "./events.js";
import { isSeen } from "./position.js";

export interface FollowOptions {
  /** Where to resume; without a position, `load` is called first. */
  position?: string | undefined;
  /**
   * Read the list and return its position. Called at the start, after a reset, and by `reload`. No event is
   * applied meanwhile, and afterwards only what came after that position. If it fails it is tried again.
   */
  load: (reset?: InboxReset) => Promise<string>;
  /** Take one event; the next one is given when it is done. If it fails, the list is loaded anew. */
  apply: (event: NotificationEvent) => void | Promise<void>;
  /** Keep the position, with the list that belongs to it, for the next start. */
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
  /** `resumed` events were missed and have been given since; `reloaded`: the list was read anew instead. */
  | { state: "live"; resumed: number; reloaded: boolean };

export interface Following {
  /** The position of the last event that was applied. */
  readonly position: string | undefined;
  readonly status: FollowStatus;
  /** Read the list again, in line with the events. */
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
  /** What is done one after the other: loading and applying. */
  private line: Promise<void> = Promise.resolve();
  /** The inbox's position right after the last connect, once known: to have reached it is to be live. */
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
    this.stops.push(this.connection.onStatus((status) => this.hear(status)));
    if (this.position === undefined) {
      this.caughtUp = true;
      void this.inLine(() => this.load());
    } else {
      this.subscribe();
    }
    return this;
  }

  reload(): Promise<void> {
    return this.inLine(() => this.load());
  }

  stop(): void {
    this.stopped = true;
    this.stopHead();
    for (const stop of this.stops.splice(0)) stop();
  }

  private inLine(step: () => Promise<void> | void): Promise<void> {
    this.line = this.line.then(() => (this.stopped ? undefined : step()));
    return this.line;
  }

  private async load(reset?: InboxReset): Promise<void> {
    for (let waitMs = 1_000; !this.stopped; waitMs = Math.min(2 * waitMs, 30_000)) {
      try {
        this.reach(await this.options.load(reset));
        break;
      } catch (error) {
        this.tell({ state: "reconnecting", attempt: 0, waitMs, reason: String(error) });
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
        if (event) void this.inLine(() => this.take(event));
      },
      error: (error) => failed?.(error),
      complete: () => undefined,
    });
    this.stops.push(stop);
    if (this.connection.status.state === "connected") this.askHead();
  }

  private async take(event: NotificationEvent): Promise<void> {
    if (event.__typename === "InboxReset") {
      await this.load(event);
      return;
    }
    if (isSeen(event.position, this.position)) return;
    try {
      await this.options.apply(event);
    } catch (error) {
      // To go on would leave a gap in what is shown.
      reportFault(error);
      await this.load();
      return;
    }
    if (!this.caughtUp) this.resumed += 1;
    this.reach(event.position);
    this.compareWithHead();
  }

  private reach(position: string): void {
    this.position = position;
    this.options.remember?.(position);
  }

  // -- how it stands ---------------------------------------------------------------------------------

  private hear(status: ConnectionStatus): void {
    switch (status.state) {
      case "connecting":
        if (this.status.state !== "reconnecting") this.tell({ state: "connecting" });
        break;
      case "connected":
        if (this.subscribed) this.askHead();
        break;
      case "waiting": {
        const { state: _, ...details } = status;
        this.stopHead();
        this.tell({ state: "reconnecting", ...details });
        break;
      }
      case "idle":
        this.stopHead();
    }
  }

  /** Learn how far there is to go. The question travels with the subscription and is asked again with it. */
  private askHead(): void {
    this.stopHead();
    this.head = undefined;
    this.caughtUp = false;
    this.resumed = 0;
    this.reloaded = false;
    this.tell({ state: "catching-up" });
    type Head = { notifications: { position: string } };
    const settle = (): void => {
      this.head ??= this.position;
      void this.inLine(() => this.compareWithHead());
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
    if (!isSeen(this.head, this.position)) return;
    this.caughtUp = true;
    this.tell({ state: "live", resumed: this.resumed, reloaded: this.reloaded });
  }

  private tell(status: FollowStatus): void {
    if (this.stopped) return;
    this.status = status;
    this.options.status?.(status);
  }
}

/** Tell a fault of the caller's where uncaught faults are told. */
function reportFault(error: unknown): void {
  setTimeout(() => {
    throw error;
  });
}
