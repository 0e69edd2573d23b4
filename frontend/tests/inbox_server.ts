/**
 * A GraphQL server with one inbox in memory, on the server sides of graphql-ws and graphql-sse. It can misbehave in ways that
 * the product cannot be made to.
 */

import { EventEmitter, once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buildSchema, GraphQLError, graphql, parse } from "graphql";
import { createHandler } from "graphql-sse/lib/use/http";
import { useServer } from "graphql-ws/use/ws";
import { WebSocket, WebSocketServer } from "ws";
import type { ConnectionOptions } from "../client/index.js";

const SCHEMA = buildSchema(/* GraphQL */ `
  type Query { notifications(first: Int): Connection!, ping: String, viewer: String }
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
  /** Cuts every attempt to open a WebSocket, as some networks do. */
  breaksSockets = false;
  /** The status of requests over HTTP in place of an answer. */
  status: number | undefined;
  /** Whether requests without a token have a session. */
  isSignedIn = true;
  attempts = 0;
  /** Event streams that are open. */
  streams = 0;
  readonly requests: { method: string; accept: string; authorization: string | undefined; csrf: unknown }[] = [];
  private readonly doorbell = new EventEmitter().setMaxListeners(0);
  private server: WebSocketServer | undefined;
  private http: Server | undefined;
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
    const answer = createHandler({
      schema: SCHEMA,
      onSubscribe: (_, { query, variables }) => this.argumentsOf(query, variables),
    });
    this.http = createServer((request, response) => void this.answer(request, response, answer));
    this.server = new WebSocketServer({ noServer: true });
    this.http.on("upgrade", (request, socket, head) => {
      this.attempts += 1;
      if (this.breaksSockets) socket.destroy();
      else this.server?.handleUpgrade(request, socket, head, (opened) => this.server?.emit("connection", opened, request));
    });
    this.http.listen(this.port, "127.0.0.1");
    await once(this.http, "listening");
    this.port = (this.http.address() as AddressInfo).port;
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

  private argumentsOf(query: string, variableValues: Record<string, unknown> | undefined) {
    const document = parse(query);
    return { schema: SCHEMA, document, variableValues, rootValue: this.rootValue, contextValue: undefined };
  }

  private get rootValue(): object {
    return {
      notifications: () => ({ position: this.position, titles: this.titles }),
      ping: () => "pong",
      viewer: () => {
        throw new GraphQLError("No.", { extensions: { code: "UNAUTHENTICATED", reason: "missing" } });
      },
      notificationEvents: ({ after }: { after?: string }) => this.events(after),
    };
  }

  private async answer(
    request: IncomingMessage,
    response: ServerResponse,
    stream: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
  ): Promise<void> {
    const { authorization, accept = "" } = request.headers;
    const method = request.method ?? "";
    this.requests.push({ method, accept, authorization, csrf: request.headers["x-csrftoken"] });
    if (this.status !== undefined) {
      response.writeHead(this.status, { "Content-Type": "application/json" }).end('{"errors":[{"message":"no"}]}');
    } else if (accept === "text/event-stream") {
      if (this.refuse) {
        const result = JSON.stringify({ errors: [this.refuse] });
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        response.end(`event: next\ndata: ${result}\n\nevent: complete\ndata: \n\n`);
        return;
      }
      this.streams += 1;
      response.on("close", () => {
        this.streams -= 1;
      });
      await stream(request, response);
    } else {
      const source = authorization || this.isSignedIn ? "{ __typename }" : "{ viewer }";
      const result = await graphql({ schema: SCHEMA, source, rootValue: this.rootValue });
      response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(result));
    }
  }

  /** End every stream without `complete`, as a server that stops. */
  endStreams(): void {
    this.http?.closeAllConnections();
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
    this.server?.close();
    await new Promise<void>((resolve) => {
      if (this.http) this.http.close(() => resolve());
      else resolve();
      this.endStreams();
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
