/**
 * A GraphQL server with one inbox in memory, on the server side of graphql-ws. It can misbehave in ways that
 * the product cannot be made to.
 */

import { EventEmitter, once } from "node:events";
import type { AddressInfo } from "node:net";
import { buildSchema, GraphQLError } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { WebSocket, WebSocketServer } from "ws";
import type { ConnectionOptions } from "../client/index.js";

const SCHEMA = buildSchema(/* GraphQL */ `
  type Query { notifications(first: Int): Connection!, ping: String }
  type Mutation { refreshToken(token: String!): Refreshed }
  type Refreshed { expiresAt: String }
  type Connection { position: String! titles: [String!]! }
  type Subscription { notificationEvents(after: String): Event!, ticks: Int! }
  interface Event { position: String! title: String reason: String }
  type NotificationAdded implements Event { position: String! title: String reason: String }
  type InboxReset implements Event { position: String! title: String reason: String }
`);

interface InboxEvent {
  __typename: "NotificationAdded" | "InboxReset";
  position: string;
  title?: string;
  reason?: string;
}

export class InboxServer {
  titles: string[] = [];
  epoch = "e";
  /** The `after` of every subscription, and the token of every connection, in order. */
  readonly subscribed: (string | null)[] = [];
  readonly tokens: unknown[] = [];
  /** Whether each connection asked to be warned before its token expires, and the fresh tokens that were sent. */
  readonly wantsWarning: unknown[] = [];
  readonly refreshed: string[] = [];
  readonly sockets = new Set<WebSocket>();
  /** Accepts or refuses a connection; may close the socket. */
  accept: (token: unknown, socket: WebSocket) => boolean = () => true;
  /** Sends every event this often: what a server must not do. */
  repeat = 1;
  refuse: GraphQLError | undefined;
  /** Answers every position with a reset, as if no list could be resumed. */
  resumesNothing = false;
  private readonly doorbell = new EventEmitter().setMaxListeners(0);
  private server: WebSocketServer | undefined;
  private port = 0;

  get url(): string {
    return `ws://127.0.0.1:${this.port}/graphql/`;
  }

  /** For clients of this server that reconnect without the long waits of production. */
  get connectionOptions(): ConnectionOptions {
    return { url: this.url, webSocketImpl: WebSocket, firstWaitMs: 10, longestWaitMs: 40, idleMs: 0 };
  }

  get position(): string {
    return this.titles.length ? `${this.epoch}.${this.titles.length}` : "0";
  }

  async start(): Promise<this> {
    this.server = new WebSocketServer({ host: "127.0.0.1", port: this.port });
    await once(this.server, "listening");
    this.port = (this.server.address() as AddressInfo).port;
    useServer(
      {
        schema: SCHEMA,
        roots: {
          query: {
            notifications: () => ({ position: this.position, titles: this.titles }),
            ping: () => "pong",
          },
          mutation: {
            refreshToken: ({ token }: { token: string }) => {
              this.refreshed.push(token);
              return { expiresAt: null };
            },
          },
          subscription: {
            notificationEvents: ({ after }: { after?: string }) => this.events(after),
          },
        },
        onConnect: ({ connectionParams, extra }) => {
          const token = connectionParams?.Authorization;
          this.tokens.push(token);
          this.wantsWarning.push(connectionParams?.expiryWarning);
          this.sockets.add(extra.socket);
          return this.accept(token, extra.socket);
        },
        onSubscribe: () => (this.refuse ? [this.refuse] : undefined),
      },
      this.server,
      60_000,
    );
    return this;
  }

  send(...titles: string[]): void {
    this.titles.push(...titles);
    this.doorbell.emit("ring");
  }

  /** Add events whose doorbell is lost: subscriptions learn of them with the next one. */
  sendSilently(...titles: string[]): void {
    this.titles.push(...titles);
  }

  /** Become a copy that lacks the newest events. Subscriptions that have not seen them notice nothing. */
  failOver(lost: number): void {
    this.titles.splice(this.titles.length - lost);
  }

  /** Start another epoch with these titles, as if the database had been restored. */
  restore(epoch: string, ...titles: string[]): void {
    this.epoch = epoch;
    this.titles = titles;
    this.doorbell.emit("ring");
  }

  /** Warn every client that its token expires soon. */
  warn(): void {
    const message = { type: "ping", payload: { expiresAt: "2026-01-31T12:00:00+00:00" } };
    for (const socket of this.sockets) socket.send(JSON.stringify(message));
  }

  close(code: number, reason = ""): void {
    for (const socket of this.sockets) socket.close(code, reason);
    this.sockets.clear();
  }

  cut(): void {
    for (const socket of this.sockets) socket.terminate();
    this.sockets.clear();
  }

  async stop(): Promise<void> {
    this.cut();
    for (const socket of this.server?.clients ?? []) socket.terminate();
    await new Promise<void>((resolve) => {
      if (this.server) this.server.close(() => resolve());
      else resolve();
    });
  }

  private async *events(after: string | undefined): AsyncGenerator<{ notificationEvents: InboxEvent }> {
    this.subscribed.push(after ?? null);
    let [epoch, next] = [this.epoch, this.titles.length];
    if (after !== undefined && after !== null) {
      const dot = after.lastIndexOf(".");
      const known = dot < 0 ? this.epoch : after.slice(0, dot);
      next = Number(after.slice(dot + 1));
      if (known !== this.epoch || next > this.titles.length || this.resumesNothing) {
        next = this.titles.length;
        yield this.reset();
      }
    }
    for (;;) {
      while (next < this.titles.length && epoch === this.epoch) {
        const title = this.titles[next++] as string;
        for (let count = 0; count < this.repeat; count++) {
          const position = `${this.epoch}.${next}`;
          yield { notificationEvents: { __typename: "NotificationAdded", position, title } };
        }
      }
      await once(this.doorbell, "ring");
      if (epoch !== this.epoch) {
        [epoch, next] = [this.epoch, this.titles.length];
        yield this.reset();
      }
    }
  }

  private reset(): { notificationEvents: InboxEvent } {
    return { notificationEvents: { __typename: "InboxReset", position: this.position, reason: "EPOCH" } };
  }
}
