/** A WebSocket of the JSON API that reconnects with backoff, and notices half-open connections. */

import { Backoff } from "../client/backoff.js";
import type { FollowStatus, TokenSource } from "../client/index.js";
import {
  CONNECT_WITHIN_MS,
  fetchToken,
  isTokenRefused,
  PING_EVERY_MS,
  PONG_WITHIN_MS,
  RECONNECT_BACKOFF,
} from "../client/reconnecting.js";
import { Watchdog } from "../client/watchdog.js";
import { socketAddress } from "../inbox/socket_address.js";
import type { ClientMessage, ServerMessage } from "./json_messages.js";

/** The code that a lost connection is reported with if the client itself has given it up. */
const GIVEN_UP = 4499;

export interface JsonConnectionListener {
  onOpen(): void;
  onMessage(message: ServerMessage): void;
  /** The connection is lost, or a token could not be fetched. The next attempt follows by itself. */
  onLost(status: FollowStatus): void;
}

export class JsonConnection {
  private socket: WebSocket | undefined;
  private isStopped = false;
  private refresh = false;
  private readonly backoff = new Backoff(RECONNECT_BACKOFF);
  private readonly watchdog = new Watchdog(() => this.disconnect());

  constructor(
    private readonly endpoint: string,
    private readonly token: TokenSource,
    private readonly listener: JsonConnectionListener,
  ) {}

  async connect(): Promise<void> {
    await this.backoff.wait();
    const token = await fetchToken({
      source: this.token,
      refresh: () => this.refresh,
      backoff: this.backoff,
      onFailure: (details) => this.listener.onLost({ state: "reconnecting", ...details }),
      isStopped: () => this.isStopped,
    });
    if (this.isStopped) return;
    const url = new URL(socketAddress(this.endpoint));
    url.searchParams.set("token", token ?? "");
    this.open(new WebSocket(url));
  }

  stop(): void {
    this.isStopped = true;
    this.backoff.skipWait();
    this.watchdog.stop();
    this.socket?.close(1000);
  }

  /** Drop the connection. It reconnects by itself. */
  disconnect(): void {
    this.onClose(GIVEN_UP, "");
  }

  reconnectNow(): void {
    this.backoff.skipWait();
  }

  get isOpen(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** Throws an error if there is no connection. */
  send(message: ClientMessage): void {
    if (!this.isOpen || !this.socket) throw new Error("Not connected.");
    this.socket.send(JSON.stringify(message));
  }

  private open(socket: WebSocket): void {
    this.socket = socket;
    this.watchdog.start(CONNECT_WITHIN_MS);
    socket.onopen = () => {
      this.backoff.connected();
      this.expectMessage();
      this.listener.onOpen();
    };
    socket.onmessage = ({ data }) => {
      this.expectMessage();
      this.listener.onMessage(JSON.parse(data as string) as ServerMessage);
    };
    socket.onclose = ({ code, reason }) => this.onClose(code, reason);
  }

  /** After silence, ping; after more silence, give the connection up. */
  private expectMessage(): void {
    this.watchdog.start(PING_EVERY_MS, () => {
      if (this.socket?.readyState !== WebSocket.OPEN) return this.disconnect();
      this.send({ type: "ping" });
      this.watchdog.start(PONG_WITHIN_MS);
    });
  }

  /** Release the socket, whichever side has closed it, and reconnect after the wait. */
  private onClose(code: number, reason: string): void {
    const { socket } = this;
    if (!socket) return;
    this.socket = undefined;
    this.watchdog.stop();
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
    if (this.isStopped) return;
    this.refresh = isTokenRefused(code);
    const waitMs = this.backoff.lost();
    this.listener.onLost({ state: "reconnecting", attempt: this.backoff.attempt, waitMs, code, reason });
    void this.connect();
  }
}
