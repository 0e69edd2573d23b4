/** Chooses between WebSocket and HTTP for each attempt to connect. No network, no timers. */

import type { ClientOptions } from "graphql-ws";
import type { HttpSocket } from "./http_socket.js";
import { loadHttpSocket } from "./load_http_socket.js";

/**
 * `auto`: WebSocket, and HTTP while WebSockets do not get through: after two attempts in a row that have failed before an
 * acknowledgement. `websocket` and `http`: that one alone.
 */
export type Transport = "auto" | "websocket" | "http";

const FAILURES_BEFORE_HTTP = 2;

/** After so long, the next attempt is by WebSocket again: it may have been the server that was away, not the network. */
const HTTP_FOR_MS = 600_000;

/** The server itself closes with these, so WebSockets get through. */
const OF_THE_SERVER = new Set([1012, 1013, 4400, 4401, 4403, 4408, 4429]);

export class TransportChoice {
  private failures = 0;
  /** Whether HTTP was the last that got through: then one attempt by WebSocket is enough to come back to it. */
  private isHttpProven = false;
  private switchedAt = 0;
  private current: Exclude<Transport, "auto">;

  constructor(
    private readonly wanted: Transport,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.current = wanted === "http" ? "http" : "websocket";
  }

  /** How the next attempt, or the connection that is open, is made. */
  get transport(): Exclude<Transport, "auto"> {
    return this.current;
  }

  acknowledged(): void {
    this.failures = 0;
    this.isHttpProven = this.current === "http";
  }

  /** Report that a connection, or an attempt, was lost. */
  lost(code: number, wasAcknowledged: boolean): void {
    if (this.wanted !== "auto") return;
    if (this.current === "http") {
      if (!wasAcknowledged || this.now() - this.switchedAt > HTTP_FOR_MS) this.use("websocket");
    } else if (!wasAcknowledged && !OF_THE_SERVER.has(code)) {
      this.failures += 1;
      if (this.isHttpProven || this.failures >= FAILURES_BEFORE_HTTP) this.use("http");
    }
  }

  private use(transport: Exclude<Transport, "auto">): void {
    this.current = transport;
    this.failures = 0;
    this.switchedAt = this.now();
  }
}

/**
 * Return what is possible of what is wanted: over HTTP, the session of a page counts on its own origin alone, so a page of
 * another origin without a token has WebSockets only. So has an app whose `fetch` cannot stream, as React Native's.
 */
export function possibleTransport(wanted: Transport, url: string, hasToken: boolean): Transport {
  if (wanted !== "auto") return wanted;
  const page = globalThis.location?.origin;
  const isOwn = hasToken || page === undefined || new URL(url).origin.replace(/^ws/, "http") === page;
  return isOwn && typeof ReadableStream === "function" ? "auto" : "websocket";
}

let Http: typeof HttpSocket | undefined;

/** Load what the chosen transport needs, before a socket is made. If that fails, the attempt is by WebSocket. Never rejects. */
export async function prepare({ transport }: TransportChoice): Promise<void> {
  if (transport === "http") Http ??= await loadHttpSocket().catch(() => undefined);
}

/** Return what graphql-ws makes its sockets with: of the transport that is chosen at that moment. */
export function socketClass(
  choice: TransportChoice,
  webSocketImpl: ClientOptions["webSocketImpl"],
  fetchImpl: typeof globalThis.fetch | undefined,
): unknown {
  const request: typeof globalThis.fetch = fetchImpl ?? ((...given) => globalThis.fetch(...given));
  function ChosenSocket(url: string, protocol: string): object {
    const Impl = (webSocketImpl ?? globalThis.WebSocket) as typeof WebSocket;
    return choice.transport === "http" && Http ? new Http(url, request) : new Impl(url, protocol);
  }
  return Object.assign(ChosenSocket, { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 });
}
