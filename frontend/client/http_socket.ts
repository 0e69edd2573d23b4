/**
 * What graphql-ws takes for a WebSocket, over plain HTTP: for networks that break WebSockets. Each operation is a
 * request, and a subscription an event stream (graphql-sse, distinct connections mode).
 *
 * It speaks graphql-transport-ws towards the client, so that reconnecting, resuming and everything else stays as it is.
 * The end of a stream without `complete`, as when the server stops, closes the socket, and the client comes back.
 */

import { readEvents } from "./event_stream.js";
import { operationType } from "./operation_type.js";

/** The server sends a comment every 15 seconds. A stream that is silent for longer is not alive. */
const SILENT_MS = 25_000;

/** Codes of closes, as the server's own on WebSockets. */
const TRY_AGAIN = 1013;
const FORBIDDEN = 4403;
const LOST = 1006;

/** Asks whether the server accepts the client. Without credentials, it executes what needs none. */
const CALLER = { query: "{ viewer { __typename } }" };

interface Message {
  type: string;
  id?: string;
  payload?: unknown;
}

interface Request {
  query: string;
  variables?: unknown;
}

interface Handlers {
  onopen: (() => void) | null;
  onmessage: ((event: { data: string }) => void) | null;
  onclose: ((event: { code: number; reason: string; wasClean: boolean }) => void) | null;
  onerror: ((error: unknown) => void) | null;
}

export class HttpSocket implements Handlers {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;

  onopen: Handlers["onopen"] = null;
  onmessage: Handlers["onmessage"] = null;
  onclose: Handlers["onclose"] = null;
  onerror: Handlers["onerror"] = null;
  readyState = HttpSocket.CONNECTING;
  readonly protocol = "graphql-transport-ws";
  private readonly url: string;
  private authorization: string | undefined;
  private readonly running = new Map<string, AbortController>();
  private streams = 0;
  private receivedAt = 0;

  constructor(
    url: string,
    private readonly fetch: typeof globalThis.fetch,
  ) {
    this.url = url.replace(/^ws/, "http");
    queueMicrotask(() => {
      this.readyState = HttpSocket.OPEN;
      this.onopen?.();
    });
  }

  send(text: string): void {
    const { type, id = "", payload } = JSON.parse(text) as Message;
    switch (type) {
      case "connection_init":
        this.authorization = (payload as { Authorization?: string } | undefined)?.Authorization;
        void this.admit();
        break;
      case "subscribe":
        void this.operate(id, payload as Request);
        break;
      case "complete":
        this.running.get(id)?.abort();
        this.running.delete(id);
        break;
      case "ping":
        if (!this.streams || performance.now() - this.receivedAt < SILENT_MS) this.emit({ type: "pong" });
    }
  }

  close(code = 1000, reason = ""): void {
    if (this.readyState === HttpSocket.CLOSED) return;
    this.readyState = HttpSocket.CLOSED;
    for (const controller of this.running.values()) controller.abort();
    this.running.clear();
    // As a WebSocket does: not from within the call.
    queueMicrotask(() => this.onclose?.({ code, reason, wasClean: code !== LOST }));
  }

  /** Acknowledge the client once the server has answered it. */
  private async admit(): Promise<void> {
    const controller = new AbortController();
    this.running.set("", controller);
    try {
      const response = await this.request(CALLER, "application/json", controller.signal);
      // What is not JSON is not from this server: some networks answer everything with a page of their own.
      const { errors } = (await response.json()) as { errors?: { extensions?: Record<string, unknown> }[] };
      const refusal = errors?.find(({ extensions }) => extensions?.["code"] === "UNAUTHENTICATED")?.extensions;
      this.running.delete("");
      if (refusal) this.close(FORBIDDEN, `Forbidden: ${refusal["reason"] ?? ""}`);
      else if (response.ok) this.emit({ type: "connection_ack" });
      else this.close(closeCode(response.status), response.statusText);
    } catch {
      this.close(LOST);
    }
  }

  private async operate(id: string, request: Request): Promise<void> {
    const controller = new AbortController();
    this.running.set(id, controller);
    const isRunning = (): boolean => this.running.get(id) === controller;
    try {
      const response = await this.request(request, "text/event-stream", controller.signal);
      if (response.headers.get("Content-Type")?.startsWith("text/event-stream") && response.body) {
        await this.stream(id, response.body, isRunning);
        if (isRunning()) this.close(LOST, "The stream has ended.");
      } else if (closeCode(response.status) === LOST) {
        const { errors } = (await response.json()) as { errors: unknown };
        if (isRunning()) this.end(id, { id, type: "error", payload: errors });
      } else if (isRunning()) {
        this.close(closeCode(response.status), response.statusText);
      }
    } catch {
      if (isRunning()) this.close(LOST);
    }
  }

  private async stream(id: string, body: ReadableStream<Uint8Array>, isRunning: () => boolean): Promise<void> {
    this.streams += 1;
    try {
      await readEvents(
        body,
        ({ event, data }) => {
          if (!isRunning()) return;
          if (event === "complete") {
            this.end(id, { id, type: "complete" });
            return;
          }
          const payload = JSON.parse(data) as { data?: unknown; errors?: unknown };
          // Refused: there is nothing else to come.
          if (!("data" in payload)) this.end(id, { id, type: "error", payload: payload.errors });
          else this.emit({ id, type: "next", payload });
        },
        () => {
          this.receivedAt = performance.now();
        },
      );
    } finally {
      this.streams -= 1;
    }
  }

  private end(id: string, message: Message): void {
    this.running.delete(id);
    this.emit(message);
  }

  private emit(message: Message): void {
    if (this.readyState === HttpSocket.OPEN) this.onmessage?.({ data: JSON.stringify(message) });
  }

  /** Send a request: by POST, or by GET where a cookie authenticates and nothing is changed, which needs no CSRF token. */
  private request(request: Request, accept: string, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { Accept: accept };
    if (this.authorization === undefined && operationType(request.query) !== "mutation") {
      const fields = Object.entries(request).map(([name, value]): [string, string] => [
        name,
        typeof value === "string" ? value : JSON.stringify(value),
      ]);
      return this.fetch(`${this.url}?${new URLSearchParams(fields)}`, { headers, signal });
    }
    headers["Content-Type"] = "application/json";
    if (this.authorization !== undefined) headers.Authorization = this.authorization;
    else headers["X-CSRFToken"] = csrfToken();
    return this.fetch(this.url, { method: "POST", headers, body: JSON.stringify(request), signal });
  }
}

/** The code of the close that a status stands for; LOST for one that is about the request alone. */
function closeCode(status: number): number {
  if (status === 401) return FORBIDDEN;
  return status === 429 || status >= 500 ? TRY_AGAIN : LOST;
}

/** The value of Django's CSRF cookie. */
function csrfToken(): string {
  return /(?:^|; )csrftoken=([^;]*)/.exec(globalThis.document?.cookie ?? "")?.[1] ?? "";
}
