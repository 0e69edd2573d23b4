/**
 * Subscriptions that resume. A graphql-ws client sends its subscriptions again after a reconnect, but with the
 * variables of the first time, so it misses what happened meanwhile. Here the variable `after` follows the
 * position of the last delivered event, so that the stream goes on exactly where it was interrupted.
 *
 * The result is again a graphql-ws client: Apollo's GraphQLWsLink, urql's subscriptionExchange and Relay accept
 * it as it is.
 */

import type { FormattedExecutionResult } from "graphql";
import type { Sink, SubscribePayload } from "graphql-ws";
import { Backoff } from "./backoff.js";
import { type Connection, type ConnectionOptions, connect } from "./connection.js";
import { reactionTo } from "./error_codes.js";
import { operationType } from "./operation_type.js";
import { isApplied } from "./position.js";

/** Make a connection whose subscriptions with a variable `$after` resume by themselves. */
export function createResumingClient(options: ConnectionOptions): Connection {
  return resuming(connect(options));
}

/** Make the subscriptions of a connection resume. All other operations pass as they are. */
export function resuming(connection: Connection): Connection {
  const client = resumeSubscriptions(connection, isResumable);
  return Object.defineProperty(client, "iterate", {
    value: (payload: SubscribePayload) => iterate(client.subscribe, payload),
  }) as Connection;
}

/** What does not iterate: bundles that never do are smaller. */
export type Subscribing = Omit<Connection, "iterate">;

/** The same, but only for `subscribe`. The caller knows which operations are subscriptions that can resume. */
export function resumeSubscriptions(
  connection: Connection,
  isResumable: (payload: SubscribePayload) => boolean,
): Subscribing {
  const subscribe = ((payload, sink) =>
    isResumable(payload) && !connection.isDisposed
      ? new ResumingSubscription(connection, payload, sink as Sink).start()
      : connection.subscribe(payload, sink)) as Connection["subscribe"];
  return Object.defineProperty(Object.create(connection) as Subscribing, "subscribe", { value: subscribe });
}

function isResumable({ query }: SubscribePayload): boolean {
  return operationType(query) === "subscription" && /\$after\b/.test(query);
}

type Result<Data> = FormattedExecutionResult<Data, unknown>;

interface Positioned {
  __typename?: string;
  position?: string;
}

/** One subscription, over as many connections as it takes. */
class ResumingSubscription {
  private position: string | undefined;
  private isOver = false;
  private stopCurrent: () => void = () => undefined;
  private readonly payload: SubscribePayload;
  /** The connection has its own backoff; this one is for operations that fail on a sound connection. */
  private readonly backoff = new Backoff({ firstMs: 1_000, longestMs: 60_000, goodAfterMs: 5_000 });

  constructor(
    private readonly connection: Connection,
    payload: SubscribePayload,
    private readonly sink: Sink,
  ) {
    const { after, ...variables } = payload.variables ?? {};
    if (typeof after === "string") this.position = after;
    const current = () => this.position ?? null;
    // graphql-ws serializes the payload each time it sends it, and so reads the getter each time.
    const live = Object.defineProperty(variables, "after", { enumerable: true, get: current });
    this.payload = { ...payload, variables: live };
  }

  start(): () => void {
    this.subscribe();
    return () => {
      if (this.isOver) return;
      this.isOver = true;
      this.stopCurrent();
      this.sink.complete();
    };
  }

  private subscribe(): void {
    this.stopCurrent = this.connection.subscribe<Record<string, Positioned>>(this.payload, {
      next: (result) => this.deliver(result),
      error: (error) => void this.onError(error),
      complete: () => void this.onComplete(),
    });
  }

  /** Deliver a result unless it was delivered before; from now on, resume after it. */
  private deliver(result: Result<Record<string, Positioned>>): void {
    if (this.isOver) return;
    const event = Object.values(result.data ?? {})[0];
    if (event) {
      if (event.position === undefined || event.__typename === undefined) {
        this.fail(new Error("A subscription that resumes selects `__typename` and `position`."));
        return;
      }
      if (event.__typename !== "InboxReset" && isApplied(event.position, this.position)) return;
      this.position = event.position;
      this.backoff.connected();
    }
    this.sink.next(result as Result<Record<string, unknown>>);
  }

  /** A close leads to another attempt, and so does an error unless it is about the operation itself. */
  private async onError(error: unknown): Promise<void> {
    if (!Array.isArray(error)) return this.resubscribe();
    const reaction = reactionTo(error);
    if (reaction === "stop") return this.fail(error);
    if (this.isOver) return;
    this.backoff.lost();
    await this.backoff.wait();
    if (reaction === "renew" && !this.isOver) this.connection.renew();
    return this.resubscribe();
  }

  /** The server completed a subscription that should not end: retry, but with backoff. */
  private async onComplete(): Promise<void> {
    if (this.isOver) return;
    if (!this.connection.isDisposed) {
      this.backoff.lost();
      await this.backoff.wait();
    }
    return this.resubscribe();
  }

  private async resubscribe(): Promise<void> {
    if (this.isOver) return;
    if (!this.connection.isDisposed) await this.connection.mayRetry();
    if (this.isOver) return;
    if (!this.connection.isDisposed) return this.subscribe();
    this.isOver = true;
    this.sink.complete();
  }

  private fail(error: unknown): void {
    if (this.isOver) return;
    this.isOver = true;
    this.stopCurrent();
    this.sink.error(error);
  }
}

/** The same as graphql-ws's own `iterate`, over another `subscribe`. */
function iterate(
  subscribe: Connection["subscribe"],
  payload: SubscribePayload,
): AsyncIterableIterator<Result<Record<string, unknown>>> {
  const arrived: Result<Record<string, unknown>>[] = [];
  let ended = false;
  let failure: unknown;
  let wake: () => void = () => undefined;
  const stop = subscribe<Record<string, unknown>>(payload, {
    next: (result) => {
      arrived.push(result);
      wake();
    },
    error: (error) => {
      failure = error ?? new Error("The subscription failed.");
      wake();
    },
    complete: () => {
      ended = true;
      wake();
    },
  });
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      for (;;) {
        const value = arrived.shift();
        if (value) return { done: false, value };
        if (failure) throw failure;
        if (ended) return { done: true, value: undefined };
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    async return() {
      stop();
      ended = true;
      wake();
      return { done: true, value: undefined };
    },
  };
}
