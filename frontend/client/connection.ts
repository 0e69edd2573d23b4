/**
 * A graphql-ws client that never gives up: it reconnects with exponential backoff and jitter, notices half-open
 * connections, fetches a fresh token when the server asks for one, and reports its status.
 */

import { type Client, type ClientOptions, createClient } from "graphql-ws";
import { Backoff } from "./backoff.js";
import {
  CONNECT_WITHIN_MS,
  fetchToken,
  isTokenRefused,
  PING_EVERY_MS,
  PONG_WITHIN_MS,
  RECONNECT_BACKOFF,
  type Token,
  type TokenSource,
} from "./reconnecting.js";
import { refreshBeforeExpiry, WARNING_PARAMS } from "./refreshing.js";
import { possibleTransport, prepare, socketClass, type Transport, TransportChoice } from "./transport.js";
import { Watchdog } from "./watchdog.js";

export interface ConnectionOptions {
  /** Address of the GraphQL socket: `wss://example.com/graphql/`. */
  url: string;
  /**
   * The access token, or a function that returns it; called before every attempt to connect. `refresh` is
   * true when the server has refused or ended the last token, or it expires soon: a cached one will not do. Without a token the
   * browser's session cookie authenticates the user.
   */
  token?: TokenSource;
  firstWaitMs?: number;
  longestWaitMs?: number;
  /** How often a silent connection is pinged, and how long the pong may take. */
  pingEveryMs?: number;
  pongWithinMs?: number;
  /** How long an attempt may take until the server has acknowledged it. */
  connectWithinMs?: number;
  /** How long the connection stays open after the last operation. */
  idleMs?: number;
  /** By default `auto`: HTTP takes the place of WebSockets that do not get through. */
  transport?: Transport;
  webSocketImpl?: ClientOptions["webSocketImpl"];
  fetchImpl?: typeof globalThis.fetch;
  random?: () => number;
}

/** The state of the connection. `code` and `reason` are those of the last close. */
export type ConnectionStatus =
  | { state: "idle" }
  | { state: "connecting" }
  | { state: "connected" }
  | { state: "waiting"; attempt: number; waitMs: number; code?: number; reason?: string };

export interface Connection extends Client {
  readonly status: ConnectionStatus;
  /** How the connection is made, or the next attempt. */
  readonly transport: "websocket" | "http";
  /** Whether `dispose` was called. The connection is over then, and what is subscribed to fails. */
  readonly isDisposed: boolean;
  /** Call `listener` at every change of `status`; returns a function that removes it. */
  onStatus(listener: (status: ConnectionStatus) => void): () => void;
  /** Connect now instead of after the wait. */
  reconnectNow(): void;
  /** Drop the connection and reconnect with a fresh token: the server refuses operations on it without one. */
  renew(): void;
  /** Resolve when the next attempt may begin: at once, unless a loss was just reported. */
  mayRetry(): Promise<void>;
}

/**
 * The server closes with these because of what this client has sent (docs/graphql.md): sent again, it would close again, so the
 * operations in progress fail. All other closes are outages, also those that are final for graphql-ws, such as 1011 of a proxy
 * before a server that is away: operations wait, and are sent when there is a connection.
 */
const FAULTS_OF_CLIENT = new Set([1002, 1007, 1009, 4400, 4406, 4409, 4429]);

/** A close with 1000 so soon after connecting is no end of the work, but a failure. */
const SHORTEST_GOOD_MS = 1_000;

/** Make a connection. It opens with the first operation and closes after the last. */
export function connect(options: ConnectionOptions): Connection {
  const backoff = new Backoff({
    firstMs: options.firstWaitMs ?? RECONNECT_BACKOFF.firstMs,
    longestMs: options.longestWaitMs ?? RECONNECT_BACKOFF.longestMs,
    goodAfterMs: RECONNECT_BACKOFF.goodAfterMs,
    ...(options.random && { random: options.random }),
  });
  const choice = new TransportChoice(
    possibleTransport(options.transport ?? "auto", options.url, options.token !== undefined),
  );
  const listeners = new Set<(status: ConnectionStatus) => void>();
  let status: ConnectionStatus = { state: "idle" };
  let refresh = false;
  let token: Token;
  let disposed = false;
  let isAttempting = false;
  let isAcknowledged = false;
  let connectedAt = 0;

  const setStatus = (next: ConnectionStatus): void => {
    status = next;
    for (const listener of [...listeners]) listener(next);
  };
  const watchdog = new Watchdog(() => client.terminate());

  // Never rejects: graphql-ws would wait for ever for an address whose promise was rejected.
  const address = async (): Promise<string> => {
    await backoff.wait();
    token = await fetchToken({
      source: options.token,
      refresh: () => refresh,
      backoff,
      onFailure: (details) => setStatus({ state: "waiting", ...details }),
      isStopped: () => disposed,
    });
    await prepare(choice);
    isAttempting = true;
    isAcknowledged = false;
    setStatus({ state: "connecting" });
    watchdog.start(options.connectWithinMs ?? CONNECT_WITHIN_MS);
    return options.url;
  };

  const client = createClient({
    url: address,
    connectionParams: () => ({
      ...(token && { Authorization: `Bearer ${token}` }),
      ...(typeof options.token === "function" && WARNING_PARAMS),
    }),
    lazyCloseTimeout: options.idleMs ?? 5_000,
    keepAlive: options.pingEveryMs ?? PING_EVERY_MS,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    retryWait: () => backoff.wait(),
    webSocketImpl: socketClass(choice, options.webSocketImpl, options.fetchImpl),
  });
  client.on("connected", () => {
    watchdog.stop();
    refresh = false;
    isAcknowledged = true;
    choice.acknowledged();
    connectedAt = performance.now();
    backoff.connected();
    setStatus({ state: "connected" });
  });
  refreshBeforeExpiry(client, options.token, () => status.state === "connected");
  const pongWithinMs = options.pongWithinMs ?? PONG_WITHIN_MS;
  client.on("ping", (received) => {
    if (!received) watchdog.start(pongWithinMs);
  });
  client.on("pong", (received) => {
    if (received) watchdog.stop();
  });
  // A pong may be queued behind many events. Only the pong stops the watchdog: graphql-ws pings again after it.
  client.on("message", () => watchdog.extend(pongWithinMs));
  // A failed attempt is an error and then a close, and graphql-ws tries again between the two: whichever comes
  // first must start the wait. Returns whether this came first.
  const lost = (code: number, reason: string): boolean => {
    watchdog.stop();
    if (!isAttempting) return false;
    isAttempting = false;
    choice.lost(code, isAcknowledged);
    const waitMs = backoff.lost();
    setStatus({ state: "waiting", attempt: backoff.attempt, waitMs, code, reason });
    return true;
  };
  client.on("error", () => lost(1006, ""));
  client.on("closed", (event) => {
    const { code, reason } = closeOf(event);
    if (isTokenRefused(code)) refresh = true;
    const isDone = code === 1000 && performance.now() - connectedAt > SHORTEST_GOOD_MS;
    if (!isDone && !disposed) {
      // graphql-ws hears of this close of its own first, after which it goes on.
      if (lost(code, reason) && !FAULTS_OF_CLIENT.has(code)) client.terminate();
      return;
    }
    watchdog.stop();
    isAttempting = false;
    setStatus({ state: "idle" });
  });
  const stopListening = onReturn(() => backoff.skipWait());

  return {
    ...client,
    subscribe(payload, sink) {
      if (!disposed) return client.subscribe(payload, sink);
      queueMicrotask(() => sink.error(new Error("This connection was disposed of: make another one.")));
      return () => undefined;
    },
    get isDisposed() {
      return disposed;
    },
    async dispose() {
      disposed = true;
      stopListening();
      backoff.skipWait();
      try {
        await client.dispose();
      } catch {
        // The attempt in progress has failed: it is over as well.
      }
    },
    get status() {
      return status;
    },
    get transport() {
      return choice.transport;
    },
    onStatus(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    reconnectNow: () => backoff.skipWait(),
    renew() {
      refresh = true;
      client.terminate();
    },
    mayRetry: () => backoff.wait(),
  };
}

function closeOf(event: unknown): { code: number; reason: string } {
  const { code, reason } = (event ?? {}) as { code?: unknown; reason?: unknown };
  return {
    code: typeof code === "number" ? code : 1006,
    reason: typeof reason === "string" ? reason : "",
  };
}

/**
 * Call back when the network returns or the page becomes visible; returns a function that stops it. Apps without a browser
 * may have a `window` that knows no events, and workers have no document.
 */
function onReturn(callback: () => void): () => void {
  const page = globalThis.document as Document | undefined;
  const whenVisible = (): void => {
    if (page?.visibilityState === "visible") callback();
  };
  globalThis.addEventListener?.("online", callback);
  page?.addEventListener?.("visibilitychange", whenVisible);
  return () => {
    globalThis.removeEventListener?.("online", callback);
    page?.removeEventListener?.("visibilitychange", whenVisible);
  };
}
