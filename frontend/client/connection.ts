/**
 * A graphql-ws client that does not give up: it reconnects for ever with jittered waits, notices dead
 * connections, fetches a fresh token when the server asks for one, and tells how it stands.
 */

import { type Client, type ClientOptions, createClient } from "graphql-ws";
import { Gate } from "./gate.js";

export type TokenSource =
  | string
  | ((need: { refresh: boolean }) => string | null | undefined | Promise<string | null | undefined>);

export interface ConnectionOptions {
  /** Address of the GraphQL socket: `wss://example.com/graphql/`. */
  url: string;
  /**
   * The access token, or a function that returns it; called before every attempt to connect. `refresh` is
   * true when the server has refused or ended the last token: a cached one will not do. Without a token the
   * browser's session cookie speaks for the user.
   */
  token?: TokenSource;
  firstWaitMs?: number;
  longestWaitMs?: number;
  /** How often a silent connection is asked for a sign of life, and how long it has to answer. */
  pingEveryMs?: number;
  pongWithinMs?: number;
  /** How long an attempt may take until the server has acknowledged it. */
  connectWithinMs?: number;
  /** How long the connection stays open after the last operation. */
  idleMs?: number;
  webSocketImpl?: ClientOptions["webSocketImpl"];
  random?: () => number;
}

/** How the connection stands. `code` and `reason` are those of the last close. */
export type ConnectionStatus =
  | { state: "idle" }
  | { state: "connecting" }
  | { state: "connected" }
  | { state: "waiting"; attempt: number; waitMs: number; code?: number; reason?: string };

export interface Connection extends Client {
  readonly status: ConnectionStatus;
  /** Call `listener` at every change of `status`; returns a function that stops it. */
  onStatus(listener: (status: ConnectionStatus) => void): () => void;
  /** Try again now instead of after the wait. */
  reconnectNow(): void;
  /** Drop the connection and come back with a fresh token: operations on it are refused for its lack. */
  renew(): void;
  /** Resolve when the next attempt may begin: at once, unless a loss was just reported. */
  mayRetry(): Promise<void>;
}

const TOKEN_REFUSED = new Set([4401, 4403]);

/** Make a connection. It opens with the first operation and closes after the last. */
export function connect(options: ConnectionOptions): Connection {
  const gate = new Gate({
    firstMs: options.firstWaitMs ?? 1_000,
    longestMs: options.longestWaitMs ?? 30_000,
    goodAfterMs: 5_000,
    ...(options.random && { random: options.random }),
  });
  const listeners = new Set<(status: ConnectionStatus) => void>();
  let status: ConnectionStatus = { state: "idle" };
  let refresh = false;
  let token: string | null | undefined;
  let disposed = false;
  let underway = false;
  let connectedAt = 0;

  const tell = (next: ConnectionStatus): void => {
    status = next;
    for (const listener of [...listeners]) listener(next);
  };
  const alive = new Watchdog(() => client.terminate());

  // Never rejects: graphql-ws would wait for ever for an address whose promise was rejected.
  const address = async (): Promise<string> => {
    await gate.pass();
    while (!disposed) {
      try {
        token = await readToken(options.token, refresh);
        break;
      } catch (error) {
        const waitMs = gate.lost();
        const reason = error instanceof Error ? error.message : String(error);
        tell({ state: "waiting", attempt: gate.attempt, waitMs, reason });
        await gate.pass();
      }
    }
    underway = true;
    tell({ state: "connecting" });
    alive.expect(options.connectWithinMs ?? 15_000);
    return options.url;
  };

  const client = createClient({
    url: address,
    connectionParams: () => (token ? { Authorization: `Bearer ${token}` } : {}),
    lazyCloseTimeout: options.idleMs ?? 5_000,
    keepAlive: options.pingEveryMs ?? 10_000,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    retryWait: () => gate.pass(),
    ...(options.webSocketImpl !== undefined && { webSocketImpl: options.webSocketImpl }),
  });
  client.on("connected", () => {
    alive.rest();
    refresh = false;
    connectedAt = performance.now();
    gate.connected();
    tell({ state: "connected" });
  });
  const pongWithinMs = options.pongWithinMs ?? 5_000;
  client.on("ping", (received) => {
    if (!received) alive.expect(pongWithinMs);
  });
  client.on("pong", (received) => {
    if (received) alive.rest();
  });
  // A pong may stand in line behind many events. Only the pong ends the waiting: graphql-ws pings again after it.
  client.on("message", () => alive.prolong(pongWithinMs));
  // A failed attempt is an error and then a close, and graphql-ws tries again between the two: the gate must
  // be shut by whichever comes first.
  const lost = (code: number, reason: string): void => {
    alive.rest();
    if (!underway) return;
    underway = false;
    const waitMs = gate.lost();
    tell({ state: "waiting", attempt: gate.attempt, waitMs, code, reason });
  };
  client.on("error", () => lost(1006, ""));
  client.on("closed", (event) => {
    const { code, reason } = closeOf(event);
    if (TOKEN_REFUSED.has(code)) refresh = true;
    const ended = code === 1000 && performance.now() - connectedAt > 1_000;
    if (!ended && !disposed) return lost(code, reason);
    alive.rest();
    underway = false;
    tell({ state: "idle" });
  });
  const stopListening = onReturn(() => gate.openNow());

  return {
    ...client,
    async dispose() {
      disposed = true;
      stopListening();
      gate.openNow();
      try {
        await client.dispose();
      } catch {
        // An attempt that was under way has failed: it is over as well.
      }
    },
    get status() {
      return status;
    },
    onStatus(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    reconnectNow: () => gate.openNow(),
    renew() {
      refresh = true;
      client.terminate();
    },
    mayRetry: () => gate.pass(),
  };
}

async function readToken(
  source: TokenSource | undefined,
  refresh: boolean,
): Promise<string | null | undefined> {
  return typeof source === "function" ? source({ refresh }) : source;
}

function closeOf(event: unknown): { code: number; reason: string } {
  const { code, reason } = (event ?? {}) as { code?: unknown; reason?: unknown };
  return {
    code: typeof code === "number" ? code : 1006,
    reason: typeof reason === "string" ? reason : "",
  };
}

/** Ends a connection that owes a sign of life: a half-open one would never close by itself. */
class Watchdog {
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly bite: () => void) {}

  expect(withinMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(this.bite, withinMs);
  }

  prolong(withinMs: number): void {
    if (this.timer !== undefined) this.expect(withinMs);
  }

  rest(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}

/** Call back when the network returns or the page is looked at again; returns a function that stops it. */
function onReturn(callback: () => void): () => void {
  if (typeof window === "undefined") return () => undefined;
  const whenVisible = (): void => {
    if (document.visibilityState === "visible") callback();
  };
  window.addEventListener("online", callback);
  document.addEventListener("visibilitychange", whenVisible);
  return () => {
    window.removeEventListener("online", callback);
    document.removeEventListener("visibilitychange", whenVisible);
  };
}
