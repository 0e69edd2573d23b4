/**
 * Subscriptions that resume. A graphql-ws client sends its subscriptions again after a reconnect, but with the
 * variables of the first time, so what happened meanwhile is missed. Here the variable `after` is kept at the
 * position of the last event that was given, so that the stream goes on exactly where it was interrupted.
 *
 * The result is again a graphql-ws client: Apollo's GraphQLWsLink, urql's subscriptionExchange and Relay take
 * it as it is.
 */

import type { FormattedExecutionResult } from "graphql";
import type { Sink, SubscribePayload } from "graphql-ws";
import { type Connection, type ConnectionOptions, connect } from "./connection.js";
import { Gate } from "./gate.js";
import { isSeen } from "./position.js";

/** Make a connection whose subscriptions with a variable `$after` resume by themselves. */
export function createResumingClient(options: ConnectionOptions): Connection {
  return resuming(connect(options));
}

/** Make the subscriptions of a connection resume. All other operations pass as they are. */
export function resuming(connection: Connection): Connection {
  const subscribe = ((payload, sink) =>
    isResumable(payload)
      ? new Resumption(connection, payload, sink as Sink).start()
      : connection.subscribe(payload, sink)) as Connection["subscribe"];
  const client = Object.create(connection) as Connection;
  return Object.defineProperties(client, {
    subscribe: { value: subscribe },
    iterate: { value: (payload: SubscribePayload) => iterate(subscribe, payload) },
  });
}

function isResumable({ query }: SubscribePayload): boolean {
  return /^\s*(?:#.*\s*)*subscription\b/m.test(query) && /\$after\b/.test(query);
}

type Result<Data> = FormattedExecutionResult<Data, unknown>;

interface Positioned {
  __typename?: string;
  position?: string;
}

/** GraphQL errors after which the same subscription may succeed: all others are final. */
const PASSING = new Set<unknown>(["INTERNAL_SERVER_ERROR", "RATE_LIMITED", "UNAUTHENTICATED"]);

/** One subscription, over as many connections as it takes. */
class Resumption {
  private position: string | undefined;
  private over = false;
  private stopCurrent: () => void = () => undefined;
  private readonly payload: SubscribePayload;
  /** The connection has a gate of its own; this one is for operations that fail on a sound connection. */
  private readonly gate = new Gate({ firstMs: 1_000, longestMs: 60_000, goodAfterMs: 5_000 });

  constructor(
    private readonly connection: Connection,
    payload: SubscribePayload,
    private readonly sink: Sink,
  ) {
    const { after, ...variables } = payload.variables ?? {};
    if (typeof after === "string") this.position = after;
    const current = () => this.position ?? null;
    // graphql-ws turns the payload into text each time it sends it: the getter is asked anew.
    const live = Object.defineProperty(variables, "after", { enumerable: true, get: current });
    this.payload = { ...payload, variables: live };
  }

  start(): () => void {
    this.subscribe();
    return () => {
      if (this.over) return;
      this.over = true;
      this.stopCurrent();
      this.sink.complete();
    };
  }

  private subscribe(): void {
    this.stopCurrent = this.connection.subscribe<Record<string, Positioned>>(this.payload, {
      next: (result) => this.give(result),
      error: (error) => void this.failed(error),
      complete: () => void this.ended(),
    });
  }

  /** Hand on a result, unless it was handed on before; from now on, resume after it. */
  private give(result: Result<Record<string, Positioned>>): void {
    if (this.over) return;
    const event = Object.values(result.data ?? {})[0];
    if (event) {
      if (event.position === undefined || event.__typename === undefined) {
        this.fail(new Error("A subscription that resumes selects `__typename` and `position`."));
        return;
      }
      if (event.__typename !== "InboxReset" && isSeen(event.position, this.position)) return;
      this.position = event.position;
      this.gate.connected();
    }
    this.sink.next(result as Result<Record<string, unknown>>);
  }

  /** A close leads to another attempt; an error does, unless it is about the operation itself. */
  private async failed(error: unknown): Promise<void> {
    if (!Array.isArray(error)) return this.again();
    const codes = error.map((each: { extensions?: { code?: unknown } }) => each.extensions?.code);
    if (!codes.some((code) => PASSING.has(code))) return this.fail(error);
    if (this.over) return;
    this.gate.lost();
    await this.gate.pass();
    if (codes.includes("UNAUTHENTICATED") && !this.over) this.connection.renew();
    return this.again();
  }

  /** The server ended it though nobody asked: it may come back, but not at once and for ever. */
  private async ended(): Promise<void> {
    if (this.over) return;
    this.gate.lost();
    await this.gate.pass();
    return this.again();
  }

  private async again(): Promise<void> {
    if (this.over) return;
    await this.connection.mayRetry();
    if (!this.over) this.subscribe();
  }

  private fail(error: unknown): void {
    if (this.over) return;
    this.over = true;
    this.stopCurrent();
    this.sink.error(error);
  }
}

/** What graphql-ws's own `iterate` does, over another `subscribe`. */
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
