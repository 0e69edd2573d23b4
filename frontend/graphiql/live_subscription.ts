/**
 * The subscription of the page: one at a time. It goes on when another tab of GraphiQL is opened, and every event of it
 * goes to the log.
 */

import type { FetcherOpts, FetcherParams } from "@graphiql/toolkit";
import type { ExecutionResult } from "graphql";
import { type Client, createClient } from "graphql-ws";
import { socketAddress } from "../inbox/socket_address.js";
import type { EventLog, LoggedEvent } from "./event_log.js";
import { type Operation, receivesAll, resumedAfter } from "./resume_document.js";
import { NewestResult } from "./newest_result.js";
import type { Session } from "./session.js";

/** The state of the subscription, for display. */
export interface SubscriptionStatus {
  text: string;
  isError: boolean;
  state: "connecting" | "live" | "ended";
  /** Whether it can go on where it ended. */
  canResume: boolean;
}

interface Running {
  readonly client: Client;
  readonly operation: Operation & { operationName: string | undefined };
  readonly options: FetcherOpts | undefined;
}

export class LiveSubscription {
  /** The tab of GraphiQL that is open. */
  tab = 0;
  private running: Running | undefined;
  private last: Omit<Running, "client"> | undefined;
  private results: NewestResult<ExecutionResult> | undefined;

  constructor(
    private readonly endpoint: string,
    private readonly session: Session,
    readonly log: EventLog,
    private readonly report: (status: SubscriptionStatus) => void,
  ) {}

  /** Begin a subscription in the place of the one before, and return its results for GraphiQL. */
  start(params: FetcherParams, options: FetcherOpts | undefined): AsyncIterableIterator<ExecutionResult> {
    this.end();
    const { tab } = this;
    // GraphiQL stops a subscription when its tab is left. Only its button is meant to stop this one.
    const results = new NewestResult<ExecutionResult>(() =>
      setTimeout(() => {
        if (this.tab === tab && this.results === results) this.stop();
      }),
    );
    this.results = results;
    this.log.restart();
    const variables = (params.variables ?? {}) as Record<string, unknown>;
    const operation = { query: params.query, variables, operationName: params.operationName ?? undefined };
    this.log.note(`Subscribed: ${operation.operationName ?? "subscription"}`);
    this.run({ operation, options }, false);
    return results;
  }

  stop(): void {
    if (!this.running) return;
    this.end();
    this.log.note("Stopped.");
    this.show("Subscription stopped.", "ended");
  }

  /** Lose the connection, as a network does, to see what a resume brings. */
  drop(): void {
    this.running?.client.terminate();
  }

  /** Go on after the latest event. */
  resume(): void {
    const { last } = this;
    const { position } = this.log;
    if (!last || position === undefined || this.running) return;
    this.log.note(`Resuming after ${position}`);
    this.log.resume();
    const operation = { ...last.operation, ...resumedAfter(last.operation, position) };
    this.run({ ...last, operation }, true);
  }

  private run(wanted: Omit<Running, "client">, isResume: boolean): void {
    const { session } = this;
    let refused = false;
    let events = 0;
    const client = createClient({
      url: socketAddress(this.endpoint),
      connectionParams: async () => ({ ...(await session.headers(refused)), ...wanted.options?.headers }),
      // No more than that: here users want to see that a subscription has ended, and why.
      retryAttempts: session.caller.kind === "demo" ? 1 : 0,
      retryWait: async () => undefined,
      shouldRetry: (close) => {
        // A demo user's token may have expired since it was fetched: retry once, with a fresh one, before any event.
        refused = (close as CloseEvent).code === 4403 && events === 0;
        return refused;
      },
      keepAlive: 10_000,
    });
    const running: Running = { client, ...wanted };
    this.running = running;
    this.last = wanted;
    const isComplete = receivesAll(wanted.operation.query);
    const isCurrent = (): boolean => this.running === running;
    this.show(isResume ? "Subscription: resuming…" : "Subscription: connecting…", "connecting");
    client.on("connected", () => isCurrent() && this.show("Subscription: live", "live"));
    if (isResume) this.findHead(running);
    client.subscribe<Record<string, LoggedEvent>>(wanted.operation, {
      next: (result) => {
        if (!isCurrent()) return;
        events += 1;
        const event = Object.values(result.data ?? {})[0];
        if (event) this.log.append(event, isComplete);
        this.results?.push(result as ExecutionResult);
      },
      error: (error) => this.onEnd(running, reasonOf(error), true),
      complete: () => this.onEnd(running, "the server completed it.", false),
    });
  }

  /** Find out how far there was to go when the subscription was resumed: what came until then was missed. */
  private findHead({ client }: Running): void {
    client.subscribe<{ notifications: { position: string } }>(
      { query: "{ notifications(first: 1) { position } }" },
      {
        next: ({ data }) => data && this.log.markMissed(data.notifications.position),
        error: () => undefined,
        complete: () => undefined,
      },
    );
  }

  private onEnd(running: Running, reason: string, isError: boolean): void {
    void running.client.dispose();
    if (this.running !== running) return;
    this.running = undefined;
    const { position } = this.log;
    const resumption = position === undefined ? "" : ` To resume, subscribe after "${position}".`;
    this.log.note(`Ended: ${reason}`);
    this.show(`Subscription ended: ${reason}${resumption}`, "ended", isError);
    if (isError) this.results?.fail(new Error(`The subscription ended: ${reason}${resumption}`));
    else this.results?.finish();
    this.results = undefined;
  }

  /** End the subscription without a word. */
  private end(): void {
    const { running, results } = this;
    this.running = undefined;
    this.results = undefined;
    results?.finish();
    void running?.client.dispose();
  }

  private show(text: string, state: SubscriptionStatus["state"], isError = false): void {
    const canResume = state === "ended" && this.last !== undefined && this.log.position !== undefined;
    this.report({ text, isError, state, canResume });
  }
}

function reasonOf(error: unknown): string {
  if (Array.isArray(error)) return error.map(({ message }: { message: string }) => message).join(" ");
  if (error instanceof Error) return error.message;
  const { code, reason } = error as { code?: number; reason?: string };
  if (code === undefined) return "the connection was lost.";
  return `${code}${reason ? ` ${reason}` : ""}.`;
}
