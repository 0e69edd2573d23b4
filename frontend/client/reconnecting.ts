/** What reconnecting has in common over both protocols: the numbers, and how a token is fetched. */

import type { Backoff } from "./backoff.js";

export const RECONNECT_BACKOFF = { firstMs: 1_000, longestMs: 30_000, goodAfterMs: 5_000 };
export const PING_EVERY_MS = 10_000;
export const PONG_WITHIN_MS = 5_000;
export const CONNECT_WITHIN_MS = 15_000;

export type TokenSource =
  | string
  | ((need: { refresh: boolean }) => string | null | undefined | Promise<string | null | undefined>);

export type Token = string | null | undefined;

/** Whether the server closes with this code because it does not accept the token, or no longer does. */
export function isTokenRefused(code: number): boolean {
  return code === 4401 || code === 4403;
}

export interface TokenRequest {
  source: TokenSource | undefined;
  /** Called before every attempt: returns true if a cached token will not do. */
  refresh: () => boolean;
  backoff: Backoff;
  /** Called after each failure, with the wait before the next attempt. */
  onFailure: (details: { attempt: number; waitMs: number; reason: string }) => void;
  /** Ends the attempts. */
  isStopped: () => boolean;
}

/** Fetch a token, with backoff, until it succeeds. Undefined once `isStopped` returns true. Never rejects. */
export async function fetchToken(request: TokenRequest): Promise<Token> {
  const { source, refresh, backoff, onFailure, isStopped } = request;
  while (!isStopped()) {
    try {
      return typeof source === "function" ? await source({ refresh: refresh() }) : source;
    } catch (error) {
      const waitMs = backoff.lost();
      const reason = error instanceof Error ? error.message : String(error);
      onFailure({ attempt: backoff.attempt, waitMs, reason });
      await backoff.wait();
    }
  }
  return undefined;
}
